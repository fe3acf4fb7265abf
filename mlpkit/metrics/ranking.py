"""Metrics of one class per row that depend on the order of the probabilities."""

from __future__ import annotations

import math
from itertools import combinations
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from mlpkit.numerics.ranking import average_precision, roc_auc
from mlpkit.plugin import Array, Metric, Targets, Task


class ROCAUC(Metric):
    """Area under the ROC curve: the probability that a row of a class has a higher score for it than another row; ties count half.

    Two classes: the score is the probability of the second. More: with "ovr", the mean over the classes of the targets, each against all
    others; with "ovo", the mean over all pairs (a, b) of the rows of the two alone, by the probability of a and by that of b
    (Hand & Till 2001). NaN if all rows have the same class. scikit-learn's roc_auc_score with average="macro".
    """

    since: ClassVar[int] = 5  # the spec schema
    higher_is_better: ClassVar[bool] = True
    task: ClassVar[Task] = "classification"
    multi_class: Literal["ovr", "ovo"] = Field("ovr", description="for more than two classes: each against all others, or pairs of classes")

    def compute(self, outputs: Array, targets: Targets, weights: Array) -> float:
        if outputs.shape[1] == 2:
            return roc_auc(outputs[:, 1], targets == 1, weights)
        classes = np.unique(targets[weights > 0]).tolist()
        if len(classes) < 2:
            return math.nan
        if self.multi_class == "ovr":
            return float(np.mean([roc_auc(outputs[:, number], targets == number, weights) for number in classes]))
        return float(np.mean([_of_pair(outputs, targets, weights, pair) for pair in combinations(classes, 2)]))


def _of_pair(outputs: Array, targets: Targets, weights: Array, pair: tuple[int, int]) -> float:
    rows = np.isin(targets, pair)
    outputs, targets, weights = outputs[rows], targets[rows], weights[rows]
    return float(np.mean([roc_auc(outputs[:, number], targets == number, weights) for number in pair]))


class AveragePrecision(Metric):
    """Average precision sum((R_n - R_(n-1)) P_n) over thresholds n, with precision P and recall R: area under their curve.

    Two classes: of the second class; NaN without rows of it. More: the mean over the classes of the targets, each against all others.
    scikit-learn's average_precision_score, without interpolation.
    """

    since: ClassVar[int] = 5
    higher_is_better: ClassVar[bool] = True
    task: ClassVar[Task] = "classification"

    def compute(self, outputs: Array, targets: Targets, weights: Array) -> float:
        classes = [1] if outputs.shape[1] == 2 else np.unique(targets[weights > 0]).tolist()
        return float(np.mean([average_precision(outputs[:, number], targets == number, weights) for number in classes]))
