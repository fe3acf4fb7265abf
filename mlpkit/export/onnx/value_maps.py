"""Functions of scaled values: normal scores of quantiles, places in bins, and clipping."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlpkit.export.onnx.graph import INT, Graph
from mlpkit.export.onnx.value import Value

BEND = 3.0  # limit of smooth clipping
FAR = 1e30  # smooth clipping is at its limit beyond

Vector = NDArray[np.float64]


class Knotted(NamedTuple):
    """Value with knots, by its place among all values; `scores` is None for bins."""

    place: int
    points: Vector
    scores: Vector | None


class ValueMaps:
    """Functions of the values of all columns that are not categories.

    Parameters
    ----------
    columns : sequence of dict
        States of the columns.
    arrays : mapping of str to array
        Arrays of the preprocessing of inputs.
    """

    def __init__(self, columns: Sequence[Mapping[str, Any]], arrays: Mapping[str, NDArray[Any]]) -> None:
        each = [column for column in columns for _ in range(column["width"])]
        counts = arrays.get("knot_counts", np.zeros(len(each), int)).tolist()
        points, scores = arrays.get("knots", np.empty(0)), arrays.get("scores", np.empty(0))
        self.scored: list[Knotted] = []
        self.binned: list[Knotted] = []
        for index, (column, count) in enumerate(zip(each, counts, strict=True)):
            own, points = points[:count], points[count:]
            if count and column["treatment"] == "quantile":
                self.scored.append(Knotted(index, own, scores[:count]))
                scores = scores[count:]
            elif count:
                self.binned.append(Knotted(index, own, None))
        self.clips = [column.get("clip") for column in each]

    def places(self, op: Graph, x: Value) -> list[Value]:
        """Return the places in the bins of each value, shape (rows, bins) each."""
        found = []
        for place, points, _ in self.binned:
            found.append(op.clip((op.take(x, [place]) - points[:-1]) / np.diff(points), 0.0, 1.0))
        return found

    def apply(self, op: Graph, x: Value) -> Value:
        """Return values with normal scores, and clipped; shape (rows, values)."""
        x = self._with_scores(op, x)
        smooth = np.array([clip == "smooth" for clip in self.clips])
        if smooth.any():
            inside = op.clip(x, -FAR, FAR)
            bent = inside / op("Sqrt", (inside / BEND) ** 2 + 1.0)
            x = bent if smooth.all() else op.where(op.constant(smooth, x.dtype), bent, x)
        limits = np.array([np.finfo(np.float64).max if clip in (None, "smooth") else clip for clip in self.clips])
        return x if not any(isinstance(clip, float) for clip in self.clips) else op.where(abs(x) > limits, op("Sign", x) * limits, x)

    def _with_scores(self, op: Graph, x: Value) -> Value:
        """Return values in which those with the treatment "quantile" are scores; columns of equally many knots are one operation."""
        groups: dict[int, list[Knotted]] = {}
        for each in self.scored:
            groups.setdefault(len(each.points), []).append(each)
        parts, order = [x], np.arange(len(self.clips))
        for group in groups.values():
            order[[each.place for each in group]] = len(self.clips) + sum(len(own) for own in list(groups.values())[: len(parts) - 1])
            order[[each.place for each in group]] += np.arange(len(group))
            parts.append(interpolated(op, op.take(x, [each.place for each in group]), group))
        return x if len(parts) == 1 else op.take(op.concatenate(parts), order)


def interpolated(op: Graph, x: Value, group: Sequence[Knotted]) -> Value:
    """Return the scores of values, shape (rows, values), linear between knots as `np.interp` computes them.

    The knot below each value is found by bisection, so that no array has more than a number for each value.
    """
    points = np.stack([each.points for each in group])
    scores = np.stack([each.scores for each in group if each.scores is not None])
    inside, steps = op.clip(x, points[:, 0], points[:, -1]), points.shape[1] - 1
    width = 1 << (steps - 1).bit_length()  # of a table: a power of two
    lower, slopes, starts = np.full((len(group), width), np.inf), np.zeros((len(group), width)), np.zeros((len(group), width))
    lower[:, :steps], slopes[:, :steps], starts[:, :steps] = points[:, :-1], np.diff(scores) / np.diff(points), scores[:, :-1]
    knots, slope, start = (op.constant(table.reshape(-1), x.dtype) for table in (lower, slopes, starts))
    index: Any = np.arange(len(group)) * width
    half = width // 2
    while half:
        index = index + op.cast(op("Gather", knots, index + np.array(half)) <= inside, INT) * np.array(half)
        half //= 2
    found = op("Gather", slope, index) * (inside - op("Gather", knots, index)) + op("Gather", start, index)
    return op.clip(found, scores.min(axis=1), scores.max(axis=1))
