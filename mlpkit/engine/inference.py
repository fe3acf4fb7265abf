"""Forward pass through layers, in buffers for one number of rows, as a list of calls prepared once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from mlpkit.engine.layers import LayerViews
from mlpkit.engine.learned_inputs import LearnedInputs
from mlpkit.engine.normalization import normalize
from mlpkit.plugin import Array
from mlpkit.plugin.engine import Engine, PredictionPass, warn_of_numpy

Call = tuple[Callable[..., object], tuple[Any, ...]]  # function with its arguments
Calls = list[Call]


class ForwardBuffers:
    """Buffers of one layer and the calls of its forward pass for prediction.

    Parameters
    ----------
    layer : LayerViews
    rows : int
    dtype : dtype
    earlier : sequence of array
        Inputs of the network, then the outputs of each layer before this one, for a residual connection.

    Attributes
    ----------
    z : array, shape (rows, columns)
        Pre-activations.
    outputs : array, shape (rows, units)
    shortcut : array, shape (rows, units), or None
        Values that are added to the outputs.
    weight : array, shape (inputs, columns)
        Weights of the layer, or a buffer for their products with the factors of the inputs.
    """

    def __init__(self, layer: LayerViews, rows: int, dtype: DTypeLike, earlier: Sequence[Array] = ()) -> None:
        self.layer = layer
        self.shortcut = None if layer.spec.residual is None else earlier[-layer.spec.residual]
        self.z: Array = np.empty((rows, layer.weight.shape[1]), dtype)
        self.outputs: Array = np.empty((rows, layer.units), dtype)
        self.weight: Array = layer.weight if layer.input_scale is None else np.empty_like(layer.weight)

    def scale_weight(self) -> None:
        """Multiply the weights by the factors of the inputs, if the layer has them."""
        if self.layer.input_scale is not None:
            np.multiply(self.layer.weight, self.layer.input_scale[:, None], self.weight)

    def product(self, inputs: Array) -> Call:
        """Return the call that writes the product of inputs and weights to `z`."""
        return inputs.dot, (self.weight, self.z)

    def shift(self) -> Calls:
        """Return the calls that turn this product into pre-activations: bias and normalization."""
        bias = self.layer.bias
        if bias is None:
            return self.normalize()
        return [(np.add, (self.z, bias[None] if len(self.z) == 1 else bias, self.z)), *self.normalize()]  # avoids broadcasting for one row

    def normalize(self) -> Calls:
        """Return the call of normalization, if the layer has one."""
        options = self.layer.spec.normalization
        return [] if options is None else [(normalize, (options, self.z, self.layer.normalization))]

    def activate(self) -> Calls:
        """Return the calls that compute the outputs from the pre-activations."""
        return [(self.layer.activation.forward, (self.z, self.outputs, *self.layer.activation_parameters)), *self.add_shortcut()]

    def add_shortcut(self) -> Calls:
        """Return the call that adds the residual connection to the outputs, if there is one."""
        return [] if self.shortcut is None else [(np.add, (self.outputs, self.shortcut, self.outputs))]


class ForwardPass:
    """Buffers and calls for predictions in blocks of `rows` rows.

    Parameters
    ----------
    layers : sequence of LayerViews
    rows : int
    dtype : dtype
    learned : LearnedInputs, optional
        Embeddings of the network, for this number of rows.
    engine : Engine, optional
        It computes the pass, if it can for this network.

    Attributes
    ----------
    layers : list of ForwardBuffers
    z : array, shape (rows, columns of the last layer)
        Pre-activations of the last layer for the most recent block.
    size : int
        Total number of elements in the buffers.
    """

    def __init__(
        self,
        layers: Sequence[LayerViews],
        rows: int,
        dtype: DTypeLike,
        learned: LearnedInputs | None = None,
        engine: Engine | None = None,
    ) -> None:
        self.learned = learned
        self.inputs = np.empty((rows, layers[0].weight.shape[0]), dtype) if adds_inputs(layers) and learned is None else None
        kept = self.inputs if learned is None else learned.inputs
        self.layers = buffers = list[ForwardBuffers]()
        for layer in layers:
            buffers.append(ForwardBuffers(layer, rows, dtype, earlier(kept, buffers)))
        self.size = sum(layer.z.size + layer.outputs.size for layer in buffers) + (0 if learned is None else learned.size)
        self.layer = buffers[0]
        self.weight, self.first = buffers[0].weight, buffers[0].z
        self.changes_inputs = learned is not None or self.inputs is not None or layers[0].input_scale is not None
        self.calls = forward_calls(buffers)
        self.z, last = buffers[-1].z, layers[-1]
        self.activation, self.parameters = last.activation.forward, last.activation_parameters
        self.engine_pass: PredictionPass | None = None
        if engine is not None:
            self.engine_pass = engine.prediction(self)
            if self.engine_pass is None:
                warn_of_numpy(engine)

    def run(self, inputs: Array, outputs: Array) -> None:
        """Fill `z` and the last layer's outputs, shape (rows, units), from inputs of shape (rows, inputs)."""
        if self.engine_pass is not None:
            self.engine_pass(inputs, outputs)
            return
        if self.changes_inputs:
            inputs = self._first_inputs(inputs)
        inputs.dot(self.weight, self.first)
        for function, arguments in self.calls:
            function(*arguments)
        self.activation(self.z, outputs, *self.parameters)

    def _first_inputs(self, inputs: Array) -> Array:
        """Return the inputs of the first layer, with embeddings, and scale its weights; keep them for a residual connection."""
        if self.learned is not None:
            inputs = self.learned.fill(inputs)
        if self.inputs is not None:
            self.inputs[...] = inputs
        self.layer.scale_weight()
        return inputs


def adds_inputs(layers: Sequence[LayerViews]) -> bool:
    """Return True if a residual connection begins at the inputs of the network."""
    return any(layer.spec.residual == index + 1 for index, layer in enumerate(layers))


def earlier(inputs: Array | None, buffers: Sequence[ForwardBuffers]) -> list[Array]:
    """Return the inputs of the network, if they are kept, and the outputs of the layers so far."""
    return [*([] if inputs is None else [inputs]), *(layer.outputs for layer in buffers)]


def forward_calls(layers: Sequence[ForwardBuffers]) -> Calls:
    """Return the calls from the bias of the first layer to the pre-activations of the last layer."""
    calls = layers[0].shift()
    for before, layer in pairwise(layers):
        calls += [*before.activate(), layer.product(before.outputs), *layer.shift()]
    return calls
