"""Notations of numbers in columns of texts: a unit, a currency or a percent sign, with the decimal mark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema

from mlpkit.spec.part import AnyColumn, Flag, Part, each_once, example
from mlpkit.text.limits import InParts

Spelling = Annotated[str, Field(strict=True, max_length=40)]


def _several(value: Any) -> Any:
    return (value,) if isinstance(value, str) else tuple(value) if isinstance(value, list) else value


_TEXT = {"type": "string", "maxLength": 40}
_SPELLINGS: dict[str, Any] = {"anyOf": [_TEXT, {"type": "array", "items": _TEXT}]}


class Unit(Part):
    """Notation of the numbers in a column of texts, such as "$1,234.50", "12 kg", "3 %" and "(1,200)".

    A number without a unit is in the unit of its column. A text with another unit is an error, and so is any text that is no number, unless
    it stands for a missing value. Parentheses stand for a minus. Percentages stay as they are written: 12 % is 12, not 0.12.
    """

    model_config = example({"unit": ["EUR", "Euro"], "decimal": ","})

    unit: Annotated[tuple[Spelling, ...], BeforeValidator(_several), WithJsonSchema(_SPELLINGS)] = Field(
        (), max_length=20, description="spellings of the one unit, in front of the number or behind it; empty: there is none"
    )
    decimal: Literal[".", ","] | None = Field(
        None, description="decimal mark, the other one may separate thousands; default: `data.decimal`"
    )
    magnitudes: Flag = Field(
        False, description="letters behind a number, in any case: k for thousands, m or mn for millions, b or bn for billions"
    )


def _whole(value: Any) -> Any:
    return {"unit": value} if isinstance(value, (str, list, tuple)) else value


def short_unit(spellings: Sequence[str], decimal: str | None, magnitudes: bool) -> Any:
    """Return the shortest JSON value of a unit with these options: its spelling, its spellings, or an object."""
    unit = spellings[0] if len(spellings) == 1 else list(spellings) or ""
    options = ({} if decimal is None else {"decimal": decimal}) | ({"magnitudes": True} if magnitudes else {})
    return {"unit": unit, **options} if options else unit


def _short(value: Any) -> Any:
    return short_unit(value.unit, value.decimal, value.magnitudes) if isinstance(value, Unit) else value


_SCHEMA: dict[str, Any] = {
    "anyOf": [
        *_SPELLINGS["anyOf"],
        {
            "type": "object",
            "properties": {"unit": _SPELLINGS, "decimal": {"enum": [".", ",", None]}, "magnitudes": {"type": "boolean"}},
            "additionalProperties": False,
        },
    ]
}
AnyUnit = Annotated[Unit, BeforeValidator(_whole), PlainSerializer(_short), WithJsonSchema(_SCHEMA)]
Units = Annotated[Mapping[AnyColumn, AnyUnit], InParts, BeforeValidator(each_once)]
