"""Factors of the learning rate: those of layers and of groups of parameters."""

from __future__ import annotations

import math
from itertools import islice

import numpy as np

from mlpkit.engine.network import Network
from mlpkit.engine.parameters import layer_and_role
from mlpkit.plugin import Array
from mlpkit.spec import Spec
from mlpkit.spec.rate_factors import RateFactors


def rate_factors(network: Network, spec: Spec) -> Array | None:
    """Return the factor of each trained parameter, shape (trained,), or None if all are 1."""
    layers, groups, parameters = network.spec.layers, spec.training.learning_rate_factors, network.parameters
    if groups == RateFactors() and all(layer.learning_rate_factor == 1 for layer in layers):
        return None
    parts = []
    for name, view in islice(parameters.views.items(), parameters.trained_tensors):
        index, role = layer_and_role(name)
        factor = layers[index].learning_rate_factor * group_factor(groups, role)
        if role == "weight" and groups.weights == "fan_in":
            factor /= math.sqrt(len(view))
        parts.append(np.full(view.size, factor, view.dtype))
    return np.concatenate(parts)


def group_factor(groups: RateFactors, role: str) -> float:
    """Return the factor of the group of a parameter with a role, 1 for "fan_in" and for parameters of no group."""
    if role.startswith("embeddings."):
        return groups.embeddings
    if role == "weight":
        return 1.0 if groups.weights == "fan_in" else groups.weights
    return {"bias": groups.biases, "input_scale": groups.input_scale}.get(role, 1.0)
