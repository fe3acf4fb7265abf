"""Scores that an activation takes, and what it makes of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike

from mlpkit.plugin import Activation, Array

NEAR = 1e-3  # scores nearer to a kink are moved away from it


def forward(activation: Activation, z: Array) -> Array:
    """The outputs, in a new array that was NaN; the scores stay as they are, so that each fault is found by one check."""
    out = np.full_like(z, np.nan)
    activation.forward(z.copy(order="K"), out)
    return out


def backward(activation: Activation, z: Array, upstream: Array) -> Array:
    """dL/dz, from scores and dL/dout, which stay as they are."""
    z, out, grad = z.copy(order="K"), np.full_like(z, np.nan), upstream.copy(order="K")
    activation.forward(z, out)
    activation.backward(z, out, grad)
    return grad


def scores(activation: Activation, shape: tuple[int, int], dtype: DTypeLike = "float64", seed: int = 0) -> Array:
    """Scores of several sizes, none of them at a kink."""
    z: Array = np.random.default_rng(seed).standard_normal(shape)
    z *= np.resize([0.1, 1.0, 3.0, 10.0], shape[0])[:, None]
    return away_from_kinks(activation, z).astype(dtype)


def away_from_kinks(activation: Activation, z: Array) -> Array:
    """Scores of which none is at a kink: those that are near to one are moved, in place."""
    for kink in sorted(activation.kinks):  # from one to the next, where they are many
        z[np.abs(z - kink) < NEAR] = kink + 1.5 * NEAR
    return z


def upstream(shape: tuple[int, int], dtype: DTypeLike = "float64") -> Array:
    """Some dL/dout."""
    return np.random.default_rng(99).standard_normal(shape).astype(dtype)
