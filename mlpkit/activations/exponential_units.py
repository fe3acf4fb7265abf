"""Exponential function, and linear units with an exponential branch below 0."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from mlpkit.numerics.blocks import cell_blocks
from mlpkit.plugin import Activation, Array, OutputKind

SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805
HIGHEST = {np.dtype("float32"): 88.72283, np.dtype("float64"): 709.782712893384}  # exp(z) is finite up to there


class ELU(Activation):
    """Exponential linear unit: z above 0, alpha (exp(z) - 1) below. Clevert, Unterthiner & Hochreiter 2015, 1511.07289.

    The derivative at 0 is alpha, as in PyTorch.
    """

    since: ClassVar[int] = 5  # the spec schema
    initializer: ClassVar[str] = "he_normal"
    kinks: ClassVar[tuple[float, ...]] = (0.0,)
    alpha: float = Field(1.0, ge=0, description="minus the limit below 0")

    def forward(self, z: Array, out: Array) -> None:
        _exponential_below(z, out, self.alpha)

    def backward(self, z: Array, out: Array, grad: Array) -> None:
        _derivative_below(z, out, grad, self.alpha)

    def onnx(self, op: Any, z: Any) -> Any:
        return self.alpha * op.expm1(op.minimum(z, 0.0)) + op.maximum(z, 0.0)


class CELU(Activation):
    """Continuously differentiable ELU: z above 0, alpha (exp(z / alpha) - 1) below. Barron 2017, 1704.07483."""

    since: ClassVar[int] = 5
    initializer: ClassVar[str] = "he_normal"
    alpha: float = Field(1.0, ge=1e-6, description="minus the limit below 0")

    def forward(self, z: Array, out: Array) -> None:
        _exponential_below(z, out, self.alpha, 1.0 / self.alpha)

    def backward(self, z: Array, out: Array, grad: Array) -> None:
        """Multiply by exp(z / alpha) = 1 + out / alpha below 0, and by 1 above."""
        for rows in cell_blocks(z):
            y = np.minimum(out[rows], 0.0, out=out[rows])
            y /= self.alpha
            y += 1.0
            grad[rows] *= y

    def onnx(self, op: Any, z: Any) -> Any:
        return self.alpha * op.expm1(op.minimum(z, 0.0) * (1.0 / self.alpha)) + op.maximum(z, 0.0)


class SELU(Activation):
    """Scaled ELU: scale z above 0, scale alpha (exp(z) - 1) below. Klambauer et al. 2017, 1706.02515.

    alpha is 1.6732632423543772 and scale 1.0507009873554805, so that values keep mean 0 and variance 1 from layer to layer. The paper
    uses it with `lecun_normal` weights, which are the default here, and with alpha dropout. The derivative at 0 is scale alpha, as in
    PyTorch.
    """

    since: ClassVar[int] = 5
    initializer: ClassVar[str] = "lecun_normal"
    kinks: ClassVar[tuple[float, ...]] = (0.0,)

    def forward(self, z: Array, out: Array) -> None:
        _exponential_below(z, out, SELU_ALPHA, scale=SELU_SCALE)

    def backward(self, z: Array, out: Array, grad: Array) -> None:
        _derivative_below(z, out, grad, SELU_ALPHA, SELU_SCALE)

    def onnx(self, op: Any, z: Any) -> Any:
        return SELU_ALPHA * SELU_SCALE * op.expm1(op.minimum(z, 0.0)) + SELU_SCALE * op.maximum(z, 0.0)


class Exponential(Activation):
    """Exponential function exp(z), for positive outputs such as rates.

    Where exp(z) does not fit the dtype, the value is the largest that fits (exp(88.7) in float32), so that training can go on; it is
    infinite in PyTorch and Keras.
    """

    since: ClassVar[int] = 5
    output: ClassVar[OutputKind] = "nonnegative"

    def forward(self, z: Array, out: Array) -> None:
        for rows in cell_blocks(z):
            np.minimum(z[rows], HIGHEST[z.dtype], out=out[rows])
            np.exp(out[rows], out[rows])

    def backward(self, z: Array, out: Array, grad: Array) -> None:
        np.multiply(grad, out, grad)

    def onnx(self, op: Any, z: Any) -> Any:
        return op("Exp", op.minimum(z, HIGHEST[z.dtype]))


def _exponential_below(z: Array, out: Array, alpha: float, rate: float = 1.0, scale: float = 1.0) -> None:
    """Fill `out` with scale z above 0 and scale alpha (exp(rate z) - 1) below."""
    for rows in cell_blocks(z):
        x, y = z[rows], out[rows]
        np.minimum(x, 0.0, out=y)
        if rate != 1.0:
            y *= rate
        np.expm1(y, y)
        if alpha * scale != 1.0:
            y *= alpha * scale
        above = np.maximum(x, 0.0)
        if scale != 1.0:
            above *= scale
        y += above


def _derivative_below(z: Array, out: Array, grad: Array, alpha: float, scale: float = 1.0) -> None:
    """Multiply `grad` by scale above 0, and by scale alpha exp(z) = out + scale alpha from 0 down."""
    slope = alpha * scale
    for rows in cell_blocks(z):
        x, y = z[rows], out[rows]
        np.minimum(y, 0.0, out=y)
        y += slope
        if alpha != 1.0:
            np.less_equal(x, 0.0, out=x)
            y *= x
            np.subtract(1.0, x, out=x)
            x *= scale
            y += x
        grad[rows] *= y
