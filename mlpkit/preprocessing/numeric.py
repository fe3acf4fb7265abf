"""NumberEncoder: all number columns as one block - gaps filled with the median, then standardised - and gap indicators.

Mean and deviation are those of the values that are there in the training rows, so a gap is filled without moving them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mlpkit.data.column_types import numbers
from mlpkit.data.table import Table, column_width
from mlpkit.errors import DataError
from mlpkit.numerics.blocks import row_blocks
from mlpkit.plugin import Array
from mlpkit.preprocessing.categorical import Unseen
from mlpkit.preprocessing.input_columns import InputColumn, missing_error
from mlpkit.preprocessing.json_state import InputState, statistics
from mlpkit.preprocessing.moments import unequal
from mlpkit.preprocessing.statistics import beyond_error, column_statistics, constant_columns

if TYPE_CHECKING:  # for data on disk; to load a model and predict needs it not
    from mlpkit.preprocessing.column_statistics import Survey

Vector = NDArray[np.float64]

CELLS = 2**18  # values that are encoded at a time: 2 MB, which stays in the cache
PLAIN = 1e60  # a sum of squares up to which all values are numbers that fit into each dtype
ADVICE = "the model was trained on numbers in this column: correct the value, or leave it empty for a missing one"
FLAG_ADVICE = "the model was trained on true and false in this column: write one of them, 1 or 0, or leave it empty for a missing one"


@dataclass(frozen=True)
class NumberEncoder:
    """Fitted on the training rows.

    Attributes
    ----------
    columns : tuple of InputColumn
    missing : tuple of str
        Texts that mean that a value is missing.
    impute : bool
        Whether gaps are filled; an error otherwise.
    fill, center, scale : array, shape (values,)
        The median, and what is subtracted and divided by: the mean and deviation, or 0 and 1. Constants have scale 1.
    gaps : array of int
        The values that have gaps in the training rows: each gets an indicator, 1 where it is missing.
    constant : array of int
        The values that are the same in all training rows that have them: whatever a row has, they are encoded as 0.
    """

    columns: tuple[InputColumn, ...]
    missing: tuple[str, ...]
    impute: bool
    fill: Vector
    center: Vector
    scale: Vector
    gaps: NDArray[np.int64]
    constant: NDArray[np.int64]

    @classmethod
    def fit(
        cls, table: Table, columns: Sequence[InputColumn], missing: tuple[str, ...], impute: bool, weights: Vector | None = None
    ) -> NumberEncoder:
        """Medians, means and deviations of the columns of a table, in which a row of weight k counts as k rows."""
        each = unequal(weights)
        parts = [part for column in columns for part in column_statistics(table, column, missing, impute, each)]
        fill, center, scale, gaps, constant = np.concatenate([np.empty((5, 0)), *parts], axis=1)
        return cls(tuple(columns), missing, impute, fill, center, scale, _indices(gaps), _indices(constant))

    @classmethod
    def of_survey(cls, found: Survey, columns: Sequence[InputColumn], missing: tuple[str, ...], impute: bool) -> NumberEncoder:
        """The same of columns on disk, by what was found in their rows, with medians of a sample of them."""
        standardized = np.repeat([column.treatment == "standardize" for column in columns], [column.width for column in columns])
        center, scale = np.where(standardized, found.mean, 0.0), np.where(standardized, found.deviation, 1.0)
        fill = found.medians()
        for wrong in np.flatnonzero(~np.isfinite([fill, center, scale]).all(axis=0)):
            raise beyond_error([column.name for column in columns for _ in range(column.width)][wrong])
        constant = constant_columns(found.mean, found.deviation)
        scale[constant] = 1.0
        return cls(tuple(columns), missing, impute, fill, center, scale, _indices(found.gaps), _indices(constant))

    @cached_property
    def width(self) -> int:
        """Values and indicators."""
        return len(self.fill) + len(self.gaps)

    @cached_property
    def booleans(self) -> frozenset[str]:
        """The names of the columns of true and false."""
        return frozenset(column.name for column in self.columns if column.kind == "boolean")

    @property
    def names(self) -> list[str]:
        """A name for each value and indicator."""
        labels = [label for column in self.columns for label in column.labels]
        return [*labels, *(f"{labels[index]} is missing" for index in self.gaps)]

    def encode(self, table: Table, out: Array, names: Sequence[str] | None = None) -> Unseen:
        """Fill `out`, zeros of shape (rows, width), in blocks of rows; return how many gaps there are where training had none.

        Parameters
        ----------
        table : Table
        out : array
        names : sequence of str, optional
            The columns that hold the values, in order; those of the training table when left out.
        """
        width, unseen = len(self.fill), np.zeros(len(self.fill), np.int64)
        if not width:
            return Counter()
        names = [column.name for column in self.columns] if names is None else names
        columns = [self._numbers(table, name) for name in names]
        limit = float(np.finfo(out.dtype).max)
        block = np.empty((max(1, min(table.rows, CELLS // width)), width))
        with np.errstate(all="ignore"):  # what overflows is found, and what underflows is 0
            for rows in row_blocks(table.rows, len(block)):
                part = block[: rows.stop - rows.start]
                _gather(columns, rows, part)
                part -= self.center
                part /= self.scale
                self._level(part)
                if not _within(part, limit):
                    if np.isinf(part).any():
                        self._explain(table, names)
                    unseen += np.isnan(part).sum(axis=0)
                    out[rows, width:] = self._impute(table, rows, part)
                    if not _within(part, limit):
                        raise self._too_large(table, rows, np.abs(part) > limit)
                out[rows, :width] = part
        return self.new_gaps(unseen)

    def new_gaps(self, counts: NDArray[np.int64]) -> Unseen:
        """Return, of the gaps in each value, those that matter and that the training rows had none of."""
        if not counts.any():
            return Counter()
        new = counts.copy()
        new[self.gaps] = new[self.constant] = 0
        names = [label for column in self.columns for label in column.labels] if new.any() else []
        return Counter({(names[index], None): int(new[index]) for index in np.flatnonzero(new)})

    def encode_plain(self, values: Sequence[float], out: Array) -> bool:
        """Encode the values of a few rows, one row after the other, into `out`, zeros of at least their width.

        Returns
        -------
        bool
            Whether it was done: each value is there, and not too large.
        """
        width = len(self.fill)
        try:
            part = np.fromiter(values, np.float64, len(values)).reshape(len(out), width)
        except OverflowError:  # an integer beyond the range of float64
            return False
        with np.errstate(all="ignore"):
            part -= self.center
            part /= self.scale
            self._level(part)
            flat = part.reshape(-1)
            if not flat.dot(flat) <= PLAIN:  # NaN is not either
                return False
        out[:, :width] = part
        return True

    def _level(self, part: Vector) -> None:
        """Make scaled values of constant columns 0; gaps, and what is not finite, stay to be found."""
        if self.constant.size:
            values = part[:, self.constant]
            part[:, self.constant] = np.where(np.isfinite(values), 0.0, values)

    def _numbers(self, table: Table, name: str) -> NDArray[Any]:
        """The numbers of a column; infinite ones are found later, all columns at once."""
        column, boolean = table[name], name in self.booleans
        if column.dtype == bool and name in table.lists and not boolean:
            message = f"the column {name!r} has {column.flat[0]} in {table.place(0)}, which is not a number"
            raise table.error(message, 0, "give 1 or 0")
        known = column.dtype.kind in ("b" if boolean else "biuf")
        return column if known else numbers(table, name, self.missing, boolean=boolean, advice=FLAG_ADVICE if boolean else ADVICE)

    def _explain(self, table: Table, names: Sequence[str]) -> None:
        """Raise DataError for the first column with an infinite value, if there is one."""
        for name in names:
            numbers(table, name, self.missing, boolean=name in self.booleans, advice=ADVICE)

    def _impute(self, table: Table, rows: slice, part: Vector) -> NDArray[np.bool_]:
        """Fill the gaps in scaled values; the indicators of the rows."""
        missing = np.isnan(part)
        if missing.any() and not self.impute:
            row, value = np.argwhere(missing)[0]
            raise missing_error(table, self.names[value], int(row) + rows.start)
        return self.fill_gaps(part)

    def fill_gaps(self, part: Vector) -> NDArray[np.bool_]:
        """Fill the gaps in scaled values, shape (rows, values); the indicators of the rows."""
        missing = np.isnan(part)
        np.copyto(part, self._scaled_fill, where=missing)
        return missing[:, self.gaps]

    @cached_property
    def _scaled_fill(self) -> Vector:
        filled: Vector = (self.fill - self.center) / self.scale
        filled[self.constant] = 0.0
        return filled

    def _too_large(self, table: Table, rows: slice, wrong: NDArray[np.bool_]) -> DataError:
        row, value = np.argwhere(wrong)[0]
        at = int(row) + rows.start
        message = f"the column {self.names[value]!r} has a value in {table.place(at)} that is too large for the network's numbers"
        return table.error(message, at, "correct it, scale the column, or set dtype to 'float64'")

    def to_state(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return {"missing": list(self.missing), "impute": self.impute}

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The rest; empty arrays are left out."""
        found = {"fill": self.fill, "center": self.center, "scale": self.scale, "gaps": self.gaps}
        return {name: array for name, array in found.items() if array.size}

    @classmethod
    def from_state(cls, state: InputState, arrays: Mapping[str, NDArray[Any]], columns: Sequence[InputColumn]) -> NumberEncoder:
        """Return what `to_state` and `arrays` gave; ValueError when they do not fit the columns."""
        width = sum(column.width for column in columns)
        fill, center, scale = statistics(arrays, ("fill", "center", "scale"), width)
        gaps = arrays.get("gaps", np.empty(0, np.int64))
        if gaps.dtype.kind not in "iu" or gaps.ndim != 1 or (gaps.size and not 0 <= gaps.min() <= gaps.max() < width):
            raise ValueError("the gaps are not the indices of values")
        constant = np.array([index for index in state.zeros if index < width], np.int64)
        return cls(tuple(columns), tuple(state.missing), state.impute, fill, center, scale, gaps.astype(np.int64), constant)


def _indices(flags: NDArray[Any]) -> NDArray[np.int64]:
    return np.flatnonzero(flags).astype(np.int64)


def _gather(columns: Sequence[NDArray[Any]], rows: slice, part: Vector) -> None:
    """Fill `part` with some rows of the columns, side by side."""
    start = 0
    for column in columns:
        stop = start + column_width(column)
        part[:, start:stop] = column[rows].reshape(len(part), -1)
        start = stop


def _within(part: Vector, limit: float) -> bool:
    """Return whether all values are numbers that are no larger than `limit`."""
    return bool(part.max() <= limit and part.min() >= -limit)
