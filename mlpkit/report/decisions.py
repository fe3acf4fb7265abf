"""Decisions by probabilities: ROC and precision-recall curves, and figures at several thresholds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpkit.charts.chart import SERIES, Series, chart
from mlpkit.numerics.confusion import quotients
from mlpkit.numerics.ranking import average_precision, precision_recall_curve, roc_auc, roc_curve
from mlpkit.report.rows import Measured
from mlpkit.report.subject import Subject
from mlpkit.text.markup import Markup, el, name_of, number, paragraph, percent, table

THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)

Vector = NDArray[np.floating[Any]]
Scored = tuple[str, Vector, NDArray[np.bool_]]  # name, scores and positive rows


def decision_section(subject: Subject) -> Markup | None:
    """Return the curves, and the thresholds of two classes; None if no class has rows beside others."""
    rows, names = subject.measured, subject.names
    assert rows is not None
    scored = [each for each in _scored(rows, names) if each[2].any() and not each[2].all()]
    if not scored:
        return paragraph("All rows have the same class, so there are no curves.", "note")
    note = f"Of {len(names):,} classes, those with the most rows are drawn." if len(scored) > SERIES else ""
    some = sorted(scored, key=lambda each: -each[2].sum())[:SERIES] if note else scored
    charts = [_roc_chart(some, rows.weights), _precision_chart(some, rows.weights)]
    parts = [el("div", charts, class_="charts"), *([paragraph(note, "note")] if note else [])]
    if rows.task == "classification" and len(names) == 2:
        parts.append(_threshold_table(rows, names[1]))
    return Markup("".join(parts))


def _scored(rows: Measured, names: Sequence[str]) -> list[Scored]:
    """Return the scores of each class or label; of two classes those of the second."""
    if rows.task == "multilabel":
        return [(name, rows.outputs[:, place], rows.values[:, place] == 1) for place, name in enumerate(names)]
    places = [1] if len(names) == 2 else range(len(names))
    return [(names[place], rows.outputs[:, place], rows.values == place) for place in places]


def _roc_chart(scored: Sequence[Scored], weights: Vector) -> Markup:
    series = [Series("chance", np.array([0.0, 1.0]), np.array([0.0, 1.0]), "guide")]
    for style, (name, scores, positive) in enumerate(scored):
        false, true = _corners(*roc_curve(scores, positive, weights))
        series.append(Series(f"{name_of(name)}: {number(roc_auc(scores, positive, weights))}", false, true, style=style))
    title = _with_area("ROC curve", "area", series)
    return chart(title, series, "false positive rate", "true positive rate", x_range=(0.0, 1.0), y_range=(0.0, 1.0))


def _precision_chart(scored: Sequence[Scored], weights: Vector) -> Markup:
    series = []
    for style, (name, scores, positive) in enumerate(scored):
        precision, recall = precision_recall_curve(scores, positive, weights)
        recall, precision = _corners(recall[::-1], precision[::-1])
        label = f"{name_of(name)}: {number(average_precision(scores, positive, weights))}"
        series.append(Series(label, recall, precision, style=style))
    title = _with_area("Precision and recall", "average precision", series)
    return chart(title, series, "recall", "precision", x_range=(0.0, 1.0), y_range=(0.0, 1.0))


def _with_area(title: str, what: str, series: Sequence[Series]) -> str:
    """Return a title that has the figure of a single series, or says that the legend has those of several."""
    own = [each for each in series if each.kind != "guide"]
    return f"{title}, {what} of {own[0].name}" if len(own) == 1 else f"{title} of each against all others, with its {what}"


def _corners(x: Vector, y: Vector) -> tuple[Vector, Vector]:
    """Return a curve without the points on straight lines between their neighbours."""
    if len(x) < 3:
        return x, y
    turns = np.diff(x)[:-1] * np.diff(y)[1:] != np.diff(x)[1:] * np.diff(y)[:-1]
    kept = np.concatenate([[True], turns, [True]])
    return x[kept], y[kept]


def thresholds(rows: Measured, at: Sequence[float]) -> dict[str, Vector]:
    """Return figures of the second of two classes if it is predicted above each threshold; 0/0 is 0."""
    probability, positive, weights = rows.outputs[:, 1], rows.values == 1, rows.weights
    above = probability > np.array(at)[:, None]
    tp, fp = (above * (weights * positive)).sum(axis=1), (above * (weights * ~positive)).sum(axis=1)
    fn, tn = (weights * positive).sum() - tp, (weights * ~positive).sum() - fp
    return {
        "predicted": (tp + fp) / weights.sum(),
        "precision": quotients(tp, tp + fp),
        "recall": quotients(tp, tp + fn),
        "specificity": quotients(tn, tn + fp),
        "f1": quotients(2 * tp, 2 * tp + fp + fn),
        "accuracy": (tp + tn) / weights.sum(),
    }


def _threshold_table(rows: Measured, name: str) -> Markup:
    """Return the figures at several thresholds, with that of the model among them."""
    at = sorted({*THRESHOLDS, rows.threshold})
    figures = thresholds(rows, at)
    part = figures.pop("predicted")
    lines = [
        [
            f"{number(each)} (the model's)" if each == rows.threshold else number(each),
            percent(part[place]),
            *[number(values[place]) for values in figures.values()],
        ]
        for place, each in enumerate(at)
    ]
    return table(["threshold", "predicted", *figures], lines, caption=f"Predicting {name_of(name)} above a threshold of its probability")
