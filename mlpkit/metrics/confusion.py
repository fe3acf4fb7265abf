"""Metrics of one class per row that depend on the confusion matrix alone. The predicted class is the most probable one."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from mlpkit.numerics.confusion import Counts, confusion_matrix, counts_of, quotients
from mlpkit.plugin import Array, Metric, Targets, Task

Average = Literal["auto", "macro", "micro", "weighted"]
HOW = "mean over classes: auto is the value of the second of two classes, else macro"


def _counts(outputs: Array, targets: Targets, weights: Array) -> Counts:
    """Return the counts of each class, with the most probable classes as predictions."""
    return counts_of(targets, outputs.argmax(axis=1), weights, outputs.shape[1])


class _Averaged(Metric):
    """Quotient of counts of each class, and its mean over classes."""

    since: ClassVar[int] = 5  # the spec schema
    decides: ClassVar[bool] = True
    higher_is_better: ClassVar[bool] = True
    task: ClassVar[Task] = "classification"
    average: Average = Field("auto", description=HOW)

    @abstractmethod
    def parts(self, counts: Counts) -> tuple[Any, Any]:
        """Return numerator and denominator of the quotient for each class."""

    def compute(self, outputs: Array, targets: Targets, weights: Array) -> float:
        counts = _counts(outputs, targets, weights)
        above, below = self.parts(counts)
        if self.average == "auto" and len(above) == 2:
            one_class = (counts.tp + counts.fn == 0).any()
            return math.nan if below[1] == 0 and one_class else float(quotients(above, below)[1])
        rows = counts.tp + counts.fn
        occurs = rows + counts.fp > 0
        above, below, rows = above[occurs], below[occurs], rows[occurs]
        if self.average == "micro":
            return float(quotients(above.sum(keepdims=True), below.sum(keepdims=True))[0])
        return float(np.average(quotients(above, below), weights=rows if self.average == "weighted" else None))


class Precision(_Averaged):
    """Precision tp / (tp + fp): share of the rows with this predicted class that have it.

    `average`: "auto" is the value of the second of two classes, else "macro". "macro" is the mean over the classes that occur in the
    targets or the predictions, "weighted" weights it by their rows, and "micro" sums the counts of these classes first. 0/0 counts as
    0, as in scikit-learn's precision_score; for the second of two classes it is NaN if all rows have the same class.
    """

    def parts(self, counts: Counts) -> tuple[Any, Any]:
        return counts.tp, counts.tp + counts.fp


class Recall(_Averaged):
    """Recall (sensitivity) tp / (tp + fn): share of the rows of this class with the right predicted class.

    `average` and 0/0 are those of `precision`. scikit-learn's recall_score.
    """

    def parts(self, counts: Counts) -> tuple[Any, Any]:
        return counts.tp, counts.tp + counts.fn


class Specificity(_Averaged):
    """Specificity tn / (tn + fp): share of the rows of other classes with another predicted class.

    `average` and 0/0 are those of `precision`. For two classes equal to the recall of the first class.
    """

    def parts(self, counts: Counts) -> tuple[Any, Any]:
        return counts.tn, counts.tn + counts.fp


class F1(_Averaged):
    """F1 score 2 tp / (2 tp + fp + fn): harmonic mean of precision and recall. van Rijsbergen 1979.

    `average` and 0/0 are those of `precision`. scikit-learn's f1_score.
    """

    def parts(self, counts: Counts) -> tuple[Any, Any]:
        return 2.0 * counts.tp, 2.0 * counts.tp + counts.fp + counts.fn


class FBeta(_Averaged):
    """F-beta score (1 + beta^2) tp / ((1 + beta^2) tp + beta^2 fn + fp): recall is beta times as important as precision.

    `average` and 0/0 are those of `precision`. scikit-learn's fbeta_score, which has no default of beta. van Rijsbergen 1979.
    """

    beta: float = Field(2.0, gt=0, le=1000, description="importance of the recall relative to the precision")

    def parts(self, counts: Counts) -> tuple[Any, Any]:
        square = self.beta**2
        above = (1.0 + square) * counts.tp
        return above, above + square * counts.fn + counts.fp


class Jaccard(_Averaged):
    """Jaccard index tp / (tp + fp + fn): intersection over union of the rows of a class and those with this predicted class.

    `average` and 0/0 are those of `precision`. scikit-learn's jaccard_score. Jaccard 1901.
    """

    def parts(self, counts: Counts) -> tuple[Any, Any]:
        return counts.tp, counts.tp + counts.fp + counts.fn


class BalancedAccuracy(Metric):
    """Mean of the recall over the classes of the targets. scikit-learn's balanced_accuracy_score."""

    since: ClassVar[int] = 5
    decides: ClassVar[bool] = True
    higher_is_better: ClassVar[bool] = True
    task: ClassVar[Task] = "classification"

    def compute(self, outputs: Array, targets: Targets, weights: Array) -> float:
        counts = _counts(outputs, targets, weights)
        rows = counts.tp + counts.fn
        occurs = rows > 0
        return float((counts.tp[occurs] / rows[occurs]).mean())


class Matthews(Metric):
    """Matthews correlation coefficient of the classes, R_K for more than two, from -1 to 1. Matthews 1975; Gorodkin 2004.

    (c s - p.t) / sqrt((s^2 - p.p) (s^2 - t.t)) with s the sum of the weights, c that of the right rows, t that of each class and p that of
    each predicted class. 0 if all predictions are the same, as in scikit-learn's matthews_corrcoef; NaN if all targets are.
    """

    since: ClassVar[int] = 5
    decides: ClassVar[bool] = True
    higher_is_better: ClassVar[bool] = True
    task: ClassVar[Task] = "classification"

    def compute(self, outputs: Array, targets: Targets, weights: Array) -> float:
        tp, fp, fn, _ = _counts(outputs, targets, weights / weights.sum())
        t, p = tp + fn, tp + fp
        if np.count_nonzero(t) < 2:
            return math.nan
        if np.count_nonzero(p) < 2:
            return 0.0
        return float((tp.sum() - p @ t) / math.sqrt((1.0 - p @ p) * (1.0 - t @ t)))


class CohenKappa(Metric):
    """Cohen's kappa 1 - sum(d observed) / sum(d expected): agreement beyond chance. Cohen 1960, 1968.

    `observed` is the confusion matrix, `expected` that of independent predictions with the same totals. The cost d of classes i and j
    is 1 for i != j, |i - j| with "linear", and (i - j)^2 with "quadratic" weights, in the order of the classes. NaN if all targets and
    predictions are of one class. scikit-learn's cohen_kappa_score.
    """

    since: ClassVar[int] = 5
    decides: ClassVar[bool] = True
    higher_is_better: ClassVar[bool] = True
    task: ClassVar[Task] = "classification"
    weights: Literal["none", "linear", "quadratic"] = Field("none", description="cost of two classes: equal, distance or squared distance")

    def compute(self, outputs: Array, targets: Targets, weights: Array) -> float:
        matrix = confusion_matrix(targets, outputs.argmax(axis=1), weights / weights.sum(), outputs.shape[1])
        expected = np.outer(matrix.sum(axis=1), matrix.sum(axis=0))
        number = np.arange(len(matrix))
        distance = np.abs(number[:, None] - number).astype(np.float64)
        cost = {"none": np.sign(distance), "linear": distance, "quadratic": distance**2}[self.weights]
        by_chance = float((cost * expected).sum())
        return 1.0 - float((cost * matrix).sum()) / by_chance if by_chance > 0 else math.nan
