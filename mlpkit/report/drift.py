"""Drift of the rows against the statistics of the training rows that the model file has."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlpkit.explain.raw_columns import RawColumn
from mlpkit.preprocessing import InputEncoder
from mlpkit.preprocessing.numeric import NumberEncoder
from mlpkit.report.rows import Sample
from mlpkit.report.subject import Subject
from mlpkit.report.values import levels_of, numbers_of, value_text
from mlpkit.text.markup import NONE, Markup, el, name_of, number, paragraph, percent, table

MOST_COLUMNS = 50
FAR = 0.5  # scales between medians that count as drift
MANY = 0.01  # share of rows with new values that counts as drift

CAPTION = "These rows beside the training rows"
EXPLAINED = (
    "Medians, or numbers of levels. A shift is the difference of the medians in units of the scale in training: the deviation, the "
    "interquartile range, or a quarter of the range. New values are outside the range of the training rows, if the file has it, or levels "
    "that these had not."
)

Vector = NDArray[np.float64]


class Drift(NamedTuple):
    """Values of a column in these rows, and in training as far as the file tells.

    Attributes
    ----------
    name : str
    now, then : str
        Median or number of levels of these rows and in training.
    shift : float or None
        Difference of the medians in units of the scale in training: the deviation, or the interquartile range.
    outside : float or None
        Share of the present values outside the range of the training rows, or of levels that these had not.
    missing : float
        Share of missing values.
    new_missing : bool
        True if values are missing, and none was in training.
    """

    name: str
    now: str
    then: str
    shift: float | None
    outside: float | None
    missing: float
    new_missing: bool

    @property
    def findings(self) -> list[str]:
        """Sentences on what differs; empty for a column as in training."""
        found = [] if self.shift is None or abs(self.shift) < FAR else ["shifted"]
        found += ["new values"] if self.outside is not None and self.outside > MANY else []
        return found + (["missing, unlike in training"] if self.new_missing else [])


def drift_section(subject: Subject) -> Markup:
    """Return a table of the columns, those that differ first."""
    rows = subject.rows
    assert rows is not None
    found = [drift_of(subject.encoders[0], subject.wide, rows.columns[at]) for at in subject.order]
    found = sorted(found, key=lambda each: not each.findings)
    lines = [
        [
            name_of(each.name),
            each.now,
            each.then,
            NONE if each.shift is None else number(each.shift, 2),
            NONE if each.outside is None else percent(each.outside),
            percent(each.missing),
            el("span", ", ".join(each.findings), class_="worse") if each.findings else "",
        ]
        for each in found[:MOST_COLUMNS]
    ]
    head = ["column", "these rows", "training", "shift", "new values", "missing", ""]
    more = f" {MOST_COLUMNS} of {len(found):,} columns are shown." if len(found) > MOST_COLUMNS else ""
    differing = sum(bool(each.findings) for each in found)
    first = f"{differing} of {len(found):,} columns differ from" if differing else "No column differs much from"
    return Markup(paragraph(f"{first} the training rows. {EXPLAINED}{more}") + table(head, lines, caption=CAPTION, texts=(0, 6)))


def drift_of(encoder: InputEncoder, sample: Sample, column: RawColumn) -> Drift:
    """Return the drift of a column."""
    if column.column.kind == "category":
        return _of_levels(encoder, sample, column)
    values = numbers_of(encoder, sample.raw, column)
    return _of_block(encoder, sample, column) if values is None else _of_numbers(encoder.numbers, column, values)


def _of_levels(encoder: InputEncoder, sample: Sample, column: RawColumn) -> Drift:
    found = levels_of(encoder, sample.raw, column)
    counts = np.bincount(found.codes, minlength=len(found.names)) / len(found.codes)
    known = {*column.column.categories, *column.column.rare}
    new = sum(float(counts[place]) for place, name in enumerate(found.names) if name is not None and name not in known)
    missing = sum(float(counts[place]) for place, name in enumerate(found.names) if name is None)
    levels, before = sum(name is not None for name in found.names), sum(name is not None for name in known)
    texts = f"{levels:,} levels", f"{before:,} levels"
    return Drift(column.name, *texts, None, new, missing, missing > 0 and None not in known)


def _of_numbers(encoder: NumberEncoder, column: RawColumn, values: Vector) -> Drift:
    at, present = int(column.encoded[0]), values[np.isfinite(values)]
    median, scale = float(encoder.fill[at]), _scale(encoder, column, at)
    missing = 1.0 - len(present) / len(values)
    new_missing = missing > 0 and at not in encoder.missing_indices
    then = value_text(column, median) if column.column.kind != "boolean" else NONE
    if not len(present):
        return Drift(column.name, NONE, then, None, None, missing, new_missing)
    now = float(np.median(present))
    shift = None if scale is None else (now - median) / scale
    outside = None
    if at in encoder.constant:
        outside = float((present != median).mean())
    elif encoder.limits:
        outside = float(((present < encoder.limits.lower[at]) | (present > encoder.limits.upper[at])).mean())
    shown = percent(float(present.mean())) + " true" if column.column.kind == "boolean" else value_text(column, now)
    return Drift(column.name, shown, then, shift, outside, missing, new_missing)


def _of_block(encoder: InputEncoder, sample: Sample, column: RawColumn) -> Drift:
    """Return the drift of a block of values: the root mean square of the shifts of its values."""
    values = np.asarray(sample.raw[column.column.name], np.float64)
    at = int(column.encoded[0])
    part = slice(at, at + column.column.width)
    missing = float(np.isnan(values).mean())
    varied = np.setdiff1d(np.arange(part.start, part.stop), encoder.numbers.constant)
    unscaled = column.column.treatment == "none"
    shifts = np.array([_median(values[:, place - at]) for place in varied.tolist()]) - encoder.numbers.fill[varied]
    with np.errstate(all="ignore"):
        size = np.sqrt(np.nanmean((shifts / encoder.numbers.scale[varied]) ** 2)) if len(varied) else np.nan
    shift = None if unscaled or np.isnan(size) else float(size)
    known = bool(np.isin(np.arange(part.start, part.stop), encoder.numbers.missing_indices).any())
    width = f"{column.column.width:,} values"
    return Drift(column.name, width, width, shift, None, missing, missing > 0 and not known)


def _median(values: Vector) -> float:
    present = values[np.isfinite(values)]
    return float(np.median(present)) if len(present) else np.nan


def _scale(encoder: NumberEncoder, column: RawColumn, at: int) -> float | None:
    """Return the scale of a column in training; None if the file does not tell it."""
    treatment = column.column.treatment
    if treatment == "none" or at in encoder.constant or column.column.kind == "boolean":
        return None
    return float(encoder.scale[at]) / (4 if treatment == "min_max" else 1)
