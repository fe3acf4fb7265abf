"""Scores that an activation takes, and what it makes of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from mlpkit.plugin import Activation, Array
from mlpkit.testing.row_checks import Rule, Sample

NEAR = 1e-3  # scores nearer to a kink are moved away from it
SHAPES = ((1, 1), (1, 7), (7, 1), (4, 2), (32, 16), (2, 128), (80, 70), (3, 4100), (5000, 3))
SIZES = (1e-8, 1e-4, 1.0, 1e2, 1e4, 1e8)
SMALL = 1e-2  # sizes up to it are those of scores beside 0
UNEVEN = (1.0, 1e4, 1e-8, 30.0, -1e3, 1e8, 100.0, -50.0, 1e-3, -1e4)  # sizes of rows; of those below 0 all scores are
GRID = 12.0  # scores up to which an activation is looked at closely


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


def rule_of(activation: Activation) -> Rule:
    """The activation as a rule of rows; dL/dout is what stands beside the scores."""

    def compute(z: Array, weights: Any) -> tuple[Array, Array]:
        return forward(activation, z), backward(activation, z, weights)

    def total(out: Array, weights: Any) -> Array:
        sums: Array = np.einsum("ij,ij->i", out, weights)
        return sums

    return Rule("outputs", "gradients", "z", compute, total)


def of_size(shape: tuple[int, int], size: float, seed: int = 0) -> Sample:
    """Scores of one size."""
    return Sample(size * np.random.default_rng((seed, *shape)).standard_normal(shape), upstream(shape), size)


def uneven(shape: tuple[int, int] = (20, 6), seed: int = 0) -> Sample:
    """Rows of very different sizes, some of them below 0."""
    z = np.random.default_rng(seed).standard_normal(shape)
    sizes = np.resize(UNEVEN, shape[0])[:, None]
    return Sample(np.where(sizes > 0, z * sizes, sizes * np.abs(z)), upstream(shape), max(UNEVEN))


def grid() -> Array:
    """Scores from one end to the other, close to each other, and far ones; in one column."""
    far = np.logspace(1.1, 4, 12)
    return np.concatenate([-far[::-1], np.linspace(-GRID, GRID, 2401), far])[:, None]
