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
    """Return the scores of values, shape (rows, values), linear between knots as `np.interp` computes them."""
    points = np.stack([each.points for each in group])
    scores = np.stack([each.scores for each in group if each.scores is not None])
    count = points.shape[1]
    inside = op.clip(x, points[:, 0], points[:, -1])
    reached = op.cast(op("Unsqueeze", inside, np.array([2])) >= points[:, 1:-1], INT)
    index = op.row_sum(reached, axis=2, keep=0) + (np.arange(len(group)) * count)
    slopes = np.zeros_like(points)
    slopes[:, :-1] = np.diff(scores) / np.diff(points)
    slope, point, score = (
        op("Gather", op.constant(table.reshape(-1), x.dtype), index, dtype=x.dtype) for table in (slopes, points, scores)
    )
    return op.clip(slope * (inside - point) + score, scores.min(axis=1), scores.max(axis=1))
