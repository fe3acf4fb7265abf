"""Batch, layer and RMS normalization of pre-activations: forward and backward pass, in place."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mlpkit.numerics.blocks import row_blocks
from mlpkit.plugin import Array
from mlpkit.spec.normalization import BatchNormalization, Normalization, RMSNormalization


def normalize(options: Normalization, z: Array, views: dict[str, Array]) -> None:
    """Normalize pre-activations in place for prediction.

    Parameters
    ----------
    options : Normalization
    z : array, shape (rows, units)
    views : dict
        "scale" and, but for RMS normalization, "shift" of shape (units,); for batch normalization also the running "mean" and "variance".
    """
    if isinstance(options, BatchNormalization):
        z -= views["mean"]
        z *= 1 / np.sqrt(views["variance"] + z.dtype.type(options.epsilon))
    else:
        for rows in row_blocks(len(z)):
            block = z[rows]
            if not isinstance(options, RMSNormalization):
                block -= block.mean(axis=1, keepdims=True)
            block /= np.sqrt(np.einsum("ij,ij->i", block, block)[:, None] / block.shape[1] + block.dtype.type(options.epsilon))
    z *= views["scale"]
    if "shift" in views:
        z += views["shift"]


class Normalizer:
    """Buffers of one normalized layer for training, with its forward and backward pass.

    Parameters
    ----------
    options : Normalization
    z : array, shape (rows, units)
        Pre-activations to normalize.
    views, gradients : dict of str to array
        Parameters ("scale"; but for RMS normalization "shift"; for batch normalization "mean" and "variance"), and the gradients of
        "scale" and "shift", each of shape (units,).
    """

    def __init__(
        self,
        options: Normalization,
        z: Array,
        views: dict[str, Array],
        gradients: dict[str, Array],
    ) -> None:
        rows, units = z.shape
        self.options = options
        self.views = views
        self.gradients = gradients
        self.by_unit = isinstance(options, BatchNormalization)  # True: one mean and deviation per unit; False: per row
        self.centered = not isinstance(options, RMSNormalization)
        self.normalized = np.empty_like(z)
        self.ones = np.ones(rows if self.by_unit else units, z.dtype)
        self.mean = np.empty(units if self.by_unit else rows, z.dtype)
        self.deviation = np.empty_like(self.mean)
        self.count = len(self.ones)  # numbers in a mean
        self.add_up: Callable[[Array], None] | None = None  # adds sums over rows to those of other processes, in place

    def share(self, add_up: Callable[[Array], None], rows: int) -> None:
        """Use the means of a batch of `rows` rows, of which other processes have the rest."""
        self.add_up, self.count = add_up, rows

    def _columns(self, array: Array) -> Array:
        """Return a view in which each column has one mean, so that both kinds use the same code."""
        return array if self.by_unit else array.T

    def forward(self, z: Array) -> None:
        """Normalize pre-activations of shape (rows, units) in place; for batch normalization, also update the running averages."""
        columns, count = self._columns(z), z.dtype.type(self.count)
        if self.centered:
            self.ones.dot(columns, out=self.mean)
            if self.add_up is not None:
                self.add_up(self.mean)
            self.mean /= count
            columns -= self.mean
        np.einsum("ij,ij->j", columns, columns, out=self.deviation)
        if self.add_up is not None:
            self.add_up(self.deviation)
        self.deviation /= count
        if isinstance(self.options, BatchNormalization) and self.count > 1:
            self._move_averages(self.options.momentum, self.count)
        self.deviation += z.dtype.type(self.options.epsilon)
        np.sqrt(self.deviation, out=self.deviation)
        columns /= self.deviation
        self.normalized[...] = z
        z *= self.views["scale"]
        if self.centered:
            z += self.views["shift"]

    def _move_averages(self, momentum: float, rows: int) -> None:
        """Update the running averages over batches; `mean` is overwritten as scratch space."""
        for name, value, correction in (("mean", self.mean, 1.0), ("variance", self.deviation, rows / (rows - 1))):
            running = self.views[name]
            running *= momentum
            np.multiply(value, (1 - momentum) * correction, out=self.mean)
            running += self.mean

    def backward(self, grad: Array) -> None:
        """Convert the gradient after normalization, shape (rows, units), into the one before it, in place.

        With x the normalized values, g the gradient times scale, and means over the normalized axis:
        (g - mean(g) - x mean(g x)) / deviation; RMS normalization has no mean(g).
        """
        np.einsum("ij,ij->j", grad, self.normalized, out=self.gradients["scale"])
        if self.centered:
            grad.sum(axis=0, out=self.gradients["shift"])
        grad *= self.views["scale"]
        g, x, count = self._columns(grad), self._columns(self.normalized), grad.dtype.type(self.count)
        np.einsum("ij,ij->j", g, x, out=self.mean)
        if self.add_up is not None:
            self.add_up(self.mean)
        self.mean /= count
        x *= self.mean
        if self.centered:
            self.ones.dot(g, out=self.mean)
            if self.add_up is not None:
                self.add_up(self.mean)
            self.mean /= count
            g -= self.mean
        g -= x
        g /= self.deviation


class FrozenBatchNormalizer:
    """Batch normalization of a layer that is not trained, with constant running averages.

    Parameters
    ----------
    options : BatchNormalization
    views : dict of str to array
        "scale", "shift", "mean" and "variance", each of shape (units,).
    """

    def __init__(self, options: BatchNormalization, views: dict[str, Array]) -> None:
        self.options, self.views = options, views

    def forward(self, z: Array) -> None:
        """Normalize pre-activations of shape (rows, units) in place."""
        normalize(self.options, z, self.views)

    def backward(self, grad: Array) -> None:
        """Convert the gradient after normalization, shape (rows, units), into the one before it, in place."""
        grad *= self.views["scale"] / np.sqrt(self.views["variance"] + grad.dtype.type(self.options.epsilon))
