"""Cross-entropies of probabilities, fused with sigmoid and softmax."""

from __future__ import annotations

from functools import lru_cache
from typing import ClassVar, Literal

import numpy as np

from mlpkit.numerics.blocks import CELLS, blocks, cell_blocks, row_blocks
from mlpkit.numerics.rowwise import ones, row_max, row_sum
from mlpkit.plugin import Array, Loss, OutputKind, Targets

FEW = 64  # number of classes up to which one-hot rows are used
MOST = {
    np.dtype("float32"): 80.0**2,
    np.dtype("float64"): 700.0**2,
}  # largest sum of squared losses for the unshifted form: exp(-80) is still a normal number


class BinaryCrossentropy(Loss):
    """Binary cross-entropy mean(-t log(p) - (1 - t) log(1 - p)), fused with sigmoid. Good 1952.

    If it is computed from probabilities, p is clipped to the range from eps to 1 - eps of its dtype.
    """

    output: ClassVar[OutputKind] = "probability"
    targets: ClassVar[Literal["numbers", "binary", "classes"]] = "binary"
    joint_with: ClassVar[str | None] = "sigmoid"

    def value_and_grad(self, outputs: Array, targets: Targets, losses: Array, grad: Array) -> None:
        tiny = np.finfo(outputs.dtype).eps
        for rows in row_blocks(len(outputs), max(1, 2048 // outputs.shape[1])):
            p, t = np.clip(outputs[rows], tiny, 1 - tiny), targets[rows]
            losses[rows] = -(t * np.log(p) + (1 - t) * np.log1p(-p)).mean(axis=1)
            grad[rows] = (p - t) / (p * (1 - p))
        grad /= grad.shape[1]

    def joint(self, scores: Array, targets: Targets, losses: Array, grad: Array) -> None:
        """Compute softplus(z) - t z, with gradient sigmoid(z) - t, where sigmoid(z) = 1 - exp(-softplus(z)).

        softplus(z) = max(z, 0) + log(1 + exp(-|z|)). NumPy's logaddexp computes the same in ten times the time.
        """
        np.abs(scores, grad)
        np.negative(grad, grad)
        np.exp(grad, grad)
        np.log1p(grad, grad)
        for rows in cell_blocks(scores):
            grad[rows] += np.maximum(scores[rows], 0.0)
        np.multiply(scores, targets, scores)
        np.subtract(grad, scores, scores)
        row_sum(scores, losses)
        losses /= grad.shape[1]
        np.negative(grad, grad)
        np.expm1(grad, grad)
        np.add(grad, targets, grad)
        grad *= -1.0 / grad.shape[1]


class CategoricalCrossentropy(Loss):
    """Categorical cross-entropy -log(p of the right class), fused with softmax.

    Targets are one class number per row, shape (rows,), or one distribution per row, shape (rows, units), with the loss
    -sum_j t_j log(p_j). If it is computed from probabilities, p is at least eps of its dtype.
    """

    output: ClassVar[OutputKind] = "distribution"
    targets: ClassVar[Literal["numbers", "binary", "classes"]] = "classes"
    joint_with: ClassVar[str | None] = "softmax"

    def value_and_grad(self, outputs: Array, targets: Targets, losses: Array, grad: Array) -> None:
        tiny = np.finfo(outputs.dtype).eps
        np.maximum(outputs, tiny, out=grad)
        if targets.ndim == 2:
            for rows in row_blocks(len(outputs), max(1, 2048 // outputs.shape[1])):
                losses[rows] = -np.einsum("ij,ij->i", np.log(grad[rows]), targets[rows])
            np.divide(targets, grad, out=grad)
            np.negative(grad, out=grad)
            return
        for rows in row_blocks(len(outputs)):
            picked = np.arange(rows.stop - rows.start), targets[rows]
            p = grad[rows][picked]
            losses[rows] = -np.log(p)
            grad[rows] = 0.0
            grad[rows][picked] = -1.0 / p

    def joint(self, scores: Array, targets: Targets, losses: Array, grad: Array) -> None:
        """Compute log(sum_j exp(z_j)) - z_t, with gradient softmax(z) minus the target.

        The maximum of each row is subtracted so that exponentials do not overflow. Small batches are first computed without this.
        """
        small = targets.ndim == 1 and scores.size <= CELLS and scores.shape[1] <= FEW
        if small and _fused_unshifted(scores, targets, losses, grad):
            return
        for z, t, loss, slope in blocks(scores, targets, losses, grad):
            row_max(z, slope, loss)
            np.subtract(z, loss[:, None], z)
            np.exp(z, slope)
            row_sum(slope, loss)
            np.divide(slope, loss[:, None], slope)
            np.log(loss, loss)
            if t.ndim == 1:
                _subtract_classes(z, t, loss, slope)
            else:
                loss *= t.sum(axis=1)
                loss -= np.einsum("ij,ij->i", z, t)
                np.subtract(slope, t, slope)


def _fused_unshifted(z: Array, classes: Targets, losses: Array, grad: Array) -> bool:
    """Compute the loss for class numbers without subtracting the maximum; return False, with `z` unchanged, if this overflows.

    It saves 12 % of a step of 2-8-2 with batches of 4, and 8 % of one of 64-64-10 with batches of 32.
    """
    row, one_hot = ones(grad.shape[1], grad.dtype), _identity(grad.shape[1], grad.dtype).take(classes, 0)
    np.exp(z, grad)
    grad.dot(row, losses)
    if not losses.dot(losses) < np.inf:
        return False
    np.reciprocal(losses, losses)
    np.multiply(grad, losses[:, None].dot(row[None]), grad)  # a matrix product, which is faster than broadcasting a column
    np.multiply(grad, one_hot).dot(row, losses)
    np.subtract(grad, one_hot, grad)
    np.log(losses, losses)
    np.abs(losses, losses)  # avoids negative losses for probabilities that are rounded to more than 1
    return bool(losses.dot(losses) < MOST[grad.dtype])


@lru_cache(maxsize=16)
def _identity(units: int, dtype: np.dtype[np.floating]) -> Array:
    """Return the one-hot row of each class, cached and read-only."""
    rows = np.eye(units, dtype=dtype)
    rows.flags.writeable = False
    return rows


def _subtract_classes(scores: Array, classes: Targets, losses: Array, grad: Array) -> None:
    """Subtract the pre-activation of each row's class from its loss, and 1 from its gradient."""
    rows, units = scores.shape
    places = np.arange(0, rows * units, units)
    np.add(places, classes, places)
    np.subtract(losses, scores.reshape(-1)[places], losses)
    grad.reshape(-1)[places] -= 1.0
