"""Measures that depend on the order of the scores alone, with sample weights and ties."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpkit.numerics.arrays import Array


def roc_auc(scores: Array, positive: NDArray[np.bool_], weights: Array) -> float:
    """Return the area under the ROC curve: the share of pairs in which the positive row has the higher score; ties count half.

    NaN without positive or without negative rows. All arrays have shape (rows,).
    """
    tp, fp = _cumulated(-scores, positive, weights)
    if not len(tp) or tp[-1] <= 0 or fp[-1] <= 0:
        return float("nan")
    tp, fp = tp / tp[-1], fp / fp[-1]
    return float(np.sum(np.diff(fp, prepend=0.0) * (tp + np.append(0.0, tp[:-1]))) / 2.0)


def average_precision(scores: Array, positive: NDArray[np.bool_], weights: Array) -> float:
    """Return the sum over thresholds of (increase of the recall) * precision, without interpolation; NaN without positive rows."""
    tp, fp = _cumulated(-scores, positive, weights)
    if not len(tp) or tp[-1] <= 0:
        return float("nan")
    return float(np.sum(np.diff(tp, prepend=0.0) / tp[-1] * (tp / (tp + fp))))


def roc_curve(scores: Array, positive: NDArray[np.bool_], weights: Array) -> tuple[Array, Array]:
    """Return the false and true positive rates above each distinct score, from (0, 0) to (1, 1); NaN without rows of a kind.

    scikit-learn's roc_curve with ``drop_intermediate=False``. All arrays have shape (rows,).
    """
    tp, fp = (np.append(0.0, counts) for counts in _cumulated(-scores, positive, weights))
    with np.errstate(invalid="ignore"):
        return fp / fp[-1], tp / tp[-1]


def precision_recall_curve(scores: Array, positive: NDArray[np.bool_], weights: Array) -> tuple[Array, Array]:
    """Return precision and recall above each distinct score, by falling recall, and the point (1, 0) at the end.

    scikit-learn's precision_recall_curve; NaN recalls without positive rows.
    """
    tp, fp = _cumulated(-scores, positive, weights)
    with np.errstate(invalid="ignore"):
        recall = tp / tp[-1] if len(tp) else tp
    return np.append((tp / (tp + fp))[::-1], 1.0), np.append(recall[::-1], 0.0)


def _cumulated(keys: Array, positive: NDArray[np.bool_], weights: Array) -> tuple[Array, Array]:
    """Return the weights of positive and of negative rows up to each distinct key, in increasing order of the keys."""
    used = weights > 0
    keys, positive, weights = keys[used], positive[used], weights[used]
    order = np.argsort(keys, kind="stable")
    ends = _ends(keys[order])
    weights, positive = weights[order], positive[order]
    return np.cumsum(np.where(positive, weights, 0.0))[ends], np.cumsum(np.where(positive, 0.0, weights))[ends]


def _ends(ordered: Array) -> NDArray[Any]:
    """Return the index of the last of each group of equal numbers."""
    return np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True)) if len(ordered) else np.empty(0, np.intp)


def ranks(values: Array, weights: Array) -> Array:
    """Return the weighted rank of each value: the weight of all smaller ones, plus half of that of equal ones."""
    order = np.argsort(values, kind="stable")
    ends = _ends(values[order])
    upto = np.cumsum(weights[order])[ends]
    middles = (upto + np.append(0.0, upto[:-1])) / 2.0
    found = np.empty(len(values))
    found[order] = np.repeat(middles, np.diff(ends, prepend=-1))
    return found
