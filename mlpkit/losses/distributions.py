"""Negative log-likelihoods of distributions whose parameters are outputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from mlpkit.losses.constant import finite
from mlpkit.numerics.blocks import cell_blocks
from mlpkit.numerics.rowwise import row_sum
from mlpkit.numerics.weighted import mean
from mlpkit.plugin import Array, Loss, Targets, TargetScale, TargetSign

LARGEST = 60.0  # exponent above which exp is continued as a straight line, so that losses are finite in float32


class GaussianNLL(Loss):
    """Gaussian negative log-likelihood (log v + (t - m)^2 / v) / 2, averaged over targets; outputs give mean m and variance v.

    Output 0 of a target is m, and output 1 gives v = softplus(output) + epsilon. Nix & Weigend 1994. PyTorch's GaussianNLLLoss takes v as
    an input, and clips it at epsilon.
    """

    since: ClassVar[int] = 5  # the spec schema

    epsilon: float = Field(1e-6, gt=0, description="lower limit of the variance, for standardized targets")

    @property
    def outputs_per_target(self) -> int:
        """Number of outputs per target: 2, for mean and variance."""
        return 2

    def predictions(self, outputs: Array, center: Array, scale: Array) -> Mapping[str, Array]:
        """Return the mean and the standard deviation."""
        deviation = np.sqrt(np.logaddexp(0.0, outputs[:, 1::2]) + self.epsilon)
        return {"mean": outputs[:, ::2] * scale + center, "deviation": deviation * scale}

    def onnx(self, op: Any, outputs: Any, center: Array, scale: Array) -> Mapping[str, Any]:
        mean, raw = (op.take(outputs, range(first, 2 * len(scale), 2)) for first in (0, 1))
        variance = op.maximum(raw, 0.0) + op.log1p(op("Exp", -abs(raw))) + self.epsilon
        return {"mean": mean * scale + center, "deviation": op("Sqrt", variance) * scale}

    def value_and_grad(self, outputs: Array, targets: Targets, losses: Array, grad: Array) -> None:
        count = targets.shape[1]
        for rows in cell_blocks(outputs):
            mean, raw = outputs[rows, ::2], outputs[rows, 1::2]
            small = np.exp(-np.abs(raw))
            variance = np.maximum(raw, 0.0) + np.log1p(small) + outputs.dtype.type(self.epsilon)
            away = mean - targets[rows]
            ratio = away / variance
            losses[rows] = (np.log(variance) + away * ratio).sum(axis=1) / (2 * count)
            grad[rows, ::2] = ratio / count
            slope = np.where(raw >= 0, 1.0, small) / (1.0 + small)  # the derivative of softplus
            grad[rows, 1::2] = (1.0 / variance - ratio * ratio) * slope / (2 * count)

    def prior(self, targets: Targets, weights: Array | None = None) -> Array | None:
        """Return the mean of each target, and the output of its variance; None if a variance is not above `epsilon`."""
        center = mean(targets, weights)
        variance = mean(np.square(targets - center), weights) - self.epsilon
        with np.errstate(all="ignore"):
            return finite(np.stack([center, variance + np.log(-np.expm1(-variance))], axis=1).reshape(-1))  # softplus inverted


class LogMean(Loss):
    """Loss of a distribution whose logarithm of the mean is the output: predictions are exp(outputs), and the last layer is linear."""

    since: ClassVar[int] = 5  # the spec schema

    @property
    def target_scale(self) -> TargetScale:
        return "none"

    def predictions(self, outputs: Array, center: Array, scale: Array) -> Mapping[str, Array]:
        """Return the mean exp(outputs)."""
        return {"": np.exp(outputs)}

    def onnx(self, op: Any, outputs: Any, center: Array, scale: Array) -> Mapping[str, Any]:
        return {"": op("Exp", outputs)}

    def prior(self, targets: Targets, weights: Array | None = None) -> Array | None:
        """Return the logarithm of the mean of each target; None if a mean is not above 0."""
        with np.errstate(all="ignore"):
            return finite(np.log(mean(targets, weights)))


class Poisson(LogMean):
    """Poisson negative log-likelihood exp(z) - t z of counts t, averaged over the outputs z, which are logarithms of the mean.

    The last layer is linear, predictions are exp(z), and targets are at least 0. It leaves out log(t!), which does not depend on z. It is
    the same as PyTorch's PoissonNLLLoss, whose log_input is true by default; Keras's Poisson takes the mean itself: m - t log(m). Above 60
    exp is continued as a straight line, so that nothing overflows. Nelder & Wedderburn 1972.
    """

    target_sign: ClassVar[TargetSign] = "nonnegative"

    def value_and_grad(self, outputs: Array, targets: Targets, losses: Array, grad: Array) -> None:
        for rows in cell_blocks(outputs):
            value = _exp(outputs[rows], grad[rows])
            value -= targets[rows] * outputs[rows]
            row_sum(value, losses[rows])
            grad[rows] -= targets[rows]
        losses /= grad.shape[1]
        grad /= grad.shape[1]


class Gamma(LogMean):
    """Gamma negative log-likelihood z + t exp(-z) of positive targets t, averaged over the outputs z, which are logarithms of the mean.

    The last layer is linear, and predictions are exp(z). It is half the deviance without log(t) + 1, which does not depend on z, like the
    loss of scikit-learn's GammaRegressor. Nelder & Wedderburn 1972. Large exponents are treated as by 'poisson'.
    """

    target_sign: ClassVar[TargetSign] = "positive"

    def value_and_grad(self, outputs: Array, targets: Targets, losses: Array, grad: Array) -> None:
        for rows in cell_blocks(outputs):
            value = _exp(-outputs[rows], grad[rows])
            value *= targets[rows]
            value += outputs[rows]
            row_sum(value, losses[rows])
            grad[rows] *= targets[rows]
        np.subtract(1.0, grad, grad)
        losses /= grad.shape[1]
        grad /= grad.shape[1]


class Tweedie(LogMean):
    """Tweedie loss exp((2 - p) z) / (2 - p) + t exp((1 - p) z) / (p - 1), averaged over the outputs z, which are logarithms of the mean.

    The power p is between 1 (Poisson) and 2 (gamma): targets are 0 or positive, such as the cost of claims. The last layer is linear, and
    predictions are exp(z). It is half the deviance without the term of t alone, like the loss of scikit-learn's TweedieRegressor.
    Jorgensen 1987. Large exponents are treated as by 'poisson'.
    """

    target_sign: ClassVar[TargetSign] = "nonnegative"

    power: float = Field(1.5, gt=1, lt=2, description="power p of the variance mean^p")

    def value_and_grad(self, outputs: Array, targets: Targets, losses: Array, grad: Array) -> None:
        above, below = 2.0 - self.power, self.power - 1.0
        for rows in cell_blocks(outputs):
            slope = np.empty_like(outputs[rows])
            claims = _exp(outputs[rows] * -below, slope)
            claims *= targets[rows]
            claims /= below
            slope *= targets[rows]
            value = _exp(outputs[rows] * above, grad[rows])
            value /= above
            value += claims
            grad[rows] -= slope
            row_sum(value, losses[rows])
        losses /= grad.shape[1]
        grad /= grad.shape[1]


def _exp(exponents: Array, slope: Array) -> Array:
    """Return exp of the exponents, continued as a straight line where it would overflow, and fill `slope` with the derivative."""
    beyond = np.maximum(exponents, LARGEST)
    beyond += 1.0 - LARGEST
    np.exp(np.minimum(exponents, LARGEST, out=slope), slope)
    beyond *= slope
    return beyond
