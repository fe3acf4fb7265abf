"""Statistics of numeric columns on disk, computed in one pass: mean, deviation, a sample for medians, missing values, digests.

Mean and deviation are exact except for rounding. Each block has its own, computed in two passes, and they are merged by the formula
of Chan, Golub and LeVeque (1979), with sums of sample weights instead of counts. An exact median needs all values at once. It is
computed from a sample of rows at equal distances, which is all rows if there are few.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpkit.data.disk.columns import Readable, stripes
from mlpkit.data.disk.table import StoredTable
from mlpkit.data.table import Rows
from mlpkit.preprocessing.statistics import median, robust_scale, unequal

Vector = NDArray[np.float64]

SAMPLE = 2**20  # values of the sample for medians: 8 MB
FEWEST = 2**10  # least rows of the sample if rows are wide


class RunningStatistics:
    """Statistics of rows that are added block by block.

    Attributes
    ----------
    count : array of int, shape (values,)
        Number of rows in which a value is not missing.
    mass : array, shape (values,)
        Sum of their sample weights, which are 1 by default.
    mean, squares : array, shape (values,)
        Weighted mean, and weighted sum of squared distances from it.
    infinite : bool
        True if a value is infinite.
    sample : array, shape (rows of the sample, values)
    least, most : array, shape (values,)
        Smallest and largest value, if `extremes` is True.
    """

    def __init__(self, rows: int, widths: Sequence[int], weights: Vector | None = None, *, extremes: bool = False) -> None:
        width = sum(widths)
        self.rows, self.widths, self.seen = rows, widths, 0
        self.weights = unequal(weights)
        self.count: NDArray[np.int64] = np.zeros(width, np.int64)
        self.mass = np.zeros(width)
        self.mean, self.squares = np.zeros(width), np.zeros(width)
        self.infinite = False
        self.extremes = extremes
        self.least, self.most = np.full(width, np.inf), np.full(width, -np.inf)
        self.distance = -(-rows // min(rows, max(FEWEST, SAMPLE // max(1, width))))
        self.sample = np.empty((-(-rows // self.distance), width))
        self.hashes = [hashlib.sha256() for _ in widths]  # over the raw values of each column
        self.lowest: dict[int, int] = {}
        self.highest: dict[int, int] = {}

    @property
    def has_missing(self) -> NDArray[np.bool_]:
        """Boolean array of shape (values,), True for values that are missing in some rows."""
        return self.count < self.rows

    @property
    def deviation(self) -> Vector:
        """Weighted standard deviation, shape (values,)."""
        return np.sqrt(self.squares / _positive(self.mass))

    @property
    def largest(self) -> Vector:
        """Upper bound of the distance of a value from the mean, shape (values,)."""
        return np.sqrt(self.squares / (1.0 if self.weights is None else self.weights.min()))

    def medians(self) -> Vector:
        """Return the median of each value in the sample, or the mean if no row of the sample has the value."""
        return self._of_sample(median, self.mean)

    def center_and_scale(self, treatment: str, medians: Vector) -> tuple[Vector, Vector]:
        """Return subtrahend and divisor of each value for a treatment that scales; quartiles are those of the sample."""
        if treatment == "robust":
            scale = self._of_sample(robust_scale, self.deviation)
            return medians, np.where(scale == 0, self.deviation, scale)
        return (self.least, self.most - self.least) if treatment == "min_max" else (self.mean, self.deviation)

    def _of_sample(self, statistic: Callable[[Vector, Vector | None], Vector], default: Vector) -> Vector:
        """Return a statistic of each value in the sample, or the default if no row of the sample has the value."""
        empty = np.isnan(self.sample).all(axis=0)
        found = np.where(empty, default, 0.0)
        if not empty.all():
            found[~empty] = statistic(self.sample[:, ~empty], self.sample_weights)
        return found

    @property
    def sample_with_ends(self) -> tuple[Vector, Vector | None]:
        """Sample and its weights, with two rows more if it is not all rows: the smallest and the largest values, with the least weight."""
        weights = self.sample_weights
        if self.distance == 1:
            return self.sample, weights
        return np.vstack([self.sample, self.least, self.most]), None if weights is None else np.append(weights, [weights.min()] * 2)

    @property
    def sample_weights(self) -> Vector | None:
        """Sample weights of the rows of the sample, or None."""
        return None if self.weights is None else self.weights[:: self.distance]

    def indistinct(self) -> NDArray[np.intp]:
        """Return the indices of integer columns whose values differ, but are equal as floats."""
        found = [at for at, low in self.lowest.items() if low != self.highest[at] and float(low) == float(self.highest[at])]
        return np.array(found, np.intp)

    def add(self, parts: Sequence[NDArray[np.generic]], block: Vector) -> None:
        """Add rows: their raw values part by part, and as floats in `block`, which is overwritten."""
        self._digest(parts)
        start = 0
        for part in parts:
            if part.dtype.kind in "iu" and part.dtype.itemsize == 8:
                self._add_integers(part, start)
            start += part.shape[1]
        first = -self.seen % self.distance
        places = np.arange(first, len(block), self.distance)
        at = (self.seen + first) // self.distance
        self.sample[at : at + len(places)] = block[places]
        if self.extremes:
            np.fmin(self.least, np.fmin.reduce(block), out=self.least)
            np.fmax(self.most, np.fmax.reduce(block), out=self.most)
        self._add_floats(block, None if self.weights is None else self.weights[self.seen : self.seen + len(block)])
        self.seen += len(block)

    def _digest(self, parts: Sequence[NDArray[np.generic]]) -> None:
        columns = iter(zip(self.hashes, self.widths, strict=True))
        for part in parts:
            start = 0
            while start < part.shape[1]:
                digest, width = next(columns)
                digest.update(np.ascontiguousarray(part[:, start : start + width]).view(np.uint8).data)
                start += width

    def _add_integers(self, part: NDArray[np.generic], start: int) -> None:
        for index, pair in enumerate(zip(part.min(axis=0).tolist(), part.max(axis=0).tolist(), strict=True), start):
            self.lowest[index] = min(pair[0], self.lowest.get(index, pair[0]))
            self.highest[index] = max(pair[1], self.highest.get(index, pair[1]))

    def _add_floats(self, block: Vector, weights: Vector | None) -> None:
        """Merge the mean and squares of a block. The mean of a constant column stays exact."""
        base, absent = _first_values(block), None
        block -= base
        total, count = _summed(block, weights), np.full(len(base), len(block))
        mass = np.full(len(base), float(len(block)) if weights is None else weights.sum())
        if not np.isfinite(total).all():
            absent = np.isnan(block)
            self.infinite |= bool(np.isinf(block).any())
            count -= absent.sum(axis=0)
            mass -= _summed(absent, weights)
            block[absent] = 0.0
            total = _summed(block, weights)
        mass = np.where(count > 0, mass, 0.0)
        step = total / _positive(mass)
        block -= step
        if absent is not None:
            block[absent] = 0.0
        squares = np.einsum("ij,ij->j", block, block) if weights is None else np.einsum("i,ij,ij->j", weights, block, block)
        both, apart = _positive(self.mass + mass), base + step - self.mean
        self.mean += np.where(count > 0, apart * (mass / both), 0.0)
        shift = self.mass * (mass / both)
        self.squares += np.where(count > 0, squares + np.where(shift > 0, apart * apart * shift, 0.0), 0.0)  # the square may be infinite
        self.count += count
        self.mass += mass


def _summed(block: NDArray[Any], weights: Vector | None) -> NDArray[Any]:
    """Return the weighted sum of each column."""
    return np.asarray(block.sum(axis=0) if weights is None else weights @ block)


def _positive(mass: Vector) -> Vector:
    """Return the values with 0 replaced by 1, to divide by them."""
    return np.where(mass > 0, mass, 1.0)


def _first_values(block: Vector) -> Vector:
    """Return the first value of each column that is not missing, or 0 if there is none or it is infinite."""
    first = block[0].copy()
    if np.isnan(first).any():
        rows = (~np.isnan(block)).argmax(axis=0)
        first = block[rows, np.arange(len(rows))]
    return np.where(np.isfinite(first), first, 0.0)


def scan_rows(
    table: StoredTable,
    columns: Sequence[Readable],
    selections: Sequence[Rows | None],
    weights: Vector | None = None,
    *,
    extremes: bool = False,
) -> list[RunningStatistics]:
    """Return the statistics of selections of the rows of a file, computed in one pass.

    Parameters
    ----------
    table : StoredTable
        Any rows of the file.
    columns : sequence of StoredColumn or ConvertedColumn
        Columns of numbers.
    selections : sequence of (array of int, sorted, or None)
        Row numbers; None for all rows.
    weights : array, optional
        Sample weights of the first selection.
    extremes : bool
        True to find the smallest and the largest values too.

    Raises
    ------
    DataError
        The file has changed or cannot be read.
    """
    step = table.step_of(columns)
    widths = [column.width for column in columns]
    each = [weights, *[None] * (len(selections) - 1)]
    found = [
        RunningStatistics(table.stored if rows is None else len(rows), widths, one, extremes=extremes)
        for rows, one in zip(selections, each, strict=True)
    ]
    floats = np.empty((step, sum(column.width for column in columns)))
    with np.errstate(all="ignore"):
        spans = [(0, table.stored)] if columns else []
        for number, parts in enumerate(replace(table, index=None).blocks(spans, stripes(columns), step)):
            for rows, one in zip(selections, found, strict=True):
                some = parts if rows is None else _chosen(parts, rows, number * step)
                if len(some[0]):
                    one.add(some, np.concatenate(some, axis=1, out=floats[: len(some[0])], casting="unsafe"))
    return found


def _chosen(parts: Sequence[NDArray[np.generic]], rows: Rows, start: int) -> list[NDArray[np.generic]]:
    """Return the rows of a block that are among `rows`; `start` is the row number of the block's first row."""
    first, last = np.searchsorted(rows, [start, start + len(parts[0])])
    return [part[rows[first:last] - start] for part in parts]
