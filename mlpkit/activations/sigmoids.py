"""S-shaped activations, which are bounded on both sides."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from mlpkit.numerics.blocks import cell_blocks
from mlpkit.numerics.sigmoid import sigmoid
from mlpkit.plugin import Activation, Array, OutputKind

FAR = 1e30  # softsign is ±1 to rounding beyond ±FAR


class Sigmoid(Activation):
    """Logistic function 1 / (1 + exp(-z)), a probability. Rumelhart, Hinton & Williams 1986."""

    output: ClassVar[OutputKind] = "probability"

    def forward(self, z: Array, out: Array) -> None:
        sigmoid(z, out)

    def backward(self, z: Array, out: Array, grad: Array) -> None:
        np.multiply(out, out, z)
        np.subtract(out, z, out)
        np.multiply(grad, out, grad)

    def onnx(self, op: Any, z: Any) -> Any:
        return op.sigmoid(z)


class Tanh(Activation):
    """Hyperbolic tangent tanh(z). LeCun, Bottou, Orr & Müller 1998, Efficient BackProp."""

    output: ClassVar[OutputKind] = "bounded"

    def forward(self, z: Array, out: Array) -> None:
        np.tanh(z, out)

    def backward(self, z: Array, out: Array, grad: Array) -> None:
        np.multiply(out, out, out)
        np.subtract(1.0, out, out)
        np.multiply(grad, out, grad)

    def onnx(self, op: Any, z: Any) -> Any:
        return op("Tanh", z)


class LeCunTanh(Activation):
    """Scaled hyperbolic tangent 1.7159 tanh(2 z / 3), which is 1 at 1. LeCun, Bottou, Orr & Müller 1998, Efficient BackProp."""

    since: ClassVar[int] = 5  # the spec schema
    initializer: ClassVar[str] = "lecun_normal"

    def forward(self, z: Array, out: Array) -> None:
        for rows in cell_blocks(z):
            y = np.multiply(z[rows], 2 / 3, out=out[rows])
            np.tanh(y, y)
            y *= 1.7159

    def backward(self, z: Array, out: Array, grad: Array) -> None:
        """Multiply by 2 / 3 (1.7159 - out^2 / 1.7159)."""
        for rows in cell_blocks(z):
            y = out[rows]
            y *= y
            y *= -2 / 3 / 1.7159
            y += 2 / 3 * 1.7159
            grad[rows] *= y

    def onnx(self, op: Any, z: Any) -> Any:
        return 1.7159 * op("Tanh", 2 / 3 * z)


class Softsign(Activation):
    """Softsign z / (1 + |z|). Bergstra et al. 2009, Quadratic polynomials learn better image features."""

    since: ClassVar[int] = 5
    output: ClassVar[OutputKind] = "bounded"

    def forward(self, z: Array, out: Array) -> None:
        for rows in cell_blocks(z):
            x = np.clip(z[rows], -FAR, FAR)
            y = np.abs(x, out[rows])
            y += 1.0
            np.divide(x, y, out=y)

    def backward(self, z: Array, out: Array, grad: Array) -> None:
        """Multiply by 1 / (1 + |z|)^2."""
        for rows in cell_blocks(z):
            x = np.abs(z[rows], z[rows])
            x += 1.0
            grad[rows] /= x
            grad[rows] /= x

    def onnx(self, op: Any, z: Any) -> Any:
        x = op.clip(z, -FAR, FAR)
        return x / (abs(x) + 1.0)


class LogSigmoid(Activation):
    """Logarithm of the logistic function, -log(1 + exp(-z)), at most 0."""

    since: ClassVar[int] = 5

    def forward(self, z: Array, out: Array) -> None:
        """Compute min(z, 0) - log(1 + exp(-|z|))."""
        for rows in cell_blocks(z):
            x, y = z[rows], out[rows]
            np.abs(x, y)
            np.negative(y, y)
            np.exp(y, y)
            np.log1p(y, y)
            np.subtract(np.minimum(x, 0.0), y, out=y)

    def backward(self, z: Array, out: Array, grad: Array) -> None:
        """Multiply by sigmoid(-z) = 1 - exp(out)."""
        for rows in cell_blocks(z):
            y = np.expm1(out[rows], out[rows])
            np.negative(y, y)
            grad[rows] *= y

    def onnx(self, op: Any, z: Any) -> Any:
        return op.minimum(z, 0.0) - op.log1p(op("Exp", -abs(z)))
