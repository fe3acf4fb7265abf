"""Metrics of numbers that measure how well outputs follow the targets, averaged over the targets that vary."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from mlpkit.numerics.ranking import ranks
from mlpkit.plugin import Array, Metric, Targets, Task


class _Association(Metric):
    """Metric of numbers for which higher is better; NaN if no target varies."""

    since: ClassVar[int] = 5  # the spec schema
    higher_is_better: ClassVar[bool] = True
    task: ClassVar[Task] = "regression"

    def compute(self, outputs: Array, targets: Targets, weights: Array) -> float:
        used = weights > 0
        outputs, targets, weights = outputs[used], targets[used], weights[used]
        found = [self.of_column(*pair, weights) for pair in zip(outputs.T, targets.T, strict=True) if (pair[1] != pair[1][0]).any()]
        return float(np.mean(found)) if found else math.nan

    def of_column(self, output: Array, target: Array, weights: Array) -> float:
        """Return the value for one target that varies. All arrays have shape (rows,)."""
        raise NotImplementedError


class ExplainedVariance(_Association):
    """Explained variance 1 - var(targets - outputs) / var(targets); unlike for R2, a constant error does not count.

    NaN if no target varies. scikit-learn's explained_variance_score.
    """

    def of_column(self, output: Array, target: Array, weights: Array) -> float:
        return 1.0 - _variance(target - output, weights) / _variance(target, weights)


class Pearson(_Association):
    """Pearson's correlation coefficient cov(outputs, targets) / (sd(outputs) sd(targets)), from -1 to 1. Pearson 1895.

    NaN if no target varies; 0 if the outputs do not.
    """

    def of_column(self, output: Array, target: Array, weights: Array) -> float:
        return _correlation(output, target, weights)


class Spearman(_Association):
    """Spearman's rank correlation coefficient: Pearson's of the ranks; equal numbers have the mean of their ranks. Spearman 1904.

    With sample weights, a rank is the weight of all smaller numbers plus half of that of equal ones. NaN if no target varies; 0 if the
    outputs do not.
    """

    def of_column(self, output: Array, target: Array, weights: Array) -> float:
        return _correlation(ranks(output, weights), ranks(target, weights), weights)


def _variance(values: Array, weights: Array) -> float:
    return float(np.average((values - np.average(values, weights=weights)) ** 2, weights=weights))


def _correlation(a: Array, b: Array, weights: Array) -> float:
    a, b = a - np.average(a, weights=weights), b - np.average(b, weights=weights)
    a, b = a / (np.abs(a).max() or 1.0), b / (np.abs(b).max() or 1.0)  # squares neither overflow nor vanish
    size = math.sqrt(np.average(a * a, weights=weights) * np.average(b * b, weights=weights))
    return min(max(float(np.average(a * b, weights=weights)) / size, -1.0), 1.0) if size else 0.0
