"""Random numbers of a given distribution."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from mlpkit.plugin import Array, Initializer


class RandomNormal(Initializer):
    """Normal distribution N(mean, stddev^2)."""

    mean: float = Field(0.0, description="mean")
    stddev: float = Field(0.05, ge=0, description="standard deviation")

    def fill(self, array: Array, rng: np.random.Generator) -> None:
        array[...] = rng.normal(self.mean, self.stddev, array.shape)
