"""The state of early stopping: which epoch was the best so far, how long ago, and the weights that it had."""

from __future__ import annotations

import math
from collections.abc import Sequence

from mlpkit.engine.network import Network
from mlpkit.spec import Spec
from mlpkit.spec.parts import plugin_name
from mlpkit.training.epoch import Epoch


class Monitor:
    """The best epoch by what the spec's early stopping watches; without it, by the validation loss, or else the loss.

    Parameters
    ----------
    spec : Spec

    Attributes
    ----------
    value : float
        What was measured in the best epoch, with its sign changed where more is better.
    best : int or None
        Its number.
    waited : int
        Epochs since it.
    validation_loss : float
        That of the best epoch; infinity without one. It decides between epochs of the same value: of two with all classes
        right, the later one is the surer. An epoch that is better by it alone does not renew patience.
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
        """Return whether patience is at its end."""
        return self.options is not None and self.waited >= self.options.patience

    def improved(self, epoch: Epoch) -> bool:
        """Take the next epoch; True when it is the best so far."""
        value, loss = self._value(epoch), _finite_or_infinite(epoch.validation_loss)
        if self.best is None or value < self.value - (self.options.min_delta if self.options else 0.0):
            self.waited = 0
        else:
            self.waited += 1
            if not (value == self.value and loss < self.validation_loss):
                return False
        self.value, self.best, self.validation_loss = value, epoch.number, loss
        return True

    def go_on(self, value: float, best: int | None, waited: int, history: Sequence[Epoch]) -> None:
        """Stand where a run stood; the validation loss of its best epoch is read from the history."""
        self.value, self.best, self.waited = value, best, waited
        found = [epoch.validation_loss for epoch in history if epoch.number == best]
        self.validation_loss = _finite_or_infinite(found[-1] if found else None)

    def _value(self, epoch: Epoch) -> float:
        measured = {"validation_loss": epoch.validation_loss, **epoch.metrics}.get(self.watched)
        if measured is None and self.options is None:
            measured = epoch.loss
        return _finite_or_infinite(None if measured is None else self.sign * measured)


def _finite_or_infinite(value: float | None) -> float:
    """Return a figure of which less is better, infinity where nothing was measured."""
    return math.inf if value is None or math.isnan(value) else value


class Best:
    """The weights of the best epoch: by the spec's early stopping, else by the validation loss, else the last one that was finished.

    Early stopping restores them. A run that diverges, or breaks in the middle of a step, falls back on them.

    Parameters
    ----------
    network : Network
        The one that is trained, and gets the kept weights.
    predicting : Network
        The one whose weights are kept: the same, or where the optimizer averages the one with the averaged weights.
    spec : Spec
    validated : bool
        Whether there are validation rows.

    Attributes
    ----------
    number : int or None
        The epoch that the kept weights are from; None before one was finished.
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
        """Keep the weights of the moment."""
        self.kept[...] = self.source
        self.number = number

    def restore(self) -> None:
        """Give the network the kept weights; those from before the run when no epoch was finished."""
        self.vector[...] = self.kept
