"""Cross-entropies of probabilities, fused with sigmoid and softmax."""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from mlpkit.losses.constant import finite
from mlpkit.numerics.blocks import CELLS, blocks, cell_blocks, row_blocks
from mlpkit.numerics.rowwise import ones, row_sum
from mlpkit.numerics.softmax import softmax
from mlpkit.numerics.weighted import mean
from mlpkit.plugin import Array, Loss, OutputKind, Targets
from mlpkit.plugin.since import Since

FEW = 64  # number of classes up to which one-hot rows are used
MOST = {
    np.dtype("float32"): 80.0**2,
    np.dtype("float64"): 700.0**2,
}  # largest sum of squared losses for the unshifted form: exp(-80) is still a normal number


class BinaryCrossentropy(Loss):
    """Binary cross-entropy mean(-pos_weight t log(p) - (1 - t) log(1 - p)), fused with sigmoid, for t from 0 to 1. Good 1952.

    If it is computed from probabilities, p is clipped to the range from eps to 1 - eps of its dtype. pos_weight is PyTorch's, which takes
    one for each output too; label smoothing is Keras's, and replaces t by t (1 - label_smoothing) + label_smoothing / 2.
    """

    output: ClassVar[OutputKind] = "probability"
    targets: ClassVar[Literal["numbers", "binary", "classes"]] = "binary"
    soft_targets: ClassVar[bool] = True
    joint_with: ClassVar[str | None] = "sigmoid"

    label_smoothing: Annotated[float, Field(ge=0, lt=1), Since(5)] = Field(0.0, description="share of each target that is replaced by 1/2")
    pos_weight: Annotated[float, Field(gt=0), Since(5)] = Field(1.0, description="factor of the losses of targets of 1")

    def value_and_grad(self, outputs: Array, targets: Targets, losses: Array, grad: Array) -> None:
        tiny, weight = np.finfo(outputs.dtype).eps, self.pos_weight
        for rows in row_blocks(len(outputs), max(1, 2048 // outputs.shape[1])):
            p, t = np.clip(outputs[rows], tiny, 1 - tiny), self._smoothed(targets[rows])
            losses[rows] = -(weight * t * np.log(p) + (1 - t) * np.log1p(-p)).mean(axis=1)
            grad[rows] = (p - t) / (p * (1 - p)) if weight == 1 else (1 - t) / (1 - p) - weight * t / p
        grad /= grad.shape[1]

    def joint(self, scores: Array, targets: Targets, losses: Array, grad: Array) -> None:
        """Compute softplus(z) - t z, with gradient sigmoid(z) - t, where sigmoid(z) = 1 - exp(-softplus(z)).

        softplus(z) = max(z, 0) + log(1 + exp(-|z|)). NumPy's logaddexp computes the same in ten times the time.
        """
        if self.label_smoothing or self.pos_weight != 1:
            self._weighted(scores, targets, losses, grad)
            return
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

    def _weighted(self, scores: Array, targets: Targets, losses: Array, grad: Array) -> None:
        """Compute (1 - t) z + (1 - t + pos_weight t) softplus(-z), with smoothed targets t."""
        for rows in cell_blocks(scores):
            z, t = scores[rows], self._smoothed(targets[rows])
            small = np.exp(-np.abs(z))
            factor = 1.0 + (self.pos_weight - 1.0) * t
            row_sum((1.0 - t) * z + factor * (np.log1p(small) + np.maximum(-z, 0.0)), losses[rows])
            grad[rows] = (1.0 - t) - factor * np.where(z < 0, 1.0, small) / (1.0 + small)
        losses /= grad.shape[1]
        grad /= grad.shape[1]

    def _smoothed(self, targets: Targets) -> Targets:
        smoothing = self.label_smoothing
        return targets * (1.0 - smoothing) + 0.5 * smoothing if smoothing else targets

    def prior(self, targets: Targets, weights: Array | None = None) -> Array | None:
        """Return the logarithm of the odds of each target, times pos_weight; None for a target that is always 0 or always 1."""
        share = self._smoothed(mean(targets, weights))
        with np.errstate(all="ignore"):
            return finite(np.log(self.pos_weight * share) - np.log1p(-share))


class CategoricalCrossentropy(Loss):
    """Categorical cross-entropy -log(p of the right class), fused with softmax.

    Targets are one class number per row, shape (rows,), or one distribution per row, shape (rows, units), with the loss
    -sum_j t_j log(p_j). If it is computed from probabilities, p is at least eps of its dtype. Label smoothing is that of Keras and PyTorch:
    t_j becomes t_j (1 - label_smoothing) + label_smoothing / units. Szegedy et al. 2016, 1512.00567.
    """

    output: ClassVar[OutputKind] = "distribution"
    targets: ClassVar[Literal["numbers", "binary", "classes"]] = "classes"
    soft_targets: ClassVar[bool] = True
    joint_with: ClassVar[str | None] = "softmax"

    label_smoothing: Annotated[float, Field(ge=0, lt=1), Since(5)] = Field(
        0.0, description="share of each target that is spread over all classes"
    )

    def value_and_grad(self, outputs: Array, targets: Targets, losses: Array, grad: Array) -> None:
        tiny = np.finfo(outputs.dtype).eps
        np.maximum(outputs, tiny, out=grad)
        if targets.ndim == 2 or self.label_smoothing:
            for rows in cell_blocks(outputs):
                shares = self._shares(targets[rows], grad[rows])
                losses[rows] = -np.einsum("ij,ij->i", np.log(grad[rows]), shares)
                np.divide(shares, grad[rows], out=grad[rows])
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
        if self.label_smoothing:
            self._joint_of_shares(scores, targets, losses, grad)
            return
        small = targets.ndim == 1 and scores.size <= CELLS and scores.shape[1] <= FEW
        if small and _fused_unshifted(scores, targets, losses, grad):
            return
        for z, t, loss, slope in blocks(scores, targets, losses, grad):
            softmax(z, slope, loss)
            if t.ndim == 1:
                _subtract_classes(z, t, loss, slope)
            else:
                _subtract_shares(z, t, loss, slope)

    def _joint_of_shares(self, scores: Array, targets: Targets, losses: Array, grad: Array) -> None:
        """Compute the fused form with smoothed targets."""
        for rows in cell_blocks(scores):
            z, slope, loss = scores[rows], grad[rows], losses[rows]
            softmax(z, slope, loss)
            _subtract_shares(z, self._shares(targets[rows], z), loss, slope)

    def _shares(self, targets: Targets, like: Array) -> Array:
        """Return the smoothed distribution of each row, shaped like an array of the outputs."""
        shares = targets if targets.ndim == 2 else np.equal(targets[:, None], np.arange(like.shape[1])).astype(like.dtype)
        smoothing = self.label_smoothing
        return shares * (1.0 - smoothing) + smoothing / like.shape[1] if smoothing else shares

    def prior(self, targets: Targets, weights: Array | None = None) -> Array | None:
        """Return the logarithm of the share of each class; None for a class without rows."""
        share = class_shares(targets, weights)
        smoothing = self.label_smoothing
        with np.errstate(all="ignore"):
            return finite(np.log(share * (1.0 - smoothing) + smoothing / len(share)))


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


def class_shares(targets: Targets, weights: Array | None) -> Array:
    """Return the weighted share of each class, from class numbers or from distributions."""
    total = mean(targets, weights) if targets.ndim == 2 else np.bincount(targets, weights)
    return np.asarray(total / total.sum())


def _subtract_shares(z: Array, shares: Array, losses: Array, grad: Array) -> None:
    """Replace log(sum_j exp(z_j)) in `losses` and softmax(z) in `grad` by the loss and gradient for distributions."""
    total = shares.sum(axis=1)
    losses *= total
    losses -= np.einsum("ij,ij->i", z, shares)
    grad *= total[:, None]
    np.subtract(grad, shares, grad)


def _subtract_classes(scores: Array, classes: Targets, losses: Array, grad: Array) -> None:
    """Subtract the pre-activation of each row's class from its loss, and 1 from its gradient."""
    rows, units = scores.shape
    places = np.arange(0, rows * units, units)
    np.add(places, classes, places)
    np.subtract(losses, scores.reshape(-1)[places], losses)
    grad.reshape(-1)[places] -= 1.0
