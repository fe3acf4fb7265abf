"""The built-in metrics: exact on the whole set, weighted. Each agrees with scikit-learn's of the same meaning."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from mlpkit.plugin import Array, Metric, Targets, Task


class Accuracy(Metric):
    """Share of the rows whose most probable class is the right one."""

    higher_is_better: ClassVar[bool] = True
    task: ClassVar[Task] = "classification"

    def compute(self, outputs: Array, targets: Targets, weights: Array) -> float:
        return float(np.average(outputs.argmax(axis=1) == targets, weights=weights))


class LogLoss(Metric):
    """Mean of -log(probability of the right class), at most 708.4: a probability is at least the least normal float64."""

    higher_is_better: ClassVar[bool] = False
    task: ClassVar[Task] = "classification"

    def compute(self, outputs: Array, targets: Targets, weights: Array) -> float:
        right = outputs[np.arange(len(outputs)), targets]
        return float(np.average(-np.log(np.maximum(right, np.finfo(np.float64).tiny)), weights=weights))


class MeanSquaredError(Metric):
    """mean((outputs - targets)^2), in squared units of the target."""

    higher_is_better: ClassVar[bool] = False
    task: ClassVar[Task] = "regression"

    def compute(self, outputs: Array, targets: Targets, weights: Array) -> float:
        return float(np.average((outputs - targets) ** 2, axis=0, weights=weights).mean())


class RootMeanSquaredError(Metric):
    """sqrt(mean((outputs - targets)^2)) per target, then the mean over targets; in units of the target."""

    higher_is_better: ClassVar[bool] = False
    task: ClassVar[Task] = "regression"

    def compute(self, outputs: Array, targets: Targets, weights: Array) -> float:
        return float(np.sqrt(np.average((outputs - targets) ** 2, axis=0, weights=weights)).mean())


class MeanAbsoluteError(Metric):
    """mean(|outputs - targets|), in units of the target."""

    higher_is_better: ClassVar[bool] = False
    task: ClassVar[Task] = "regression"

    def compute(self, outputs: Array, targets: Targets, weights: Array) -> float:
        return float(np.average(np.abs(outputs - targets), axis=0, weights=weights).mean())


class R2(Metric):
    """1 - sum((targets - outputs)^2) / sum((targets - mean)^2) per target, then the mean over the targets that vary.

    Where none varies, as in a single row, it is not defined, and NaN.
    """

    higher_is_better: ClassVar[bool] = True
    task: ClassVar[Task] = "regression"

    def compute(self, outputs: Array, targets: Targets, weights: Array) -> float:
        residual = np.average((targets - outputs) ** 2, axis=0, weights=weights)
        mean = np.average(targets, axis=0, weights=weights)
        spread = np.average((targets - mean) ** 2, axis=0, weights=weights)
        varies = (targets != targets[0]).any(axis=0) & (spread > 0)
        return float((1.0 - residual[varies] / spread[varies]).mean()) if varies.any() else float("nan")


class SubsetAccuracy(Metric):
    """Share of the rows of which every label is right, decided at a probability of 0.5; scikit-learn's accuracy_score of labels."""

    since: ClassVar[int] = 5  # the spec schema
    higher_is_better: ClassVar[bool] = True
    task: ClassVar[Task] = "multilabel"

    def compute(self, outputs: Array, targets: Targets, weights: Array) -> float:
        return float(np.average(((outputs > 0.5) == targets).all(axis=1), weights=weights))


class HammingLoss(Metric):
    """Share of the labels that are wrong, decided at a probability of 0.5; the mean over the labels."""

    since: ClassVar[int] = 5  # the spec schema
    higher_is_better: ClassVar[bool] = False
    task: ClassVar[Task] = "multilabel"

    def compute(self, outputs: Array, targets: Targets, weights: Array) -> float:
        return float(np.average(((outputs > 0.5) != targets).mean(axis=1), weights=weights))
