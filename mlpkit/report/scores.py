"""Scores on these rows, on the training and validation rows as far as they are known, and of baselines."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from mlpkit.model.learning_curve import best_epoch
from mlpkit.report.bootstrap import Interval, Replicates, quantile_interval, replicates
from mlpkit.report.rows import Measured, measured
from mlpkit.report.subject import Subject
from mlpkit.text.markup import NONE, Markup, el, interval, number, paragraph, table
from mlpkit.text.shown import counted

ROUNDING = 1e-12  # a score of a baseline below this is 0, such as R² of the mean

Column = Mapping[str, tuple[float, Interval | None]]  # scores by name, with their intervals if these are known


def score_section(subject: Subject) -> Markup:
    """Return a table with a row for each score and a column for each part."""
    columns, notes = _columns(subject)
    names = list(dict.fromkeys(name for column in columns.values() for name in column))
    lines = [[name, *[_cell(column.get(name)) for column in columns.values()]] for name in names]
    caption = "Scores, with 95 % intervals by bootstrap"
    if any(ends is not None and ends.low == ends.high for column in columns.values() for _, ends in column.values()):
        notes.append("An interval without width means that no two rows differ in that score, not that it is certain.")
    if not names:
        return paragraph("The file has no scores: the model has no history.")
    return Markup(table(["score", *columns], lines, caption=caption) + "".join(paragraph(note, "note") for note in notes))


def _cell(found: tuple[float, Interval | None] | None) -> str | list[str]:
    if found is None or (found[1] is None and math.isnan(found[0])):
        return NONE
    value, ends = found
    shown = "" if ends is None else interval(*ends)
    return [number(value), el("small", shown)] if shown else number(value)


def _columns(subject: Subject) -> tuple[dict[str, Column], list[str]]:
    """Return the columns of the table by title, and notes below it."""
    columns: dict[str, Column] = {}
    notes: list[str] = []
    if subject.measured is not None:
        columns["these rows"] = _with_intervals(subject.measured, subject.replicates)
        if (found := subject.baselines) is not None:
            columns[found.name] = _plain(found.constant, subject)
            notes.append(f"Baselines: always the same prediction ({found.name}), and a linear model, fitted on {found.fitted}.")
            if found.linear is not None:
                columns["linear model"] = _plain(found.linear, subject)
            else:
                notes.append(f"No linear model: {found.skipped}.")
    if subject.training is not None:
        columns |= _given(subject)
        notes.append("Validation and training rows are those of the given training data, split as the spec says.")
        if subject.same:
            notes.append("These rows are the training data: their scores say little about new rows; see the validation rows.")
    else:
        columns |= _stored(subject)
        notes += _stored_notes(subject)
    return columns, notes


def _with_intervals(rows: Measured, found: Replicates) -> Column:
    """Return scores with their intervals, without the loss if it is not known."""
    intervals, known = found.intervals(), not np.isnan(rows.losses).all()
    return {name: (value, intervals[name]) for name, value in found.scores[0].items() if known or name != "loss"}


def _plain(rows: Measured, subject: Subject) -> Column:
    figures = rows.figures(subject.metrics)
    return {name: (0.0 if abs(value) < ROUNDING else value, None) for name, value in figures.items() if name != "loss"}


def _given(subject: Subject) -> dict[str, Column]:
    """Return the scores on given validation and training rows; those that members hold out are predicted by these."""
    from mlpkit.preprocessing.labelled import Labelled
    from mlpkit.training.held_out import held_out

    prepared, model = subject.training, subject.model
    assert prepared is not None
    found: dict[str, Column] = {}
    if prepared.folds:
        target = subject.encoders[1]
        rows = held_out(model.spec, model._predicting, prepared, target)
        if rows is not None:
            weights = np.ones(len(rows.scores)) if rows.weights is None else rows.weights.astype(np.float64)
            own = Measured(np.full(len(weights), np.nan), rows.scores, rows.values, weights, target.task, target.threshold)
            found["validation, by the members that held them out"] = _of(own, subject)
    elif prepared.validation is not None:
        found["validation"] = _of(measured(model, Labelled(prepared.validation, prepared.values)), subject)
    found["training"] = _of(measured(model, Labelled(prepared.train, prepared.train_values)), subject)
    return found


def _of(rows: Measured, subject: Subject) -> Column:
    return _with_intervals(rows, replicates([rows], subject.metrics))


def _stored(subject: Subject) -> dict[str, Column]:
    """Return the scores in the history of the file: of the best epoch, or of the last one."""
    history = subject.model.history
    if not history:
        return _kept(subject)
    best = best_epoch(subject.model)
    epoch = next((each for each in history if each.number == best), history[-1])
    own: Column = {name: (value, None) for name, value in epoch.metrics.items()}
    if epoch.validation_loss is None:
        return {"training, in the file": {"loss": (epoch.loss, None), **own}}
    validation: Column = {"loss": (epoch.validation_loss, None), **own}
    return {**_kept(subject), "validation, in the file": validation, "training, in the file": {"loss": (epoch.loss, None)}}


def _kept(subject: Subject) -> dict[str, Column]:
    """Return scores with intervals from the errors on validation rows that the file keeps, if it does."""
    target = subject.encoders[1]
    errors = target.residuals.errors
    if not len(errors):
        return {}
    rng = np.random.Generator(np.random.PCG64(2))
    rows = rng.integers(0, len(errors), (200, len(errors)))
    if target.task == "classification":
        losses = -np.log(np.maximum(1.0 - errors[:, 0], np.finfo(np.float64).tiny))
        return {"validation, kept errors": {"log_loss": (float(losses.mean()), quantile_interval(losses[rows].mean(axis=1)))}}
    if errors.shape[1] > 1:
        return {}
    absolute, squared = errors[:, 0], errors[:, 0] ** 2
    with np.errstate(over="ignore"):
        found: Column = {
            "rmse": (float(np.sqrt(squared.mean())), quantile_interval(np.sqrt(squared[rows].mean(axis=1)))),
            "mae": (float(absolute.mean()), quantile_interval(absolute[rows].mean(axis=1))),
        }
    return {"validation, kept errors": found}


def _stored_notes(subject: Subject) -> list[str]:
    """Return notes on the figures of the file."""
    if not subject.model.history:
        return []
    notes = ["A model file has no rows, so the scores in it have no intervals; --training DATA measures its training rows anew."]
    kept = subject.encoders[1].residuals.errors
    if len(kept):
        by_member = ", each of the member that has held the row out" if len(subject.encoders[1].residuals.ratio) else ""
        notes.append(f"The file keeps the errors of {counted(len(kept), 'validation row')}{by_member}.")
    return notes
