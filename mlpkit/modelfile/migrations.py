"""Migration of specs from earlier schema versions, in one step per version. Steps are never removed.

From schema 3 on a missing key means its default, so a step is needed only where the meaning of a key has changed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mlpkit.errors import Corrupt
from mlpkit.modelfile.rules import Rule

Json = dict[str, Any]


def _to_2(spec: Json) -> Json:
    """Add checkpoints."""
    return {**spec, "training": {**spec["training"], "checkpoint": None}}


def _to_3(spec: Json) -> Json:
    """Add inputs that stay on disk."""
    return {**spec, "data": {**spec["data"], "in_memory": True}}


def _to_4(spec: Json) -> Json:
    """Write the list of missing values in an object: from version 4 on a plain list adds to the defaults."""
    return {**spec, "data": {**spec["data"], "missing": {"only": spec["data"]["missing"]}}}


def _to_5(spec: Json) -> Json:
    """Leave out the header true, which version 4 always had by default: from version 5 on the default is null, with the same meaning."""
    data = {**spec["data"]}
    if data.get("header") is True:
        del data["header"]
    return {**spec, "data": data}


STEPS: dict[int, Callable[[Json], Json]] = {1: _to_2, 2: _to_3, 3: _to_4, 4: _to_5}  # by the version that a step starts from


def migrate(spec: Json, version: int) -> Json:
    """Return a spec of an earlier schema version, converted to the current one.

    Raises
    ------
    Corrupt
        The spec lacks a key of its version.
    """
    for step in range(version, max(STEPS) + 1):
        try:
            spec = STEPS[step](spec)
        except (KeyError, TypeError) as error:
            raise Corrupt(f"its spec is not valid for schema version {step}: {error}", rule=Rule.TENSORS) from error
    return spec
