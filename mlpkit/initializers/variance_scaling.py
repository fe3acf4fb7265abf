"""Random numbers whose variance depends on the shape: Glorot, He and LeCun. `fan_in` and `fan_out` are the numbers of inputs and units."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from mlpkit.numerics.truncated_normal import DEVIATION, truncated_normal
from mlpkit.plugin import Array, Initializer


def fans(array: Array) -> tuple[int, int]:
    """Return (fan_in, fan_out): the shape of a weight; for a bias, its number of units twice."""
    return array.shape[0], array.shape[-1]


class GlorotUniform(Initializer):
    """Uniform distribution U(-a, a) with a = sqrt(6 / (fan_in + fan_out)), for tanh and sigmoid. Glorot & Bengio 2010."""

    def fill(self, array: Array, rng: np.random.Generator) -> None:
        limit = np.sqrt(6.0 / sum(fans(array)))
        array[...] = rng.uniform(-limit, limit, array.shape)


class GlorotNormal(Initializer):
    """Normal distribution N(0, 2 / (fan_in + fan_out)), for tanh and sigmoid. Glorot & Bengio 2010. Not truncated, as in PyTorch."""

    def fill(self, array: Array, rng: np.random.Generator) -> None:
        array[...] = rng.normal(0.0, np.sqrt(2.0 / sum(fans(array))), array.shape)


class HeUniform(Initializer):
    """Uniform distribution U(-a, a) with a = sqrt(6 / fan_in), for ReLU variants. He, Zhang, Ren & Sun 2015, 1502.01852."""

    def fill(self, array: Array, rng: np.random.Generator) -> None:
        limit = np.sqrt(6.0 / fans(array)[0])
        array[...] = rng.uniform(-limit, limit, array.shape)


class HeNormal(Initializer):
    """Normal distribution N(0, 2 / fan_in), for ReLU variants. He, Zhang, Ren & Sun 2015, 1502.01852. Not truncated, as in PyTorch."""

    def fill(self, array: Array, rng: np.random.Generator) -> None:
        array[...] = rng.normal(0.0, np.sqrt(2.0 / fans(array)[0]), array.shape)


class LeCunUniform(Initializer):
    """Uniform distribution U(-a, a) with a = sqrt(3 / fan_in), for SELU. LeCun, Bottou, Orr & Müller 1998, Efficient BackProp."""

    since: ClassVar[int] = 5  # the spec schema

    def fill(self, array: Array, rng: np.random.Generator) -> None:
        limit = np.sqrt(3.0 / fans(array)[0])
        array[...] = rng.uniform(-limit, limit, array.shape)


class LeCunNormal(Initializer):
    """Normal distribution N(0, 1 / fan_in), for SELU. LeCun, Bottou, Orr & Müller 1998, Efficient BackProp.

    Not truncated; in Keras it is.
    """

    since: ClassVar[int] = 5

    def fill(self, array: Array, rng: np.random.Generator) -> None:
        array[...] = rng.normal(0.0, np.sqrt(1.0 / fans(array)[0]), array.shape)


class VarianceScaling(Initializer):
    """Random numbers of variance scale / n, with n the fan-in, the fan-out or their mean. Keras's VarianceScaling; 1502.01852.

    The normal distribution is truncated at two standard deviations, and widened by 1 / 0.8796, or not truncated. The uniform one is
    U(-a, a) with a = sqrt(3 scale / n). Glorot is scale 1 with fan_avg, He scale 2 with fan_in, LeCun scale 1 with fan_in.
    """

    since: ClassVar[int] = 5
    scale: float = Field(1.0, gt=0, description="variance times n")
    mode: Literal["fan_in", "fan_out", "fan_avg"] = Field("fan_in", description="n: inputs, units, or the mean of both")
    distribution: Literal["truncated_normal", "untruncated_normal", "uniform"] = Field("truncated_normal", description="distribution")

    def fill(self, array: Array, rng: np.random.Generator) -> None:
        fan_in, fan_out = fans(array)
        deviation = np.sqrt(self.scale / {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2.0}[self.mode])
        if self.distribution == "uniform":
            limit = np.sqrt(3.0) * deviation
            array[...] = rng.uniform(-limit, limit, array.shape)
        elif self.distribution == "untruncated_normal":
            array[...] = rng.normal(0.0, deviation, array.shape)
        else:
            array[...] = deviation / DEVIATION * truncated_normal(rng, array.shape)


class TorchLinear(Initializer):
    """Uniform distribution U(-a, a) with a = 1 / sqrt(fan_in), for weights and biases: the initial values of PyTorch's nn.Linear.

    The fan-in of a bias is that of the weight of its layer.
    """

    since: ClassVar[int] = 5

    def fill(self, array: Array, rng: np.random.Generator, inputs: int | None = None) -> None:
        limit = 1.0 / np.sqrt(fans(array)[0] if inputs is None else inputs)
        array[...] = rng.uniform(-limit, limit, array.shape)
