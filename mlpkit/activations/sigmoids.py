"""S-shaped activations, which are bounded on both sides."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from mlpkit.numerics.sigmoid import sigmoid
from mlpkit.plugin import Activation, Array, OutputKind


class Sigmoid(Activation):
    """Logistic function 1 / (1 + exp(-z)), a probability. Rumelhart, Hinton & Williams 1986."""

    output: ClassVar[OutputKind] = "probability"

    def forward(self, z: Array, out: Array) -> None:
        sigmoid(z, out)

    def backward(self, z: Array, out: Array, grad: Array) -> None:
        np.multiply(out, out, z)
        np.subtract(out, z, out)
        np.multiply(grad, out, grad)


class Tanh(Activation):
    """Hyperbolic tangent tanh(z). LeCun, Bottou, Orr & Müller 1998, Efficient BackProp."""

    output: ClassVar[OutputKind] = "bounded"

    def forward(self, z: Array, out: Array) -> None:
        np.tanh(z, out)

    def backward(self, z: Array, out: Array, grad: Array) -> None:
        np.multiply(out, out, out)
        np.subtract(1.0, out, out)
        np.multiply(grad, out, grad)
