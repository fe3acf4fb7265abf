"""Metrics of several labels per row."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from mlpkit.numerics.confusion import Counts, quotients
from mlpkit.numerics.ranking import average_precision, roc_auc
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


class _Averaged(Metric):
    """Quotient of counts of right and wrong labels, and its mean."""

    since: ClassVar[int] = 5
    higher_is_better: ClassVar[bool] = True
    task: ClassVar[Task] = "multilabel"
    average: Literal["macro", "micro", "weighted", "samples"] = Field("macro", description="mean over labels, or over rows with samples")

    @abstractmethod
    def parts(self, counts: Counts) -> tuple[Any, Any]:
        """Return numerator and denominator of the quotient."""

    def compute(self, outputs: Array, targets: Targets, weights: Array) -> float:
        predicted, right = outputs > 0.5, targets > 0.5
        cells = (predicted & right, predicted & ~right, ~predicted & right, ~predicted & ~right)
        if self.average == "samples":
            return float(np.average(self._quotients(*(cell.sum(axis=1).astype(np.float64) for cell in cells)), weights=weights))
        counts = [weights @ cell for cell in cells]
        if self.average == "micro":
            return float(self._quotients(*(count.sum(keepdims=True) for count in counts))[0])
        rows = counts[0] + counts[2]
        weighted = self.average == "weighted" and rows.any()
        return float(np.average(self._quotients(*counts), weights=rows if weighted else None))

    def _quotients(self, *counts: Any) -> Any:
        return quotients(*self.parts(Counts(*counts)))


class MultilabelPrecision(_Averaged):
    """Precision tp / (tp + fp) of each label at a threshold of 0.5: share of its predictions that are right.

    `average`: "macro" is the mean over labels, "weighted" weights it by the rows with the label, "micro" sums the counts of all labels
    first, "samples" is the mean over rows of the quotient in the row. 0/0 counts as 0. scikit-learn's precision_score for multi-label
    targets.
    """

    def parts(self, counts: Counts) -> tuple[Any, Any]:
        return counts.tp, counts.tp + counts.fp


class MultilabelRecall(_Averaged):
    """Recall tp / (tp + fn) of each label at a threshold of 0.5; `average` is that of `multilabel_precision`.

    scikit-learn's recall_score for multi-label targets.
    """

    def parts(self, counts: Counts) -> tuple[Any, Any]:
        return counts.tp, counts.tp + counts.fn


class MultilabelF1(_Averaged):
    """F1 score 2 tp / (2 tp + fp + fn) of each label at a threshold of 0.5; `average` is that of `multilabel_precision`.

    scikit-learn's f1_score for multi-label targets.
    """

    def parts(self, counts: Counts) -> tuple[Any, Any]:
        return 2.0 * counts.tp, 2.0 * counts.tp + counts.fp + counts.fn


class MultilabelJaccard(_Averaged):
    """Jaccard index tp / (tp + fp + fn) of each label at a threshold of 0.5; `average` is that of `multilabel_precision`.

    scikit-learn's jaccard_score for multi-label targets.
    """

    def parts(self, counts: Counts) -> tuple[Any, Any]:
        return counts.tp, counts.tp + counts.fp + counts.fn


class MultilabelROCAUC(Metric):
    """Area under the ROC curve of each label, averaged over the labels that some rows have and some have not.

    NaN if there is no such label. scikit-learn's roc_auc_score for multi-label targets with average="macro".
    """

    since: ClassVar[int] = 5
    higher_is_better: ClassVar[bool] = True
    task: ClassVar[Task] = "multilabel"

    def compute(self, outputs: Array, targets: Targets, weights: Array) -> float:
        return _mean([roc_auc(*label, weights) for label in zip(outputs.T, targets.T > 0.5, strict=True)])


class MultilabelAveragePrecision(Metric):
    """Average precision of each label, averaged over the labels that some rows have; NaN if no row has a label.

    scikit-learn's average_precision_score with average="macro", which counts 0 for a label that no row has.
    """

    since: ClassVar[int] = 5
    higher_is_better: ClassVar[bool] = True
    task: ClassVar[Task] = "multilabel"

    def compute(self, outputs: Array, targets: Targets, weights: Array) -> float:
        return _mean([average_precision(*label, weights) for label in zip(outputs.T, targets.T > 0.5, strict=True)])


class LabelRankingAveragePrecision(Metric):
    """Mean over the labels of a row of the share of right labels among those with at least its probability, averaged over rows.

    1 for a row with all labels or none. scikit-learn's label_ranking_average_precision_score.
    """

    since: ClassVar[int] = 5
    higher_is_better: ClassVar[bool] = True
    task: ClassVar[Task] = "multilabel"

    def compute(self, outputs: Array, targets: Targets, weights: Array) -> float:
        right = targets > 0.5
        total = np.zeros(len(outputs))
        for column in range(outputs.shape[1]):
            ahead = outputs >= outputs[:, column, None]
            total += np.where(right[:, column], (ahead & right).sum(axis=1) / ahead.sum(axis=1), 0.0)
        labels = right.sum(axis=1)
        trivial = (labels == 0) | (labels == outputs.shape[1])
        return float(np.average(np.where(trivial, 1.0, total / np.maximum(labels, 1)), weights=weights))


def _mean(values: Sequence[float]) -> float:
    defined = [value for value in values if not math.isnan(value)]
    return float(np.mean(defined)) if defined else math.nan
