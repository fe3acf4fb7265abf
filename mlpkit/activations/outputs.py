"""Activations of output layers: identity, and distributions over classes."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from mlpkit.numerics.blocks import blocks, cell_blocks, row_blocks
from mlpkit.numerics.rowwise import ones, row_max, row_sum
from mlpkit.numerics.sigmoid import probability_and_rest
from mlpkit.plugin import Activation, Array, OutputKind

TINY = 64  # number of elements up to which Python finds the maximum faster than NumPy


class Linear(Activation):
    """Identity z, for outputs of a regression."""

    def forward(self, z: Array, out: Array) -> None:
        out[...] = z

    def backward(self, z: Array, out: Array, grad: Array) -> None:
        pass  # the derivative is 1

    def onnx(self, op: Any, z: Any) -> Any:
        return z


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

    def onnx(self, op: Any, z: Any) -> Any:
        powers = op("Exp", z - op.row_max(z))
        return powers / op.row_sum(powers)


class LogSoftmax(Activation):
    """Logarithm of softmax, z_i - log(sum_j exp(z_j)) over the units. Bridle 1990.

    Cross-entropy refuses it in the last layer: it needs probabilities. Use `softmax` there, with which the logarithm is fused.
    """

    since: ClassVar[int] = 5  # the spec schema

    def forward(self, z: Array, out: Array) -> None:
        for rows in cell_blocks(z):
            x, y = z[rows], out[rows]
            largest = x.max(axis=1, keepdims=True)
            np.subtract(x, largest, out=y)
            powers = np.exp(y)
            y -= np.log(powers.sum(axis=1, keepdims=True))

    def backward(self, z: Array, out: Array, grad: Array) -> None:
        """Subtract softmax(z) times the sum of the gradients in the row."""
        for rows in cell_blocks(z):
            y = np.exp(out[rows], out[rows])
            y *= grad[rows].sum(axis=1, keepdims=True)
            grad[rows] -= y

    def onnx(self, op: Any, z: Any) -> Any:
        less = z - op.row_max(z)
        return less - op("Log", op.row_sum(op("Exp", less)))


class ContinuationRatio(Activation):
    """Distribution over ordered classes from continuation ratios: p_c = (1 - s(z_c)) prod_{j<c} s(z_j), and the rest for the last class.

    s(z) = 1 / (1 + exp(-z)), so that s(z_c) is the conditional probability P(y > c | y >= c). The last pre-activation is not used, and its
    gradient is 0. The loss `ordinal` is fused with it. Fienberg 1980, The Analysis of Cross-Classified Categorical Data; VGAM's cratio has
    the same sign. The layer has one unit for each class; CORN's (Shi, Cao & Raschka 2021, 2111.08851) has one less. PyTorch's
    StickBreakingTransform is another one: it has the opposite sign, and an offset for each class.
    """

    output: ClassVar[OutputKind] = "distribution"
    ordered_classes: ClassVar[bool] = True
    since: ClassVar[int] = 5  # the spec schema

    def forward(self, z: Array, out: Array) -> None:
        for rows in cell_blocks(z):
            y = out[rows]
            above, at = probability_and_rest(z[rows])
            y[:, 0] = 1.0
            np.multiply.accumulate(above[:, :-1], axis=1, out=y[:, 1:])
            at[:, -1] = 1.0
            y *= at

    def backward(self, z: Array, out: Array, grad: Array) -> None:
        """Compute dL/dz_j = (1 - s(z_j)) sum_{c>j} p_c g_c - s(z_j) p_j g_j, where g is dL/dp."""
        for rows in cell_blocks(z):
            slope, rest = grad[rows], out[rows]
            above, at = probability_and_rest(z[rows])
            slope *= rest
            above *= slope
            rest[:, -1] = 0.0
            np.add.accumulate(slope[:, :0:-1], axis=1, out=rest[:, -2::-1])
            np.multiply(at, rest, slope)
            slope -= above
            slope[:, -1] = 0.0

    def onnx(self, op: Any, z: Any) -> Any:
        log_above = op.minimum(z, 0.0) - op.log1p(op("Exp", -abs(z)))  # of each s(z)
        above = op("Exp", op("CumSum", log_above, np.array(1), exclusive=1))
        return op.concatenate([op.columns(above, 0, -1) * op.sigmoid(-op.columns(z, 0, -1)), op.columns(above, -1)])


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
