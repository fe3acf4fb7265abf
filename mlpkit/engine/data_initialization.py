"""Initial parameters that depend on training rows."""

from __future__ import annotations

import math

import numpy as np

from mlpkit.engine.embedding_parameters import set_edges
from mlpkit.engine.inference import ForwardBuffers
from mlpkit.engine.layers import LayerViews
from mlpkit.engine.network import Network
from mlpkit.initializers.constants import Zeros
from mlpkit.plugin import Array
from mlpkit.plugin.error_attribution import attributing_errors
from mlpkit.spec.embeddings import PiecewiseLinear

CORNERS = 5  # rows of which a bias is a random mean


def initialize_from_data(network: Network, inputs: Array, rng: np.random.Generator, initial: Network) -> None:
    """Set edges of bins and, if the spec asks for it, scale weights and draw biases from rows.

    From the first hidden layer to the last, the weights are divided by the root of the mean variance of the layer's pre-activations. A bias
    whose initializer is "zeros" becomes minus a random mean of five of these pre-activations, each of a random row, with weights uniform
    on the simplex. Steinwart 2019, 1903.11482 ("he+5"), and Holzmueller, Grinsztajn & Steinwart 2024, 2407.04491 (RealMLP), which divides
    the weights of each unit by its own deviation, also in the output layer. With few inputs that makes some weights very large: a curve of
    200 points is learned with r2 0.99 here, and not at all there.

    Parameters
    ----------
    network : Network
        Network to initialize. Parameters that differ from those of `initial` stay as they are, because the user has set them.
    inputs : array, shape (rows, inputs)
        Encoded training rows.
    rng : numpy.random.Generator
    initial : Network
        Network with the initial parameters of its seed.
    """
    for options, views, drawn in zip(network.spec.embeddings, network.embeddings, initial.embeddings, strict=True):
        if isinstance(options, PiecewiseLinear) and np.array_equal(views["edges"], drawn["edges"]):
            for edges, index in zip(views["edges"], options.inputs or (), strict=True):
                set_edges(edges, inputs[:, index])
    if not network.spec.initialize_from_data:
        return
    values = [network.first_inputs(inputs)]
    with attributing_errors(), np.errstate(all="ignore"):
        for layer, before in zip(network.layers[:-1], initial.layers[:-1], strict=True):
            buffers = ForwardBuffers(layer, len(inputs), inputs.dtype, values)
            buffers.scale_weight()
            np.dot(values[-1], buffers.weight, out=buffers.z)
            if layer.spec.trainable and np.array_equal(layer.weight, before.weight):
                _initialize(layer, buffers.z, rng)
            for function, arguments in [*buffers.shift(), *buffers.activate()]:
                function(*arguments)
            values.append(buffers.outputs)


def _initialize(layer: LayerViews, z: Array, rng: np.random.Generator) -> None:
    """Scale the weights and draw the bias of a layer from products of its inputs and weights, shape (rows, columns), and scale these."""
    deviation = math.sqrt(z.var(axis=0, dtype=np.float64).mean())
    if math.isfinite(deviation) and deviation > np.finfo(z.dtype).tiny:
        np.divide(layer.weight, deviation, out=layer.weight)
        z /= deviation
    if layer.bias is not None and isinstance(layer.spec.bias_initializer, Zeros) and not layer.bias.any():
        columns = np.arange(z.shape[1])[:, None]
        chosen = z[rng.integers(0, len(z), (z.shape[1], CORNERS)), columns]
        layer.bias[...] = -(chosen * rng.dirichlet(np.ones(CORNERS), z.shape[1])).sum(axis=1)
