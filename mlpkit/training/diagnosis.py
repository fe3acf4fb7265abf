"""Where a run that diverged went wrong, in words."""

from __future__ import annotations

import numpy as np

from mlpkit.blocks import row_blocks
from mlpkit.data import StoredInputs
from mlpkit.network import Network
from mlpkit.plugin import Array
from mlpkit.spec.parts import plugin_name

ROWS = 2**13  # that go through the network at once


def first_non_finite(network: Network, inputs: Array | StoredInputs) -> str:
    """Where NaN or infinity first stands on the way of some rows through the network, in words."""
    found = (_in_block(network, inputs[rows]) for rows in row_blocks(len(inputs), ROWS))
    return next(filter(None, found), "every layer is finite, so it is the loss itself that overflows")


def _in_block(network: Network, x: Array) -> str:
    with np.errstate(all="ignore"):
        for index, layer in enumerate(network.layers):
            name = f"layer {index} ({plugin_name(layer.activation)}, {layer.weight.shape[1]} units)"
            views = [layer.weight, *([] if layer.bias is None else [layer.bias]), *layer.normalization.values()]
            if not all(np.isfinite(view).all() for view in views):
                return f"the weights of {name} are no longer finite"
            x = network.layer_outputs(index, x)
            if not np.isfinite(x).all():
                return f"the outputs of {name} are no longer finite"
    return ""
