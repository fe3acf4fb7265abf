"""Errors of predicted numbers: predictions beside targets, and residuals by decile of the prediction."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mlpkit.charts.chart import Series, chart
from mlpkit.explain.rows import drawn
from mlpkit.numerics.weighted import quantiles
from mlpkit.report.rows import Measured
from mlpkit.report.subject import Subject
from mlpkit.text.markup import Markup, el, name_of, number, paragraph, table
from mlpkit.text.shown import first_few

MOST_POINTS = 500
MOST_CHARTS = 4
MOST_TARGETS = 50
DECILES = 10

Vector = NDArray[np.float64]


def number_section(subject: Subject) -> Markup:
    """Return charts and tables of the errors of each target."""
    rows, names = subject.measured, subject.names
    assert rows is not None
    shown = names[:MOST_CHARTS]
    parts = [] if len(names) == 1 else [_targets_table(rows, names)]
    parts.append(el("div", [_chart(rows, place, name) for place, name in enumerate(shown)], class_="charts"))
    parts += [_decile_table(rows, place, name) for place, name in enumerate(shown)]
    if len(names) > len(shown):
        parts.append(paragraph(f"Charts are those of {first_few(shown)}.", "note"))
    return Markup("".join(parts))


def target_figures(rows: Measured) -> dict[str, Vector]:
    """Return RMSE, mean absolute error, R² and mean residual of each target; R² is NaN for a constant target."""
    residuals, weights = rows.values - rows.outputs, rows.weights
    center = np.average(rows.values, axis=0, weights=weights)
    squares, spread = (np.average(part**2, axis=0, weights=weights) for part in (residuals, rows.values - center))
    with np.errstate(all="ignore"):
        r2 = np.where(spread > 0, 1.0 - squares / spread, np.nan)
    absolute = np.average(np.abs(residuals), axis=0, weights=weights)
    return {"rmse": np.sqrt(squares), "mae": absolute, "r2": r2, "mean residual": np.average(residuals, axis=0, weights=weights)}


def _targets_table(rows: Measured, names: tuple[str, ...]) -> Markup:
    figures = target_figures(rows)
    lines = [[name_of(name), *[number(values[place]) for values in figures.values()]] for place, name in enumerate(names[:MOST_TARGETS])]
    return table(["target", *figures], lines, caption="Each target")


def _chart(rows: Measured, place: int, name: str) -> Markup:
    """Return targets by predictions, with the line where both are equal."""
    some = drawn(len(rows), MOST_POINTS, 0)
    predicted, true = rows.outputs[some, place], rows.values[some, place]
    both = np.concatenate([predicted, true])
    finite = both[np.isfinite(both)]
    ends = np.array([finite.min(), finite.max()]) if len(finite) else np.array([0.0, 1.0])
    series = [Series("", ends, ends, "guide"), Series("rows", predicted, true, "points")]
    few = "" if len(some) == len(rows) else f", {len(some)} rows"
    return chart(f"{name_of(name)}: target by prediction{few}", series, "prediction", "target")


def deciles(rows: Measured, place: int) -> dict[str, Vector]:
    """Return figures of rows in ten parts of equal size, by the prediction of a target.

    Residuals are targets minus predictions; `low` and `high` are their 5 and 95 % quantiles.
    """
    parts = [part for part in np.array_split(np.argsort(rows.outputs[:, place], kind="stable"), DECILES) if len(part)]
    found = []
    for part in parts:
        predicted, weights = rows.outputs[part, place], rows.weights[part]
        residuals = rows.values[part, place] - predicted
        mean, squared = np.average(residuals, weights=weights), np.average(residuals**2, weights=weights)
        low, high = quantiles(residuals, [0.05, 0.95], weights)
        found.append((predicted[0], predicted[-1], len(part), mean, np.sqrt(squared), low, high))
    names = ("from", "to", "rows", "mean residual", "rmse", "low", "high")
    return dict(zip(names, np.array(found, np.float64).T, strict=True))


def _decile_table(rows: Measured, place: int, name: str) -> Markup:
    figures = deciles(rows, place)
    lines = [
        [f"{number(low)} to {number(high)}", *[number(figures[key][at]) for key in ("rows", "mean residual", "rmse", "low", "high")]]
        for at, (low, high) in enumerate(zip(figures["from"].tolist(), figures["to"].tolist(), strict=True))
    ]
    head = ["prediction", "rows", "mean residual", "rmse", "5 % below", "95 % below"]
    return table(head, lines, caption=f"Residuals of {name_of(name)} (target minus prediction) by decile of the prediction")
