"""The keys of a spec that say how a CSV file is written: its missing values, its header and its encoding."""

from __future__ import annotations

import codecs
from collections import Counter
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, PlainValidator, WithJsonSchema

from mlpkit.spec.validation import Finding, Findings
from mlpkit.text.limits import InParts

MISSING = (
    *("", "NA", "N/A", "n/a", "<NA>", "#N/A", "NaN", "nan", "NULL", "null", "None", "none", "?"),
    *("na", "NaT", "#NA", "#N/A N/A", "-NaN", "-nan", "1.#IND", "-1.#IND", "1.#QNAN", "-1.#QNAN", "\\N"),  # of pandas, C and SQL
)
_TEXTS_SCHEMA = {"type": "array", "items": {"type": "string"}}
_NAMES_SCHEMA = {"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1}


def check_separator(text: str) -> str:
    """Return a separator; ValueError for a character that CSV gives another meaning."""
    if text in '\n\r"\0':
        raise ValueError("cannot be a line end, a quote or NUL, which have a meaning of their own in CSV")
    return text


def _check_encoding(name: str) -> str:
    try:
        codecs.lookup(name)
        "".encode(name)
    except (LookupError, ValueError) as error:
        raise ValueError("is no encoding of text that Python knows, such as 'utf-8', 'cp1252' or 'utf-16'") from error
    return name


def _whole_missing(value: Any) -> Any:
    """Return every text that means a missing value: a list adds to the usual ones, {"only": [...]} replaces them."""
    if isinstance(value, dict):
        only = value.get("only")
        if set(value) != {"only"} or not isinstance(only, (list, tuple)):
            raise ValueError('should be a list of texts, or {"only": [...]}, which replaces the usual ones')
        if wrong := [Finding(("only", at), "should be a text") for at, text in enumerate(only) if not isinstance(text, str)]:
            raise Findings(wrong)
        return tuple(only)
    return (*value, *(text for text in MISSING if text not in value)) if isinstance(value, (list, tuple)) else value


def _check_header(value: Any) -> bool | tuple[str, ...]:
    if isinstance(value, bool):
        return value
    if not isinstance(value, (list, tuple)) or not value:
        raise ValueError("should be true, false, or a list with a name for each column")
    if wrong := [
        Finding((at,), "should be a text that is not empty") for at, name in enumerate(value) if not (isinstance(name, str) and name)
    ]:
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
