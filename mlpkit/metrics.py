"""Built-in metrics, computed on whole data sets with sample weights. They agree with the same metrics of scikit-learn."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from mlpkit.plugin import Array, Metric, Targets, Task


class Accuracy(Metric):
    """Share of rows whose most probable class is the right one."""

    higher_is_better: ClassVar[bool] = True
    task: ClassVar[Task] = "classification"

    def compute(self, outputs: Array, targets: Targets, weights: Array) -> float:
        return float(np.average(outputs.argmax(axis=1) == targets, weights=weights))


class LogLoss(Metric):
    """Mean of -log(probability of the right class), at most 708.4: probabilities are clipped at the smallest normal float64."""

    higher_is_better: ClassVar[bool] = False
    task: ClassVar[Task] = "classification"

    def compute(self, outputs: Array, targets: Targets, weights: Array) -> float:
        right = outputs[np.arange(len(outputs)), targets]
        return float(np.average(-np.log(np.maximum(right, np.finfo(np.float64).tiny)), weights=weights))


class MeanSquaredError(Metric):
    """Mean squared error mean((outputs - targets)^2), in squared units of the target."""

    higher_is_better: ClassVar[bool] = False
    task: ClassVar[Task] = "regression"

    def compute(self, outputs: Array, targets: Targets, weights: Array) -> float:
        return float(np.average((outputs - targets) ** 2, axis=0, weights=weights).mean())


class RootMeanSquaredError(Metric):
    """Root mean squared error sqrt(mean((outputs - targets)^2)) per target, averaged over targets; in units of the target."""

    higher_is_better: ClassVar[bool] = False
    task: ClassVar[Task] = "regression"

    def compute(self, outputs: Array, targets: Targets, weights: Array) -> float:
        return float(np.sqrt(np.average((outputs - targets) ** 2, axis=0, weights=weights)).mean())


class MeanAbsoluteError(Metric):
    """Mean absolute error mean(|outputs - targets|), in units of the target."""

    higher_is_better: ClassVar[bool] = False
    task: ClassVar[Task] = "regression"

    def compute(self, outputs: Array, targets: Targets, weights: Array) -> float:
        return float(np.average(np.abs(outputs - targets), axis=0, weights=weights).mean())


class R2(Metric):
    """Coefficient of determination 1 - sum((targets - outputs)^2) / sum((targets - mean)^2), averaged over targets that vary.

    NaN if no target varies, such as for a single row.
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
    """Share of rows with all labels right, at a threshold of 0.5; scikit-learn's accuracy_score for multi-label targets."""

    since: ClassVar[int] = 5  # the spec schema
    higher_is_better: ClassVar[bool] = True
    task: ClassVar[Task] = "multilabel"

    def compute(self, outputs: Array, targets: Targets, weights: Array) -> float:
        return float(np.average(((outputs > 0.5) == targets).all(axis=1), weights=weights))


class HammingLoss(Metric):
    """Share of labels that are wrong, at a threshold of 0.5, averaged over labels."""

    since: ClassVar[int] = 5  # the spec schema
    higher_is_better: ClassVar[bool] = False
    task: ClassVar[Task] = "multilabel"

    def compute(self, outputs: Array, targets: Targets, weights: Array) -> float:
        return float(np.average(((outputs > 0.5) != targets).mean(axis=1), weights=weights))
