"""Loss as a function of one output per target, for checks and comparisons."""

from __future__ import annotations

from typing import Any

import numpy as np

from mlpkit.numerics.arrays import Array, Targets
from mlpkit.plugin.contracts import Loss

RATIO = 0.6  # ratio of consecutive outputs of a target


class SingleOutput(Loss):
    """Loss with several outputs per target, which are fixed multiples of one output: 1, 0.6, 0.36 and so on.

    Parameters
    ----------
    inner : Loss
    """

    inner: Any

    def value_and_grad(self, outputs: Array, targets: Targets, losses: Array, grad: Array) -> None:
        factors = (RATIO ** np.arange(self.inner.outputs_per_target)).astype(outputs.dtype)
        several = (outputs[:, :, None] * factors).reshape(len(outputs), outputs.shape[1] * len(factors))
        gradients = np.full_like(several, np.nan)
        self.inner.value_and_grad(several, targets, losses, gradients)
        np.einsum("ijk,k->ij", gradients.reshape(*outputs.shape, len(factors)), factors, out=grad)


def single_output(loss: Loss) -> Loss:
    """Return a loss as a function of one output per target: the loss itself if it has only one."""
    return loss if loss.outputs_per_target == 1 else SingleOutput.model_construct(inner=loss)
