"""Weighted mean, standard deviation and quantiles of columns. A row of integer weight k counts as k rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]

TIE = 1e-12  # relative difference of two sums of the same weights that counts as rounding


def unequal(weights: Vector | None) -> Vector | None:
    """Return the weights, or None if all of them are equal and have no effect."""
    return None if weights is None or (weights == weights[0]).all() else weights


def mean_and_deviation(values: Vector, weights: Vector | None) -> tuple[Vector, Vector]:
    """Return mean and standard deviation of each column of `values`, shape (rows, columns), ignoring NaN.

    The mean is m = sum(w x) / sum(w), the deviation sqrt(sum(w (x - m)^2) / sum(w)). Both are computed relative to the first value, so
    that a constant column has exactly its value as mean and deviation 0.
    """
    absent = np.isnan(values)
    if weights is None:
        mean, deviation = (np.nanmean, np.nanstd) if absent.any() else (np.mean, np.std)
        return mean(values, axis=0), deviation(values, axis=0)
    base = values[(~absent).argmax(axis=0), np.arange(values.shape[1])]
    each = np.where(absent, 0.0, weights[:, None])
    distance = np.where(absent, 0.0, values - base)
    total = each.sum(axis=0)
    step = (each * distance).sum(axis=0) / total
    return base + step, np.sqrt((each * (distance - step) ** 2).sum(axis=0) / total)


def median(values: Vector, weights: Vector | None) -> Vector:
    """Return the median of each column of `values`, shape (rows, columns), ignoring NaN; see `quantile`."""
    if weights is None:
        return np.asarray(np.nanmedian(values, axis=0) if np.isnan(values).any() else np.median(values, axis=0))
    return quantile(values, 0.5, weights)


def quantile(values: Vector, share: float, weights: Vector | None) -> Vector:
    """Return a quantile of each column of `values`, shape (rows, columns), ignoring NaN.

    With F(x) the share of the weight of the values up to x, it is the mean of the least x for which F(x) >= `share` and the
    least x for which F(x) > `share`: definition 2 of Hyndman and Fan (1996), "averaged_inverted_cdf" of NumPy. For 0.5 it is
    the usual median. Scaling all weights does not change it, and a row of weight k counts as k equal rows.
    """
    order = np.argsort(values, axis=0, kind="stable")  # NaN comes last
    ordered = np.take_along_axis(values, order, axis=0)
    each = np.where(np.isnan(ordered), 0.0, 1.0 if weights is None else weights[order])
    upto = np.cumsum(each, axis=0)
    wanted, tie = share * upto[-1], TIE * upto[-1]
    columns = np.arange(values.shape[1])
    last = (each > 0).cumsum(axis=0).argmax(axis=0)  # the largest value that is not NaN
    low = (upto >= wanted - tie).argmax(axis=0)
    high = np.where((upto > wanted + tie).any(axis=0), (upto > wanted + tie).argmax(axis=0), last)
    lower, upper = ordered[low, columns], ordered[high, columns]
    return np.asarray(np.where(lower == upper, lower, lower + (upper - lower) / 2))


TAILS = (0.25, 0.1, 0.05, 0.01)  # tails outside the range that is the scale: quartiles first, then smaller tails


def robust_scale(values: Vector, weights: Vector | None) -> Vector:
    """Return a scale of each column of `values`, shape (rows, columns), that outliers do not change.

    It is the interquartile range. If that is 0, as for a target that is mostly 0, it is the range between the deciles, then from
    5 to 95 %, then from 1 to 99 %, and finally the standard deviation.
    """
    scale = np.zeros(values.shape[1])
    for tail in TAILS:
        if not (wrong := scale == 0).any():
            return scale
        scale[wrong] = quantile(values[:, wrong], 1 - tail, weights) - quantile(values[:, wrong], tail, weights)
    return np.where(scale == 0, mean_and_deviation(values, weights)[1], scale)
