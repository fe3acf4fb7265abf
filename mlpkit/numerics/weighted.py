"""Weighted means and quantiles of columns, and roots of increasing functions.

A row of integer weight k counts as k rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from mlpkit.numerics.arrays import Array

TIE = 1e-12  # relative difference of two sums of the same weights that counts as rounding
HALVINGS = 80  # of an interval: more than the 53 binary digits of a float64


def mean(values: Array, weights: Array | None) -> NDArray[np.float64]:
    """Return the mean of each column of `values`, shape (rows, columns), in float64."""
    return np.asarray(np.average(np.asarray(values, np.float64), axis=0, weights=weights))


def quantile(values: Array, share: float, weights: Array | None) -> NDArray[np.float64]:
    """Return a quantile of each column of `values`, shape (rows, columns), ignoring NaN; see `quantiles`."""
    return np.array([quantiles(column, [share], weights)[0] for column in values.T])


def quantiles(values: Array, shares: Sequence[float], weights: Array | None) -> NDArray[np.float64]:
    """Return quantiles of `values`, shape (rows,), ignoring NaN; NaN if there is no other value.

    With F(x) the share of the weight of the values up to x, it is the mean of the least x for which F(x) >= `share` and the
    least x for which F(x) > `share`: definition 2 of Hyndman and Fan (1996), "averaged_inverted_cdf" of NumPy. For 0.5 it is
    the usual median. Scaling all weights does not change it, and a row of weight k counts as k equal rows.
    """
    order = np.argsort(values, kind="stable")
    order = order[: len(values) - np.count_nonzero(np.isnan(values))]  # NaN comes last
    order = order if weights is None else order[weights[order] > 0]
    if not len(order):
        return np.full(len(shares), np.nan)
    ordered = values[order]
    upto = np.arange(1.0, len(order) + 1) if weights is None else np.cumsum(weights[order])
    wanted, tie = np.asarray(shares) * upto[-1], TIE * upto[-1]
    lower = ordered[np.searchsorted(upto, wanted - tie)]
    upper = ordered[np.minimum(np.searchsorted(upto, wanted + tie, "right"), len(order) - 1)]
    return np.asarray(np.where(lower == upper, lower, lower + (upper - lower) / 2))


def root(function: Callable[[NDArray[np.float64]], Array], low: Array, high: Array) -> NDArray[np.float64]:
    """Return the point between `low` and `high` where each column of an increasing function changes its sign, by bisection.

    Parameters
    ----------
    function : callable
        Function from points, shape (columns,), to values of the same shape.
    low, high : array, shape (columns,)
        Points where the function is at most 0, and at least 0.
    """
    low, high = (np.array(end, np.float64) for end in (low, high))
    for _ in range(HALVINGS):
        middle = low + (high - low) / 2
        below = function(middle) < 0
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return np.asarray(low + (high - low) / 2)
