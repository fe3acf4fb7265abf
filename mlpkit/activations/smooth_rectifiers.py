"""Smooth variants of the rectified linear unit. They tend to 0 below and to z above."""

from __future__ import annotations

import math
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from mlpkit.numerics.blocks import cell_blocks
from mlpkit.numerics.erf import erfc
from mlpkit.numerics.sigmoid import LOWEST, sigmoid
from mlpkit.plugin import Activation, Array, OutputKind

FAR = 40.0  # pre-activations beyond ±FAR are in the limit, to rounding
SMALLEST = 1e-30
SQUARABLE = 1e18  # largest number whose square is finite in float32
CUBIC = 0.044715


class GELU(Activation):
    """Gaussian error linear unit z Phi(z), with the normal distribution Phi(z) = erfc(-z / sqrt(2)) / 2.

    Hendrycks & Gimpel 2016, 1606.08415. With `approximate` "tanh" it is z (1 + tanh(sqrt(2 / pi) (z + 0.044715 z^3))) / 2, which differs
    by up to 5e-4 and takes less time. Exact by default, as in PyTorch and Keras.
    """

    since: ClassVar[int] = 5  # the spec schema
    initializer: ClassVar[str] = "he_normal"
    approximate: Literal["none", "tanh"] = Field("none", description='"none" for the exact function, or "tanh"')

    def forward(self, z: Array, out: Array) -> None:
        for rows in cell_blocks(z):
            x, y = z[rows], out[rows]
            if self.approximate == "none":
                np.multiply(x, -math.sqrt(0.5), out=y)
                erfc(y, y)
                y *= 0.5
            else:
                _twice_inner(x, y)
                sigmoid(y, y)
            y *= np.maximum(x, -FAR)

    def backward(self, z: Array, out: Array, grad: Array) -> None:
        for rows in cell_blocks(z):
            derivative = _exact_derivative if self.approximate == "none" else _approximate_derivative
            grad[rows] *= derivative(z[rows], out[rows])

    def onnx(self, op: Any, z: Any) -> Any:
        if self.approximate == "none":
            return 0.5 * op.erfc(-math.sqrt(0.5) * z) * op.maximum(z, -FAR)
        x = op.clip(z, -FAR, FAR)
        return op.sigmoid((1.0 + CUBIC * x * x) * x * (2.0 * math.sqrt(2.0 / math.pi))) * op.maximum(z, -FAR)


class SiLU(Activation):
    """Sigmoid linear unit z sigmoid(z), also called Swish.

    Elfwing, Uchibe & Doya 2017, 1702.03118; Ramachandran, Zoph & Le 2017, 1710.05941.
    """

    since: ClassVar[int] = 5
    initializer: ClassVar[str] = "he_normal"

    def forward(self, z: Array, out: Array) -> None:
        for rows in cell_blocks(z):
            x, y = z[rows], out[rows]
            sigmoid(x, y)
            y *= np.maximum(x, LOWEST[z.dtype])

    def backward(self, z: Array, out: Array, grad: Array) -> None:
        """Multiply by (1 + out e) / (1 + e), where e = exp(-z)."""
        for rows in cell_blocks(z):
            x, y = z[rows], out[rows]
            np.maximum(x, LOWEST[z.dtype], out=x)
            grad[rows] *= _gated_slope(x, y, 1.0)

    def onnx(self, op: Any, z: Any) -> Any:
        return op.sigmoid(z) * op.maximum(z, float(LOWEST[z.dtype]))


class Mish(Activation):
    """Mish z tanh(softplus(z)), where softplus(z) = log(1 + exp(z)). Misra 2019, 1908.08681.

    It is computed as z n / (n + 2) with n = e (e + 2) and e = exp(z), which is the same.
    """

    since: ClassVar[int] = 5
    initializer: ClassVar[str] = "he_normal"

    def forward(self, z: Array, out: Array) -> None:
        for rows in cell_blocks(z):
            x, y = z[rows], out[rows]
            e = np.minimum(x, 0.5 * FAR)
            np.exp(e, e)
            np.add(e, 2.0, out=y)
            y *= e
            np.add(y, 2.0, out=e)
            y /= e
            y *= np.maximum(x, LOWEST[z.dtype])

    def backward(self, z: Array, out: Array, grad: Array) -> None:
        """Multiply by (n + 4 z e (e + 1) / (n + 2)) / (n + 2)."""
        for rows in cell_blocks(z):
            x, n = z[rows], out[rows]
            np.clip(x, LOWEST[z.dtype], 0.5 * FAR, out=x)
            e = np.exp(x)
            x *= 4.0
            x *= e
            np.add(e, 2.0, out=n)
            n *= e
            e += 1.0
            x *= e
            np.add(n, 2.0, out=e)
            x /= e
            x += n
            x /= e
            grad[rows] *= x

    def onnx(self, op: Any, z: Any) -> Any:
        e = op("Exp", op.minimum(z, 0.5 * FAR))
        n = (e + 2.0) * e
        return n / (n + 2.0) * op.maximum(z, float(LOWEST[z.dtype]))


