"""Barron's general robust loss for mlpkit."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import Field

from mlpkit import Loss
from mlpkit.plugin import Array, Targets, TargetScale

CELLS = 8192  # numbers of a temporary: it stays in the first-level cache
WELSCH = -1e20  # from here down, no number is far enough from the limit at minus infinity to be another one in float64


class Robust(Loss):
    """mean over the outputs of |a-2|/a ((x^2/|a-2| + 1)^(a/2) - 1), x = (output - target) / scale, a = alpha.

    One loss for many: x^2 / 2 at alpha = 2, Charbonnier's (a smooth absolute error) at 1, Cauchy's at 0, Geman and
    McClure's at -2, and Welsch's from -1e20 down, which is the limit at minus infinity. Barron 2019, 1701.03077.
    """

    zero_at_target: ClassVar[bool] = True

    alpha: float = Field(1.0, le=2, description="shape: the smaller, the less outliers count; 2 squares, 0 Cauchy, -1e20 Welsch")
    scale: float = Field(1.0, ge=1e-6, le=1e6, description="size of a usual error, in units of the network's target")

    @property
    def target_scale(self) -> TargetScale:
        return "standard" if self.alpha == 2 else "robust"

    def value_and_grad(self, outputs: Array, targets: Targets, losses: Array, grad: Array) -> None:
        np.subtract(outputs, targets, grad)
        grad /= self.scale
        step = max(1, CELLS // grad.shape[1])
        for start in range(0, len(grad), step):
            rows = slice(start, start + step)
            values, weights = self._values_and_weights(grad[rows])
            values.mean(axis=1, out=losses[rows])
            grad[rows] *= weights
        grad /= self.scale * grad.shape[1]

    def _values_and_weights(self, x: Array) -> tuple[Array, Array | float]:
        """The loss of each x, and its derivative over x.

        With log1p and expm1 it is exact beside the two values of alpha where the formula is 0 / 0.
        """
        z, alpha, beside = np.square(x), self.alpha, 0.01 * float(np.finfo(x.dtype).eps)
        width = 2.0 - alpha
        if width < beside:
            return 0.5 * z, 1.0
        if alpha <= WELSCH:
            z *= -0.5
            return -np.expm1(z), np.exp(z)
        log = np.log1p(z / width)
        log_weights = log * (-0.5 * width)
        weights = np.exp(log_weights)
        if abs(alpha) < beside:
            return log, weights
        if alpha < 1.0:
            return np.expm1(log * (0.5 * alpha)) * (width / alpha), weights
        return (z * weights + width * np.expm1(log_weights)) / alpha, weights  # exact where z / width is huge, near alpha = 2
