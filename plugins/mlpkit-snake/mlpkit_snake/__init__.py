"""The snake activation for mlpkit."""

from typing import Any

import numpy as np
from pydantic import Field

from mlpkit import Elementwise
from mlpkit.plugin import Array


class Snake(Elementwise):
    """z + sin(a z)^2 / a: a straight line with a wave, so that a network can go on with a periodic signal.

    Its derivative is 1 + sin(2 a z). Ziyin, Hartwig & Ueda 2020, 2006.08195.
    """

    a: float = Field(1.0, gt=0, description="frequency: a larger one for faster signals")

    def function(self, z: Array) -> Array:
        wave: Array = np.sin(self.a * z)
        return z + wave**2 / self.a

    def derivative(self, z: Array, y: Array) -> Array:
        wave: Array = np.sin(2.0 * self.a * z)
        return 1.0 + wave

    def onnx(self, op: Any, z: Any) -> Any:
        wave = op("Sin", self.a * z)
        return z + wave**2 / self.a
