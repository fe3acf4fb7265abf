"""Losses of the distance between outputs and targets."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import ClassVar

import numpy as np
from pydantic import Field

from mlpkit.losses.constant import finite, found
from mlpkit.numerics.blocks import cell_blocks
from mlpkit.numerics.rowwise import row_sum
from mlpkit.numerics.sign import sign
from mlpkit.numerics.weighted import mean, quantile
from mlpkit.plugin import Array, LeastSquares, Loss, OutputKind, Targets, TargetScale, TargetSign


class MeanSquaredError(LeastSquares):
    """Mean squared error mean((outputs - targets)^2)."""

    zero_at_target: ClassVar[bool] = True

    def value_and_grad(self, outputs: Array, targets: Targets, losses: Array, grad: Array) -> None:
        np.subtract(outputs, targets, grad)
        if grad.shape[1] == 1:
            np.square(grad.reshape(-1), losses)
            np.add(grad, grad, grad)
        else:
            np.einsum("ij,ij->i", grad, grad, out=losses)
            losses /= grad.shape[1]
            grad *= 2.0 / grad.shape[1]

    def residuals(self, outputs: Array, targets: Targets, residuals: Array, slopes: Array) -> None:
        share = math.sqrt(1.0 / outputs.shape[1])
        np.subtract(outputs, targets, residuals)
        residuals *= share
        slopes.fill(share)

    def prior(self, targets: Targets, weights: Array | None = None) -> Array | None:
        """Return the mean of each target."""
        return finite(mean(targets, weights))


class MeanAbsoluteError(Loss):
    """Mean absolute error mean(|outputs - targets|), with derivative 0 where they are equal."""

    zero_at_target: ClassVar[bool] = True

    @property
    def target_scale(self) -> TargetScale:
        return "robust"

    def value_and_grad(self, outputs: Array, targets: Targets, losses: Array, grad: Array) -> None:
        np.subtract(outputs, targets, grad)
        np.abs(grad, grad)
        row_sum(grad, losses)
        losses /= grad.shape[1]
        np.subtract(outputs, targets, grad)
        for rows in cell_blocks(grad):
            sign(grad[rows])
        grad /= grad.shape[1]

    def prior(self, targets: Targets, weights: Array | None = None) -> Array | None:
        """Return the median of each target."""
        return finite(quantile(np.asarray(targets, np.float64), 0.5, weights))


class Distance(Loss):
    """Loss that is a function of outputs minus targets, averaged over the outputs: squares close to 0, and distances far from it."""

    zero_at_target: ClassVar[bool] = True
    since: ClassVar[int] = 5  # the spec schema

    @property
    def target_scale(self) -> TargetScale:
        return "robust"

    @abstractmethod
    def distance(self, away: Array) -> Array:
        """Return the losses of a block of differences, and replace the differences by the derivatives."""

    def value_and_grad(self, outputs: Array, targets: Targets, losses: Array, grad: Array) -> None:
        for rows in cell_blocks(outputs):
            away = np.subtract(outputs[rows], targets[rows], grad[rows])
            row_sum(self.distance(away), losses[rows])
        losses /= grad.shape[1]
        grad /= grad.shape[1]

    def prior(self, targets: Targets, weights: Array | None = None) -> Array | None:
        """Return the outputs of least loss, between the smallest and the largest target, found by bisection."""
        return found(self.value_and_grad, targets, weights, np.min(targets, axis=0), np.max(targets, axis=0))


class Huber(Distance):
    """Huber loss, averaged over the outputs, with d = outputs - targets. Huber 1964. The same in Keras and PyTorch.

    d^2 / 2 where |d| <= delta, else delta (|d| - delta / 2).
    """

    delta: float = Field(1.0, gt=0, description="distance from which the loss is linear, in the units of scaled targets")

    def distance(self, away: Array) -> Array:
        losses = away.copy()
        np.minimum(np.maximum(away, -self.delta, out=away), self.delta, out=away)
        losses -= 0.5 * away
        losses *= away
        return losses


class SmoothL1(Distance):
    """Smooth L1 loss, averaged over the outputs, with d = outputs - targets: the Huber loss divided by beta. Girshick 2015, 1504.08083.

    d^2 / (2 beta) where |d| <= beta, else |d| - beta / 2. PyTorch allows a beta of 0, which is mean_absolute_error here.
    """

    beta: float = Field(1.0, ge=1e-6, description="distance from which the loss is linear, in the units of scaled targets")

    def distance(self, away: Array) -> Array:
        losses = away.copy()
        np.minimum(np.maximum(away, -self.beta, out=away), self.beta, out=away)
        losses -= 0.5 * away
        away /= self.beta
        losses *= away
        return losses


class LogCosh(Distance):
    """Logarithm of the hyperbolic cosine log(cosh(outputs - targets)), averaged over the outputs.

    About d^2 / 2 close to the target, and |d| - log(2) far from it. Like Keras's LogCosh; PyTorch has none. Green 1990.
    """

    def distance(self, away: Array) -> Array:
        losses = np.abs(away)
        small = np.expm1(-2.0 * losses)  # cosh(d) = exp(|d|) (1 + small / 2), and tanh(|d|) = -small / (2 + small)
        np.copysign(small / (2.0 + small), away, away)
        small *= 0.5
        losses += np.log1p(small, small)
        return np.maximum(losses, 0.0, out=losses)


class MeanAbsolutePercentageError(Loss):
    """Mean absolute percentage error 100 mean(|outputs - targets| / max(|targets|, epsilon)); targets are not 0.

    In percent, like Keras; scikit-learn's is a share of 1. Keras accepts targets of 0, whose errors are then divided by epsilon.
    """

    zero_at_target: ClassVar[bool] = True
    target_sign: ClassVar[TargetSign] = "nonzero"
    since: ClassVar[int] = 5  # the spec schema

    epsilon: float = Field(1e-7, gt=0, description="lower limit of the divisor")

    @property
    def target_scale(self) -> TargetScale:
        return "none"

    def value_and_grad(self, outputs: Array, targets: Targets, losses: Array, grad: Array) -> None:
        for rows in cell_blocks(outputs):
            away, size = np.subtract(outputs[rows], targets[rows], grad[rows]), np.abs(targets[rows])
            np.divide(100.0 / grad.shape[1], np.maximum(size, self.epsilon, out=size), size)
            above, below = away > 0.0, away < 0.0
            np.abs(away, away)
            away *= size
            row_sum(away, losses[rows])
            np.subtract(above, below, away, dtype=away.dtype)
            away *= size

    def prior(self, targets: Targets, weights: Array | None = None) -> Array | None:
        """Return the median of each target, with weights divided by its size."""
        targets = np.asarray(targets, np.float64)
        each = 1.0 / np.maximum(np.abs(targets), self.epsilon) * (1.0 if weights is None else weights[:, None])
        return finite(np.hstack([quantile(targets[:, [at]], 0.5, each[:, at]) for at in range(targets.shape[1])]))


class MeanSquaredLogarithmicError(Loss):
    """Mean squared logarithmic error mean((log(1 + outputs) - log(1 + targets))^2), for outputs and targets of at least 0.

    The last activation gives no negative numbers: 'relu' or 'softplus', for example. Like Keras, which accepts others and counts negative
    numbers as 0; PyTorch has none.
    """

    output: ClassVar[OutputKind] = "nonnegative"
    zero_at_target: ClassVar[bool] = True
    target_sign: ClassVar[TargetSign] = "nonnegative"
    since: ClassVar[int] = 5  # the spec schema

    @property
    def target_scale(self) -> TargetScale:
        return "none"

    def value_and_grad(self, outputs: Array, targets: Targets, losses: Array, grad: Array) -> None:
        for rows in cell_blocks(outputs):
            ratio = np.log1p(np.maximum(outputs[rows], 0.0))
            ratio -= np.log1p(np.maximum(targets[rows], 0.0))
            np.einsum("ij,ij->i", ratio, ratio, out=losses[rows])
            np.divide(ratio, 1.0 + outputs[rows], grad[rows])
        losses /= grad.shape[1]
        grad *= 2.0 / grad.shape[1]
