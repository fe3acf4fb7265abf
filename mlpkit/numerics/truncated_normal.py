"""Normal distribution without its tails."""

from __future__ import annotations

import numpy as np

from mlpkit.numerics.arrays import Array

CUT = 2.0  # standard deviations at which a normal distribution is truncated
DEVIATION = 0.87962566103423978  # standard deviation of the result


def truncated_normal(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Return standard normal numbers; those beyond 2 are drawn again, which leaves a standard deviation of 0.8796."""
    numbers: Array = rng.standard_normal(shape)
    while (beyond := np.abs(numbers) > CUT).any():
        numbers[beyond] = rng.standard_normal(int(beyond.sum()))
    return numbers
