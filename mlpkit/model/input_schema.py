"""JSON Schema of a row to predict, from the fitted preprocessing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from mlpkit.data.columns import number_text, read_number
from mlpkit.data.written_numbers import Words
from mlpkit.preprocessing import InputEncoder
from mlpkit.preprocessing.date_parts import DAY as MICROSECONDS
from mlpkit.preprocessing.input_columns import InputColumn, later_parts

DIALECT = "https://json-schema.org/draft/2020-12/schema"
DAY = r"^\d{4}-\d{2}-\d{2}$"
MOMENT = r"^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})?)?$"
EXACT = 2.0**53  # integers below are exact in JSON

Schema = dict[str, Any]


def input_schema(encoder: InputEncoder, name: str) -> Schema:
    """Return the JSON Schema of a row: an object for columns with names, else an array."""
    values = _value_schemas(encoder)
    schemas = {column.name: _column_schema(column, values.get(column.name, [])) for column in encoder.columns}
    begin = {"$schema": DIALECT, "title": name or "a row"}
    if not encoder.named:
        items = [item for column in encoder.columns for item in (values[column.name] if column.cells > 1 else [schemas[column.name]])]
        return begin | _array(items)
    required = [column.name for column in encoder.columns if not _optional(schemas[column.name], values.get(column.name, []))]
    return {**begin, "type": "object", "properties": schemas, "required": required}


def _optional(schema: Schema, values: Sequence[Schema]) -> bool:
    """Return True if a column may be left out, because each of its values may be missing."""
    return all(map(_nullable, values)) if len(values) > 1 else _nullable(schema)


def _nullable(schema: Schema) -> bool:
    return "null" in schema.get("type", ()) or None in schema.get("enum", ())


def _column_schema(column: InputColumn, values: Sequence[Schema]) -> Schema:
    """Return the schema of the value of a column in a row."""
    if column.kind == "category":
        return _category(column)
    return _array(values) if column.cells > 1 else values[0]


def _array(items: Sequence[Schema]) -> Schema:
    """Return the schema of an array; of the values of a block, none may be null."""
    same = all(item == items[0] for item in items)
    each: Schema = {"items": items[0]} if same else {"prefixItems": list(items), "items": False}
    return {"type": "array", **each, "minItems": len(items), "maxItems": len(items)}


def _value_schemas(encoder: InputEncoder) -> dict[str, list[Schema]]:
    """Return the schemas of the values of each column that is no category; one for all numbers of a date."""
    numbers, (lower, upper) = encoder.numbers, encoder.training_ranges
    absent = {*numbers.missing_indices.tolist(), *later_parts(numbers.columns)} if numbers.impute else set()
    found, start = {}, 0
    for column in numbers.columns:
        schemas = [_value(column, float(lower[index]), float(upper[index])) for index in range(start, start + column.cells)]
        found[column.name] = [_with_null(schema) if index in absent else schema for index, schema in enumerate(schemas, start)]
        start += column.width
    return found


def _value(column: InputColumn, lower: float, upper: float) -> Schema:
    if column.kind == "date":
        return _date(column, lower, upper)
    if column.kind == "boolean":
        allowed = [value for value in (True, False) if lower <= value <= upper]
        if isinstance(column.notation, Words):
            return {"enum": [*allowed, *(word for value in allowed for word in (column.notation.true if value else column.notation.false))]}
        return {"type": ["boolean"]} if len(allowed) == 2 else {"enum": allowed}
    limits = {key: limit for key, limit in (("minimum", lower), ("maximum", upper)) if math.isfinite(limit)}
    return {"type": ["number"], **limits} | ({} if column.notation is None else {"description": "without its unit"})


def _date(column: InputColumn, lower: float, upper: float) -> Schema:
    """Return the schema of a date; its limits are keywords that most validators take as annotations."""
    timed = any(part.startswith("hour") for part in column.parts)
    limits = {}
    for key, limit in (("formatMinimum", lower), ("formatMaximum", upper)):
        if math.isfinite(limit):
            moment = np.datetime64(0, "us") + np.timedelta64(round(limit * MICROSECONDS), "us")
            limits[key] = str(moment.astype("datetime64[s]" if timed else "datetime64[D]"))
    return {"type": ["string"], **({"pattern": MOMENT} if timed else {"format": "date", "pattern": DAY}), **limits}


def _with_null(schema: Schema) -> Schema:
    return {**schema, "type": [*schema["type"], "null"]} if "type" in schema else {**schema, "enum": [*schema["enum"], None]}


def _category(column: InputColumn) -> Schema:
    """Return the schema of a category: the text, and the number or boolean that has this text."""
    found: list[Any] = []
    for category in dict.fromkeys([*column.categories, *column.rare]):
        if category is not None:
            found += [category, *_others(category)]
    return {"enum": found + [None] * (None in (*column.categories, *column.rare))}


def _others(category: str) -> list[Any]:
    """Return the values of other types with the text of a category."""
    if category in ("True", "False"):
        return [category == "True"]
    number = read_number(category)
    return [number] if number is not None and abs(number) < EXACT and number_text(float(number)) == category else []
