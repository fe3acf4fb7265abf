"""Inputs of an ONNX model: one for each raw column, or a single one for a model of an array without names."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from mlpkit.export.onnx.graph import DOUBLE, TEXT

ARRAY = "x"  # name of the single input
INTEGER = re.compile(r"-?[1-9][0-9]{0,14}|0")  # float64 has each of them

State = Mapping[str, Any]


class RawInput(NamedTuple):
    """Input of an ONNX model.

    Attributes
    ----------
    name : str
        That of the column; "column0", "column1" and so on, by its number, for one without a name.
    columns : tuple of dict
        States of the columns, as in FORMAT.md; more than one only for the single input of an array.
    dtype : dtype
        float64, or object for texts.
    width : int
        Values per row.
    """

    name: str
    columns: tuple[State, ...]
    dtype: np.dtype[Any]
    width: int

    @property
    def description(self) -> str:
        """Contents of the input in one phrase."""
        column, missing = self.columns[0], "NaN if missing"
        if len(self.columns) > 1:
            return f"an array of {self.width} numbers, {missing}"
        if column["kind"] == "date":
            return f"days since 1970-01-01, with the time in UTC as a fraction, {missing}"
        if self.dtype == TEXT:
            return "a text, empty if missing" if column["kind"] == "category" else "a word for true or false, empty if missing"
        if column["kind"] == "category":
            return f"the number of a category, {missing}"
        if column["kind"] == "boolean":
            return f"1 for true and 0 for false, {missing}"
        unit = column["notation"]["unit"] if "notation" in column else []
        kind = f"a number in {unit[0]}" if unit else "a number" if self.width == 1 else f"{self.width} numbers"
        return f"{kind}, {missing}"


def raw_inputs(columns: Sequence[State], named: bool) -> list[RawInput]:
    """Return the inputs for the columns of a model."""
    if not named and len(columns) > 1 and all(column["kind"] in ("number", "boolean") and "notation" not in column for column in columns):
        return [RawInput(ARRAY, tuple(columns), DOUBLE, sum(column["width"] for column in columns))]
    found, names = [], {column["name"] for column in columns}
    for index, column in enumerate(columns):
        width = 1 if column["kind"] == "date" else column["width"]
        name = column["name"] or free(f"column{index}", names)
        found.append(RawInput(name, (column,), TEXT if holds_texts(column) else DOUBLE, width))
    return found


def free(name: str, taken: Collection[str]) -> str:
    """Return a name that is not taken: with a `_` behind it if need be."""
    while name in taken:
        name += "_"
    return name


def holds_texts(column: State) -> bool:
    """Return True for categories, and for words for true and false. Categories that all are integers are numbers."""
    if column["kind"] == "category":
        return not all(value is None or INTEGER.fullmatch(value) for value in [*column["categories"], *column.get("rare", [])])
    return "true" in column.get("notation", ())
