"""Limits that keep validation and its errors small for untrusted input.

Pydantic collects every error, each of some hundred bytes, and every item of a list of two-byte values may be wrong. Long lists are
therefore validated in parts, and validation stops at the first part with an error.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, get_args

from pydantic import ValidationError, ValidatorFunctionWrapHandler, WrapValidator
from pydantic.fields import FieldInfo

PART = 100  # entries of a list or an object that are validated at once, in the last part up to twice as many
MOST_UNKNOWN = 50  # most unknown keys of an object that are reported one by one


def _in_parts(value: Any, validate: ValidatorFunctionWrapHandler) -> Any:
    if not isinstance(value, (list, tuple, dict)) or len(value) <= PART:
        return validate(value)
    kind, entries = (dict, list(value.items())) if isinstance(value, dict) else (list, value)
    parts = []
    stops = [*range(PART, len(entries) - PART + 1, PART), len(entries)]
    for start, stop in zip([0, *stops], stops, strict=False):
        try:
            parts.append(validate(kind(entries[start:stop])))
        except ValidationError:
            validate(kind(entries[:stop]))  # validated again from the start, so that the positions in the error are right
            raise
    if kind is dict:
        return {key: entry for part in parts for key, entry in part.items()}
    return type(parts[0])(entry for part in parts for entry in part)


InParts = WrapValidator(_in_parts)  # annotation for a list, a tuple or a mapping


def whole_numbers(value: Any, fields: Mapping[str, FieldInfo]) -> Any:
    """Return the values of an object with whole floats converted to integers for fields that accept only integers, such as 1e3."""
    if not isinstance(value, dict):
        return value
    by_key = {field.alias or name: field for name, field in fields.items()}
    found = {
        key: _whole(part) for key, part in value.items() if key in by_key and _is_float(part) and _takes_integers(by_key[key].annotation)
    }
    return {**value, **found} if found else value


def _is_float(value: Any) -> bool:
    return isinstance(value, float) or (isinstance(value, (list, tuple)) and any(map(_is_float, value)))


def _whole(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return type(value)(map(_whole, value))
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _takes_integers(annotation: Any) -> bool:
    """Return True if an annotation includes integers and no floats."""
    kinds = set(_kinds(annotation))
    return int in kinds and float not in kinds and Any not in kinds


def _kinds(annotation: Any) -> Iterator[Any]:
    yield annotation
    for part in get_args(annotation):
        yield from _kinds(part)


def check_keys(value: Any, known: Mapping[str, FieldInfo]) -> None:
    """Raise ValueError if more than `MOST_UNKNOWN` keys of an object are unknown."""
    if isinstance(value, dict) and len(value) > len(known) + MOST_UNKNOWN:
        names = ", ".join(field.alias or name for name, field in known.items())
        raise ValueError(f"has {len(value):,} keys, but the known ones are {names or 'none'}")
