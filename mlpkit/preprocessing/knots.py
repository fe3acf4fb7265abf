"""Knots of numeric columns, fitted on the training rows: quantiles with their normal scores, and edges of bins."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpkit.numerics.weighted import quantiles
from mlpkit.plugin import Targets
from mlpkit.preprocessing.input_columns import InputColumn, column_scaling
from mlpkit.preprocessing.statistics import beyond_error
from mlpkit.preprocessing.tree_edges import tree_edges
from mlpkit.preprocessing.value_maps import KNOTTED, Knots
from mlpkit.spec import Preprocessing
from mlpkit.spec.column_treatment import AnyScaling, Bins, Quantile

Vector = NDArray[np.float64]


def fit_knots(
    options: Preprocessing,
    columns: Sequence[InputColumn],
    values: Callable[[InputColumn], NDArray[Any]],
    center: Vector,
    scale: Vector,
    constant: Collection[int],
    weights: Vector | None,
    targets: Callable[[], Targets],
) -> Knots:
    """Return the knots of all columns with the treatments "quantile" and "bins".

    Parameters
    ----------
    options : Preprocessing
    columns : sequence of InputColumn
    values : callable
        Returns the values of a column, shape (rows,) or (rows, values), with NaN for missing ones.
    center, scale : array, shape (values,)
    constant : collection of int
        Indices of constant values, which have no knots.
    weights : array, shape (rows,), or None
        Sample weights: a row of weight k counts as k equal rows.
    targets : callable
        Returns the targets of the rows, for edges by a tree. It is called at most once.

    Raises
    ------
    DataError
        The difference of two values of a column is above the largest float.
    """
    targets = cache(targets)
    counts, points, scores, start = np.zeros(len(center), np.int64), [np.empty(0)], [np.empty(0)], 0
    for column in columns:
        if column.treatment in KNOTTED:
            scaling = column_scaling(options, column.name)
            found = values(column)
            for index, each in enumerate(found.reshape(len(found), -1).T, start):
                if index not in constant:
                    own = _of_value((each.astype(np.float64) - center[index]) / scale[index], scaling, weights, targets)
                    if len(own[0]) == 1 or not math.isfinite(float(own[0][-1]) - float(own[0][0])):  # 1: a constant whose mean overflows
                        raise beyond_error(column.name)
                    counts[index] = len(own[0])
                    points.append(own[0])
                    scores.append(own[1])
        start += column.width
    return Knots(counts, np.concatenate(points), np.concatenate(scores))


def _of_value(values: Vector, scaling: AnyScaling, weights: Vector | None, targets: Callable[[], Targets]) -> tuple[Vector, Vector]:
    """Return the increasing knots of one number, and their normal scores; the latter are empty for bins.

    `values` are scaled, with NaN for missing ones, and are not constant.
    """
    if isinstance(scaling, Quantile):
        return _normal_scores(_quantiles(values, scaling.knots, weights))
    assert isinstance(scaling, Bins)
    if scaling.edges == "tree":
        return tree_edges(values, targets(), scaling.count, weights), np.empty(0)
    return np.unique(_quantiles(values, scaling.count + 1, weights)), np.empty(0)


def _quantiles(values: Vector, count: int, weights: Vector | None) -> Vector:
    """Return quantiles of equal distances, from the smallest value to the largest one."""
    return quantiles(values, np.linspace(0.0, 1.0, count).tolist(), weights)


def _normal_scores(points: Vector) -> tuple[Vector, Vector]:
    """Return the distinct quantiles, and the mean normal score of the equal ones."""
    knots, places = np.unique(points, return_inverse=True)
    return knots, np.bincount(places, _scores(len(points))) / np.bincount(places)


@cache
def _scores(count: int) -> Vector:
    """Return the normal scores of `count` quantiles of equal distances.

    The score of the share p is the z that a standard normal variable is below with probability p. The ends count as p = 1 / (2 count) and
    1 - 1 / (2 count).
    """
    from statistics import NormalDist  # it loads decimals and fractions

    half = 0.5 / count
    return np.array([NormalDist().inv_cdf(share) for share in np.linspace(0.0, 1.0, count).clip(half, 1.0 - half).tolist()])
