"""Bounds: what keeps validation and its errors small, however much is wrong with what a stranger's file supplies.

Pydantic collects every error that it finds, each of some hundred bytes, and a list of two-byte values can be wrong in every
one of them. So long lists are validated in parts, of which the first that is wrong is the last.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError, ValidatorFunctionWrapHandler, WrapValidator
from pydantic.fields import FieldInfo

PART = 100  # entries of a list or an object that are validated at once
MOST_UNKNOWN = 50  # keys of an object that are not known, and are named one by one


def _in_parts(value: Any, validate: ValidatorFunctionWrapHandler) -> Any:
    if not isinstance(value, (list, tuple, dict)) or len(value) <= PART:
        return validate(value)
    kind, entries = (dict, list(value.items())) if isinstance(value, dict) else (list, value)
    parts = []
    for start in range(0, len(entries), PART):
        try:
            parts.append(validate(kind(entries[start : start + PART])))
        except ValidationError:
            validate(kind(entries[: start + PART]))  # once more from the start, so that the places in the error are right
            raise
    if kind is dict:
        return {key: entry for part in parts for key, entry in part.items()}
    return type(parts[0])(entry for part in parts for entry in part)


InParts = WrapValidator(_in_parts)  # the annotation of a list, a tuple or a mapping


def check_keys(value: Any, known: Mapping[str, FieldInfo]) -> None:
    """Raise ValueError for an object with so many keys that more than `MOST_UNKNOWN` of them are none of the fields' names."""
    if isinstance(value, dict) and len(value) > len(known) + MOST_UNKNOWN:
        names = ", ".join(field.alias or name for name, field in known.items())
        raise ValueError(f"has {len(value):,} keys, but those that are known are {names or 'none'}")
