"""Rows for exported models: the values of each input column as a program gets them, without mlpkit's reading of files and texts."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpkit.data.column_types import numbers, texts
from mlpkit.data.columns import number_text
from mlpkit.data.table import Table
from mlpkit.data.written_numbers import BLANKS, Words
from mlpkit.preprocessing.date_parts import date_numbers
from mlpkit.preprocessing.input_columns import InputColumn
from mlpkit.preprocessing.inputs import InputEncoder


def raw_columns(encoder: InputEncoder, table: Table) -> dict[str, NDArray[Any]]:
    """Return the values of each input column, shape (rows, values): float64 numbers, NaN where one is missing, or texts.

    Dates are days since 1970-01-01, and numbers in texts are in their unit. Categories, and words for true and false in lower case, are
    texts; a missing one is empty.

    Raises
    ------
    DataError
        A column does not exist, or has values of another kind than in training.
    """
    source = encoder.aligned(table)
    return {column.name: _values(encoder, source, column) for column in encoder.columns}


def _values(encoder: InputEncoder, table: Table, column: InputColumn) -> NDArray[Any]:
    name, missing = column.name, encoder.numbers.missing
    if column.kind == "date":
        return date_numbers(table, name, missing, ("days",))
    if column.kind == "category":
        return _texts(table, name)
    if isinstance(column.notation, Words):
        found = table[name]
        if found.dtype == object:
            lower = [None if text is None else text if text in missing else text.strip(BLANKS).lower() for text in found.tolist()]
            return np.array([["" if text is None else text] for text in lower], object).reshape(-1, 1)
        values = numbers(table, name, missing, boolean=True).reshape(len(found), -1).astype(np.float64)
        words = {1.0: column.notation.true[0], 0.0: column.notation.false[0]}
        return np.array([[words.get(value, "") for value in row] for row in values.tolist()], object).reshape(values.shape)
    found = numbers(table, name, missing, boolean=column.kind == "boolean")
    return found.reshape(len(found), -1).astype(np.float64)


def _texts(table: Table, name: str) -> NDArray[Any]:
    """Return the categories of a column as texts; a missing one is empty."""
    column = table[name]
    if column.dtype.kind == "f":  # as `texts`, which makes None of NaN
        found = [None if value != value else number_text(value) for value in column.tolist()]
    else:
        found = texts(table, name).tolist()
    return np.array([["" if text is None else text] for text in found], object).reshape(-1, 1)