class Softplus(Activation):
    """Softplus log(1 + exp(beta z)) / beta, and z where beta z is above the threshold. Dugas et al. 2000.

    Options as in PyTorch. Keras has no threshold: the difference is at most 2.1e-9.
    """

    since: ClassVar[int] = 5
    output: ClassVar[OutputKind] = "nonnegative"
    beta: float = Field(1.0, ge=1e-3, le=1e6, description="steepness at 0")
    threshold: float = Field(20.0, ge=0, description="value of beta z above which the function is z")

    @property
    def kinks(self) -> tuple[float, ...]:  # type: ignore[override]
        """Point of the threshold, where the function jumps by log(1 + exp(-threshold)) / beta."""
        return (self.threshold / self.beta,)

    def forward(self, z: Array, out: Array) -> None:
        """Compute max(z, 0) + log(1 + exp(-|beta z|)) / beta."""
        for rows in cell_blocks(z):
            x, y = z[rows], out[rows]
            scaled = np.clip(x, -SQUARABLE, SQUARABLE)
            scaled *= self.beta
            np.abs(scaled, y)
            np.negative(y, y)
            np.exp(y, y)
            np.log1p(y, y)
            y /= self.beta
            y *= np.less_equal(scaled, self.threshold, out=scaled)
            y += np.maximum(x, 0.0)

    def backward(self, z: Array, out: Array, grad: Array) -> None:
        """Multiply by sigmoid(beta z) = 1 - exp(-beta out), and by 1 above the threshold."""
        for rows in cell_blocks(z):
            x, y = z[rows], out[rows]
            np.clip(x, -SQUARABLE, SQUARABLE, out=x)
            x *= self.beta
            np.greater(x, self.threshold, out=x)
            np.minimum(y, SQUARABLE, out=y)
            y *= -self.beta
            np.expm1(y, y)
            np.negative(y, y)
            grad[rows] *= np.maximum(x, y, out=y)

    def onnx(self, op: Any, z: Any) -> Any:
        scaled = self.beta * op.clip(z, -SQUARABLE, SQUARABLE)
        rest = op.log1p(op("Exp", -abs(scaled))) / self.beta
        return op.where(scaled > self.threshold, 0.0, rest) + op.maximum(z, 0.0)


class Squareplus(Activation):
    """Squareplus (z + sqrt(z^2 + b)) / 2, a cheap form of softplus. Barron 2021, 2112.11687. Default b as in Keras.

    It is computed as max(z, 0) + b / 2 / (|z| + sqrt(z^2 + b)), which is the same, and exact for negative z.
    """

    since: ClassVar[int] = 5
    output: ClassVar[OutputKind] = "nonnegative"
    b: float = Field(4.0, ge=1e-6, le=1e6, description="4 times the square of the value at 0")

    def forward(self, z: Array, out: Array) -> None:
        for rows in cell_blocks(z):
            x, y = z[rows], out[rows]
            size = np.abs(x)
            np.minimum(size, SQUARABLE, out=size)
            np.multiply(size, size, out=y)
            y += self.b
            np.sqrt(y, y)
            y += size
            np.divide(0.5 * self.b, y, out=y)
            y += np.maximum(x, 0.0)

    def backward(self, z: Array, out: Array, grad: Array) -> None:
        """Multiply by out / sqrt(z^2 + b)."""
        for rows in cell_blocks(z):
            x, y = z[rows], out[rows]
            np.clip(x, -SQUARABLE, SQUARABLE, out=x)
            np.minimum(y, SQUARABLE, out=y)
            x *= x
            x += self.b
            np.sqrt(x, x)
            y /= x
            grad[rows] *= y

    def onnx(self, op: Any, z: Any) -> Any:
        size = op.minimum(abs(z), SQUARABLE)
        return 0.5 * self.b / (op("Sqrt", size * size + self.b) + size) + op.maximum(z, 0.0)


def _twice_inner(z: Array, out: Array) -> None:
    """Fill `out` with 2 u = 2 sqrt(2 / pi) (z + 0.044715 z^3), for which (1 + tanh(u)) / 2 is sigmoid(2 u)."""
    inside = np.clip(z, -FAR, FAR)
    np.multiply(inside, inside, out=out)
    out *= CUBIC
    out += 1.0
    out *= inside
    out *= 2.0 * math.sqrt(2.0 / math.pi)


def _exact_derivative(z: Array, out: Array) -> Array:
    """Return Phi(z) + z Phi'(z), where Phi(z) = out / z, in the place of `out`. `z` is scratch space.

    Close to 0, where both may underflow, Phi is 1/2.
    """
    np.clip(z, -FAR, FAR, out=z)
    np.minimum(out, FAR, out=out)
    tiny = np.copysign(SMALLEST, z)
    z += tiny
    tiny *= 0.5
    out += tiny
    out /= z
    density = np.multiply(z, z, out=tiny)
    density *= -0.5
    np.exp(density, density)
    density *= 1.0 / math.sqrt(2.0 * math.pi)
    density *= z
    out += density
    return out


def _approximate_derivative(z: Array, out: Array) -> Array:
    """Return s + z s', where s = sigmoid(2 u), in the place of `out`. `z` is scratch space."""
    inner = np.empty_like(z)
    _twice_inner(z, inner)
    np.maximum(inner, LOWEST[z.dtype], out=inner)
    np.clip(z, -FAR, FAR, out=z)
    z *= z
    z *= 3.0 * CUBIC
    z += 1.0
    z *= 2.0 * math.sqrt(2.0 / math.pi)
    return _gated_slope(inner, out, z)


def _gated_slope(v: Array, out: Array, slope: Array | float) -> Array:
    """Return s + z s' = (1 + out e v') / (1 + e), where s = sigmoid(v), e = exp(-v), and `slope` is v'. The result replaces `out`.

    This keeps the digits of 1 - s, which z multiplies. `v` is scratch space.
    """
    np.negative(v, v)
    np.exp(v, v)
    np.minimum(out, FAR, out=out)  # beyond it e is 0
    out *= v
    out *= slope
    out += 1.0
    v += 1.0
    out /= v
    return out
