"""Penalty of large weights: l2 sum(w^2) + l1 sum(|w|), with the factors of each layer."""

from __future__ import annotations

import numpy as np

from mlpkit.engine.network import Network
from mlpkit.plugin import Array


class Penalty:
    """Penalty of a network's weights and its gradient.

    It does not depend on the batch size, and does not apply to biases, normalization and frozen layers. PyTorch's `weight_decay` of SGD and
    Adam is 2 l2.

    Parameters
    ----------
    network : Network
    """

    def __init__(self, network: Network) -> None:
        self._terms: list[tuple[Array, slice, float, float, Array]] = []  # weight, its place, l1, l2, scratch
        for index, layer in enumerate(network.layers):
            l1, l2 = layer.spec.l1, layer.spec.l2
            if (l1 or l2) and layer.spec.trainable:
                weight = layer.weight.reshape(-1)
                self._terms.append((weight, network.parameters.slices[f"layers.{index}.weight"], l1, l2, np.empty_like(weight)))

    def __bool__(self) -> bool:
        return bool(self._terms)

    def value(self) -> float:
        """Return the penalty at the network's weights."""
        with np.errstate(over="ignore"):
            return float(sum(l2 * weight.dot(weight) + l1 * np.abs(weight, scratch).sum() for weight, _, l1, l2, scratch in self._terms))

    def add(self, gradient: Array, _rate: float = 0.0) -> None:
        """Add the gradient of the penalty at the network's weights to that of the trained parameters, shape (trained,)."""
        for weight, place, l1, l2, scratch in self._terms:
            part = gradient[place]
            if l2:
                np.multiply(weight, 2.0 * l2, scratch)
                np.add(part, scratch, part)
            if l1:
                np.sign(weight, scratch)
                np.multiply(scratch, l1, scratch)
                np.add(part, scratch, part)
