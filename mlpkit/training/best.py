"""Best: what early stopping knows of a run."""

from __future__ import annotations

import math

from mlpkit.network import Network
from mlpkit.plugin import Array
from mlpkit.spec import EarlyStopping, Spec
from mlpkit.spec.parts import plugin_name
from mlpkit.training.epoch import Epoch


class Best:
    """Early stopping: the best value of what is monitored, the weights that had it, and the epochs since."""

    def __init__(self, network: Network, spec: Spec, options: EarlyStopping) -> None:
        self.options = options
        self.vector = network.parameters.vector
        self.weights: Array | None = None
        metric = next((metric for metric in spec.metrics if plugin_name(metric) == options.monitor), None)
        self.sign = -1.0 if metric is not None and metric.higher_is_better else 1.0
        self.value = math.inf
        self.waited = 0

    @property
    def exhausted(self) -> bool:
        """Whether patience is at its end."""
        return self.waited >= self.options.patience

    def watch(self, epoch: Epoch) -> None:
        """Keep the weights if this epoch is the best so far."""
        measured = {"loss": epoch.loss, "validation_loss": epoch.validation_loss, **epoch.metrics}[self.options.monitor]
        value = math.inf if measured is None else self.sign * measured
        if value < self.value - self.options.min_delta or self.weights is None:
            self.value, self.waited = value, 0
            self.weights = self.vector.copy() if self.weights is None else self.weights
            self.weights[...] = self.vector
        else:
            self.waited += 1

    def restore(self) -> None:
        """Give the network the best weights."""
        if self.weights is not None:
            self.vector[...] = self.weights
