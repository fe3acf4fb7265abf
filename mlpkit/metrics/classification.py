"""Metrics of one class per row."""

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
