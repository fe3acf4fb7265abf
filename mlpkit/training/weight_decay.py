"""Decoupled weight decay: weights shrink in each step in proportion to the learning rate. Loshchilov & Hutter 2017, 1711.05101."""

from __future__ import annotations

from itertools import islice

import numpy as np

from mlpkit.engine.network import Network
from mlpkit.engine.parameters import layer_and_role
from mlpkit.plugin import Array, innermost
from mlpkit.spec import Spec


class WeightDecay:
    """Decay w -= rate decay w of a network's weights, before the optimizer's rule, as PyTorch's AdamW.

    The decay is that of the optimizer or `training.weight_decay`, times the layer's `decay_factor`; the rate has the layer's
    `learning_rate_factor`. With `training.decay_all`, biases, scales and shifts decay too, but no parameters of activations.

    Parameters
    ----------
    network : Network
    spec : Spec

    Attributes
    ----------
    fading : float
        Present factor of the decay of the spec, from 1 to 0.
    """

    def __init__(self, network: Network, spec: Spec) -> None:
        decay, parameters, self.fading = decay_of(spec), network.parameters, 1.0
        self._terms: list[tuple[Array, float]] = []
        for name, view in islice(parameters.views.items(), parameters.trained_tensors if decay else 0):
            index, role = layer_and_role(name)
            layer = network.spec.layers[index]
            factor = decay * layer.decay_factor * layer.learning_rate_factor
            if factor and (role == "weight" or (spec.training.decay_all and not role.startswith("activation."))):
                self._terms.append((view, factor))

    def __bool__(self) -> bool:
        return bool(self._terms)

    def apply(self, _gradient: Array, rate: float) -> None:
        """Shrink the weights in place for a learning rate."""
        for view, factor in self._terms:
            np.multiply(view, 1.0 - rate * factor * self.fading, view)


def decay_of(spec: Spec) -> float:
    """Return the decay of a spec's training, or of its innermost optimizer."""
    return spec.training.weight_decay or innermost(spec.optimizer).decoupled_decay
