"""NumberEncoder: numeric columns as one block, imputed with the median, scaled and clipped, with indicators of missing values.

Mean and deviation are those of the values that are not missing in the training rows, so imputation does not change them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpkit.data.column_types import numbers
from mlpkit.data.table import Table
from mlpkit.errors import DataError
from mlpkit.numerics.blocks import row_blocks
from mlpkit.plugin import Array, Targets
from mlpkit.preprocessing.categorical import Unseen
from mlpkit.preprocessing.date_parts import date_numbers
from mlpkit.preprocessing.input_columns import InputColumn, later_parts, missing_error
from mlpkit.preprocessing.json_state import InputState, indices, statistics
from mlpkit.preprocessing.limits import NO_LIMITS, Limits
from mlpkit.preprocessing.statistics import column_numbers, column_statistics, unequal
from mlpkit.preprocessing.value_maps import KNOTTED, NO_KNOTS, Knots, ValueMaps
from mlpkit.spec import Preprocessing

Vector = NDArray[np.float64]

CELLS = 2**18  # values that are encoded at a time: 2 MB, which fits in the cache
PLAIN = 1e60  # with a smaller sum of squares all values are finite in each dtype
ADVICE = "the model was trained on numbers in this column: correct the value, or leave it empty if it is missing"
FLAG_ADVICE = "the model was trained on booleans in this column: write true, false, 1 or 0, or leave it empty if it is missing"


def no_targets() -> Targets:
    """Raise ValueError: edges of bins by a tree need targets."""
    raise ValueError("the targets of the training rows are needed")


@dataclass(frozen=True)
class NumberEncoder:
    """Encoder of numeric and boolean columns, fitted on the training rows.

    Attributes
    ----------
    columns : tuple of InputColumn
    missing : tuple of str
        Texts that stand for a missing value.
    impute : bool
        True to fill missing values with the median; False to raise an error for them.
    fill, center, scale : array, shape (values,)
        Median, subtrahend and divisor, by the treatment of the column. Constants have scale 1.
    missing_indices : array of int
        Indices of values that are missing in some training rows. Each gets an indicator, which is 1 where the value is missing.
    constant : array of int
        Indices of values that are constant in the training rows. They are encoded as 0 in every row.
    knots : Knots
        Points of columns with the treatments "quantile" and "bins".
    limits : Limits
        Limits of the values before they are scaled.
    """

    columns: tuple[InputColumn, ...]
    missing: tuple[str, ...]
    impute: bool
    fill: Vector
    center: Vector
    scale: Vector
    missing_indices: NDArray[np.int64]
    constant: NDArray[np.int64]
    knots: Knots = NO_KNOTS
    limits: Limits = NO_LIMITS

    @classmethod
    def fit(
        cls,
        options: Preprocessing,
        table: Table,
        columns: Sequence[InputColumn],
        missing: tuple[str, ...],
        weights: Vector | None = None,
        targets: Callable[[], Targets] = no_targets,
    ) -> NumberEncoder:
        """Fit medians, scaling, knots and limits of the columns of a table, in which a row of weight k counts as k rows."""
        each, impute = unequal(weights), options.missing == "impute"
        parts = [part for column in columns for part in column_statistics(table, column, missing, impute, each, ends=options.clip_inputs)]
        fill, center, scale, gaps, constant, *ends = np.concatenate([np.empty((7 if options.clip_inputs else 5, 0)), *parts], axis=1)
        gaps[later_parts(columns)] = 0
        fitted = fill, center, scale, np.flatnonzero(gaps), np.flatnonzero(constant), NO_KNOTS, Limits(*ends)
        found = cls(tuple(columns), missing, impute, *fitted)
        return found.with_knots(options, lambda column: column_numbers(table, column, missing), each, targets)

    def with_knots(
        self,
        options: Preprocessing,
        values: Callable[[InputColumn], NDArray[Any]],
        weights: Vector | None,
        targets: Callable[[], Targets] = no_targets,
    ) -> NumberEncoder:
        """Return the encoder with the knots of its columns; see `fit_knots`."""
        if not any(column.treatment in KNOTTED for column in self.columns):
            return self
        from mlpkit.preprocessing.knots import fit_knots

        constant = set(self.constant.tolist())
        return replace(self, knots=fit_knots(options, self.columns, values, self.center, self.scale, constant, weights, targets))

    @cached_property
    def width(self) -> int:
        """Number of values, indicators and bins."""
        return len(self.fill) + len(self.missing_indices) + self.maps.bins

    @cached_property
    def booleans(self) -> frozenset[str]:
        """Names of the boolean columns."""
        return frozenset(column.name for column in self.columns if column.kind == "boolean")

    @cached_property
    def dates(self) -> dict[str, InputColumn]:
        """Columns of dates by name."""
        return {column.name: column for column in self.columns if column.kind == "date"}

    @property
    def names(self) -> list[str]:
        """Name of each value, indicator and bin."""
        labels, cells = [label for column in self.columns for label in column.labels], self._cells
        return [*labels, *(f"{cells[index]} is missing" for index in self.missing_indices), *self.maps.bin_names(labels)]

    @property
    def _cells(self) -> list[str]:
        return [label for column in self.columns for label in column.cell_labels]

    def encode(self, table: Table, out: Array, names: Sequence[str] | None = None) -> Unseen:
        """Fill `out`, zeros of shape (rows, width), in blocks of rows, and return the number of unexpected missing values.

        Those are missing values in columns that have none in the training rows.

        Parameters
        ----------
        table : Table
        out : array
        names : sequence of str, optional
            Names of the columns with the values, in order. The default are those of the training table.
        """
        width, unseen = len(self.fill), np.zeros(len(self.fill), np.int64)
        if not width:
            return Counter()
        names = [column.name for column in self.columns] if names is None else names
        columns = [self.column(table, name) for name in names]
        limit = float(np.finfo(out.dtype).max)
        block = np.empty((max(1, min(table.rows, CELLS // width)), width))
        with np.errstate(all="ignore"):  # overflow is detected below, and underflow gives 0
            for rows in row_blocks(table.rows, len(block)):
                part = block[: rows.stop - rows.start]
                np.concatenate([column[rows].reshape(len(part), -1) for column in columns], axis=1, out=part, casting="unsafe")
                self.standardize(part)
                plain = _within(part, limit)
                if not plain:
                    if np.isinf(part).any():
                        self._explain(table, names)
                    unseen += np.isnan(part).sum(axis=0)
                    out[rows, width : width + len(self.missing_indices)] = self._impute(table, rows, part)
                self.finish(part, out[rows])
                if not plain and not _within(part, limit):  # a value that is not clipped
                    raise self._too_large(table, rows, ~(np.abs(part) <= limit))
        return self.unexpected_missing(unseen)

    def unexpected_missing(self, counts: NDArray[np.int64]) -> Unseen:
        """Return the counts of missing values that training had none of, without those of constant columns."""
        if not counts.any():
            return Counter()
        new = counts.copy()
        new[self.missing_indices] = new[self.constant] = new[later_parts(self.columns)] = 0
        names = self._cells if new.any() else []
        return Counter({(names[index], None): int(new[index]) for index in np.flatnonzero(new)})

    def encode_plain(self, values: Sequence[float], out: Array) -> bool:
        """Encode the values of a few rows, row by row, into `out`, zeros of at least their width.

        Returns
        -------
        bool
            False if a value is missing or too large; `out` is then not filled.
        """
        width = len(self.fill)
        try:
            part = np.fromiter(values, np.float64, len(values)).reshape(len(out), width)
        except OverflowError:  # an integer beyond the range of float64
            return False
        with np.errstate(all="ignore"):
            self.standardize(part)
            flat = part.reshape(-1)
            if not flat.dot(flat) <= PLAIN:  # NaN fails the comparison too
                return False
            self.finish(part, out)
        return True

    def standardize(self, part: Vector) -> None:
        """Subtract the center of each column and divide by its scale, in place; constant columns become 0.

        Missing and infinite values stay, to be handled later.
        """
        part -= self.center
        part /= self.scale
        if self.constant.size:
            values = part[:, self.constant]
            part[:, self.constant] = np.where(np.isfinite(values), 0.0, values)

    def finish(self, part: Vector, out: Array) -> None:
        """Fill the values and bins of `out` from scaled values without missing ones, which are clipped in place."""
        width = len(self.fill)
        if self.limits:
            np.clip(part, *self._scaled_limits, out=part)
        if self.maps:
            start = width + len(self.missing_indices)
            self.maps.places(part, out[:, start : start + self.maps.bins])
            self.maps.apply(part)
        out[:, :width] = part

    @cached_property
    def _scaled_limits(self) -> Vector:
        """Lower and upper limits of scaled values, shape (2, values), computed as these are."""
        found = np.array(self.limits)
        self.standardize(found)
        return found

    @cached_property
    def maps(self) -> ValueMaps:
        """Functions of the scaled values: clipping, normal scores, bins."""
        return ValueMaps(self.columns, self.knots)

    def column(self, table: Table, name: str) -> NDArray[Any]:
        """Return the numbers of a column. Infinite values are detected later, for all columns at once."""
        if name in self.dates:
            return date_numbers(table, name, self.missing, self.dates[name].parts)
        column, boolean = table[name], name in self.booleans
        if column.dtype == bool and name in table.lists and not boolean:
            message = f"the column {name!r} has {column.flat[0]} in {table.place(0)}, which is not a number"
            raise table.error(message, 0, "give 1 or 0")
        known = column.dtype.kind in ("b" if boolean else "biuf")
        return column if known else numbers(table, name, self.missing, boolean=boolean, advice=FLAG_ADVICE if boolean else ADVICE)

    def _explain(self, table: Table, names: Sequence[str]) -> None:
        """Raise DataError for the first column with an infinite value, if there is one."""
        for name in [name for name in names if name not in self.dates]:
            numbers(table, name, self.missing, boolean=name in self.booleans, advice=ADVICE)

    def _impute(self, table: Table, rows: slice, part: Vector) -> NDArray[np.bool_]:
        """Impute missing values in scaled values, and return the indicators of the rows."""
        missing = np.isnan(part)
        if missing.any() and not self.impute:
            row, value = np.argwhere(missing)[0]
            raise missing_error(table, self._cells[value], int(row) + rows.start)
        return self.fill_missing(part)

    def fill_missing(self, part: Vector) -> NDArray[np.bool_]:
        """Fill missing values in scaled values, shape (rows, values), and return the indicators of the rows."""
        missing = np.isnan(part)
        np.copyto(part, self._scaled_fill, where=missing)
        return missing[:, self.missing_indices]

    @cached_property
    def _scaled_fill(self) -> Vector:
        filled: Vector = (self.fill - self.center) / self.scale
        filled[self.constant] = 0.0
        return filled

    def _too_large(self, table: Table, rows: slice, wrong: NDArray[np.bool_]) -> DataError:
        row, value = np.argwhere(wrong)[0]
        at = int(row) + rows.start
        message = f"the column {self.names[value]!r} has a value in {table.place(at)} that is too large for the network's dtype"
        return table.error(message, at, "correct the value, scale the column, or set dtype to 'float64'")

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the arrays of the encoder by name, without empty ones."""
        found = {"fill": self.fill, "center": self.center, "scale": self.scale, "gaps": self.missing_indices, **self.knots.arrays()}
        found |= self.limits.arrays()
        return {name: array for name, array in found.items() if array.size}

    @classmethod
    def from_state(cls, state: InputState, arrays: Mapping[str, NDArray[Any]], columns: Sequence[InputColumn]) -> NumberEncoder:
        """Return the encoder for a stored state and arrays. Raise ValueError if they do not fit the columns."""
        width = sum(column.width for column in columns)
        fill, center, scale = statistics(arrays, ("fill", "center", "scale"), width)
        gaps = indices(arrays, "gaps", width)
        constant = np.array([index for index in state.zeros if index < width], np.int64)
        fitted = fill, center, scale, gaps, constant, Knots.from_arrays(arrays, columns), Limits.from_arrays(arrays, width)
        return cls(tuple(columns), tuple(state.missing), state.impute, *fitted)


def _within(part: Vector, limit: float) -> bool:
    """Return True if all values are numbers of magnitude up to `limit`."""
    return bool(part.max() <= limit and part.min() >= -limit)
