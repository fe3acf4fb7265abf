"""Raw columns of a model: the encoded inputs that each becomes, and its values in a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlpkit.data.column_types import numbers
from mlpkit.data.columns import Column
from mlpkit.data.table import Table
from mlpkit.preprocessing import InputEncoder
from mlpkit.preprocessing.input_columns import InputColumn
from mlpkit.preprocessing.numeric import NumberEncoder
from mlpkit.text.shown import shortened

MOST_CELLS = 4  # values of a block that are shown
LONGEST = 60  # characters of a value


class RawColumn(NamedTuple):
    """Column of the user's table, or one value of an array without names.

    Attributes
    ----------
    name : str
    column : InputColumn
        As it is encoded.
    value : int or None
        Place of the value in a block that an array without names is; None for a whole column.
    encoded : array of int
        Indices of its encoded inputs: values, indicators of missing values, bins, categories. Of numbers and dates, the first is also
        the index of the first value in the statistics of the encoder.
    """

    name: str
    column: InputColumn
    value: int | None
    encoded: NDArray[np.intp]

    @property
    def of_numbers(self) -> bool:
        """True for a single number per row."""
        return self.column.kind == "number" and not self.is_block

    @property
    def is_block(self) -> bool:
        """True for several values per row."""
        return self.column.cells > 1 and self.value is None


def raw_columns(encoder: InputEncoder) -> tuple[RawColumn, ...]:
    """Return the columns in the order of the training table. The values of an array without names are columns of their own."""
    found: dict[str, list[RawColumn]] = {}
    owners, start = np.array(encoder.numbers.maps.owners, np.intp), 0
    for column in encoder.numbers.columns:
        single = not encoder.named and column.kind != "date" and column.width > 1
        spans = [(index, index + 1) for index in range(column.width)] if single else [(0, column.width)]
        found[column.name] = [
            RawColumn(
                column.labels[low] if single else column.name,
                column,
                low if single else None,
                _of_values(encoder.numbers, owners, start + low, start + high),
            )
            for low, high in spans
        ]
        start += column.width
    start = encoder.numbers.width
    for column in encoder.categories.columns:
        found[column.name] = [RawColumn(column.name, column, None, np.arange(start, start + column.codes))]
        start += column.codes
    return tuple(each for name in encoder.order for each in found[name])


def _of_values(encoder: NumberEncoder, owners: NDArray[np.intp], low: int, high: int) -> NDArray[np.intp]:
    """Return the encoded inputs of some values: themselves, their indicators and their bins, whose values are `owners`."""
    width, gaps = len(encoder.fill), encoder.missing_indices
    indicators = width + np.flatnonzero((gaps >= low) & (gaps < high))
    bins = width + len(gaps) + np.flatnonzero((owners >= low) & (owners < high))
    return np.concatenate([np.arange(low, high), indicators, bins]).astype(np.intp)


def aligned(encoder: InputEncoder, table: Table) -> dict[str, Column]:
    """Return the input columns of a table by name, also of one without these names, whose values are used by position.

    Raises
    ------
    DataError
        A column does not exist.
    """
    table = encoder.completed(table)
    if encoder.is_aligned(table):
        return {name: table[name] for name in encoder.order}
    matrix = np.column_stack([numbers(table, name, encoder.numbers.missing) for name in table.names])
    found, start = {}, 0
    for column in encoder.columns:
        block = matrix[:, start : start + column.cells]
        found[column.name] = block if column.cells > 1 else block[:, 0]
        start += column.cells
    return found


def cell_text(column: Column, raw: RawColumn, row: int) -> str:
    """Return a value as a short text, which is not escaped; empty if it is missing."""
    value: Any = column[row]
    if column.ndim == 2:
        value = value[raw.value] if raw.value is not None else value
    if isinstance(value, np.ndarray):
        shown = ", ".join(map(_text, value[:MOST_CELLS].tolist()))
        return f"{shown}, ..." if len(value) > MOST_CELLS else shown
    return _text(value)


def _text(value: Any) -> str:
    if value is None or value != value:  # NaN and NaT do not equal themselves
        return ""
    if isinstance(value, (float, np.floating)):
        return f"{float(value):.6g}"
    return str(value) if len(str(value)) <= LONGEST else shortened(str(value), LONGEST)


def varying(columns: Sequence[RawColumn], inputs: NDArray[Any]) -> list[bool]:
    """Return for each column if its encoded inputs differ between rows, shape (rows, inputs). Others cannot change a prediction."""
    changes = (inputs != inputs[:1]).any(axis=0)
    return [bool(changes[column.encoded].any()) for column in columns]
