"""Early stopping: the best epoch, the number of epochs since then, and the best weights."""

from __future__ import annotations

import math
from collections.abc import Sequence

from mlpkit.engine.network import Network
from mlpkit.plugin import plugin_name
from mlpkit.spec import Spec
from mlpkit.training.epoch import Epoch


class Monitor:
    """Best epoch by the monitored value of early stopping; without early stopping by the validation loss, or the loss.

    Parameters
    ----------
    spec : Spec

    Attributes
    ----------
    value : float
        Monitored value of the best epoch, negated if higher is better.
    best : int or None
        Number of the best epoch.
    waited : int
        Number of epochs since then.
    validation_loss : float
        Validation loss of the best epoch; infinity without one. It decides between epochs with the same monitored value, such as an
        accuracy of 1. An epoch that is better only by it does not reset `waited`.
    """

    def __init__(self, spec: Spec) -> None:
        self.options = spec.training.early_stopping
        self.watched = "validation_loss" if self.options is None else self.options.monitor
        metric = next((metric for metric in spec.metrics if plugin_name(metric) == self.watched), None)
        self.sign = -1.0 if metric is not None and metric.higher_is_better else 1.0
        self.value = math.inf
        self.best: int | None = None
        self.waited = 0
        self.validation_loss = math.inf

    @property
    def exhausted(self) -> bool:
        """True if the patience of early stopping is exhausted."""
        patience = None if self.options is None else self.options.patience
        return patience is not None and self.waited >= patience

    def improved(self, epoch: Epoch) -> bool:
        """Record the next epoch; return True if it is the best so far."""
        value, loss = self.reading(epoch), _finite_or_infinite(epoch.validation_loss)
        if self.best is None or value < self.value - (self.options.min_delta if self.options else 0.0):
            self.waited = 0
        else:
            self.waited += 1
            if not (value == self.value and loss < self.validation_loss):
                return False
        self.value, self.best, self.validation_loss = value, epoch.number, loss
        return True

    def go_on(self, value: float, best: int | None, waited: int, history: Sequence[Epoch]) -> None:
        """Restore the state of a run; the validation loss of its best epoch is read from the history."""
        self.value, self.best, self.waited = value, best, waited
        found = [epoch.validation_loss for epoch in history if epoch.number == best]
        self.validation_loss = _finite_or_infinite(found[-1] if found else None)

    def reading(self, epoch: Epoch) -> float:
        """Return the monitored value of an epoch, negated if higher is better; infinity if it was not measured."""
        measured = {"validation_loss": epoch.validation_loss, **epoch.metrics}.get(self.watched)
        if measured is None and self.options is None:
            measured = epoch.loss
        return _finite_or_infinite(None if measured is None else self.sign * measured)


def _finite_or_infinite(value: float | None) -> float:
    """Return a value for which lower is better; infinity for None and NaN."""
    return math.inf if value is None or math.isnan(value) else value


class Best:
    """Weights of the best epoch by early stopping, else by the validation loss, else of the last finished epoch.

    Early stopping restores them. They are also restored after divergence or an error in the middle of a step.

    Parameters
    ----------
    network : Network
        Network that is trained, and to which the weights are restored.
    predicting : Network
        Network whose weights are kept: the same one, or the one with averaged weights if the optimizer averages.
    spec : Spec
    validated : bool
        True if there are validation rows.

    Attributes
    ----------
    number : int or None
        Epoch of the kept weights; None before the first finished epoch.
    """

    def __init__(self, network: Network, predicting: Network, spec: Spec, validated: bool) -> None:
        self.monitor = Monitor(spec)
        self.stopping = spec.training.early_stopping is not None
        self.last = not self.stopping and not validated
        self.vector, self.source = network.parameters.vector, predicting.parameters.vector
        self.kept = self.source.copy()
        self.number: int | None = None

    def watch(self, epoch: Epoch) -> None:
        """Keep the weights if this epoch is the best so far."""
        if self.last or self.monitor.improved(epoch):
            self.keep(epoch.number)

    def keep(self, number: int | None) -> None:
        """Keep the present weights."""
        self.kept[...] = self.source
        self.number = number

    def restore(self) -> None:
        """Restore the kept weights, or the initial ones if no epoch was finished."""
        self.vector[...] = self.kept
