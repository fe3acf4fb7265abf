"""Report of a model on rows with known targets: its figures and, for classification, those of each class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpkit.numerics.confusion import confusion_matrix, counts_of, quotients
from mlpkit.plugin import Array, Targets
from mlpkit.text.shown import shortened

MOST_CLASSES = 1000  # with a confusion matrix
MOST_SHOWN = 20
LONGEST = 24  # characters of a class


@dataclass(frozen=True, eq=False)
class ClassReport:
    """Figures of each class; 0/0 is 0.

    Attributes
    ----------
    labels : array, shape (classes,)
    precision, recall, f1 : array, shape (classes,)
    rows : array, shape (classes,)
        Number of rows of the class, or the sum of their sample weights, which have a mean of 1.
    confusion_matrix : array, shape (classes, classes), or None
        Rows by class of the target, and by predicted class in columns; None for more than 1,000 classes.
    """

    labels: NDArray[Any]
    precision: Array
    recall: Array
    f1: Array
    rows: Array
    confusion_matrix: Array | None

    def __str__(self) -> str:
        """Return a table of the first 20 classes, and the confusion matrix if there are no more."""
        names = [shortened(str(label), LONGEST) for label in self.labels[:MOST_SHOWN].tolist()]
        figures = zip(self.precision, self.recall, self.f1, self.rows, strict=True)
        cells = [[f"{p:.4f}", f"{r:.4f}", f"{f:.4f}", f"{n:.6g}"] for (p, r, f, n), _ in zip(figures, names, strict=False)]
        text = _table("class", ["precision", "recall", "f1", "rows"], names, cells)
        if len(self.labels) > MOST_SHOWN or self.confusion_matrix is None:
            return f"{text}\nthe first {MOST_SHOWN} of {len(self.labels):,} classes"
        counts = [[f"{count:.6g}" for count in row] for row in self.confusion_matrix.tolist()]
        matrix = _table("target / predicted", names, names, counts)
        return f"{text}\n\n{matrix}"

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON values; counts of rows are integers unless they are sums of weights."""
        columns = zip(*(column.tolist() for column in (self.labels, self.precision, self.recall, self.f1, self.rows)), strict=True)
        classes = [dict(zip(("class", "precision", "recall", "f1", "rows"), row, strict=True)) for row in columns]
        for each in classes:
            each["rows"] = _whole(each["rows"])
        matrix = self.confusion_matrix
        return {"classes": classes, "confusion_matrix": matrix if matrix is None else [[_whole(x) for x in row] for row in matrix.tolist()]}


@dataclass(frozen=True, eq=False)
class Report:
    """Result of `Model.report`.

    Attributes
    ----------
    figures : dict of str to float
        Loss and metrics: the result of `Model.evaluate`.
    classes : ClassReport or None
        None unless each row has one class.
    members : tuple of dict of str to float
        Figures of each member of an ensemble; empty for other models.
    """

    figures: dict[str, float]
    classes: ClassReport | None = None
    members: tuple[dict[str, float], ...] = ()

    def __str__(self) -> str:
        """Return the figures, those of the members, and the tables of the classes."""
        width = max(map(len, self.figures))
        text = "\n".join(f"{name:{width}}  {value:.6g}" for name, value in self.figures.items())
        text += f"\n\n{self.members_text()}" if self.members else ""
        return text if self.classes is None else f"{text}\n\n{self.classes}"

    def members_text(self) -> str:
        """Return a table of the figures of the members, and of all together."""
        rows = [*self.members, self.figures]
        names = [*(f"{number}" for number in range(len(self.members))), "all"]
        return _table("member", list(self.figures), names, [[f"{row[name]:.6g}" for name in self.figures] for row in rows])


def class_report(labels: NDArray[Any], scores: Array, targets: Targets, weights: Array | None) -> ClassReport:
    """Return the figures of each class.

    Parameters
    ----------
    labels : array, shape (classes,)
    scores : array, shape (rows, classes)
        Probabilities; the predicted class is the most probable one.
    targets : array, shape (rows,)
        Class numbers.
    weights : array, shape (rows,), or None
    """
    predicted, classes = scores.argmax(axis=1), len(labels)
    ones = np.ones(len(targets)) if weights is None else weights.astype(np.float64)
    tp, fp, fn, _ = counts_of(targets, predicted, ones, classes)
    matrix = confusion_matrix(targets, predicted, ones, classes) if classes <= MOST_CLASSES else None
    return ClassReport(labels, quotients(tp, tp + fp), quotients(tp, tp + fn), quotients(2 * tp, 2 * tp + fp + fn), tp + fn, matrix)


def _whole(number: float) -> float:
    return int(number) if number.is_integer() else number


def _table(corner: str, header: list[str], names: list[str], cells: list[list[str]]) -> str:
    """Return a table with right-aligned columns."""
    first = max(map(len, (corner, *names)))
    widths = [max(len(title), *(len(row[index]) for row in cells)) for index, title in enumerate(header)]
    lines = [(corner, header), *zip(names, cells, strict=True)]
    return "\n".join("  ".join([f"{name:{first}}", *(f"{c:>{w}}" for c, w in zip(row, widths, strict=True))]) for name, row in lines)
