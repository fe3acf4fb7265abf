"""Rows that a model is most wrong about, with their raw columns."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mlpkit.explain.raw_columns import cell_text
from mlpkit.report.rows import Measured
from mlpkit.report.subject import Subject
from mlpkit.text.markup import NONE, Content, Markup, name_of, number, paragraph, table

MOST_ROWS = 10
MOST_COLUMNS = 20
MOST_TARGETS = 3

Vector = NDArray[np.float64]


def row_errors(rows: Measured) -> Vector:
    """Return the error of each row.

    It is 1 minus the probability of its class, the mean absolute error of its numbers (of several ones in deviations of the targets), or
    that of the probabilities of its labels.
    """
    if rows.task == "classification":
        return np.asarray(1.0 - rows.outputs[np.arange(len(rows)), rows.values])
    away = np.abs(rows.values - rows.outputs)
    several = rows.task == "regression" and rows.values.shape[1] > 1
    deviation = rows.values.std(axis=0) if several else np.ones(1)
    return np.asarray((away / np.where(deviation > 0, deviation, 1.0)).mean(axis=1))


def wrong_section(subject: Subject) -> Markup:
    """Return the rows with the largest errors, of equal ones the first."""
    rows, measured, names = subject.rows, subject.measured, subject.names
    assert rows is not None
    assert measured is not None
    order = np.argsort(-row_errors(measured), kind="stable")[:MOST_ROWS]
    chosen = np.sort(order)
    sample = rows.take(chosen)
    places = {int(row): place for place, row in enumerate(chosen.tolist())}
    columns = [rows.columns[at] for at in subject.order[:MOST_COLUMNS]]
    lines: list[list[Content]] = []
    for row in order.tolist():
        cells = [cell_text(sample.raw[column.column.name], column, places[row]) for column in columns]
        lines.append([rows.place(row), *_answers(subject, measured, row), *[name_of(cell) if cell else NONE for cell in cells]])
    classes = subject.encoders[1].task == "classification"
    head = ["row", *(["target", "predicted", "probability of the target"] if classes else _heads(names))]
    few = f" Of {len(rows.columns):,} columns, the {MOST_COLUMNS} most important are shown." if len(rows.columns) > MOST_COLUMNS else ""
    note = paragraph(f"The {len(lines)} rows with the largest errors.{few}", "note")
    texts = [*range(len(head)), *(len(head) + place for place, column in enumerate(columns) if column.column.kind != "number")]
    found = table([*head, *[name_of(column.name) for column in columns]], lines, caption="Rows and their columns", texts=texts)
    return Markup(note + found)


def _heads(names: tuple[str, ...]) -> list[str]:
    some = [name_of(name) for name in names[:MOST_TARGETS]]
    return [text for name in some for text in (f"{name}: target", "predicted")]


def _answers(subject: Subject, measured: Measured, row: int) -> list[str]:
    """Return the target and the prediction of a row as texts."""
    names = subject.names
    if measured.task == "classification":
        value = int(measured.values[row])
        return [name_of(names[value]), name_of(names[int(measured.chosen[row])]), number(float(measured.outputs[row, value]), 3)]
    pairs = zip(measured.values[row, :MOST_TARGETS].tolist(), measured.outputs[row, :MOST_TARGETS].tolist(), strict=True)
    return [number(value) for pair in pairs for value in pair]
