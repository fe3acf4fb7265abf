"""Random numbers of a given distribution."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import Field, model_validator

from mlpkit.numerics.truncated_normal import truncated_normal
from mlpkit.plugin import Array, Initializer


class RandomNormal(Initializer):
    """Normal distribution N(mean, stddev^2)."""

    mean: float = Field(0.0, description="mean")
    stddev: float = Field(0.05, ge=0, description="standard deviation")

    def fill(self, array: Array, rng: np.random.Generator) -> None:
        array[...] = rng.normal(self.mean, self.stddev, array.shape)


class RandomUniform(Initializer):
    """Uniform distribution U(low, high). Keras's RandomUniform; PyTorch's uniform_ is between 0 and 1."""

    since: ClassVar[int] = 5  # the spec schema
    low: float = Field(-0.05, description="lower limit")
    high: float = Field(0.05, description="upper limit")

    @model_validator(mode="after")
    def _ordered(self) -> RandomUniform:
        if self.low > self.high:
            raise ValueError(f"the lower limit {self.low:g} is greater than the upper limit {self.high:g}")
        return self

    def fill(self, array: Array, rng: np.random.Generator) -> None:
        array[...] = rng.uniform(self.low, self.high, array.shape)


class TruncatedNormal(Initializer):
    """Normal distribution N(mean, stddev^2) without numbers beyond two standard deviations, which are drawn again. Keras's TruncatedNormal.

    The standard deviation of the result is 0.8796 stddev. PyTorch's trunc_normal_ has limits of -2 and 2, whatever the deviation.
    """

    since: ClassVar[int] = 5
    mean: float = Field(0.0, description="mean")
    stddev: float = Field(0.05, ge=0, description="standard deviation of the distribution before it is truncated")

    def fill(self, array: Array, rng: np.random.Generator) -> None:
        array[...] = self.mean + self.stddev * truncated_normal(rng, array.shape)


class Orthogonal(Initializer):
    """Random orthogonal matrix times `gain`, for weights. Saxe, McClelland & Ganguli 2013, 1312.6120.

    The columns, or the rows if there are fewer, are orthogonal and have the length `gain`; uniform over all such matrices: Q of the QR
    decomposition of normal numbers, with the signs that make the diagonal of R positive. A bias is refused.
    """

    since: ClassVar[int] = 5
    gain: float = Field(1.0, description="length of the columns or rows")

    def fill(self, array: Array, rng: np.random.Generator) -> None:
        if array.ndim != 2:
            raise ValueError("a bias cannot be an orthogonal matrix: use 'zeros'")
        q, r = np.linalg.qr(rng.standard_normal((max(array.shape), min(array.shape))))
        q *= self.gain * np.where(np.diagonal(r) < 0, -1.0, 1.0)
        array[...] = q if array.shape[0] >= array.shape[1] else q.T
