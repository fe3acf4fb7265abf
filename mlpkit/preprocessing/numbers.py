"""NumberEncoder: all number columns as one block - gaps filled with the median, then standardised - and gap indicators.

Mean and deviation are those of the values that are there in the training rows, so a gap is filled without moving them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mlpkit.blocks import row_blocks
from mlpkit.data.kinds import numbers
from mlpkit.data.table import Table, column_width
from mlpkit.errors import DataError
from mlpkit.plugin import Array
from mlpkit.preprocessing.schema import InputColumn, leave_out, missing_error
from mlpkit.preprocessing.state import InputState, statistics

if TYPE_CHECKING:  # for data on disk; to load a model and predict needs it not
    from mlpkit.preprocessing.survey import Survey

Vector = NDArray[np.float64]

CELLS = 2**18  # values that are encoded at a time: 2 MB, which stays in the cache
WIDEST = 2**23  # values that are measured at a time: 64 MB
PLAIN = 1e60  # a sum of squares up to which all values are numbers that fit into each dtype
ADVICE = "the model was trained on numbers in this column: correct the value, or leave it empty for a missing one"


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
    """

    columns: tuple[InputColumn, ...]
    missing: tuple[str, ...]
    impute: bool
    fill: Vector
    center: Vector
    scale: Vector
    gaps: NDArray[np.int64]

    @classmethod
    def fit(cls, table: Table, columns: Sequence[InputColumn], missing: tuple[str, ...], impute: bool) -> NumberEncoder:
        """Medians, means and deviations of the columns of a table."""
        parts = [part for column in columns for part in _statistics(table, column, missing, impute)]
        fill, center, scale, gaps = np.concatenate([np.empty((4, 0)), *parts], axis=1)
        return cls(tuple(columns), missing, impute, fill, center, scale, np.flatnonzero(gaps).astype(np.int64))

    @classmethod
    def of_survey(cls, found: Survey, columns: Sequence[InputColumn], missing: tuple[str, ...], impute: bool) -> NumberEncoder:
        """The same of columns on disk, by what was found in their rows, with medians of a sample of them."""
        standardized = np.repeat([column.treatment == "standardize" for column in columns], [column.width for column in columns])
        center, scale = np.where(standardized, found.mean, 0.0), np.where(standardized, found.deviation, 1.0)
        fill = found.medians()
        for wrong in np.flatnonzero(~np.isfinite([fill, center, scale]).all(axis=0)):
            raise _beyond([column.name for column in columns for _ in range(column.width)][wrong])
        scale[_constant(center, scale)] = 1.0
        return cls(tuple(columns), missing, impute, fill, center, scale, np.flatnonzero(found.gaps).astype(np.int64))

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

    def encode(self, table: Table, out: Array, names: Sequence[str] | None = None) -> None:
        """Fill `out`, zeros of shape (rows, width), in blocks of rows.

        Parameters
        ----------
        table : Table
        out : array
        names : sequence of str, optional
            The columns that hold the values, in order; those of the training table when left out.
        """
        width = len(self.fill)
        if not width:
            return
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
                if not _within(part, limit):
                    if np.isinf(part).any():
                        self._explain(table, names)
                    out[rows, width:] = self._impute(table, rows, part)
                    if not _within(part, limit):
                        raise self._too_large(table, rows, np.abs(part) > limit)
                out[rows, :width] = part

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
            flat = part.reshape(-1)
            if not flat.dot(flat) <= PLAIN:  # NaN is not either
                return False
        out[:, :width] = part
        return True

    def _numbers(self, table: Table, name: str) -> NDArray[Any]:
        """The numbers of a column; infinite ones are found later, all columns at once."""
        column, boolean = table[name], name in self.booleans
        known = column.dtype.kind in ("b" if boolean else "biuf")
        return column if known else numbers(table, name, self.missing, boolean=boolean, advice=ADVICE)

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
        np.copyto(part, (self.fill - self.center) / self.scale, where=missing)
        return missing[:, self.gaps]

    def _too_large(self, table: Table, rows: slice, wrong: NDArray[np.bool_]) -> DataError:
        row, value = np.argwhere(wrong)[0]
        at = int(row) + rows.start
        message = f"the column {self.names[value]!r} has a value in {table.place(at)} that is too large for the network's numbers"
        return table.error(message, at, "correct it, scale the column, or set dtype to 'float64'")

    def to_state(self) -> dict[str, Any]:
        """What JSON can hold."""
        return {"missing": list(self.missing), "impute": self.impute}

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The rest; empty arrays are left out."""
        found = {"fill": self.fill, "center": self.center, "scale": self.scale, "gaps": self.gaps}
        return {name: array for name, array in found.items() if array.size}

    @classmethod
    def from_state(cls, state: InputState, arrays: Mapping[str, NDArray[Any]], columns: Sequence[InputColumn]) -> NumberEncoder:
        """What `to_state` and `arrays` gave; ValueError when they do not fit the columns."""
        width = sum(column.width for column in columns)
        fill, center, scale = statistics(arrays, ("fill", "center", "scale"), width)
        gaps = arrays.get("gaps", np.empty(0, np.int64))
        if gaps.dtype.kind not in "iu" or gaps.ndim != 1 or (gaps.size and not 0 <= gaps.min() <= gaps.max() < width):
            raise ValueError("the gaps are not the indices of values")
        return cls(tuple(columns), tuple(state.missing), state.impute, fill, center, scale, gaps.astype(np.int64))


def _gather(columns: Sequence[NDArray[Any]], rows: slice, part: Vector) -> None:
    """Fill `part` with some rows of the columns, side by side."""
    start = 0
    for column in columns:
        stop = start + column_width(column)
        part[:, start:stop] = column[rows].reshape(len(part), -1)
        start = stop


def _within(part: Vector, limit: float) -> bool:
    """Whether all values are numbers that are no larger than `limit`."""
    return bool(part.max() <= limit and part.min() >= -limit)


def _statistics(table: Table, column: InputColumn, missing: tuple[str, ...], impute: bool) -> Iterator[Vector]:
    """Median, mean, deviation and whether there are gaps, a row each, for some of a column's values after the other."""
    values = numbers(table, column.name, missing, boolean=column.kind == "boolean")
    values = values.reshape(len(values), -1)
    for part in row_blocks(column.width, max(1, WIDEST // len(values))):
        some = values[:, part].astype(np.float64)
        _check_distinct(column, values[:, part], some)
        _check_gaps(table, column, part, np.isnan(some), impute)
        yield _fit_values(some, column)


def _fit_values(values: Vector, column: InputColumn) -> Vector:
    gaps = np.isnan(values).any(axis=0)
    median, mean, deviation = (np.nanmedian, np.nanmean, np.nanstd) if gaps.any() else (np.median, np.mean, np.std)
    with np.errstate(all="ignore"):
        fill = median(values, axis=0)
        center, scale = np.zeros_like(fill), np.ones_like(fill)
        if column.treatment == "standardize":
            center, scale = mean(values, axis=0), deviation(values, axis=0)
    fitted = np.array([fill, center, scale, gaps])
    if not np.isfinite(fitted).all():
        raise _beyond(column.name)
    fitted[2, _constant(center, scale)] = 1.0
    return fitted


def _constant(center: Vector, scale: Vector) -> NDArray[np.bool_]:
    """Which columns are constant: what is left of their deviation is rounding."""
    return scale <= 10 * np.finfo(np.float64).eps * np.abs(center)


def _beyond(name: str) -> DataError:
    return DataError(f"the column {name!r} has values too large to compute with", help="scale it, or take its logarithm")


def _check_distinct(column: InputColumn, values: NDArray[Any], floats: Vector) -> None:
    """Raise DataError for integers that differ, but not as floats."""
    if values.dtype.kind in "iu" and ((floats == floats[0]).all(axis=0) & (values != values[0]).any(axis=0)).any():
        raise blurred_error(column.name)


def blurred_error(name: str) -> DataError:
    """The error for integers that differ, but not as floats."""
    help = f"subtract the smallest of them; or {leave_out(name)}"
    return DataError(f"the numbers in the column {name!r} are too large to be told apart in float64", help=help)


def _check_gaps(table: Table, column: InputColumn, part: slice, absent: NDArray[np.bool_], impute: bool) -> None:
    """Raise DataError for gaps that are not wanted, and for values that are missing in every row."""
    labels = column.labels[part]
    if not impute and absent.any():
        row, value = np.argwhere(absent)[0]
        raise missing_error(table, labels[value], int(row))
    if (empty := absent.all(axis=0)).any():
        raise empty_error(column, labels[int(empty.argmax())])


def empty_error(column: InputColumn, label: str) -> DataError:
    """The error for a value of a column that no row has."""
    help = "take it out of the array" if column.width > 1 else leave_out(column.name)
    return DataError(f"the column {label!r} has no value in the training rows", help=help)
