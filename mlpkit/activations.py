"""Built-in activations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from pydantic import Field

from mlpkit.numerics.blocks import blocks, row_blocks
from mlpkit.numerics.rowwise import ones, row_max, row_sum
from mlpkit.plugin import Activation, Array, Gated, OutputKind

LOWEST = {np.dtype("float32"): -88.0, np.dtype("float64"): -709.0}  # exp(-z) is finite for larger z
TINY = 64  # number of elements up to which Python finds the maximum faster than NumPy
CELLS = 8192  # elements of a temporary array that fits in the first-level cache


def _sigmoid(z: Array, out: Array) -> None:
    np.maximum(z, LOWEST[z.dtype], out=out)
    np.negative(out, out)
    np.exp(out, out)
    np.add(out, 1.0, out)
    np.reciprocal(out, out)


class Linear(Activation):
    """Identity z, for outputs of a regression."""

    def forward(self, z: Array, out: Array) -> None:
        out[...] = z

    def backward(self, z: Array, out: Array, grad: Array) -> None:
        pass  # the derivative is 1


class Sigmoid(Activation):
    """Logistic function 1 / (1 + exp(-z)), a probability. Rumelhart, Hinton & Williams 1986."""

    output: ClassVar[OutputKind] = "probability"

    def forward(self, z: Array, out: Array) -> None:
        _sigmoid(z, out)

    def backward(self, z: Array, out: Array, grad: Array) -> None:
        np.multiply(out, out, z)
        np.subtract(out, z, out)
        np.multiply(grad, out, grad)


class Tanh(Activation):
    """Hyperbolic tangent tanh(z). LeCun, Bottou, Orr & Müller 1998, Efficient BackProp."""

    output: ClassVar[OutputKind] = "bounded"

    def forward(self, z: Array, out: Array) -> None:
        np.tanh(z, out)

    def backward(self, z: Array, out: Array, grad: Array) -> None:
        np.multiply(out, out, out)
        np.subtract(1.0, out, out)
        np.multiply(grad, out, grad)


class ReLU(Activation):
    """Rectified linear unit max(z, 0), with derivative 0 at 0. Nair & Hinton 2010."""

    output: ClassVar[OutputKind] = "nonnegative"
    initializer: ClassVar[str] = "he_normal"
    kinks: ClassVar[tuple[float, ...]] = (0.0,)

    def forward(self, z: Array, out: Array) -> None:
        np.maximum(z, 0.0, out=out)

    def backward(self, z: Array, out: Array, grad: Array) -> None:
        np.greater(z, 0.0, z)  # a mask of 0 and 1 in the dtype of z
        np.multiply(grad, z, grad)


class LeakyReLU(Activation):
    """Leaky ReLU max(z, 0) + negative_slope min(z, 0). Maas, Hannun & Ng 2013. Default slope as in PyTorch; 0.2 in Keras."""

    initializer: ClassVar[str] = "he_normal"
    kinks: ClassVar[tuple[float, ...]] = (0.0,)
    negative_slope: float = Field(0.01, ge=0, lt=1, description="slope below 0")

    def forward(self, z: Array, out: Array) -> None:
        np.multiply(z, self.negative_slope, out=out)
        np.maximum(z, out, out=out)

    def backward(self, z: Array, out: Array, grad: Array) -> None:
        np.greater(z, 0.0, out=z)
        z *= 1.0 - self.negative_slope
        z += self.negative_slope
        grad *= z


class PReLU(Activation):
    """Parametric ReLU max(z, 0) + slope min(z, 0), with one trained slope per unit. He et al. 2015, 1502.01852.

    Initial slope as in PyTorch; 0 in Keras. PyTorch shares one slope among all units by default.
    """

    since: ClassVar[int] = 5  # the spec schema
    initializer: ClassVar[str] = "he_normal"
    kinks: ClassVar[tuple[float, ...]] = (0.0,)
    initial: float = Field(0.25, description="slope below 0 before training")

    @property
    def parameters(self) -> Mapping[str, float]:
        """Trained slope with its initial value."""
        return {"slope": self.initial}

    def forward(self, z: Array, out: Array, *parameters: Array) -> None:
        (slope,) = parameters
        for rows in row_blocks(len(z), max(1, CELLS // z.shape[1])):
            np.maximum(z[rows], 0.0, out=out[rows])
            out[rows] += slope * np.minimum(z[rows], 0.0)

    def backward(self, z: Array, out: Array, grad: Array, *parameters_and_gradients: Array) -> None:
        slope, gradient = parameters_and_gradients
        for rows in row_blocks(len(z), max(1, CELLS // z.shape[1])):
            below, g = np.minimum(z[rows], 0.0), grad[rows]
            gradient += np.einsum("ij,ij->j", g, below)
            g *= np.where(z[rows] > 0, z.dtype.type(1.0), slope)


class GLU(Gated):
    """Gated linear unit a sigmoid(b), where a and b are the first and second half of the pre-activations.

    The weights of a layer with n units have 2n columns. Dauphin et al. 2017, 1612.08083; as in PyTorch.
    """

    since: ClassVar[int] = 5  # the spec schema

    def forward(self, z: Array, out: Array, *parameters: Array) -> None:
        _sigmoid(z[:, out.shape[1] :], out)
        np.multiply(out, z[:, : out.shape[1]], out)

    def backward(self, z: Array, out: Array, grad: Array, *grad_z_and_parameters: Array) -> None:
        """Compute dL/da = g s and dL/db = g a s (1 - s), where s = sigmoid(b)."""
        (grad_z,) = grad_z_and_parameters
        units = grad.shape[1]
        of_a, of_b = grad_z[:, :units], grad_z[:, units:]
        _sigmoid(z[:, units:], of_a)
        np.subtract(1.0, of_a, of_b)
        np.multiply(of_b, out, of_b)  # out holds a s
        np.multiply(of_b, grad, of_b)
        np.multiply(of_a, grad, of_a)


class Softmax(Activation):
    """Softmax exp(z_i) / sum_j exp(z_j) over the units, a distribution over classes. Bridle 1990."""

    output: ClassVar[OutputKind] = "distribution"

    def forward(self, z: Array, out: Array) -> None:
        if len(z) == 1:
            _softmax_row(z, out)
            return
        for scores, values in blocks(z, out):
            _softmax_rows(scores, values)

    def backward(self, z: Array, out: Array, grad: Array) -> None:
        for rows in row_blocks(len(z)):
            block = grad[rows]
            np.subtract(block, np.einsum("ij,ij->i", block, out[rows])[:, None], block)
        np.multiply(grad, out, grad)


def _softmax_rows(z: Array, out: Array) -> None:
    of_row = np.empty(len(z), z.dtype)
    row_max(z, out, of_row)
    np.subtract(z, of_row[:, None], out)
    np.exp(out, out)
    row_sum(out, of_row)
    np.divide(out, of_row[:, None], out)


def _softmax_row(z: Array, out: Array) -> None:
    """Compute one row faster: predicting one row with 64-64-10 takes a third longer without this function."""
    largest = max(z.tolist()[0]) if z.size <= TINY else z.max()  # Python takes half the time of NumPy here
    np.subtract(z, np.array(largest, z.dtype), out)
    np.exp(out, out)
    np.divide(out, out.dot(ones(z.size, z.dtype)).reshape(()), out)
