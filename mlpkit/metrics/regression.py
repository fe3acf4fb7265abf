"""Metrics of numbers."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from mlpkit.plugin import Array, Metric, Targets, Task


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
