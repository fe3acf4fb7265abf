"""Losses of the distance between outputs and targets."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from mlpkit.numerics.blocks import cell_blocks
from mlpkit.numerics.rowwise import row_sum
from mlpkit.plugin import Array, Loss, Targets, TargetScale


class MeanSquaredError(Loss):
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
        for rows in cell_blocks(grad):  # 10 times as fast as np.sign, which branches for each element
            block = grad[rows]
            below = block < 0.0
            np.greater(block, 0.0, block)
            block -= below
        grad /= grad.shape[1]
