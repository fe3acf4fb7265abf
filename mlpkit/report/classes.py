"""Errors by class or label: confusion matrix, figures of each class, and classes that are mistaken most often."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpkit.numerics.confusion import confusion_matrix, counts_of, quotients
from mlpkit.numerics.ranking import average_precision, roc_auc
from mlpkit.report.rows import Measured
from mlpkit.report.subject import Subject
from mlpkit.text.markup import Markup, el, name_of, number, paragraph, table
from mlpkit.text.shown import first_few

MOST_IN_MATRIX = 20
MOST_CLASSES = 50
MOST_PAIRS = 15

Vector = NDArray[np.floating[Any]]


def class_section(subject: Subject) -> Markup:
    """Return the tables of classes or labels."""
    rows, names = subject.measured, subject.names
    assert rows is not None
    if rows.task == "multilabel":
        return Markup(figures_table(label_figures(rows), names, "label"))
    missing = note_of_missing(rows, names)
    matrix, parts = matrix_of(rows), [figures_table(class_figures(rows), names, "class")]
    if len(names) <= MOST_IN_MATRIX:
        parts.insert(0, _matrix_table(matrix, names))
    else:
        parts.append(_pairs_table(matrix, names))
    return Markup("".join([*([paragraph(missing, "note")] if missing else []), *parts]))


def matrix_of(rows: Measured) -> Vector:
    """Return the confusion matrix, a row for each class of the targets."""
    return np.asarray(confusion_matrix(rows.values, rows.chosen, rows.weights, rows.outputs.shape[1]))


def class_figures(rows: Measured) -> dict[str, Vector]:
    """Return precision, recall, f1, ROC AUC, average precision and rows of each class against all others; 0/0 is 0."""
    tp, fp, fn, _ = counts_of(rows.values, rows.chosen, rows.weights, rows.outputs.shape[1])
    positive = [rows.values == number for number in range(rows.outputs.shape[1])]
    return _figures(rows, positive, tp, fp, fn)


def label_figures(rows: Measured) -> dict[str, Vector]:
    """Return the same figures of each of several labels, predicted above 0.5."""
    chosen, positive = rows.chosen == 1, rows.values == 1
    sums = [(rows.weights[:, None] * part).sum(axis=0) for part in (chosen & positive, chosen & ~positive, ~chosen & positive)]
    return _figures(rows, list(positive.T), *sums)


def _figures(rows: Measured, positive: Sequence[NDArray[np.bool_]], tp: Vector, fp: Vector, fn: Vector) -> dict[str, Vector]:
    few = range(min(len(positive), MOST_CLASSES))
    auc, precision = np.full(len(positive), np.nan), np.full(len(positive), np.nan)
    for place in few:
        auc[place] = roc_auc(rows.outputs[:, place], positive[place], rows.weights)
        precision[place] = average_precision(rows.outputs[:, place], positive[place], rows.weights)
    return {
        "precision": quotients(tp, tp + fp),
        "recall": quotients(tp, tp + fn),
        "f1": quotients(2 * tp, 2 * tp + fp + fn),
        "ROC AUC": auc,
        "average precision": precision,
        "rows": tp + fn,
    }


def figures_table(figures: dict[str, Vector], names: Sequence[str], noun: str) -> Markup:
    """Return a table of the figures of each class or label."""
    lines = [[name_of(name), *[number(values[place]) for values in figures.values()]] for place, name in enumerate(names[:MOST_CLASSES])]
    found = table([noun, *figures], lines, caption=f"Each {noun} against all others")
    if len(names) > MOST_CLASSES:
        return Markup(found + paragraph(f"The first {MOST_CLASSES} of {len(names):,}.", "note"))
    return found


def _matrix_table(matrix: Vector, names: Sequence[str]) -> Markup:
    """Return the confusion matrix; a shade shows the share of a row."""
    shares = quotients(matrix, matrix.sum(axis=1, keepdims=True) + np.zeros_like(matrix))
    lines = [
        [
            name_of(name),
            *[
                el(
                    "td",
                    number(matrix[row, column]),
                    class_="hit" if row == column else None,
                    style=f"background:rgba(60,130,210,{0.35 * shares[row, column]:.2f})" if shares[row, column] >= 0.005 else None,
                )
                for column in range(len(names))
            ],
        ]
        for row, name in enumerate(names)
    ]
    head = ["target ↓ predicted →", *map(name_of, names)]
    return table(head, lines, caption="Confusion matrix: rows of each class by predicted class", kind="matrix")


def _pairs_table(matrix: Vector, names: Sequence[str]) -> Markup:
    """Return the pairs of classes that are mistaken most often."""
    wrong = matrix - np.diag(np.diag(matrix))
    order = np.argsort(-wrong, axis=None, kind="stable")[:MOST_PAIRS]
    pairs = [divmod(int(place), len(names)) for place in order if wrong.flat[place] > 0]
    lines = [[name_of(names[a]), name_of(names[b]), number(matrix[a, b]), number(matrix[a].sum())] for a, b in pairs]
    if not lines:
        return paragraph("All rows are right.")
    return table(["target", "predicted", "rows", "of"], lines, caption="Classes that are mistaken most often", texts=2)


def note_of_missing(rows: Measured, names: Sequence[str]) -> str:
    """Return a sentence on classes without rows; empty if there are none."""
    absent = [] if rows.task == "multilabel" else [name for place, name in enumerate(names) if not (rows.values == place).any()]
    return f"No row has the class {first_few(absent, 5)}." if absent else ""
