"""Activations of straight pieces, and shrinkage functions."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from mlpkit.numerics.blocks import cell_blocks
from mlpkit.plugin import Activation, Array, OutputKind


class HardSigmoid(Activation):
    """Piecewise linear sigmoid relu6(z + 3) / 6. Courbariaux, Bengio & David 2015, 1511.00363. Slope as in PyTorch and Keras 3.

    Keras 2 used max(0, min(1, 0.2 z + 0.5)). The derivative at -3 and 3 is 0.
    """

    since: ClassVar[int] = 5  # the spec schema
    output: ClassVar[OutputKind] = "probability"
    kinks: ClassVar[tuple[float, ...]] = (-3.0, 3.0)

    def forward(self, z: Array, out: Array) -> None:
        for rows in cell_blocks(z):
            _shifted(z[rows], out[rows])

    def backward(self, z: Array, out: Array, grad: Array) -> None:
        for rows in cell_blocks(z):
            x = np.abs(z[rows], z[rows])
            grad[rows] *= np.less(x, 3.0)
            grad[rows] /= 6.0

    def onnx(self, op: Any, z: Any) -> Any:
        return op.clip(z + 3.0, 0.0, 6.0) / 6.0


class HardSiLU(Activation):
    """Piecewise quadratic SiLU z relu6(z + 3) / 6. Howard et al. 2019, MobileNetV3, 1905.02244.

    The derivative is 0 at -3 and 1 at 3, as in PyTorch.
    """

    since: ClassVar[int] = 5
    initializer: ClassVar[str] = "he_normal"
    kinks: ClassVar[tuple[float, ...]] = (-3.0, 3.0)

    def forward(self, z: Array, out: Array) -> None:
        for rows in cell_blocks(z):
            _shifted(z[rows], out[rows])
            out[rows] *= np.maximum(z[rows], -3.0)

    def backward(self, z: Array, out: Array, grad: Array) -> None:
        """Multiply by z / 3 + 1 / 2 between -3 and 3, by 0 below and by 1 above."""
        for rows in cell_blocks(z):
            x, y = z[rows], out[rows]
            np.clip(x, -3.0, 3.0, out=y)
            y /= 3.0
            y += 0.5
            y *= np.greater(x, -3.0)
            np.greater_equal(x, 3.0, out=x)
            x *= 0.5
            y -= x
            grad[rows] *= y

    def onnx(self, op: Any, z: Any) -> Any:
        return op.clip(z + 3.0, 0.0, 6.0) / 6.0 * op.maximum(z, -3.0)


class HardTanh(Activation):
    """Piecewise linear tanh: min(max(z, -1), 1). Collobert 2004. The derivative at -1 and 1 is 0, as in PyTorch."""

    since: ClassVar[int] = 5
    output: ClassVar[OutputKind] = "bounded"
    kinks: ClassVar[tuple[float, ...]] = (-1.0, 1.0)

    def forward(self, z: Array, out: Array) -> None:
        np.clip(z, -1.0, 1.0, out=out)

    def backward(self, z: Array, out: Array, grad: Array) -> None:
        for rows in cell_blocks(z):
            x = np.abs(z[rows], z[rows])
            grad[rows] *= np.less(x, 1.0)

    def onnx(self, op: Any, z: Any) -> Any:
        return op.clip(z, -1.0, 1.0)


class TanhShrink(Activation):
    """Tanh shrinkage z - tanh(z), as in PyTorch and Keras."""

    since: ClassVar[int] = 5

    def forward(self, z: Array, out: Array) -> None:
        for rows in cell_blocks(z):
            np.tanh(z[rows], out[rows])
            np.subtract(z[rows], out[rows], out=out[rows])

    def backward(self, z: Array, out: Array, grad: Array) -> None:
        """Multiply by tanh(z)^2."""
        for rows in cell_blocks(z):
            x = np.tanh(z[rows], z[rows])
            x *= x
            grad[rows] *= x

    def onnx(self, op: Any, z: Any) -> Any:
        return z - op("Tanh", z)


class Shrinkage(Activation):
    """Activation that is 0 between -threshold and threshold, and has slope 1 outside."""

    since: ClassVar[int] = 5
    threshold: float = Field(0.5, ge=0, description="half the width of the flat piece")

    @property
    def kinks(self) -> tuple[float, ...]:  # type: ignore[override]
        """Ends of the flat piece."""
        return -self.threshold, self.threshold

    def backward(self, z: Array, out: Array, grad: Array) -> None:
        for rows in cell_blocks(z):
            grad[rows] *= _outside(z[rows], z[rows], self.threshold)


class SoftShrink(Shrinkage):
    """Soft shrinkage: z - threshold above the threshold, z + threshold below -threshold, 0 between them. Donoho 1995.

    The option is `lambd` in PyTorch.
    """

    def forward(self, z: Array, out: Array) -> None:
        for rows in cell_blocks(z):
            np.clip(z[rows], -self.threshold, self.threshold, out=out[rows])
            np.subtract(z[rows], out[rows], out=out[rows])

    def onnx(self, op: Any, z: Any) -> Any:
        return z - op.clip(z, -self.threshold, self.threshold)


class HardShrink(Shrinkage):
    """Hard shrinkage: z where |z| is above the threshold, else 0. Donoho & Johnstone 1994.

    The option is `lambd` in PyTorch.
    """

    def forward(self, z: Array, out: Array) -> None:
        for rows in cell_blocks(z):
            _outside(z[rows], out[rows], self.threshold)
            out[rows] *= z[rows]

    def onnx(self, op: Any, z: Any) -> Any:
        return op.where(abs(z) > self.threshold, z, 0.0)


def _shifted(z: Array, out: Array) -> None:
    """Fill `out` with relu6(z + 3) / 6."""
    np.add(z, 3.0, out)
    np.clip(out, 0.0, 6.0, out=out)
    out /= 6.0


def _outside(z: Array, out: Array, threshold: float) -> Array:
    """Return `out`, filled with 1 where |z| is above a threshold, else 0."""
    np.abs(z, out)
    return np.greater(out, threshold, out)
