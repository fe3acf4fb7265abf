"""Metrics of one class per row."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import Field

from mlpkit.plugin import Array, Metric, Targets, Task


class Accuracy(Metric):
    """Share of rows whose predicted class is the right one: the most probable one, or the one above the decision threshold."""

    decides: ClassVar[bool] = True
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


class ZeroOneLoss(Metric):
    """Share of rows whose most probable class is not the right one. scikit-learn's zero_one_loss."""

    since: ClassVar[int] = 5  # the spec schema
    decides: ClassVar[bool] = True
    higher_is_better: ClassVar[bool] = False
    task: ClassVar[Task] = "classification"

    def compute(self, outputs: Array, targets: Targets, weights: Array) -> float:
        return float(np.average(outputs.argmax(axis=1) != targets, weights=weights))


class TopKAccuracy(Metric):
    """Share of rows whose right class is among the k most probable ones; of equal probabilities, that of the first class is higher.

    1 for up to k classes. scikit-learn's top_k_accuracy_score, in which the last of equal ones is higher, and k is 2; in Keras it is 5.
    """

    since: ClassVar[int] = 5
    higher_is_better: ClassVar[bool] = True
    task: ClassVar[Task] = "classification"
    k: int = Field(2, ge=1, description="number of most probable classes")

    def compute(self, outputs: Array, targets: Targets, weights: Array) -> float:
        right = outputs[np.arange(len(outputs)), targets][:, None]
        before = np.arange(outputs.shape[1]) < targets[:, None]
        higher = (outputs > right) | ((outputs == right) & before)
        return float(np.average(higher.sum(axis=1) < self.k, weights=weights))


class Brier(Metric):
    """Brier score. Two classes: mean((p - y)^2) for the second class. More: mean over rows of sum((p - y)^2) over classes. Brier 1950.

    y is 1 for the right class and 0 for the others. Equal to scikit-learn's brier_score_loss, which halves the sum for two classes.
    """

    since: ClassVar[int] = 5
    higher_is_better: ClassVar[bool] = False
    task: ClassVar[Task] = "classification"

    def compute(self, outputs: Array, targets: Targets, weights: Array) -> float:
        differences = outputs.copy()
        differences[np.arange(len(outputs)), targets] -= 1.0
        by_row = differences[:, 1] ** 2 if outputs.shape[1] == 2 else (differences**2).sum(axis=1)
        return float(np.average(by_row, weights=weights))


class ExpectedCalibrationError(Metric):
    """Expected calibration error sum over bins of (share of rows) |accuracy - mean probability|. Guo et al. 2017, 1706.04599.

    The probability is that of the predicted class. Bin b of n equal ones is (b / n, (b + 1) / n].
    """

    since: ClassVar[int] = 5
    higher_is_better: ClassVar[bool] = False
    task: ClassVar[Task] = "classification"
    bins: int = Field(15, ge=1, le=10_000, description="number of bins of equal width from 0 to 1")

    def compute(self, outputs: Array, targets: Targets, weights: Array) -> float:
        predicted = outputs.argmax(axis=1)
        probability = outputs[np.arange(len(outputs)), predicted]
        within = np.clip(np.ceil(probability * self.bins).astype(np.intp) - 1, 0, self.bins - 1)
        differences = np.bincount(within, weights * ((predicted == targets) - probability), self.bins)
        return float(np.abs(differences).sum() / weights.sum())
