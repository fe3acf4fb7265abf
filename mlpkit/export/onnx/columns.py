"""Encoding of raw columns: the rules of "Preprocessing" in models/FORMAT.md, in float64."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from mlpkit.export.onnx.categories import codes, words
from mlpkit.export.onnx.dates import date_parts
from mlpkit.export.onnx.graph import Graph
from mlpkit.export.onnx.inputs import RawInput
from mlpkit.export.onnx.value import Value
from mlpkit.export.onnx.value_maps import ValueMaps
from mlpkit.export.source import Source

State = Mapping[str, Any]


class Encoded(NamedTuple):
    """Encoded rows.

    Attributes
    ----------
    values : Value, shape (rows, inputs)
        Inputs of the network, in the dtype of the spec.
    refused : Value, shape (rows, 1), or None
        True for rows that mlpkit refuses: with an infinite number, one that is too large, or a missing value that is not allowed. None if
        it refuses none.
    """

    values: Value
    refused: Value | None


class Columns:
    """Encoder of raw columns.

    Parameters
    ----------
    op : Graph
    source : Source
    """

    def __init__(self, op: Graph, source: Source) -> None:
        self.op, self.source, self.dtype = op, source, np.dtype(source.spec.dtype)
        self.missing, self.impute = source.inputs["missing"], source.inputs["impute"]
        self.zeros = set(source.inputs.get("zeros", []))
        self.refused: list[Value] = []  # conditions, shape (rows, any) each

    def encode(self, raw: Sequence[tuple[RawInput, Value]]) -> Encoded:
        """Return the encoded rows for the inputs."""
        numeric = [(each, value) for each, value in raw if each.columns[0]["kind"] != "category"]
        parts = self._numbers(numeric) if numeric else []
        width = sum(each for _, each in parts)
        found = [part for part, _ in parts]
        for each, value in raw:
            if each.columns[0]["kind"] == "category":
                part, own = self._category(each.columns[0], value, width)
                found.append(part)
                width += own
        refused = [self.op.any_in_row(condition) for condition in self.refused]
        return Encoded(self.op.concatenate(found), self.op.any_in_row(self.op.concatenate(refused)) if refused else None)

    # -- numbers, booleans and dates

    def _numbers(self, raw: Sequence[tuple[RawInput, Value]]) -> list[tuple[Value, int]]:
        """Return values, indicators of missing ones, and bins, each with its width."""
        op, arrays = self.op, self.source.input_arrays
        fill, center, scale = (arrays[name] for name in ("fill", "center", "scale"))
        values = op.concatenate([self._raw_numbers(each, value) for each, value in raw])
        missing = op("IsNaN", values)
        if not self.impute:
            self.refused.append(missing)
        self.refused.append(op("IsInf", values))
        constant = [index for index in self.zeros if index < len(fill)]
        filled = (fill - center) / scale
        filled[constant] = 0.0
        x = op.where(missing, filled, self._standardized(values, constant))
        if "lower" in arrays:
            x = op.clip(x, *(self._scaled_limit(arrays[name], constant) for name in ("lower", "upper")))
        maps = ValueMaps([column for each, _ in raw for column in each.columns], arrays)
        places = maps.places(op, x)
        x = maps.apply(op, x)
        self.refused.append(~(abs(x) <= float(np.finfo(self.dtype).max)))
        parts = [(op.cast(x, self.dtype), len(fill))]
        if "gaps" in arrays:
            parts.append((op.cast(op.take(missing, arrays["gaps"]), self.dtype), len(arrays["gaps"])))
        return parts + [(op.cast(place, self.dtype), len(own.points) - 1) for place, own in zip(places, maps.binned, strict=True)]

    def _raw_numbers(self, each: RawInput, value: Value) -> Value:
        """Return the values of an input, shape (rows, values), NaN where one is missing."""
        op, column = self.op, each.columns[0]
        if column["kind"] == "date":
            self.refused.append(op("IsInf", value))
            value, outside = date_parts(op, value, column["parts"])
            self.refused.append(outside)
        elif "true" in column.get("notation", ()):
            value, unknown = words(op, value, column["notation"], self.missing)
            self.refused.append(unknown)
        for start, own in zip(np.cumsum([0, *(own["width"] for own in each.columns)]).tolist(), each.columns, strict=False):
            if own["kind"] == "boolean":
                flags = value if len(each.columns) == 1 else op.columns(value, start, start + own["width"])
                self.refused.append(~(op("IsNaN", flags) | (flags == 0.0) | (flags == 1.0)))
        return value

    def _standardized(self, values: Value, constant: Sequence[int]) -> Value:
        arrays = self.source.input_arrays
        x = (values - arrays["center"]) / arrays["scale"]
        if not constant:
            return x
        kept = np.ones(len(arrays["center"]))
        kept[constant] = 0.0
        return x * kept

    def _scaled_limit(self, limit: Any, constant: Sequence[int]) -> Any:
        arrays = self.source.input_arrays
        scaled = (limit - arrays["center"]) / arrays["scale"]
        scaled[constant] = 0.0
        return scaled

    # -- categories

    def _category(self, column: State, raw: Value, start: int) -> tuple[Value, int]:
        """Return the encoded columns of a category, of which `start` is the first, with their number."""
        found, absent = codes(self.op, raw, column, self.missing, self.impute)
        if absent is not None:
            self.refused.append(absent)
        if column["treatment"] == "embed":
            code = self.op.cast(found, self.dtype)
            return code * 0.0 if start in self.zeros else code, 1
        count = len(column["categories"])
        levels = np.array([-1 if start + level in self.zeros else level for level in range(count)])
        return self.op.cast(found == levels, self.dtype), count
