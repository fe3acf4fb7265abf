"""Learning curves of a model: the losses by epoch, with the best epoch."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mlpkit.charts.chart import Series, parts_of, sample
from mlpkit.charts.drawing import Drawing
from mlpkit.errors import DataError
from mlpkit.training.early_stopping import Monitor

if TYPE_CHECKING:
    from mlpkit.model.model import Model

MOST_MEMBERS = 5  # whose curves are drawn beside the mean


class LossCurves(NamedTuple):
    """Losses by epoch.

    Attributes
    ----------
    title : str
    series : list of Series
    marks : list of (float, str)
        The best epoch.
    """

    title: str
    series: list[Series]
    marks: list[tuple[float, str]]


def best_epoch(model: Model) -> int | None:
    """Return the number of the epoch whose weights early stopping restored; None without it, and for an ensemble."""
    if model.spec.training.early_stopping is None or model.spec.ensemble is not None or not model.history:
        return None
    monitor = Monitor(model.spec)
    for epoch in model.history:
        monitor.improved(epoch)
    return monitor.best


def titled(name: str, model: Model) -> str:
    """Return the title of a curve."""
    return f"{name} by epoch{', mean of the members' if len(model.members) > 1 else ''}"


def marks_of(model: Model) -> list[tuple[float, str]]:
    """Return the mark of the best epoch, if there is one."""
    best = best_epoch(model)
    return [] if best is None else [(float(best), f"best: {best}")]


def loss_curves(model: Model) -> LossCurves:
    """Return the losses of training and validation, of an ensemble their means, and those of some members."""
    columns = model.history.columns()
    series = [Series("training", columns["epoch"], columns["loss"])]
    if np.isfinite(columns["validation_loss"]).any():
        series.append(Series("validation", columns["epoch"], columns["validation_loss"], style=1))
    if len(model.members) > 1:
        series = [*_of_members(model), *series]
    return LossCurves(titled("Loss", model), series, marks_of(model))


def _of_members(model: Model) -> list[Series]:
    """Return the validation losses, or the losses, of the first members as thin lines."""
    found = []
    for place, member in enumerate(model.members[:MOST_MEMBERS]):
        columns = member.history.columns()
        measured = np.isfinite(columns["validation_loss"]).any()
        values = columns["validation_loss" if measured else "loss"]
        found.append(Series("" if place else "members", columns["epoch"], values, "guide"))
    return found


def plot(model: Model) -> Drawing:
    """Return the drawing of the learning curves. Raise DataError if the model has no history."""
    if not len(model.history):
        raise DataError("the model has no history, so there is no learning curve to draw", help="train it")
    curves = loss_curves(model)
    parts = parts_of(curves.series, "epoch", "loss", log=True, marks=curves.marks)
    title = f"{model.spec.name}: {curves.title.lower()}" if model.spec.name else curves.title
    return Drawing(title, parts, [(sample(each), each.name) for each in curves.series if each.name])
