"""Values of raw columns as numbers, or as levels of categories."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlpkit.data.coded_column import coded
from mlpkit.data.column_types import numbers, texts
from mlpkit.data.columns import Column
from mlpkit.data.table import Table
from mlpkit.data.times import dates
from mlpkit.explain.raw_columns import RawColumn
from mlpkit.preprocessing import InputEncoder
from mlpkit.preprocessing.date_parts import DAY
from mlpkit.preprocessing.inputs import notations_of
from mlpkit.text.markup import name_of, number

Vector = NDArray[np.float64]


class Levels(NamedTuple):
    """Categories of some rows.

    Attributes
    ----------
    codes : array of int, shape (rows,)
        Number of the level of each row.
    names : list of str or None
        Levels; None for missing values.
    """

    codes: NDArray[np.intp]
    names: list[str | None]


def numbers_of(encoder: InputEncoder, raw: Mapping[str, Column], column: RawColumn) -> Vector | None:
    """Return the numbers of a column, NaN where one is missing: those of dates are days. None for categories and for blocks."""
    kind, name, missing = column.column.kind, column.column.name, encoder.numbers.missing
    if kind == "category" or column.is_block:
        return None
    values = raw[name]
    table = Table({name: values}).with_units(notations_of((column.column,)))
    if kind == "date":
        found = dates(table, name, missing)
        return np.where(np.isnat(found), np.nan, found.astype(np.int64) / DAY)
    if column.value is not None:
        return np.asarray(values[:, column.value], np.float64)
    return np.asarray(numbers(table, name, missing, boolean=kind == "boolean"), np.float64)


def levels_of(encoder: InputEncoder, raw: Mapping[str, Column], column: RawColumn) -> Levels:
    """Return the levels of a column of categories."""
    name, missing = column.column.name, encoder.categories.missing
    codes, found = coded(texts(Table({name: raw[name]}), name))
    names = [None if text is None or text in missing else text for text in found]
    distinct = {name: code for code, name in enumerate(dict.fromkeys(names))}
    return Levels(np.array([distinct[each] for each in names], np.intp)[codes], list(distinct))


def table_values(column: RawColumn, values: Sequence[Any]) -> NDArray[Any]:
    """Return numbers, days, booleans or categories, as `numbers_of` and `levels_of` have them, as a column of a table."""
    if column.column.kind == "date":
        return np.array([round(value * DAY) for value in values], np.int64).view("datetime64[us]")
    return np.array(values, {"boolean": bool, "category": object}.get(column.column.kind, np.float64))


def value_text(column: RawColumn, value: Any) -> str:
    """Return a number, a date, a boolean or a category as it is shown."""
    kind = column.column.kind
    if value is None:
        return "missing"
    if kind == "date":
        return str(np.datetime64(round(float(value)), "D"))
    if kind == "boolean":
        return "true" if value else "false"
    if kind == "number":
        return number(float(value)) if abs(value) < 1e15 else f"{float(value):.4g}"
    return name_of(value)
