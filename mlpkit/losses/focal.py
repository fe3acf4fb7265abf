"""Focal losses: cross-entropies with less weight on rows that are already right."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from mlpkit.losses.constant import found
from mlpkit.numerics.blocks import cell_blocks, row_blocks
from mlpkit.numerics.rowwise import row_sum
from mlpkit.numerics.softmax import softmax
from mlpkit.plugin import Array, Loss, OutputKind, Targets

FEW = 4096  # elements of a block: ten temporary arrays of twice the size take four times as long in float64, most of it in the allocator
FARTHEST = 50.0  # size of pre-activations between which the constant ones are looked for


class BinaryFocalCrossentropy(Loss):
    """Binary focal cross-entropy mean(-a (1 - p)^gamma log(p)), fused with sigmoid, where p is the probability of the right label.

    a is alpha for targets of 1, and 1 - alpha for targets of 0; without alpha it is 1. Lin et al. 2017, 1708.02002. It is the same as
    torchvision's sigmoid_focal_loss, and as Keras's with apply_class_balancing; Keras has no alpha by default. If it is computed from
    probabilities, they are clipped to the range from eps to 1 - eps of their dtype.
    """

    output: ClassVar[OutputKind] = "probability"
    targets: ClassVar[Literal["numbers", "binary", "classes"]] = "binary"
    joint_with: ClassVar[str | None] = "sigmoid"
    since: ClassVar[int] = 5  # the spec schema

    gamma: float = Field(2.0, ge=0, description="exponent of the probability of the wrong label; 0: cross-entropy")
    alpha: float | None = Field(0.25, gt=0, lt=1, description="weight of targets of 1; those of 0 have 1 - alpha; null: both have 1")

    def value_and_grad(self, outputs: Array, targets: Targets, losses: Array, grad: Array) -> None:
        tiny = np.finfo(outputs.dtype).eps
        for rows in row_blocks(len(outputs), max(1, FEW // outputs.shape[1])):
            p, t = np.clip(outputs[rows], tiny, 1 - tiny), targets[rows]
            sign = 2.0 * t - 1.0
            right, wrong = np.where(t > 0.5, p, 1.0 - p), np.where(t > 0.5, 1.0 - p, p)
            value, slope = _focal(right, wrong, np.log(right), self.gamma)
            factor = self._factor(t)
            row_sum(factor * value, losses[rows])
            grad[rows] = factor * slope * sign / right
        losses /= grad.shape[1]
        grad /= grad.shape[1]

    def joint(self, scores: Array, targets: Targets, losses: Array, grad: Array) -> None:
        """Compute the loss from s = z for targets of 1 and s = -z for targets of 0: p = sigmoid(s), and log(p) = -softplus(-s)."""
        for rows in row_blocks(len(scores), max(1, FEW // scores.shape[1])):
            t = targets[rows]
            sign = 2.0 * t - 1.0
            s = sign * scores[rows]
            small = np.exp(-np.abs(s))
            total = 1.0 + small
            right, wrong = np.where(s < 0, small, 1.0) / total, np.where(s < 0, 1.0, small) / total
            value, slope = _focal(right, wrong, np.minimum(s, 0.0) - np.log1p(small), self.gamma)
            factor = self._factor(t)
            row_sum(factor * value, losses[rows])
            grad[rows] = factor * slope * sign * wrong
        losses /= grad.shape[1]
        grad /= grad.shape[1]

    def _factor(self, targets: Targets) -> Array | float:
        return 1.0 if self.alpha is None else (1.0 - self.alpha) + (2.0 * self.alpha - 1.0) * targets

    def prior(self, targets: Targets, weights: Array | None = None) -> Array | None:
        """Return the pre-activations of least loss, found by bisection; None for a target that is always 0 or always 1."""
        if (targets.min(axis=0) == targets.max(axis=0)).any():
            return None
        ends = np.full(targets.shape[1], FARTHEST)
        return found(self.joint, targets, weights, -ends, ends)


class CategoricalFocalCrossentropy(Loss):
    """Categorical focal cross-entropy -alpha (1 - p)^gamma log(p), fused with softmax, where p is the probability of the right class.

    Targets are one class number per row, shape (rows,), or one distribution per row, shape (rows, units), with the loss
    -alpha sum_j t_j (1 - p_j)^gamma log(p_j). Lin et al. 2017, 1708.02002. The defaults are Keras's, whose alpha may be one for each
    class; weights of classes do that here. PyTorch has none. If it is computed from probabilities, p is at least eps of its dtype.
    """

    output: ClassVar[OutputKind] = "distribution"
    targets: ClassVar[Literal["numbers", "binary", "classes"]] = "classes"
    soft_targets: ClassVar[bool] = True
    joint_with: ClassVar[str | None] = "softmax"
    since: ClassVar[int] = 5  # the spec schema

    gamma: float = Field(2.0, ge=0, description="exponent of the probability of the wrong classes; 0: cross-entropy")
    alpha: float = Field(0.25, gt=0, description="factor of the loss")

    def value_and_grad(self, outputs: Array, targets: Targets, losses: Array, grad: Array) -> None:
        tiny = np.finfo(outputs.dtype).eps
        for rows in cell_blocks(outputs):
            shares, at = _shares(targets[rows])
            right = np.clip(outputs[rows] if at is None else outputs[rows][at], tiny, 1.0)
            value, slope = _focal(right, 1.0 - right, np.log(right), self.gamma)
            losses[rows] = self.alpha * (value if shares is None else (shares * value).sum(axis=1))
            slope *= self.alpha / right
            _place(grad[rows], slope, shares, at)

    def joint(self, scores: Array, targets: Targets, losses: Array, grad: Array) -> None:
        """Compute the loss from log(p) = z - log(sum_j exp(z_j)), less the maximum of each row."""
        for rows in cell_blocks(scores):
            z, p, total = scores[rows], grad[rows], losses[rows]
            softmax(z, p, total)
            shares, at = _shares(targets[rows])
            z -= total[:, None]
            right, logs = (p, z) if at is None else (p[at], z[at])
            value, slope = _focal(right, 1.0 - right, logs, self.gamma)
            losses[rows] = self.alpha * (value if shares is None else (shares * value).sum(axis=1))
            slope *= self.alpha
            all_slopes = slope if shares is None else (shares * slope).sum(axis=1)
            _place(z, slope, shares, at)
            p *= -all_slopes[:, None]
            p += z


def _focal(right: Array, wrong: Array, logs: Array, gamma: float) -> tuple[Array, Array]:
    """Return -q^gamma log(p), and its derivative with respect to log(p), of probabilities p and q = 1 - p of right and wrong labels.

    The derivative is q^gamma (gamma p log(p) / q - 1). Where q is 0, it is 0, or -1 if gamma is 0 too.
    """
    power = wrong**gamma
    ratio = logs / np.maximum(wrong, np.finfo(wrong.dtype).tiny)
    ratio *= right
    ratio *= gamma
    ratio -= 1.0
    ratio *= power
    power *= -logs
    return power, ratio


def _shares(targets: Targets) -> tuple[Targets | None, tuple[Targets, Targets] | None]:
    """Return distributions, or the places of class numbers in rows."""
    return (targets, None) if targets.ndim == 2 else (None, (np.arange(len(targets)), targets))


def _place(grad: Array, slope: Array, shares: Targets | None, at: tuple[Targets, Targets] | None) -> None:
    """Fill `grad` with the slopes of the classes, times their shares, or with those of the right class."""
    if shares is not None:
        np.multiply(shares, slope, grad)
        return
    grad[...] = 0.0
    grad[at] = slope
