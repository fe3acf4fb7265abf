"""Gated linear units: one half of the pre-activations multiplies a function of the other half."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from mlpkit.numerics.sigmoid import sigmoid
from mlpkit.plugin import Array, Gated


class GLU(Gated):
    """Gated linear unit a sigmoid(b), where a and b are the first and second half of the pre-activations.

    The weights of a layer with n units have 2n columns. Dauphin et al. 2017, 1612.08083; as in PyTorch.
    """

    since: ClassVar[int] = 5  # the spec schema

    def forward(self, z: Array, out: Array, *parameters: Array) -> None:
        sigmoid(z[:, out.shape[1] :], out)
        np.multiply(out, z[:, : out.shape[1]], out)

    def backward(self, z: Array, out: Array, grad: Array, *grad_z_and_parameters: Array) -> None:
        """Compute dL/da = g s and dL/db = g a s (1 - s), where s = sigmoid(b)."""
        (grad_z,) = grad_z_and_parameters
        units = grad.shape[1]
        of_a, of_b = grad_z[:, :units], grad_z[:, units:]
        sigmoid(z[:, units:], of_a)
        np.subtract(1.0, of_a, of_b)
        np.multiply(of_b, out, of_b)  # out holds a s
        np.multiply(of_b, grad, of_b)
        np.multiply(of_a, grad, of_a)
