"""Random numbers whose variance depends on the shape: Glorot, He and LeCun. `fan_in` and `fan_out` are the numbers of inputs and units."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

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
