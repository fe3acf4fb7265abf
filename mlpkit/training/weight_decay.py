"""Decoupled weight decay: weights shrink in each step in proportion to the learning rate. Loshchilov & Hutter 2017, 1711.05101."""

from __future__ import annotations

from itertools import islice

import numpy as np

from mlpkit.engine.network import Network
from mlpkit.engine.parameters import layer_and_role
from mlpkit.plugin import Array, innermost
from mlpkit.spec import Spec
from mlpkit.training.rate_factors import group_factor


class WeightDecay:
    """Decay w -= rate decay w of a network's weights, before the optimizer's rule, as PyTorch's AdamW.

    The decay is that of the optimizer or `training.weight_decay`, times the layer's `decay_factor`; the rate has the layer's
    `learning_rate_factor` and that of `training.learning_rate_factors`, but not "fan_in". Weights of embeddings decay too; with
    `training.decay_all` also biases, scales and shifts.

    Parameters
    ----------
    network : Network
    spec : Spec

    Attributes
    ----------
    fading : float
        Present factor of the decay of the spec, from 1 to 0.
    factors : dict of str to float
        Decay of each parameter that decays, by name, as a factor of the learning rate.
    """

    def __init__(self, network: Network, spec: Spec) -> None:
        decay, parameters, self.fading = decay_of(spec), network.parameters, 1.0
        roles = ("weight", "bias", "normalization.scale", "normalization.shift") if spec.training.decay_all else ("weight",)
        self.factors: dict[str, float] = {}
        for name in islice(parameters.views, parameters.trained_tensors if decay else 0):
            index, role = layer_and_role(name)
            layer = network.spec.layers[index]
            factor = decay * layer.decay_factor * layer.learning_rate_factor * group_factor(spec.training.learning_rate_factors, role)
            if factor and role.removeprefix(f"embeddings.{name.split('.')[1]}.") in roles:
                self.factors[name] = factor
        self._terms: list[tuple[Array, float]] = [(parameters.views[name], factor) for name, factor in self.factors.items()]

    def __bool__(self) -> bool:
        return bool(self._terms)

    def apply(self, _gradient: Array, rate: float) -> None:
        """Shrink the weights in place for a learning rate."""
        for view, factor in self._terms:
            np.multiply(view, 1.0 - rate * factor * self.fading, view)


def decay_of(spec: Spec) -> float:
    """Return the decay of a spec's training, or of its innermost optimizer."""
    return spec.training.weight_decay or innermost(spec.optimizer).decoupled_decay
