"""Specs of earlier schema versions, brought to today's: one step for each version, kept for ever.

A stored spec has every default written out, so a step writes down what was the case before there was a choice.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mlpkit.errors import Corrupt
from mlpkit.modelfile.rules import Rule

Json = dict[str, Any]


def _to_2(spec: Json) -> Json:
    """Version 2 has checkpoints."""
    return {**spec, "training": {**spec["training"], "checkpoint": None}}


def _to_3(spec: Json) -> Json:
    """Version 3 has inputs that stay on disk."""
    return {**spec, "data": {**spec["data"], "in_memory": True}}


def _to_4(spec: Json) -> Json:
    """Version 4 says how CSV files are written, what a target is, and what is kept; its list of missing texts adds to the usual ones."""
    data = {**spec["data"], **NEUTRAL_4["data"], "missing": {"only": spec["data"]["missing"]}}
    return {**spec, "data": data, "training": {**spec["training"], **NEUTRAL_4["training"]}}


NEUTRAL_4: dict[str, Json] = {  # what was the case before version 4
    "data": {
        "header": True,
        "encoding": "utf-8",
        "decimal": ".",
        "allow_large": False,
        "target_type": "auto",
        "missing_target": "error",
    },
    "training": {"keep_state": False, "weighted_metrics": False},
}
STEPS: dict[int, Callable[[Json], Json]] = {1: _to_2, 2: _to_3, 3: _to_4}  # by the version that they start from


def migrate(spec: Json, version: int) -> Json:
    """A spec of an earlier schema version in today's.

    Raises
    ------
    Corrupt
        It lacks what a spec of its version has.
    """
    for step in range(version, max(STEPS) + 1):
        try:
            spec = STEPS[step](spec)
        except (KeyError, TypeError) as error:
            raise Corrupt(f"its spec is not one of schema version {step}: {error}", rule=Rule.TENSORS) from error
    return spec
