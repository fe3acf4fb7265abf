"""Choice of the decision threshold between two classes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpkit.spec.decision import Criterion

FEWEST = 20  # rows of the second class for which a threshold is chosen

Vector = NDArray[np.float64]


def best_threshold(probability: Vector, positive: NDArray[np.bool_], weights: NDArray[Any] | None, criterion: Criterion) -> float:
    """Return the threshold that maximizes a criterion on some rows; of several the one closest to 0.5.

    Parameters
    ----------
    probability : array, shape (rows,)
        Probability of the second class.
    positive : array, shape (rows,)
        True for rows of the second class.
    weights : array, shape (rows,), or None
        Sample weights.
    criterion : {"f1", "balanced_accuracy"}
        2 TP / (2 TP + FP + FN), or the mean of the shares of both classes that are predicted right.
    """
    each = np.ones(len(probability)) if weights is None else weights.astype(np.float64)
    order = np.argsort(probability)
    p, right, wrong = probability[order], (each * positive)[order], (each * ~positive)[order]
    false_negative, true_negative = (np.append(0.0, part.cumsum()) for part in (right, wrong))  # the first k rows predicted negative
    true_positive, false_positive = right.sum() - false_negative, wrong.sum() - true_negative
    with np.errstate(all="ignore"):
        if criterion == "f1":
            scores = 2 * true_positive / (2 * true_positive + false_positive + false_negative)
        else:
            scores = (true_positive / right.sum() + true_negative / wrong.sum()) / 2
    edges = np.concatenate([[0.0], p, [1.0]])
    candidates = (edges[:-1] + edges[1:]) / 2
    possible = (edges[:-1] < edges[1:]) & (candidates > 0) & (candidates < 1) & np.isfinite(scores)
    if not possible.any():
        return 0.5
    best = possible & (scores >= scores[possible].max() * (1 - 1e-12))
    if (best & (edges[:-1] <= 0.5) & (edges[1:] > 0.5)).any():  # 0.5 is as good
        return 0.5
    return float(candidates[best][np.abs(candidates[best] - 0.5).argmin()])


def centered(probabilities: NDArray[np.float64], threshold: float) -> NDArray[np.float64]:
    """Return probabilities of two classes, shape (rows, 2), in the same order but with the threshold of the second class at 0.5."""
    p = probabilities[:, 1]
    second = np.where(p > threshold, 0.5 + 0.5 * (p - threshold) / (1.0 - threshold), 0.5 * p / threshold)
    second = np.where((p > threshold) & (second <= 0.5), np.nextafter(0.5, 1.0), second)  # rounding keeps decisions
    return np.stack([1.0 - second, second], axis=1)
