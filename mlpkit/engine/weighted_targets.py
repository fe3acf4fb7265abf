"""Weighted mean of the losses of several targets."""

from __future__ import annotations

import math
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from mlpkit.numerics.blocks import cell_blocks
from mlpkit.plugin import Array, LeastSquares, Loss, Targets


class WeightedTargets:
    """Loss of a row that is the sum over its targets of share times loss, with the methods of `Loss`.

    The loss of a plugin depends on its own row alone. The outputs of one target are therefore passed to it as a row of their own: a block
    of outputs, shape (rows, targets * k), is also one of shape (rows * targets, k), in the same memory.

    Parameters
    ----------
    loss : Loss
        Separable loss of numbers or binary targets.
    shares : array, shape (targets,)
        Weight of each target divided by the sum of the weights.
    """

    def __init__(self, loss: Loss, shares: NDArray[np.float64]) -> None:
        self.loss, self.shares = loss, shares
        self.joint_with, self.width = loss.joint_with, loss.outputs_per_target

    def value_and_grad(self, outputs: Array, targets: Targets, losses: Array, grad: Array) -> None:
        self._by_blocks(self.loss.value_and_grad, outputs, targets, losses, grad)

    def joint(self, scores: Array, targets: Targets, losses: Array, grad: Array) -> None:
        self._by_blocks(self.loss.joint, scores, targets, losses, grad)

    def _by_blocks(self, form: Any, outputs: Array, targets: Targets, losses: Array, grad: Array) -> None:
        """Call a form of the loss for blocks of rows, so that the losses of single targets take no memory that grows with the batch."""
        shares, count = self.shares.astype(outputs.dtype), len(self.shares)
        each = shares.repeat(self.width)
        for rows in cell_blocks(outputs):
            single: Array = np.full(targets[rows].size, np.nan, outputs.dtype)  # NaN marks entries that a loss does not fill
            form(self._one_by_one(outputs[rows]), targets[rows].reshape(-1, 1), single, self._one_by_one(grad[rows]))
            np.dot(single.reshape(-1, count), shares, out=losses[rows])
            grad[rows] *= each

    def residuals(self, outputs: Array, targets: Targets, residuals: Array, slopes: Array) -> None:
        """Fill the residuals of a `LeastSquares` loss, times the roots of the shares, and their derivatives."""
        loss = cast("LeastSquares", self.loss)
        loss.residuals(self._one_by_one(outputs), targets.reshape(-1, 1), self._one_by_one(residuals), self._one_by_one(slopes))
        roots = np.sqrt(self.shares).astype(outputs.dtype).repeat(self.width)
        residuals *= roots
        slopes *= roots

    def _one_by_one(self, array: Array) -> Array:
        """Return a view of contiguous rows with the outputs of each target as a row."""
        return array.reshape(-1, self.width)


def shares_of(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return weights divided by their sum, which may be above the largest float."""
    scaled = weights / weights.max()
    return np.asarray(scaled / math.fsum(scaled))
