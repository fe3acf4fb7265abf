"""Calibration: shares of rows beside the predicted probabilities, and shares of targets within intervals."""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlpkit.charts.chart import Series, chart
from mlpkit.errors import DataError
from mlpkit.metrics.classification import ExpectedCalibrationError
from mlpkit.numerics.erf import erfc
from mlpkit.preprocessing.residuals import bound
from mlpkit.report.rows import Measured
from mlpkit.report.subject import Subject
from mlpkit.text.markup import Markup, el, name_of, number, paragraph, percent, table

BINS = 10
LEVELS = (0.5, 0.8, 0.9, 0.95)
MOST_TARGETS = 4
QUANTILE = re.compile(r"q(0\.\d+)")

Vector = NDArray[np.float64]


class Bins(NamedTuple):
    """Rows in bins of equal width of the predicted probability; empty bins are left out.

    Attributes
    ----------
    predicted, observed : array
        Mean probability, and share of the rows that have the class.
    rows : array
        Number of rows.
    weight : array
        Sum of their sample weights.
    """

    predicted: Vector
    observed: Vector
    rows: Vector
    weight: Vector


def probability_bins(probability: Vector, positive: NDArray[np.bool_], weights: Vector, bins: int = BINS) -> Bins:
    """Return the rows by predicted probability: bin b of n has those above b / n up to (b + 1) / n.

    scikit-learn's calibration_curve with ``strategy="uniform"``.
    """
    place = np.searchsorted(np.linspace(0.0, 1.0, bins + 1)[1:-1], probability)
    rows, weight = np.bincount(place, minlength=bins).astype(np.float64), np.bincount(place, weights, bins)
    used = weight > 0
    predicted, observed = (np.bincount(place, weights * part, bins)[used] / weight[used] for part in (probability, positive))
    return Bins(predicted, observed, rows[used], np.asarray(weight[used], np.float64))


def calibration_section(subject: Subject) -> Markup | None:
    """Return the chart and the table of probabilities, or the table of intervals; None for numbers without intervals."""
    if subject.encoders[1].task == "regression":
        return _interval_table(subject)
    rows, names = subject.measured, subject.names
    assert rows is not None
    if rows.task == "multilabel":
        each = np.repeat(rows.weights[:, None], rows.values.shape[1], axis=1)
        bins, of = probability_bins(rows.outputs.ravel(), rows.values.ravel() == 1, each.ravel()), "all labels"
    elif len(names) == 2:
        bins, of = probability_bins(rows.outputs[:, 1], rows.values == 1, rows.weights), name_of(names[1])
    else:
        best = rows.outputs.argmax(axis=1)
        bins = probability_bins(rows.outputs[np.arange(len(best)), best], best == rows.values, rows.weights)
        of = "the most probable class"
    return Markup(el("div", [_chart(bins, of), _bins_table(bins, of)], class_="charts") + _error(rows))


def _error(rows: Measured) -> str:
    if rows.task == "multilabel":
        return ""
    error = ExpectedCalibrationError().compute(rows.outputs, rows.values, rows.weights)
    text = f"Expected calibration error {number(error)}: mean distance of both, in 15 bins of the probability of the most probable class."
    return paragraph(text)


def _chart(bins: Bins, of: str) -> Markup:
    sizes = 2.5 + 5.0 * np.sqrt(bins.weight / bins.weight.max())
    series = [
        Series("calibrated", np.array([0.0, 1.0]), np.array([0.0, 1.0]), "guide"),
        Series("rows, by their number", bins.predicted, bins.observed, "points", sizes=sizes),
    ]
    title = f"Calibration of the probability of {of}"
    return chart(title, series, "mean probability", "share of rows", x_range=(0.0, 1.0), y_range=(0.0, 1.0))


def _bins_table(bins: Bins, of: str) -> Markup:
    lines = [[number(p), number(o), number(r)] for p, o, r in zip(bins.predicted, bins.observed, bins.rows, strict=True)]
    return table(["mean probability", "share", "rows"], lines, caption=f"Rows by the probability of {of}", texts=0)


# -- numbers


def _interval_table(subject: Subject) -> Markup | None:
    """Return the shares of targets within intervals, and below quantiles; None if the model has none."""
    names, lines = subject.names[:MOST_TARGETS], []
    for kind, promised, shares in [*_kept(subject), *_parts(subject)]:
        lines.append([kind, percent(promised), *map(percent, shares[: len(names)])])
    if not lines:
        return None
    head = ["interval or quantile", "promised", *map(name_of, names)]
    return table(head, lines, caption="Share of targets within intervals, or at most a quantile")


def _kept(subject: Subject) -> list[tuple[str, float, list[float]]]:
    """Return the shares within intervals by the errors of held-out rows, if the model keeps them."""
    errors, ratio = subject.encoders[1].residuals
    rows, found = subject.measured, []
    assert rows is not None
    for level in LEVELS if len(errors) else ():
        try:
            width = bound(errors, level) * (ratio if len(ratio) else 1.0)
        except DataError:  # too few rows for the level
            continue
        inside = np.abs(rows.values - rows.outputs) <= width
        found.append((f"{percent(level)} interval", level, np.average(inside, axis=0, weights=rows.weights).tolist()))
    return found


def _parts(subject: Subject) -> list[tuple[str, float, list[float]]]:
    """Return the shares below predicted quantiles, or within intervals of a normal distribution, on a sample of the rows."""
    if not subject.encoders[1].decoded_by_loss:
        return []
    some, rows = subject.wide, subject.measured
    assert rows is not None
    own = rows.take(some.chosen)
    parts = subject.model._combined(subject.encoders[1]).parts(some.inputs)
    found = [
        (f"quantile {match[1]}", float(match[1]), np.average(own.values <= values, axis=0, weights=own.weights).tolist())
        for name, values in parts.items()
        if (match := QUANTILE.fullmatch(name))
    ]
    if "deviation" in parts:
        away = np.abs(own.values - own.outputs) / parts["deviation"]
        inside = np.empty_like(away)
        erfc(away / np.sqrt(2.0), inside)  # the probability of being further away
        for level in LEVELS:
            shares = np.average(inside >= 1.0 - level, axis=0, weights=own.weights)
            found.append((f"{percent(level)} by the predicted deviation", level, shares.tolist()))
    return sorted(found, key=lambda each: each[1])
