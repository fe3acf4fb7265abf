"""Constraints of weights, applied after each step."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mlpkit.engine.network import Network
from mlpkit.plugin import Array
from mlpkit.spec.weight_constraint import MaxNorm, UnitNorm, WeightConstraint

Apply = Callable[[int, int], object]  # of the number of the step and the steps per epoch


def constraints(network: Network) -> list[Apply]:
    """Return the functions that change the weights of the trained layers with a constraint, in place."""
    trained = [layer for layer in network.layers if layer.spec.trainable]
    return [_constraint(layer.spec.weight_constraint, layer.weight) for layer in trained if layer.spec.weight_constraint is not None]


def _constraint(options: WeightConstraint, weight: Array) -> Apply:
    if not isinstance(options, (MaxNorm, UnitNorm)):
        return lambda step, steps_per_epoch: np.maximum(weight, 0.0, out=weight)
    norms: Array = np.empty(weight.shape[1], weight.dtype)
    most = options.value if isinstance(options, MaxNorm) else None
    tiny = np.finfo(weight.dtype).tiny

    def shorten(step: int, steps_per_epoch: int) -> None:
        np.einsum("ij,ij->j", weight, weight, out=norms)
        np.sqrt(norms, norms)
        if most is None:
            np.maximum(norms, tiny, out=norms)  # a unit whose weights are all 0 keeps them
        else:
            np.divide(norms, most, norms)
            np.maximum(norms, 1.0, out=norms)
        np.divide(weight, norms, weight)

    return shorten
