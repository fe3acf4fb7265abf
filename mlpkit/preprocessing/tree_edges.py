"""Edges of bins by a small decision tree that predicts the target from one number."""

from __future__ import annotations

import heapq

import numpy as np
from numpy.typing import NDArray

from mlpkit.plugin import Targets
from mlpkit.preprocessing.statistics import mean_and_deviation

Vector = NDArray[np.float64]

CELLS = 2**22  # largest number of rows times target columns; a sample of the rows is used above
FEWEST = 0.01  # least share of the weight in a bin


def tree_edges(values: Vector, targets: Targets, count: int, weights: Vector | None) -> Vector:
    """Return the edges of at most `count` bins: smallest value, thresholds, largest value.

    The tree grows best first. Each split minimizes the sum of squared deviations from the means of its two bins, over all target columns
    in units of their deviation; for classes these are one 0/1 column each, and the sum is the Gini impurity. A threshold is the middle
    between two neighbouring values. Breiman, Friedman, Olshen & Stone 1984.

    Parameters
    ----------
    values : array, shape (rows,)
        NaN if missing; such rows are left out.
    targets : array
        Class numbers, shape (rows,), or numbers, shape (rows, columns).
    count : int
    weights : array, shape (rows,), or None
    """
    known = np.flatnonzero(~np.isnan(values))
    order = known[np.argsort(values[known], kind="stable")]
    ends = values[order[0]], values[order[-1]]
    width = int(targets.max()) + 1 if targets.ndim == 1 else targets.shape[1]
    order = order[:: max(1, -(-len(order) * width // CELLS))]
    x, each = values[order], np.ones(len(order)) if weights is None else weights[order] / weights.max()
    sums = np.cumsum(_columns(targets[order], width, each) * each[:, None], axis=0)
    upto, total = np.vstack([np.zeros(width), sums]), np.concatenate([[0.0], np.cumsum(each)])
    fewest = FEWEST * total[-1]
    thresholds: list[float] = []
    waiting: list[tuple[float, int, int, int]] = []
    _offer(waiting, x, upto, total, 0, len(x), fewest)
    while waiting and len(thresholds) < count - 1:
        _, start, cut, stop = heapq.heappop(waiting)
        thresholds.append(x[cut - 1] + (x[cut] - x[cut - 1]) / 2)
        _offer(waiting, x, upto, total, start, cut, fewest)
        _offer(waiting, x, upto, total, cut, stop, fewest)
    return np.unique([*ends, *thresholds])


def _columns(targets: Targets, width: int, weights: Vector) -> Vector:
    """Return one 0/1 column for each class, or numbers with a mean of 0 and a deviation of 1."""
    if targets.ndim == 1:
        return np.equal(targets[:, None], np.arange(width)).astype(np.float64)
    numbers = np.ldexp(targets, -np.frexp(np.abs(targets).max(axis=0))[1])  # squares of up to 1 neither overflow nor vanish
    mean, deviation = mean_and_deviation(numbers, weights)
    return np.asarray((numbers - mean) / np.where(deviation > 0, deviation, 1.0))


def _offer(
    waiting: list[tuple[float, int, int, int]], x: Vector, upto: Vector, total: Vector, start: int, stop: int, fewest: float
) -> None:
    """Add the best split of the rows from `start` to `stop`, if there is one, with its gain as a negative number."""
    cuts = np.arange(start + 1, stop)
    left, right = total[cuts] - total[start], total[stop] - total[cuts]
    cuts = cuts[(x[cuts - 1] < x[cuts]) & (left >= fewest) & (right >= fewest)]
    if not len(cuts):
        return
    left, right = (total[cuts] - total[start])[:, None], (total[stop] - total[cuts])[:, None]
    means = (upto[cuts] - upto[start]) / left, (upto[stop] - upto[cuts]) / right
    gains = (left * right / (left + right) * (means[0] - means[1]) ** 2).sum(axis=1)
    best = int(gains.argmax())
    if gains[best] > 0:
        heapq.heappush(waiting, (-float(gains[best]), start, int(cuts[best]), stop))
