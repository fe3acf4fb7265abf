"""Keys of a spec for the format of CSV files: missing values, header and encoding."""

from __future__ import annotations

import codecs
from collections import Counter
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, PlainValidator, WithJsonSchema

from mlpkit.spec.findings import Finding, Findings
from mlpkit.text.limits import InParts

MISSING = (
    *("", "NA", "N/A", "n/a", "<NA>", "#N/A", "NaN", "nan", "NULL", "null", "None", "none", "?"),
    *("na", "NaT", "#NA", "#N/A N/A", "-NaN", "-nan", "1.#IND", "-1.#IND", "1.#QNAN", "-1.#QNAN", "\\N"),  # pandas, C and SQL
)
_TEXTS_SCHEMA = {"type": "array", "items": {"type": "string"}}
_NAMES_SCHEMA = {"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1}


def check_separator(text: str) -> str:
    """Return a separator; raise ValueError for a character with a special meaning in CSV."""
    if text in '\n\r"\0':
        raise ValueError("cannot be a line end, a quote or NUL, which have a special meaning in CSV")
    return text


def _check_encoding(name: str) -> str:
    try:
        codecs.lookup(name)
        "".encode(name)
    except (LookupError, ValueError) as error:
        raise ValueError("is not a text encoding of Python, such as 'utf-8', 'cp1252' or 'utf-16'") from error
    return name


def _whole_missing(value: Any) -> Any:
    """Return all texts for missing values: a list extends the default ones, {"only": [...]} replaces them."""
    if isinstance(value, dict):
        only = value.get("only")
        if set(value) != {"only"} or not isinstance(only, (list, tuple)):
            raise ValueError('should be a list of strings, or {"only": [...]}, which replaces the default ones')
        if wrong := [Finding(("only", at), "should be a string") for at, text in enumerate(only) if not isinstance(text, str)]:
            raise Findings(wrong)
        return tuple(only)
    return (*value, *(text for text in MISSING if text not in value)) if isinstance(value, (list, tuple)) else value


def _check_header(value: Any) -> bool | tuple[str, ...]:
    if isinstance(value, bool):
        return value
    if not isinstance(value, (list, tuple)) or not value:
        raise ValueError("should be true, false, or a list with one name per column")
    if wrong := [Finding((at,), "should be a nonempty string") for at, name in enumerate(value) if not (isinstance(name, str) and name)]:
        raise Findings(wrong)
    if repeated := [name for name, count in Counter(value).items() if count > 1]:
        raise ValueError(f"names the column {repeated[0]!r} twice")
    return tuple(value)


Encoding = Annotated[str, Field(strict=True, min_length=1), AfterValidator(_check_encoding)]
Missing = Annotated[
    tuple[str, ...],
    InParts,
    BeforeValidator(_whole_missing),
    PlainSerializer(lambda value: {"only": list(value)}),
    WithJsonSchema(
        {
            "anyOf": [
                _TEXTS_SCHEMA,
                {"type": "object", "properties": {"only": _TEXTS_SCHEMA}, "required": ["only"], "additionalProperties": False},
            ]
        }
    ),
]
Header = Annotated[
    bool | tuple[str, ...],
    PlainValidator(_check_header),
    PlainSerializer(lambda value: list(value) if isinstance(value, tuple) else value),
    WithJsonSchema({"anyOf": [{"type": "boolean"}, _NAMES_SCHEMA]}),
]
