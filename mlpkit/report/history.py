"""Learning curves, with the best epoch and the learning rate."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mlpkit.model.model import Model
from mlpkit.report.chart import Series, chart
from mlpkit.report.markup import Markup, el, number, paragraph
from mlpkit.report.subject import Subject
from mlpkit.training.early_stopping import Monitor

MOST_MEMBERS = 5  # whose curves are drawn beside the mean

Columns = dict[str, NDArray[np.float64]]


def best_epoch(model: Model) -> int | None:
    """Return the number of the epoch whose weights early stopping restored; None without it, and for an ensemble."""
    if model.spec.training.early_stopping is None or model.spec.ensemble is not None or not model.history:
        return None
    monitor = Monitor(model.spec)
    for epoch in model.history:
        monitor.improved(epoch)
    return monitor.best


def history_section(subject: Subject) -> Markup | None:
    """Return the curves of loss, of the first metric, and of the learning rate; None without epochs."""
    model = subject.model
    if not len(model.history):
        return None
    columns, best = model.history.columns(), best_epoch(model)
    epochs = columns["epoch"]
    marks = [] if best is None else [(float(best), f"best: {best}")]
    series = [Series("training", epochs, columns["loss"])]
    if np.isfinite(columns["validation_loss"]).any():
        series.append(Series("validation", epochs, columns["validation_loss"], style=1))
    several = len(model.members) > 1
    if several:
        series = [*_of_members(model), *series]
    parts = [chart(_title("Loss", several), series, "epoch", "loss", log=True, marks=marks)]
    metrics = [name for name in columns if name not in ("epoch", "loss", "validation_loss", "learning_rate")]
    if metrics and np.isfinite(columns[metrics[0]]).any():
        one = [Series(metrics[0], epochs, columns[metrics[0]], style=2)]
        parts.append(chart(_title(metrics[0], several), one, "epoch", metrics[0], marks=marks))
    if len(np.unique(columns["learning_rate"])) > 1:
        rate = [Series("learning rate", epochs, columns["learning_rate"], style=3)]
        parts.append(chart(_title("Learning rate", several), rate, "epoch", "learning rate", log=True))
    return Markup(paragraph(_sentence(columns, best, several)) + el("div", parts, class_="charts"))


def _title(name: str, several: bool) -> str:
    return f"{name} by epoch{', mean of the members' if several else ''}"


def _of_members(model: Model) -> list[Series]:
    """Return the validation losses, or the losses, of the first members as thin lines."""
    found = []
    for place, member in enumerate(model.members[:MOST_MEMBERS]):
        columns = member.history.columns()
        measured = np.isfinite(columns["validation_loss"]).any()
        values = columns["validation_loss" if measured else "loss"]
        found.append(Series("" if place else "members", columns["epoch"], values, "guide"))
    return found


def _sentence(columns: Columns, best: int | None, several: bool) -> str:
    """Return a sentence on the last or best epoch."""
    at = len(columns["epoch"]) - 1 if best is None else int(np.flatnonzero(columns["epoch"] == best)[0])
    epoch, rate = int(columns["epoch"][at]), columns["learning_rate"][at]
    which = "The weights are those of the best epoch" if best is not None else "The last epoch is"
    loss = f"loss {number(columns['loss'][at])}"
    validation = columns["validation_loss"][at]
    measured = f", validation loss {number(validation)}" if np.isfinite(validation) else ""
    which = "Each member has its own best epoch; the mean of the last epochs is" if several else which
    return f"{which} {epoch}: {loss}{measured}, learning rate {number(rate)}. Losses of training are measured before each step."
