"""Negative log-likelihoods of distributions whose parameters are outputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from pydantic import Field

from mlpkit.numerics.blocks import cell_blocks
from mlpkit.plugin import Array, Loss, Targets


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
