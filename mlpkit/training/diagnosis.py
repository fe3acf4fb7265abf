"""Where a run that diverged went wrong, in words."""

from __future__ import annotations

import numpy as np

from mlpkit.network import Network
from mlpkit.plugin import Array
from mlpkit.spec.parts import plugin_name


def first_non_finite(network: Network, inputs: Array) -> str:
    """Where NaN or infinity first stands on the way of a batch through the network, in words."""
    x = inputs
    with np.errstate(all="ignore"):
        for index, layer in enumerate(network.layers):
            name = f"layer {index} ({plugin_name(layer.activation)}, {layer.weight.shape[1]} units)"
            views = [layer.weight, *([] if layer.bias is None else [layer.bias]), *layer.normalization.values()]
            if not all(np.isfinite(view).all() for view in views):
                return f"the weights of {name} are no longer finite"
            x = network.layer_outputs(index, x)
            if not np.isfinite(x).all():
                return f"the outputs of {name} are no longer finite"
    return "every layer is finite, so it is the loss itself that overflows"
