"""Built-in initializers. `fan_in` and `fan_out` are the numbers of inputs and units of a weight."""

from __future__ import annotations

from typing import Any

import numpy as np
from pydantic import Field, field_validator

from mlpkit.plugin import Array, Initializer

Nested = float | tuple[float, ...] | tuple[tuple[float, ...], ...]


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


class Zeros(Initializer):
    """Zeros, for biases. A network of several layers does not learn from weights that are all 0."""

    def fill(self, array: Array, rng: np.random.Generator) -> None:
        array[...] = 0.0


class Constant(Initializer):
    """Constant: one number for all elements, or given numbers, nested like the array."""

    value: Nested = Field(0.0, description="a number, or lists of numbers in the array's shape")

    @field_validator("value", mode="before")
    @classmethod
    def _check_shape(cls, value: Any) -> Any:
        try:
            fits = not isinstance(value, (str, bool)) and np.asarray(value, np.float64).ndim <= 2
        except (TypeError, ValueError):
            fits = False
        if not fits:
            raise ValueError("should be a number, or lists of numbers in the shape of the weight or the bias")
        return value

    def fill(self, array: Array, rng: np.random.Generator) -> None:
        values = np.asarray(self.value)
        if values.ndim and values.shape != array.shape:
            raise ValueError(f"the values have shape {values.shape}, but the array to initialize has shape {array.shape}")
        array[...] = values


class RandomNormal(Initializer):
    """Normal distribution N(mean, stddev^2)."""

    mean: float = Field(0.0, description="mean")
    stddev: float = Field(0.05, ge=0, description="standard deviation")

    def fill(self, array: Array, rng: np.random.Generator) -> None:
        array[...] = rng.normal(self.mean, self.stddev, array.shape)
