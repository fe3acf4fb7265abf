"""Confusion matrices and the counts of each class."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlpkit.numerics.arrays import Array


class Counts(NamedTuple):
    """Sums of sample weights, each of shape (classes,): true and false positives, false and true negatives of each class."""

    tp: Array
    fp: Array
    fn: Array
    tn: Array


def confusion_matrix(targets: NDArray[Any], predicted: NDArray[Any], weights: Array, classes: int) -> Array:
    """Return sums of sample weights, shape (classes, classes): a row for each class of the targets, a column for each predicted class."""
    return _sums(targets * classes + predicted, weights, classes * classes).reshape(classes, classes)


def counts_of(targets: NDArray[Any], predicted: NDArray[Any], weights: Array, classes: int) -> Counts:
    """Return the counts of each class, in memory in proportion to the classes, without the matrix."""
    used = weights > 0
    targets, predicted, weights = targets[used], predicted[used], weights[used]
    right = targets == predicted
    tp = _sums(targets[right], weights[right], classes)
    fp, fn = (_sums(numbers[~right], weights[~right], classes) for numbers in (predicted, targets))
    involved = np.bincount(targets, minlength=classes) + np.bincount(predicted[~right], minlength=classes)
    others = np.maximum(weights.sum() - tp - fp - fn, 0.0)
    return Counts(tp, fp, fn, np.where(involved < len(targets), others, 0.0))  # exactly 0 where no row is left of a large sum


def _sums(numbers: NDArray[Any], weights: Array, length: int) -> Array:
    return np.asarray(np.bincount(numbers, weights, length), np.float64)


def quotients(numerator: Array, denominator: Array) -> Array:
    """Return numerator / denominator, and 0 where both are 0."""
    found: Array = np.divide(numerator, denominator, out=np.zeros_like(numerator, np.float64), where=denominator != 0)
    return found
