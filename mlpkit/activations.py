"""The built-in activations."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import Field

from mlpkit.numerics.blocks import BLOCK, row_blocks
from mlpkit.numerics.rowwise import TINY, at_least, row_max, row_of, row_sum, with_rows
from mlpkit.numerics.scalars import ONE, ZERO
from mlpkit.plugin import Activation, Array, OutputKind

LOWEST = {np.dtype("float32"): np.array(-88.0, "float32"), np.dtype("float64"): np.array(-709.0)}  # exp(-z) is finite above


class Linear(Activation):
    """z: the output of a regression, of any size and sign."""

    any_order: ClassVar[bool] = True

    def forward(self, z: Array, out: Array) -> None:
        out[...] = z

    def backward(self, z: Array, out: Array, grad: Array) -> None:
        pass  # the derivative is 1


class Sigmoid(Activation):
    """1 / (1 + exp(-z)): a probability. Rumelhart, Hinton & Williams 1986."""

    any_order: ClassVar[bool] = True
    output: ClassVar[OutputKind] = "probability"

    def forward(self, z: Array, out: Array) -> None:
        dtype = z.dtype
        at_least(z, LOWEST[dtype], out)
        np.negative(out, out)
        np.exp(out, out)
        np.add(out, ONE[dtype], out)
        np.reciprocal(out, out)

    def backward(self, z: Array, out: Array, grad: Array) -> None:
        np.multiply(out, out, z)
        np.subtract(out, z, out)
        np.multiply(grad, out, grad)


class Tanh(Activation):
    """tanh(z). LeCun, Bottou, Orr & Müller 1998, Efficient BackProp."""

    any_order: ClassVar[bool] = True
    output: ClassVar[OutputKind] = "bounded"

    def forward(self, z: Array, out: Array) -> None:
        np.tanh(z, out)

    def backward(self, z: Array, out: Array, grad: Array) -> None:
        np.multiply(out, out, out)
        np.subtract(ONE[z.dtype], out, out)
        np.multiply(grad, out, grad)


class ReLU(Activation):
    """max(z, 0), with derivative 0 at 0. Nair & Hinton 2010."""

    any_order: ClassVar[bool] = True
    output: ClassVar[OutputKind] = "nonnegative"
    initializer: ClassVar[str] = "he_normal"
    kinks: ClassVar[tuple[float, ...]] = (0.0,)

    def forward(self, z: Array, out: Array) -> None:
        at_least(z, ZERO[z.dtype], out)

    def backward(self, z: Array, out: Array, grad: Array) -> None:
        np.greater(z, ZERO[z.dtype], z)  # a mask of 0 and 1 in the dtype of z
        np.multiply(grad, z, grad)


class LeakyReLU(Activation):
    """max(z, 0) + negative_slope min(z, 0). Maas, Hannun & Ng 2013. The slope is PyTorch's; Keras has 0.2."""

    any_order: ClassVar[bool] = True
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

    any_order: ClassVar[bool] = True
    output: ClassVar[OutputKind] = "distribution"

    def forward(self, z: Array, out: Array) -> None:
        if len(z) == 1:
            _softmax_row(z, out)
        elif len(z) <= BLOCK:
            _softmax_rows(z, out)
        else:
            for rows in row_blocks(len(z)):
                _softmax_rows(z[rows], out[rows])

    def backward(self, z: Array, out: Array, grad: Array) -> None:
        for rows in row_blocks(len(z)):
            block = grad[rows]
            with_rows(np.subtract, block, np.einsum("ij,ij->i", block, out[rows]), block)
        np.multiply(grad, out, grad)


def _softmax_rows(z: Array, out: Array) -> None:
    of_row = np.empty(len(z), z.dtype)
    row_max(z, out, of_row)
    with_rows(np.subtract, z, of_row, out)
    np.exp(out, out)
    row_sum(out, of_row)
    with_rows(np.divide, out, of_row, out)


def _softmax_row(z: Array, out: Array) -> None:
    """One row, whose largest score Python finds in half of NumPy's time when there are few."""
    largest = max(z.tolist()[0]) if z.size <= TINY else z.max()
    np.subtract(z, np.array(largest, z.dtype), out)
    np.exp(out, out)
    np.divide(out, out.dot(row_of(1.0, z.size, z.dtype)).reshape(()), out)
