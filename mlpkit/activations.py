"""The built-in activations."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import Field

from mlpkit.numerics.blocks import blocks, row_blocks
from mlpkit.numerics.rowwise import row_max, row_sum
from mlpkit.plugin import Activation, Array, OutputKind

LOWEST = {np.dtype("float32"): -88.0, np.dtype("float64"): -709.0}  # exp(-z) is finite above
TINY = 64  # numbers of which Python finds the largest sooner than NumPy


class Linear(Activation):
    """z: the output of a regression, of any size and sign."""

    def forward(self, z: Array, out: Array) -> None:
        out[...] = z

    def backward(self, z: Array, out: Array, grad: Array) -> None:
        pass  # the derivative is 1


class Sigmoid(Activation):
    """1 / (1 + exp(-z)): a probability. Rumelhart, Hinton & Williams 1986."""

    output: ClassVar[OutputKind] = "probability"

    def forward(self, z: Array, out: Array) -> None:
        np.maximum(z, LOWEST[z.dtype], out=out)
        np.negative(out, out)
        np.exp(out, out)
        np.add(out, 1.0, out)
        np.reciprocal(out, out)

    def backward(self, z: Array, out: Array, grad: Array) -> None:
        np.multiply(out, out, z)
        np.subtract(out, z, out)
        np.multiply(grad, out, grad)


class Tanh(Activation):
    """tanh(z). LeCun, Bottou, Orr & Müller 1998, Efficient BackProp."""

    output: ClassVar[OutputKind] = "bounded"

    def forward(self, z: Array, out: Array) -> None:
        np.tanh(z, out)

    def backward(self, z: Array, out: Array, grad: Array) -> None:
        np.multiply(out, out, out)
        np.subtract(1.0, out, out)
        np.multiply(grad, out, grad)


class ReLU(Activation):
    """max(z, 0), with derivative 0 at 0. Nair & Hinton 2010."""

    output: ClassVar[OutputKind] = "nonnegative"
    initializer: ClassVar[str] = "he_normal"
    kinks: ClassVar[tuple[float, ...]] = (0.0,)

    def forward(self, z: Array, out: Array) -> None:
        np.maximum(z, 0.0, out=out)

    def backward(self, z: Array, out: Array, grad: Array) -> None:
        np.greater(z, 0.0, z)  # a mask of 0 and 1 in the dtype of z
        np.multiply(grad, z, grad)


class LeakyReLU(Activation):
    """max(z, 0) + negative_slope min(z, 0). Maas, Hannun & Ng 2013. The slope is PyTorch's; Keras has 0.2."""

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


class Softmax(Activation):
    """exp(z_i) / sum_j exp(z_j) over the units: a distribution over classes. Bridle 1990."""

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
    """Compute one row; without this, the prediction of one row by 64-64-10 takes a third longer."""
    largest = max(z.tolist()[0]) if z.size <= TINY else z.max()  # Python takes half of NumPy's time
    np.subtract(z, np.array(largest, z.dtype), out)
    np.exp(out, out)
    np.divide(out, out.sum(), out)
