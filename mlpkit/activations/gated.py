"""Gated linear units: one half of the pre-activations multiplies a function of the other half."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from mlpkit.activations.rectifiers import ReLU
from mlpkit.activations.smooth_rectifiers import GELU, SiLU
from mlpkit.numerics.blocks import cell_blocks
from mlpkit.numerics.sigmoid import sigmoid
from mlpkit.plugin import Activation, Array, Gated

_RELU, _SILU, _GELU = ReLU(), SiLU(), {"none": GELU(), "tanh": GELU(approximate="tanh")}


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

    def onnx(self, op: Any, z: Any, *parameters: Any) -> Any:
        a, b = op.halves(z)
        return a * op.sigmoid(b)


class SwiGLU(Gated):
    """Gated linear unit with SiLU: a silu(b), where a and b are the first and second half of the pre-activations.

    Shazeer 2020, 2002.05202. The weights of a layer with n units have 2n columns. Neither PyTorch nor Keras has it; some
    libraries apply SiLU to the first half.
    """

    since: ClassVar[int] = 5

    def forward(self, z: Array, out: Array, *parameters: Array) -> None:
        _forward(_SILU, z, out)

    def backward(self, z: Array, out: Array, grad: Array, *grad_z_and_parameters: Array) -> None:
        _backward(_SILU, z, out, grad, grad_z_and_parameters[0])

    def onnx(self, op: Any, z: Any, *parameters: Any) -> Any:
        a, b = op.halves(z)
        return a * _SILU.onnx(op, b)


class GEGLU(Gated):
    """Gated linear unit with GELU: a gelu(b), where a and b are the first and second half of the pre-activations.

    Shazeer 2020, 2002.05202. The weights of a layer with n units have 2n columns. Neither PyTorch nor Keras has it; some
    libraries apply GELU to the first half.
    """

    since: ClassVar[int] = 5
    approximate: Literal["none", "tanh"] = Field("none", description='as in `gelu`: "none" for the exact function, or "tanh"')

    def forward(self, z: Array, out: Array, *parameters: Array) -> None:
        _forward(_GELU[self.approximate], z, out)

    def backward(self, z: Array, out: Array, grad: Array, *grad_z_and_parameters: Array) -> None:
        _backward(_GELU[self.approximate], z, out, grad, grad_z_and_parameters[0])

    def onnx(self, op: Any, z: Any, *parameters: Any) -> Any:
        a, b = op.halves(z)
        return a * _GELU[self.approximate].onnx(op, b)


class ReGLU(Gated):
    """Gated linear unit with ReLU: a max(b, 0), where a and b are the first and second half of the pre-activations.

    Shazeer 2020, 2002.05202. The weights of a layer with n units have 2n columns.
    """

    since: ClassVar[int] = 5
    kinks: ClassVar[tuple[float, ...]] = (0.0,)

    def forward(self, z: Array, out: Array, *parameters: Array) -> None:
        _forward(_RELU, z, out)

    def backward(self, z: Array, out: Array, grad: Array, *grad_z_and_parameters: Array) -> None:
        _backward(_RELU, z, out, grad, grad_z_and_parameters[0])

    def onnx(self, op: Any, z: Any, *parameters: Any) -> Any:
        a, b = op.halves(z)
        return a * op.maximum(b, 0.0)


def _forward(gate: Activation, z: Array, out: Array) -> None:
    """Fill `out` with a f(b), where f is the gate."""
    units = out.shape[1]
    for rows in cell_blocks(z):
        gate.forward(z[rows, units:], out[rows])
        out[rows] *= z[rows, :units]


def _backward(gate: Activation, z: Array, out: Array, grad: Array, grad_z: Array) -> None:
    """Compute dL/da = g f(b) and dL/db = g a f'(b). `z` and `out` are scratch space."""
    units = out.shape[1]
    for rows in cell_blocks(z):
        a, b = z[rows, :units], z[rows, units:]
        of_a, of_b = grad_z[rows, :units], grad_z[rows, units:]
        gate.forward(b, out[rows])
        np.multiply(grad[rows], out[rows], out=of_a)
        np.multiply(grad[rows], a, out=of_b)
        gate.backward(b, out[rows], of_b)
