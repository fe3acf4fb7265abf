"""What early stopping knows of a run: which epoch was the best so far, how long ago, and the weights that it had."""

from __future__ import annotations

import math

from mlpkit.plugin import Array
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
    """

    def __init__(self, spec: Spec) -> None:
        self.options = spec.training.early_stopping
        self.watched = "validation_loss" if self.options is None else self.options.monitor
        metric = next((metric for metric in spec.metrics if plugin_name(metric) == self.watched), None)
        self.sign = -1.0 if metric is not None and metric.higher_is_better else 1.0
        self.value = math.inf
        self.best: int | None = None
        self.waited = 0

    @property
    def exhausted(self) -> bool:
        """Whether patience is at its end."""
        return self.options is not None and self.waited >= self.options.patience

    def improved(self, epoch: Epoch) -> bool:
        """Take the next epoch; True when it is the best so far."""
        value = self._value(epoch)
        if self.best is not None and not value < self.value - (self.options.min_delta if self.options else 0.0):
            self.waited += 1
            return False
        self.value, self.best, self.waited = value, epoch.number, 0
        return True

    def _value(self, epoch: Epoch) -> float:
        measured = {"validation_loss": epoch.validation_loss, **epoch.metrics}.get(self.watched)
        if measured is None and self.options is None:
            measured = epoch.loss
        return math.inf if measured is None or math.isnan(measured) else self.sign * measured


class Best:
    """The weights of the best epoch.

    Parameters
    ----------
    vector : array
        The parameters that training changes.
    spec : Spec
        With `training.early_stopping`.
    """

    def __init__(self, vector: Array, spec: Spec) -> None:
        self.monitor = Monitor(spec)
        self.vector = vector
        self.kept = vector.copy()

    def watch(self, epoch: Epoch) -> None:
        """Keep the weights if this epoch is the best so far."""
        if self.monitor.improved(epoch):
            self.kept[...] = self.vector

    def restore(self) -> None:
        """Give the network the best weights; those from before the run when no epoch was finished."""
        self.vector[...] = self.kept
