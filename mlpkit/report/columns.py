"""Importance of the raw columns, and the partial dependence of the predictions on the most important ones."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpkit.charts.chart import SERIES, Series, chart
from mlpkit.explain.partial_dependence import PartialDependence, partial_dependence
from mlpkit.explain.raw_columns import RawColumn
from mlpkit.report.rows import Sample
from mlpkit.report.subject import Subject
from mlpkit.report.values import levels_of, numbers_of, table_values, value_text
from mlpkit.text.markup import Markup, el, name_of, number, paragraph, table
from mlpkit.text.shown import counted, first_few

MOST_COLUMNS = 30
SHOWN = 4  # columns with partial dependence
GRID = 16  # values of a number
LEVELS = 8  # of a category
MOST_OUTPUTS = 5
CELLS = 2**22  # encoded values that are predicted at once

Vector = NDArray[np.float64]


def importance_section(subject: Subject) -> Markup | None:
    """Return the bars; None for a single row."""
    found, rows = subject.importance, subject.rows
    assert rows is not None
    if found is None:
        return None
    mean, error = found.mean, found.error
    longest = max(float(np.abs(mean).max()), 1e-300)
    lines = [
        [name_of(found.columns[at]), f"{number(mean[at])} ± {number(error[at], 2)}", _bar(mean[at] / longest)]
        for at in found.order[:MOST_COLUMNS]
    ]
    of = counted(found.of, "row") if found.rows == found.of else f"{found.rows:,} of {counted(found.of, 'row')}"
    how = f"mean and standard error of {found.values.shape[1]} shufflings, on {of}"
    what = "How much the prediction changes" if found.measure == "change" else f"How much the loss ({number(found.score)}) rises"
    text = f"{what} when the values of a column are shuffled among the rows: {how}. Columns that say the same can replace each other."
    more = f"The first {MOST_COLUMNS} of {counted(len(rows.columns), 'column')}." if len(found.columns) > MOST_COLUMNS else ""
    if len(found.columns) < len(rows.columns):
        more = f"{more} {len(found.columns):,} columns were measured, which change the predictions of a few rows the most.".strip()
    parts = [paragraph(text), table(["column", "importance", ""], lines, caption="Permutation importance of the columns")]
    return Markup("".join([*parts, paragraph(more, "note") if more else "", _dependence(subject)]))


def _bar(share: float) -> Markup:
    """Return a cell with a bar; one below 0 has none."""
    return el("td", el("i", style=f"width:{max(0.0, 100 * share):.1f}%"), class_="bar", aria_hidden="true")


def _dependence(subject: Subject) -> Markup:
    """Return charts of the mean prediction by the values of the most important columns."""
    rows = subject.rows
    assert rows is not None
    found = subject.importance
    varied = {name for name, mean in zip(found.columns, found.mean.tolist(), strict=True) if mean} if found else set()
    columns = [rows.columns[at] for at in subject.order if rows.columns[at].name in varied]
    single = [column for column in columns if not column.is_block][:SHOWN]
    if not single:
        return Markup("")
    size = max(1, CELLS // (GRID * subject.encoders[0].width))
    some = rows.sample(min(500, max(100, len(rows) // 20), size))
    places = _outputs(subject)
    parts = []
    for column in single:
        grid = _grid(subject, column)
        if len(grid) > 1:
            dependence = partial_dependence(subject.model, some.raw, some.inputs, column, table_values(column, grid))
            parts.append(_chart(subject, column, grid, dependence, places))
    names, few = subject.names, ""
    if len(places) < len(names) and len(names) > 2:
        few = f" Of {len(names):,} classes or targets, {first_few([names[place] for place in places])} are drawn."
    text = f"Mean prediction of {len(some.chosen)} rows if all of them have the same value of a column (partial dependence).{few}"
    return Markup(el("h3", "Partial dependence") + paragraph(text) + el("div", parts, class_="charts"))


def _outputs(subject: Subject) -> list[int]:
    """Return the outputs that are drawn: of two classes the second, of many those with the most rows or the largest probability."""
    names, rows = subject.names, subject.rows
    assert rows is not None
    if subject.encoders[1].task == "classification":
        if len(names) == 2:
            return [1]
        order = np.argsort(-rows.outputs.mean(axis=0), kind="stable")[:MOST_OUTPUTS]
        return sorted(int(place) for place in order)
    return list(range(min(len(names), MOST_OUTPUTS)))


def _grid(subject: Subject, column: RawColumn) -> list[Any]:
    """Return values of a column between its 5 and 95 % quantiles, or its most frequent levels."""
    encoder, some = subject.encoders[0], subject.wide
    values = numbers_of(encoder, some.raw, column)
    if values is None:
        return _frequent(encoder, some, column)
    finite = values[np.isfinite(values)]
    distinct = np.unique(finite)
    if column.column.kind == "boolean" or len(distinct) <= GRID:
        return list(distinct.tolist())
    return list(np.unique(np.quantile(finite, np.linspace(0.05, 0.95, GRID))).tolist())


def _frequent(encoder: Any, some: Sample, column: RawColumn) -> list[Any]:
    found = levels_of(encoder, some.raw, column)
    known = set(column.column.categories)
    counts = np.bincount(found.codes, minlength=len(found.names))
    order = [int(place) for place in np.argsort(-counts, kind="stable") if found.names[place] in known]
    return [found.names[place] for place in order[:LEVELS]]


def _chart(subject: Subject, column: RawColumn, grid: list[Any], found: PartialDependence, places: list[int]) -> Markup:
    """Return lines for numbers and dates, or a table with bars for categories."""
    names, name = subject.names, name_of(column.name)
    probability = subject.encoders[1].task != "regression"
    what = "probability" if probability else "prediction"
    of = f" of {name_of(names[places[0]])}" if len(places) == 1 else ""
    if column.column.kind in ("number", "date"):
        series = [Series(names[at], np.array(grid), found.mean[:, at], style=n) for n, at in enumerate(places[:SERIES])]
        title = f"{name}: mean {what}{of}"
        return chart(title, series, name, what, dates=column.column.kind == "date")
    lines = [[value_text(column, value), *[number(found.mean[row, at]) for at in places]] for row, value in enumerate(grid)]
    head = [name, *[name_of(names[at]) for at in places]]
    return table(head, lines, caption=f"{name}: mean {what}{of}")
