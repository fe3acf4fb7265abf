"""Learning curves, with the best epoch and the learning rate."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mlpkit.charts.chart import Series, chart
from mlpkit.model.learning_curve import best_epoch, loss_curves, titled
from mlpkit.report.subject import Subject
from mlpkit.text.markup import Markup, el, number, paragraph

Columns = dict[str, NDArray[np.float64]]


def history_section(subject: Subject) -> Markup | None:
    """Return the curves of loss, of the first metric, and of the learning rate; None without epochs."""
    model = subject.model
    if not len(model.history):
        return None
    columns, best, curves = model.history.columns(), best_epoch(model), loss_curves(model)
    epochs, several = columns["epoch"], len(model.members) > 1
    parts = [chart(curves.title, curves.series, "epoch", "loss", log=True, marks=curves.marks)]
    metrics = [name for name in columns if name not in ("epoch", "loss", "validation_loss", "learning_rate")]
    if metrics and np.isfinite(columns[metrics[0]]).any():
        one = [Series(metrics[0], epochs, columns[metrics[0]], style=2)]
        parts.append(chart(titled(metrics[0], model), one, "epoch", metrics[0], marks=curves.marks))
    if len(np.unique(columns["learning_rate"])) > 1:
        rate = [Series("learning rate", epochs, columns["learning_rate"], style=3)]
        parts.append(chart(titled("Learning rate", model), rate, "epoch", "learning rate", log=True))
    return Markup(paragraph(_sentence(columns, best, several)) + el("div", parts, class_="charts"))


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
