"""Combination of the predictions of a model's networks: those of one, or the averages over the members of an ensemble."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlpkit.engine.network import Network
from mlpkit.numerics.average import average
from mlpkit.plugin import Activation, Array, Loss
from mlpkit.preprocessing import TargetEncoder

Matrix = NDArray[np.float64]
SPREAD = "deviation"  # part of a loss that is a standard deviation around its first part


class Combination(NamedTuple):
    """Networks with what their outputs mean.

    Attributes
    ----------
    networks : tuple of Network
    target : TargetEncoder
    activation : Activation
        That of the last layer.
    loss : Loss or None
        Needed if it defines the predictions.
    """

    networks: tuple[Network, ...]
    target: TargetEncoder
    activation: Activation
    loss: Loss | None

    def decoded(self, inputs: Array) -> NDArray[Any]:
        """Return labels or numbers in the form of the user's targets, for encoded inputs."""
        target = self.target
        if len(self.networks) > 1:
            return decoded(target, self.scores(inputs))
        if target.task == "regression":
            return target.decode(self.networks[0].predict(inputs), loss=self.loss)
        z, outputs = self.networks[0].forward(inputs)
        return target.decode(outputs, self.activation, z)

    def scores(self, inputs: Array) -> Matrix:
        """Return probabilities, shape (rows, classes or labels), or numbers, shape (rows, targets)."""
        return average(self._scores(network, inputs) for network in self.networks)

    def each(self, inputs: Array) -> Matrix:
        """Return the scores of each network, shape (networks, rows, columns)."""
        return np.stack([self._scores(network, inputs) for network in self.networks])

    def spread(self, inputs: Array) -> tuple[Matrix, Matrix]:
        """Return the scores, and their standard deviations over the networks (divided by their number, not by one less)."""
        each = self.each(inputs)
        return each.mean(axis=0), each.std(axis=0)

    def parts(self, inputs: Array) -> dict[str, Matrix]:
        """Return all that the loss predicts of numbers, by name: the average of each part.

        A standard deviation is that of the mixture of the networks' distributions, by the law of total variance: the variance is the mean
        of their variances plus the variance of their means.
        """
        found = [self.target.parts(network.predict(inputs), self.loss) for network in self.networks]
        if len(found) == 1:
            return found[0]
        stacked = {name: np.stack([parts[name] for parts in found]) for name in found[0]}
        combined = {name: values.mean(axis=0) for name, values in stacked.items()}
        if len(stacked) > 1 and SPREAD in stacked:
            first = next(iter(stacked))
            combined[SPREAD] = np.sqrt((stacked[SPREAD] ** 2).mean(axis=0) + stacked[first].var(axis=0))
        return combined

    def _scores(self, network: Network, inputs: Array) -> Matrix:
        z, outputs = network.forward(inputs)
        return self.target.scores(outputs, self.activation, z, self.loss)


def decoded(target: TargetEncoder, scores: Matrix) -> NDArray[Any]:
    """Return labels or numbers in the form of the user's targets, for scores; of equal probabilities the first class."""
    if target.classes is not None and len(target.classes) == 2:
        return np.asarray(target.classes[(scores[:, 1] > target.threshold).astype(np.intp)])
    if target.classes is not None:
        return np.asarray(target.classes[scores.argmax(axis=1)])
    if target.task == "multilabel":
        return (scores > 0.5).astype(target.label_type)
    return scores[:, 0] if len(target.names) == 1 else scores
