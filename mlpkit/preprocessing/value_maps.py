"""Functions of single scaled values: clipping, normal scores of quantiles, and places in bins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlpkit.preprocessing.input_columns import InputColumn

Vector = NDArray[np.float64]

KNOTTED = ("quantile", "bins")  # treatments that have knots
BEND = 3.0  # limit of smooth clipping


class Knots(NamedTuple):
    """Increasing points of the values of columns with the treatments "quantile" and "bins", one value after the other.

    Attributes
    ----------
    counts : array of int, shape (values,)
        Number of points of each value; 0 for other treatments and for constants.
    points : array, shape (sum of counts,)
        Quantiles, or edges of bins in units of scaled values.
    scores : array, shape (sum of the counts of "quantile",)
        Normal scores of the quantiles.
    """

    counts: NDArray[np.int64]
    points: Vector
    scores: Vector

    def of(self, values: slice) -> Vector:
        """Return the points of some values."""
        return self.points[self.counts[: values.start].sum() : self.counts[: values.stop].sum()]

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the arrays for a model file by name; empty if there are no points."""
        return {"knot_counts": self.counts, "knots": self.points, "scores": self.scores} if self.points.size else {}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], columns: Sequence[InputColumn]) -> Knots:
        """Return the stored knots, or none if no array of knots is stored. Raise ValueError if they do not fit the columns."""
        if not arrays.keys() & {"knot_counts", "knots", "scores"}:
            return NO_KNOTS
        treatments = [column.treatment for column in columns for _ in range(column.width)]
        counts, points, scores = (arrays.get(name, np.empty(0)) for name in ("knot_counts", "knots", "scores"))
        if counts.dtype.kind not in "iu" or counts.shape != (len(treatments),) or (counts < 0).any() or (counts == 1).any():
            raise ValueError("'knot_counts' is not a number of knots for each value, 0 or at least 2")
        if (counts > points.size).any():  # also keeps the sum from overflowing
            raise ValueError("'knots' is shorter than 'knot_counts' says")
        counts = counts.astype(np.int64)
        if any(count and treatment not in KNOTTED for count, treatment in zip(counts.tolist(), treatments, strict=True)):
            raise ValueError("a column has knots, but not the treatment 'quantile' or 'bins'")
        scored = int(counts[[treatment == "quantile" for treatment in treatments]].sum())
        if points.dtype.kind != "f" or points.shape != (counts.sum(),) or scores.dtype.kind != "f" or scores.shape != (scored,):
            raise ValueError("'knots' or 'scores' does not have the length that 'knot_counts' says")
        found = cls(counts, points.astype(np.float64), scores.astype(np.float64))
        inner = np.ones(max(len(points) - 1, 0), bool)
        inner[np.cumsum(counts[counts > 0])[:-1] - 1] = False  # from one value to the next
        with np.errstate(over="ignore", invalid="ignore"):
            steps = np.diff(found.points)[inner]
        if not (np.isfinite(points).all() and np.isfinite(scores).all() and np.isfinite(steps).all() and (steps > 0).all()):
            raise ValueError("the knots of a value are not increasing finite numbers")
        return found


NO_KNOTS = Knots(np.empty(0, np.int64), np.empty(0), np.empty(0))


class ValueMaps:
    """Functions of the values of numeric columns, applied to scaled values none of which is missing.

    Parameters
    ----------
    columns : sequence of InputColumn
    knots : Knots

    Attributes
    ----------
    owners : list of int
        Index of the value that each bin is of.
    """

    def __init__(self, columns: Sequence[InputColumn], knots: Knots) -> None:
        clips = [column.clip for column in columns for _ in range(column.width)]
        self._smooth = np.array([index for index, clip in enumerate(clips) if clip == "smooth"], np.intp)
        self._cut = np.array([index for index, clip in enumerate(clips) if isinstance(clip, float)], np.intp)
        self._limits = np.array([clips[index] for index in self._cut], np.float64)
        self._scored: list[tuple[int, Vector, Vector]] = []
        self._binned: list[tuple[int, slice, Vector, Vector]] = []
        self.owners: list[int] = []
        point = score = 0
        treatments = [column.treatment for column in columns for _ in range(column.width)]
        for index in np.flatnonzero(knots.counts).tolist():
            count = int(knots.counts[index])
            points, point = knots.points[point : point + count], point + count
            if treatments[index] == "quantile":
                self._scored.append((index, points, knots.scores[score : score + count]))
                score += count
            else:
                self._binned.append((index, slice(len(self.owners), len(self.owners) + count - 1), points[:-1], np.diff(points)))
                self.owners += [index] * (count - 1)

    def __bool__(self) -> bool:
        """Return True if any value changes or has bins."""
        return bool(self._smooth.size or self._cut.size or self._scored or self._binned)

    @property
    def bins(self) -> int:
        """Number of bins of all values."""
        return len(self.owners)

    def bin_names(self, labels: Sequence[str]) -> list[str]:
        """Return the name of each bin from the names of the values."""
        return [f"{labels[index]} in bin {number}" for index, _, lower, _ in self._binned for number in range(1, len(lower) + 1)]

    def places(self, part: Vector, out: NDArray[np.floating]) -> None:
        """Fill `out`, shape (rows, bins), with the place of each value in its bins, from scaled values that are not clipped yet.

        The place of x in the bin from a to b is (x - a) / (b - a), limited to the range from 0 to 1.
        """
        for index, chosen, lower, widths in self._binned:
            np.clip((part[:, index, None] - lower) / widths, 0.0, 1.0, out=out[:, chosen], casting="unsafe")

    def apply(self, part: Vector) -> None:
        """Replace quantile values by normal scores, then clip, in place; shape (rows, values).

        Smooth clipping is x / sqrt(1 + (x / 3)^2). Holzmueller, Grinsztajn & Steinwart 2024, 2407.04491 (RealMLP).
        """
        for index, points, scores in self._scored:
            part[:, index] = np.interp(part[:, index], points, scores)
        if self._smooth.size:
            values = part[:, self._smooth]
            part[:, self._smooth] = values / np.hypot(1.0, values / BEND)
        if self._cut.size:
            part[:, self._cut] = np.clip(part[:, self._cut], -self._limits, self._limits)
