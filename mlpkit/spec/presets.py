"""Presets: parts of a spec under a name, such as "xor-1". A preset never changes once it is released.

A spec with a preset has the values of the preset, and its own where both have a key. It is expanded when it is read, so that a model
file and a resumed run have every value.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from mlpkit.spec.findings import Finding, Findings
from mlpkit.text.shown import first_few, shortened

PRESETS: dict[str, dict[str, Any]] = {"t-1": {"loss": "mse", "network": {"layers": [{"units": 1}]}}}


def expanded(spec: Any) -> Any:
    """Return the JSON of a spec with the values of its preset in place of the key `preset`.

    Objects are merged key by key; those of a plugin or of another kind of options only if the spec names the same type. Of lists and other
    values, that of the spec is kept.

    Raises
    ------
    Findings
        There is no such preset.
    """
    if not isinstance(spec, Mapping) or spec.get("preset") is None:
        return spec
    own = {key: value for key, value in spec.items() if key != "preset"}
    name = spec["preset"]
    if not isinstance(name, str) or name not in PRESETS:
        message = f"there is no preset {shortened(repr(name), 60)}"
        raise Findings([Finding(("preset",), message, f"use one of {first_few(sorted(PRESETS), 20)}, or remove it")])
    return _merged(copy.deepcopy(PRESETS[name]), own)


def _merged(preset: Any, own: Any) -> Any:
    """Return a value of a preset, changed by that of a spec."""
    if not isinstance(preset, dict) or not isinstance(own, Mapping) or own.get("type") != preset.get("type"):
        return own
    return {**preset, **{key: _merged(preset[key], value) if key in preset else value for key, value in own.items()}}
