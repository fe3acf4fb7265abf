"""Prediction: how a network predicts a block of rows, with the buffers for it and the calls written down once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from mlpkit.plugin import Array
from mlpkit.spec.normalization import Normalization, normalize

Call = tuple[Callable[..., object], tuple[Any, ...]]


class PredictionLayer(NamedTuple):
    """The parts of a layer that a prediction needs.

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

    Attributes
    ----------
    scores : array, shape (rows, units of the last layer)
        Before the last activation, of the block that was last run.
    size : int
        Numbers in the buffers.
    """

    def __init__(self, layers: Sequence[PredictionLayer], rows: int) -> None:
        self.rows, self.dtype = rows, layers[0].weight.dtype
        self.size = 0
        self.weight = layers[0].weight
        self.first = z = self._empty(self.weight.shape[1])
        self.calls: list[Call] = []  # from the product of inputs and first weights to the last scores
        for layer, after in pairwise(layers):
            z = self._add(layer, after, z)
        self.calls += self._shift(layers[-1], z)
        self.scores, self.activation = z, layers[-1].activation

    def _empty(self, columns: int) -> Array:
        self.size += self.rows * columns
        return np.empty((self.rows, columns), self.dtype)

    def _add(self, layer: PredictionLayer, after: PredictionLayer, z: Array) -> Array:
        """The calls from the product in `z` to that of the layer after, which is returned."""
        units, product = z.shape[1], self._empty(after.weight.shape[1])
        inputs = outputs = self._empty(units)
        if self._folds(after):
            inputs = self._empty(units + 1)
            inputs[:, units] = 1.0
            outputs = inputs[:, :-1]
        self.calls += [*self._shift(layer, z), (layer.activation, (z, outputs))]
        self.calls.append((inputs.dot, (after.joined if self._folds(after) else after.weight, product)))
        return product

    def _folds(self, layer: PredictionLayer) -> bool:
        return self.rows == 1 and layer.joined is not None

    def _shift(self, layer: PredictionLayer, z: Array) -> list[Call]:
        """From the product of inputs and weight to the scores, in place."""
        calls: list[Call] = []
        if layer.bias is not None and not self._folds(layer):
            calls.append((np.add, (z, layer.bias[None] if self.rows == 1 else layer.bias, z)))  # one row is not broadcast
        if layer.normalization is not None:
            calls.append((normalize, (layer.normalization, z, layer.views)))
        return calls

    def run(self, inputs: Array, outputs: Array) -> None:
        """Fill `scores`, and the last layer's outputs, shape (rows, units), from inputs of shape (rows, inputs)."""
        inputs.dot(self.weight, self.first)
        for function, arguments in self.calls:
            function(*arguments)
        self.activation(self.scores, outputs)
