"""Outputs of one layer of a network for many rows."""

from __future__ import annotations

from itertools import islice

import numpy as np

from mlpkit.engine.network import Network
from mlpkit.numerics.blocks import row_blocks
from mlpkit.plugin import Array
from mlpkit.plugin.engine import BLOCK
from mlpkit.plugin.error_attribution import attributing_errors


def layer_outputs(network: Network, index: int, inputs: Array) -> Array:
    """Return the outputs of a layer, shape (rows, units), for encoded inputs of shape (rows, inputs), in blocks of rows."""
    inputs = np.asarray(inputs, network.dtype)
    found: Array = np.empty((len(inputs), network.layers[index].units), network.dtype)
    with attributing_errors(), np.errstate(all="ignore"):
        for rows in row_blocks(len(inputs), BLOCK):
            ((_, found[rows]),) = islice(network.by_layer(inputs[rows]), index, index + 1)
    return found
