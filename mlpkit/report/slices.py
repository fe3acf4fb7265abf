"""Scores by slice: of the rows of each category, and of each tenth of a number."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlpkit.explain.raw_columns import RawColumn
from mlpkit.preprocessing import InputEncoder
from mlpkit.report.rows import Measured, Sample
from mlpkit.report.subject import Subject
from mlpkit.report.values import levels_of, numbers_of, value_text
from mlpkit.text.markup import Content, Markup, el, name_of, number, paragraph, table

PARTS = 10  # of a number
MOST_LEVELS = 10  # of a category
MOST_COLUMNS = 20
FEWEST = 20  # rows of a slice that may be called worse than the others
CERTAIN = 3.0  # standard errors: about one of 400 slices is as far away by chance
WORST = 8

Vector = NDArray[np.float64]


class Slice(NamedTuple):
    """Rows that share a value or a range of values of a column.

    Attributes
    ----------
    column, label : str
    rows : int
    score : float
        Accuracy, mean absolute error, or share of wrong labels.
    difference, error : float
        From the score of all other rows, and its standard error.
    """

    column: str
    label: str
    rows: int
    score: float
    difference: float
    error: float


def slice_section(subject: Subject) -> Markup | None:
    """Return the worst slices, and all slices of the most important columns."""
    rows, some = subject.rows, subject.wide
    assert rows is not None
    assert rows.measured is not None
    measured = rows.measured.take(some.chosen)
    each, name, better = row_scores(measured)
    columns = [rows.columns[at] for at in subject.order[:MOST_COLUMNS]]
    found = {column.name: slices_of(subject.encoders[0], some, column, each, measured.weights) for column in columns}
    found = {name: slices for name, slices in found.items() if len(slices) > 1}
    if not found:
        return None
    parts = [_worst(found, name, better), *[_details(column, slices, name, better) for column, slices in found.items()]]
    return Markup("".join(parts))


def row_scores(rows: Measured) -> tuple[Vector, str, int]:
    """Return a score of each row whose mean is that of a slice, its name, and 1 if more is better, else -1."""
    if rows.task == "classification":
        return (rows.chosen == rows.values).astype(np.float64), "accuracy", 1
    if rows.task == "regression":
        deviation = rows.values.std(axis=0) if rows.values.shape[1] > 1 else np.ones(1)
        away = np.abs(rows.values - rows.outputs) / np.where(deviation > 0, deviation, 1.0)
        name = "mean absolute error" if rows.values.shape[1] == 1 else "mean absolute error in deviations of the targets"
        return away.mean(axis=1), name, -1
    return (rows.chosen != rows.values).mean(axis=1), "share of wrong labels", -1


def slices_of(encoder: InputEncoder, sample: Sample, column: RawColumn, scores: Vector, weights: Vector) -> list[Slice]:
    """Return the slices of a column; missing values are one of their own. Blocks of values have none."""
    codes, labels = _cut(encoder, sample, column)
    total, weight = float((scores * weights).sum()), float(weights.sum())
    found = []
    for code, label in enumerate(labels):
        inside = codes == code
        own = float(weights[inside].sum())
        if own <= 0:
            continue
        score = float((scores * weights)[inside].sum()) / own
        rest = weight - own
        others = (total - score * own) / rest if rest > 0 else np.nan
        error = np.sqrt(_squared_error(scores, weights, inside) + _squared_error(scores, weights, ~inside))
        found.append(Slice(column.name, label, int(inside.sum()), score, score - others, float(error)))
    return found


def _squared_error(scores: Vector, weights: Vector, rows: NDArray[np.bool_]) -> float:
    """Return the squared standard error of the weighted mean of some rows; NaN for fewer than two."""
    own, each = scores[rows], weights[rows]
    if len(own) < 2 or each.sum() <= 0:
        return np.nan
    mean = np.average(own, weights=each)
    return float(((each * (own - mean)) ** 2).sum() / each.sum() ** 2 * len(own) / (len(own) - 1))


def _cut(encoder: InputEncoder, sample: Sample, column: RawColumn) -> tuple[NDArray[np.intp], list[str]]:
    """Return the number of the slice of each row, -1 for none, and the labels of the slices."""
    values = numbers_of(encoder, sample.raw, column)
    if values is not None:
        return _cut_numbers(values, column)
    if column.column.kind != "category":
        return np.full(len(sample.chosen), -1), []
    found = levels_of(encoder, sample.raw, column)
    counts = np.bincount(found.codes, minlength=len(found.names))
    order = np.argsort(-counts, kind="stable")[:MOST_LEVELS].tolist()
    places = np.full(len(found.names), -1)
    places[order] = np.arange(len(order))
    return places[found.codes], [value_text(column, found.names[place]) for place in order]


def _cut_numbers(values: Vector, column: RawColumn) -> tuple[NDArray[np.intp], list[str]]:
    """Return the slices of numbers: each of few different ones, or ten ranges with about as many rows each."""
    present = np.isfinite(values)
    distinct = np.unique(values[present])
    if len(distinct) <= PARTS:
        codes, labels = np.searchsorted(distinct, values), [value_text(column, value) for value in distinct.tolist()]
    else:
        edges = np.unique(np.quantile(values[present], np.linspace(0, 1, PARTS + 1)[1:-1]))
        codes = np.searchsorted(edges, values)
        ends = [values[present & (codes == code)] for code in range(len(edges) + 1)]
        labels = [f"{value_text(column, part.min())} to {value_text(column, part.max())}" if len(part) else "" for part in ends]
    codes = np.where(present, codes, len(labels))
    return codes, [*labels, "missing"] if not present.all() else labels


def _verdict(found: Slice, better: int) -> str:
    """Return "worse" or "better" for a slice that differs from the others for certain, else an empty text."""
    if found.rows < FEWEST or not abs(found.difference) > CERTAIN * found.error:
        return ""
    return "better" if found.difference * better > 0 else "worse"


def _line(found: Slice, better: int, *, named: bool) -> list[Content]:
    verdict = _verdict(found, better)
    label = f"{name_of(found.column)}: {found.label}" if named else found.label
    difference = f"{'+' if found.difference > 0 else ''}{number(found.difference, 3)} ± {number(found.error, 2)}"
    shown: Content = [difference, " ", el("span", verdict, class_=verdict)] if verdict else difference
    return [label, number(found.rows), number(found.score, 3), shown]


def _worst(found: dict[str, list[Slice]], name: str, better: int) -> Markup:
    """Return the slices that are worse than the others for certain, those with the largest difference first."""
    slices = [each for own in found.values() for each in own if _verdict(each, better) == "worse"]
    slices = sorted(slices, key=lambda each: each.difference * better)[:WORST]
    note = f"The {name} of a slice beside that of all other rows; worse: by more than {CERTAIN:g} standard errors."
    if not slices:
        return paragraph(f"{note} No slice of at least {FEWEST} rows is.")
    lines = [_line(each, better, named=True) for each in slices]
    head = ["slice", "rows", name, "difference"]
    return Markup(paragraph(note) + table(head, lines, caption="Slices that are worse than the other rows"))


def _details(column: str, slices: list[Slice], name: str, better: int) -> Markup:
    scores = [each.score for each in slices]
    low, high = number(min(scores)), number(max(scores))
    summary = f"{name_of(column)}: {name} {low} in all" if low == high else f"{name_of(column)}: {name} from {low} to {high}"
    lines = [_line(each, better, named=False) for each in slices]
    return el("details", el("summary", summary), table(["slice", "rows", name, "difference"], lines, caption=name_of(column)))
