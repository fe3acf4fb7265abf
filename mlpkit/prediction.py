"""Prediction: how a network predicts a block of rows, with the buffers for it and the calls written down once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from mlpkit.normalization import Normalization, normalize
from mlpkit.plugin import Array

Call = tuple[Callable[..., object], tuple[Any, ...]]


class PredictionLayer(NamedTuple):
    """What predicting needs of a layer.

    Attributes
    ----------
    weight : array, shape (inputs, units)
    bias : array, shape (units,), or None
    joined : array, shape (inputs + 1, units), or None
        The weight with the bias as last row, where they stand together and the layer is not the first.
    normalization : its options, or None
    views : dict of str to array
        The normalization's parameters.
    activation : callable
        Fills its second argument from its first.
    """

    weight: Array
    bias: Array | None
    joined: Array | None
    normalization: Normalization | None
    views: dict[str, Array]
    activation: Callable[[Array, Array], None]


class Prediction:
    """Buffers and calls for blocks of `rows` rows.

    For a single row a bias is the weight of an input that is always 1, which is a call less.

    Parameters
    ----------
    layers : sequence of PredictionLayer
    rows : int
    """

    def __init__(self, layers: Sequence[PredictionLayer], rows: int) -> None:
        self.layers, self.rows, self.dtype = layers, rows, layers[0].weight.dtype
        self.size = 0
        self.scores = self._empty(layers[-1].weight.shape[1])
        self.inputs: list[Array] = []  # what each layer but the first multiplies
        self.calls: list[Call] = []  # from the product of inputs and first weights to what the last layer multiplies
        for layer, after in pairwise(layers):
            self._add(layer, after)

    def _empty(self, columns: int) -> Array:
        self.size += self.rows * columns
        return np.empty((self.rows, columns), self.dtype)

    def _add(self, layer: PredictionLayer, after: PredictionLayer) -> None:
        units = layer.weight.shape[1]
        z = self._empty(units)
        if self.inputs:
            self.calls.append(self._product(layer, z))
        else:
            self.first = z
        inputs = outputs = self._empty(units)
        if self._folds(after):
            inputs = self._empty(units + 1)
            inputs[:, units] = 1.0
            outputs = inputs[:, :-1]
        self.calls += [*self._shift(layer, z), (layer.activation, (z, outputs))]
        self.inputs.append(inputs)

    def _folds(self, layer: PredictionLayer) -> bool:
        return self.rows == 1 and layer.joined is not None

    def _product(self, layer: PredictionLayer, z: Array) -> Call:
        return self.inputs[-1].dot, (layer.joined if self._folds(layer) else layer.weight, z)

    def _shift(self, layer: PredictionLayer, z: Array) -> list[Call]:
        """From the product of inputs and weight to the scores, in place."""
        calls: list[Call] = []
        if layer.bias is not None and not self._folds(layer):
            calls.append((np.add, (z, layer.bias[None] if self.rows == 1 else layer.bias, z)))  # one row is not broadcast
        if layer.normalization is not None:
            calls.append((normalize, (layer.normalization, z, layer.views)))
        return calls

    def run(self, inputs: Array, scores: Array, outputs: Array) -> None:
        """Fill scores and outputs of the last layer, each of shape (rows, units), from inputs of shape (rows, inputs)."""
        last = self.layers[-1]
        if self.inputs:
            inputs.dot(self.layers[0].weight, self.first)
            for function, arguments in self.calls:
                function(*arguments)
            function, arguments = self._product(last, scores)
            function(*arguments)
        else:
            inputs.dot(last.weight, scores)
        for function, arguments in self._shift(last, scores):
            function(*arguments)
        last.activation(scores, outputs)
