"""Activations that rise and fall."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from mlpkit.numerics.blocks import cell_blocks
from mlpkit.plugin import Activation, Array, OutputKind

FAR = 30.0  # exp(-z^2) is 0 beyond


class Gaussian(Activation):
    """Gaussian bump exp(-z^2)."""

    since: ClassVar[int] = 5  # the spec schema
    output: ClassVar[OutputKind] = "probability"

    def forward(self, z: Array, out: Array) -> None:
        for rows in cell_blocks(z):
            y = np.clip(z[rows], -FAR, FAR, out=out[rows])
            y *= y
            np.negative(y, y)
            np.exp(y, y)

    def backward(self, z: Array, out: Array, grad: Array) -> None:
        """Multiply by -2 z out."""
        for rows in cell_blocks(z):
            x = np.clip(z[rows], -FAR, FAR, out=z[rows])
            x *= out[rows]
            x *= -2.0
            grad[rows] *= x

    def onnx(self, op: Any, z: Any) -> Any:
        x = op.clip(z, -FAR, FAR)
        return op("Exp", -(x * x))


class Sine(Activation):
    """Sine sin(omega z). Sitzmann et al. 2020, SIREN, 2006.09661.

    SIREN has omega 30, weights of U(-1 / fan_in, 1 / fan_in) in the first layer, and of U(-a, a) with a = sqrt(6 / fan_in) / 30 in others.
    """

    since: ClassVar[int] = 5
    output: ClassVar[OutputKind] = "bounded"
    omega: float = Field(1.0, gt=0, description="factor of z")

    def forward(self, z: Array, out: Array) -> None:
        for rows in cell_blocks(z):
            y = np.multiply(z[rows], self.omega, out=out[rows])
            np.sin(y, y)

    def backward(self, z: Array, out: Array, grad: Array) -> None:
        """Multiply by omega cos(omega z)."""
        for rows in cell_blocks(z):
            x = z[rows]
            x *= self.omega
            np.cos(x, x)
            x *= self.omega
            grad[rows] *= x

    def onnx(self, op: Any, z: Any) -> Any:
        return op("Sin", self.omega * z)
