"""Rectified linear units and their variants."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from mlpkit.numerics.blocks import cell_blocks
from mlpkit.plugin import Activation, Array, OutputKind


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

    def onnx(self, op: Any, z: Any) -> Any:
        return op.maximum(z, 0.0)


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

    def onnx(self, op: Any, z: Any) -> Any:
        return op.maximum(z, self.negative_slope * z)


class ReLU6(Activation):
    """ReLU capped at 6: min(max(z, 0), 6). Krizhevsky 2010. The derivative at 0 and at 6 is 0, as in PyTorch."""

    since: ClassVar[int] = 5  # the spec schema
    output: ClassVar[OutputKind] = "nonnegative"
    initializer: ClassVar[str] = "he_normal"
    kinks: ClassVar[tuple[float, ...]] = (0.0, 6.0)

    def forward(self, z: Array, out: Array) -> None:
        np.clip(z, 0.0, 6.0, out=out)

    def backward(self, z: Array, out: Array, grad: Array) -> None:
        for rows in cell_blocks(z):
            grad[rows] *= np.greater(z[rows], 0.0)
            grad[rows] *= np.less(z[rows], 6.0)

    def onnx(self, op: Any, z: Any) -> Any:
        return op.clip(z, 0.0, 6.0)


class ReLUSquared(Activation):
    """Squared ReLU max(z, 0)^2. So et al. 2021, Primer, 2109.08668."""

    since: ClassVar[int] = 5
    output: ClassVar[OutputKind] = "nonnegative"
    initializer: ClassVar[str] = "he_normal"

    def forward(self, z: Array, out: Array) -> None:
        for rows in cell_blocks(z):
            y = np.maximum(z[rows], 0.0, out=out[rows])
            y *= y

    def backward(self, z: Array, out: Array, grad: Array) -> None:
        for rows in cell_blocks(z):
            x = np.maximum(z[rows], 0.0, out=z[rows])
            x *= 2.0
            grad[rows] *= x

    def onnx(self, op: Any, z: Any) -> Any:
        return op.maximum(z, 0.0) ** 2


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
        for rows in cell_blocks(z):
            np.maximum(z[rows], 0.0, out=out[rows])
            out[rows] += slope * np.minimum(z[rows], 0.0)

    def backward(self, z: Array, out: Array, grad: Array, *parameters_and_gradients: Array) -> None:
        slope, gradient = parameters_and_gradients
        for rows in cell_blocks(z):
            below, g = np.minimum(z[rows], 0.0), grad[rows]
            gradient += np.einsum("ij,ij->j", g, below)
            g *= np.where(z[rows] > 0, z.dtype.type(1.0), slope)

    def onnx(self, op: Any, z: Any, *parameters: Any) -> Any:
        (slope,) = parameters
        return op.maximum(z, 0.0) + slope * op.minimum(z, 0.0)
