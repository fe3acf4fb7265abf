"""Embeddings of single inputs: buffers for one number of rows, forward and backward pass.

Arrays have one row per number or unit and one column per data row, so that each number's small matrix products run over contiguous
memory.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from mlpkit.plugin import Array
from mlpkit.spec.embeddings import PBLD, AnyEmbedding, CategoryEmbedding, NumberEmbedding, Periodic, PiecewiseLinear

TURN = 2.0 * math.pi


class FeatureEmbedding:
    """Embedding of numbers: features of each number, then a linear map with bias.

    Parameters
    ----------
    options : NumberEmbedding
    views : mapping of str to array
        Parameters: "weight", shape (numbers, features, units), "bias", shape (numbers, units), and those of the features.
    rows : int
    dtype : dtype

    Attributes
    ----------
    features : array, shape (numbers, features + 1, rows)
        Features, then ones for the bias.
    values : array, shape (numbers, 1, rows)
        Numbers of the most recent forward pass.
    size : int
        About the number of elements in the buffers.
    """

    def __init__(self, options: NumberEmbedding, views: Mapping[str, Array], rows: int, dtype: np.dtype[np.floating]) -> None:
        count = len(options.inputs or ())
        self.views, self.shape = views, (count, options.units, rows)
        self.features: Array = np.ones((count, options.features + 1, rows), dtype)
        self.values: Array = np.empty((count, 1, rows), dtype)
        self.size = 2 * self.features.size
        self._map: Array = np.empty((count, options.units, options.features + 1), dtype)  # transposed weights, then biases

    def forward(self, numbers: Array, out: Array) -> None:
        """Fill `out`, shape (numbers * units, rows), from numbers of shape (numbers, rows)."""
        self.values[:, 0] = numbers
        self.fill_features(self.features[:, :-1])
        self._map[:, :, :-1] = self.views["weight"].transpose(0, 2, 1)
        self._map[:, :, -1] = self.views["bias"]
        np.matmul(self._map, self.features, out=out.reshape(self.shape))

    def backward(self, grad: Array, out: Array, gradients: Mapping[str, Array]) -> None:
        """Fill the gradients of the parameters from dL/dout, shape (numbers * units, rows), which may be overwritten."""
        grad = grad.reshape(self.shape)
        np.matmul(grad, self.features.transpose(0, 2, 1), out=self._map)
        gradients["weight"][...] = self._map[:, :, :-1].transpose(0, 2, 1)
        gradients["bias"][...] = self._map[:, :, -1]

    def fill_features(self, features: Array) -> None:
        """Fill features, shape (numbers, features, rows), from `values`."""
        raise NotImplementedError


class CosineEmbedding(FeatureEmbedding):
    """Features cos(2 pi f x + p); further parameters: "frequency" and "phase", shape (numbers, frequencies) each."""

    def __init__(self, options: PBLD, views: Mapping[str, Array], rows: int, dtype: np.dtype[np.floating]) -> None:
        super().__init__(options, views, rows, dtype)
        count = len(options.inputs or ())
        self.values = np.ones((count, 2, rows), dtype)  # each number, then ones for its phases
        self._waves: Array = np.empty((count, options.frequencies, 2), dtype)  # 2 pi f and p
        self._angles: Array = np.empty((count, options.frequencies, rows), dtype)
        self._grad: Array = np.empty_like(self._angles)

    def fill_features(self, features: Array) -> None:
        """Fill the cosines."""
        np.multiply(self.views["frequency"], TURN, out=self._waves[:, :, 0])
        self._waves[:, :, 1] = self.views["phase"]
        np.matmul(self._waves, self.values, out=self._angles)
        np.cos(self._angles, out=features)

    def backward(self, grad: Array, out: Array, gradients: Mapping[str, Array]) -> None:
        """Fill the gradients of the parameters."""
        super().backward(grad, out, gradients)
        np.matmul(self.views["weight"], grad.reshape(self.shape), out=self._grad)
        np.sin(self._angles, out=self._angles)
        np.multiply(self._grad, self._angles, out=self._grad)
        np.matmul(self._grad, self.values.transpose(0, 2, 1), out=self._waves)
        np.multiply(self._waves[:, :, 0], -TURN, out=gradients["frequency"])
        np.negative(self._waves[:, :, 1], out=gradients["phase"])


class WaveEmbedding(FeatureEmbedding):
    """Features sin(2 pi f x) and cos(2 pi f x), and ReLU of the map; further parameter: "frequency", shape (numbers, frequencies)."""

    def __init__(self, options: Periodic, views: Mapping[str, Array], rows: int, dtype: np.dtype[np.floating]) -> None:
        super().__init__(options, views, rows, dtype)
        count, self.count = len(options.inputs or ()), options.frequencies
        self._frequencies: Array = np.empty((count, options.frequencies, 1), dtype)
        self._angles: Array = np.empty((count, options.frequencies, rows), dtype)
        self._grad: Array = np.empty((count, 2 * options.frequencies, rows), dtype)
        self._active: Array = np.empty(self.shape, dtype)

    def forward(self, numbers: Array, out: Array) -> None:
        """Fill `out`."""
        super().forward(numbers, out)
        np.maximum(out, 0.0, out=out)

    def fill_features(self, features: Array) -> None:
        """Fill the sines, then the cosines."""
        np.multiply(self.views["frequency"][:, :, None], TURN, out=self._frequencies)
        np.multiply(self._frequencies, self.values, out=self._angles)
        np.sin(self._angles, out=features[:, : self.count])
        np.cos(self._angles, out=features[:, self.count :])

    def backward(self, grad: Array, out: Array, gradients: Mapping[str, Array]) -> None:
        """Fill the gradients of the parameters."""
        grad = grad.reshape(self.shape)
        np.greater(out.reshape(self.shape), 0.0, out=self._active)
        np.multiply(grad, self._active, out=grad)
        super().backward(grad, out, gradients)
        np.matmul(self.views["weight"], grad, out=self._grad)
        sines, cosines = self.features[:, : self.count], self.features[:, self.count : -1]
        by_sine, by_cosine = self._grad[:, : self.count], self._grad[:, self.count :]
        np.multiply(by_sine, cosines, out=by_sine)
        np.multiply(by_cosine, sines, out=by_cosine)
        np.subtract(by_sine, by_cosine, out=by_sine)
        np.matmul(by_sine, self.values.transpose(0, 2, 1), out=self._frequencies)
        np.multiply(self._frequencies[:, :, 0], TURN, out=gradients["frequency"])


class BinEmbedding(FeatureEmbedding):
    """Features that are places in bins; further parameter, not trained: "edges", shape (numbers, bins + 1), increasing."""

    def __init__(self, options: PiecewiseLinear, views: Mapping[str, Array], rows: int, dtype: np.dtype[np.floating]) -> None:
        super().__init__(options, views, rows, dtype)
        self._widths: Array = np.empty((len(options.inputs or ()), options.bins, 1), dtype)

    def fill_features(self, features: Array) -> None:
        """Fill the places."""
        edges = self.views["edges"][:, :, None]
        np.subtract(edges[:, 1:], edges[:, :-1], out=self._widths)
        np.subtract(self.values, edges[:, :-1], out=features)
        np.divide(features, self._widths, out=features)
        np.clip(features, 0.0, 1.0, out=features)


class VectorEmbedding:
    """Vectors of categories.

    Parameters
    ----------
    options : CategoryEmbedding
    views : mapping of str to array
        Parameter "weight", shape (vectors, units): for each column one vector per level, then one for all other values.
    rows : int
    dtype : dtype
    """

    def __init__(self, options: CategoryEmbedding, views: Mapping[str, Array], rows: int, dtype: np.dtype[np.floating]) -> None:
        levels = np.array(options.levels or (), np.intp)[:, None]
        self.views, self.units, self.shape = views, options.units, (len(levels), options.units, rows)
        self._levels: Array = levels.astype(np.float64)
        self._starts = np.cumsum(levels + 1, axis=0) - (levels + 1)
        self._codes: Array = np.empty((len(levels), rows))
        self._known, self._inside = np.empty((2, len(levels), rows), bool)
        self._places = np.empty((len(levels), rows), np.intp)
        self._found: Array = np.empty((len(levels), rows, options.units), dtype)
        self._numbers = np.arange(options.units)
        self.size = 3 * self._found.size
        self._flat = np.empty((len(levels), rows, options.units), np.intp)  # places in the flattened gradient

    def forward(self, numbers: Array, out: Array) -> None:
        """Fill `out`, shape (columns * units, rows), from numbers of levels, shape (columns, rows); all other numbers share a vector."""
        np.rint(numbers, out=self._codes)
        np.equal(self._codes, numbers, out=self._known)
        for compare, limit in ((np.less, self._levels), (np.greater_equal, 0.0)):
            compare(self._codes, limit, out=self._inside)
            np.logical_and(self._known, self._inside, out=self._known)
        np.logical_not(self._known, out=self._known)
        np.copyto(self._codes, self._levels, where=self._known)
        np.add(self._codes, self._starts, out=self._places, casting="unsafe")
        np.take(self.views["weight"], self._places, axis=0, out=self._found, mode="clip")
        out.reshape(self.shape)[...] = self._found.transpose(0, 2, 1)

    def backward(self, grad: Array, out: Array, gradients: Mapping[str, Array]) -> None:
        """Fill the gradient of the vectors from dL/dout, shape (columns * units, rows)."""
        self._found[...] = grad.reshape(self.shape).transpose(0, 2, 1)
        np.multiply(self._places[:, :, None], self.units, out=self._flat)
        np.add(self._flat, self._numbers, out=self._flat)
        weight = gradients["weight"].reshape(-1)
        weight.fill(0.0)
        np.add.at(weight, self._flat.reshape(-1), self._found.reshape(-1))


InputEmbedding = FeatureEmbedding | VectorEmbedding


def embedding_buffers(options: AnyEmbedding, views: Mapping[str, Array], rows: int, dtype: np.dtype[np.floating]) -> InputEmbedding:
    """Return the buffers of an embedding for a number of rows."""
    if isinstance(options, PBLD):
        return CosineEmbedding(options, views, rows, dtype)
    if isinstance(options, Periodic):
        return WaveEmbedding(options, views, rows, dtype)
    return (
        BinEmbedding(options, views, rows, dtype) if isinstance(options, PiecewiseLinear) else VectorEmbedding(options, views, rows, dtype)
    )
