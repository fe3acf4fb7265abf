"""Statistics of batch normalization, measured on all rows with the present weights of a network."""

from __future__ import annotations

from itertools import islice
from typing import Any

import numpy as np

from mlpkit.engine.network import Network
from mlpkit.numerics.blocks import row_blocks
from mlpkit.spec.normalization import BatchNormalization

ROWS = 4096  # rows of a block


def measure_batch_statistics(network: Network, inputs: Any) -> None:
    """Replace the running means and variances of batch normalization by those of all rows, layer by layer.

    The variance is unbiased, as in training. Layers that are not trained keep theirs. Networks with fewer than two rows are not changed.

    Parameters
    ----------
    network : Network
    inputs : array or stored inputs, shape (rows, inputs)
        Encoded rows. Rows on disk are read once for each such layer.
    """
    if len(inputs) < 2:
        return
    for index, layer in enumerate(network.layers):
        if layer.spec.trainable and isinstance(layer.spec.normalization, BatchNormalization):
            mean, variance = _moments(network, index, inputs)
            layer.normalization["mean"][...] = mean
            layer.normalization["variance"][...] = variance


def _moments(network: Network, index: int, inputs: Any) -> tuple[Any, Any]:
    """Return mean and variance of the product of a layer's inputs and weights, shape (units,) each, in float64."""
    layer = network.layers[index]
    weight = layer.weight if layer.input_scale is None else layer.weight * layer.input_scale[:, None]
    total, squares, rows = np.zeros(weight.shape[1]), np.zeros(weight.shape[1]), len(inputs)
    shift: Any = None  # the mean of the first block, which keeps the sums of squares precise
    for block in row_blocks(rows, ROWS):
        values = inputs[block]
        for _, outputs in islice(network.by_layer(values), index):
            values = outputs
        if index == 0:
            values = network.first_inputs(values)
        products = values.dot(weight).astype(np.float64)
        shift = products.mean(axis=0) if shift is None else shift
        products -= shift
        total += products.sum(axis=0)
        squares += np.square(products).sum(axis=0)
    mean = total / rows
    return mean + shift, (squares - rows * np.square(mean)) / (rows - 1)
