"""Metrics of several labels per row."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from mlpkit.plugin import Array, Metric, Targets, Task


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
