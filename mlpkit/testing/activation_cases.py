"""Pre-activations for the checks of an activation, and its outputs and gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from mlpkit.plugin import Activation, Array
from mlpkit.testing.row_checks import Rule, Sample

NEAR = 1e-3  # pre-activations closer to a kink are moved away from it
SHAPES = ((1, 1), (1, 7), (7, 1), (4, 2), (32, 16), (2, 128), (80, 70), (3, 4100), (5000, 3))
SIZES = (1e-8, 1e-4, 1.0, 1e2, 1e4, 1e8)
SMALL = 1e-2  # sizes up to this are treated as close to 0
UNEVEN = (
    1.0,
    1e4,
    1e-8,
    30.0,
    -1e3,
    1e8,
    100.0,
    -50.0,
    1e-3,
    -1e4,
)  # sizes of rows; in rows with a negative size all pre-activations are negative
GRID = 12.0  # range of pre-activations that is checked on a dense grid


def forward(activation: Activation, z: Array) -> Array:
    """Return the outputs, in a new array filled with NaN; a copy of the pre-activations is passed."""
    out = np.full_like(z, np.nan)
    activation.forward(z.copy(order="K"), out)
    return out


def backward(activation: Activation, z: Array, upstream: Array) -> Array:
    """Return dL/dz for pre-activations and dL/dout; copies of both are passed."""
    z, out, grad = z.copy(order="K"), np.full_like(z, np.nan), upstream.copy(order="K")
    activation.forward(z, out)
    activation.backward(z, out, grad)
    return grad


def preactivations(activation: Activation, shape: tuple[int, int], dtype: DTypeLike = "float64", seed: int = 0) -> Array:
    """Return pre-activations of several sizes, none of them at a kink."""
    z: Array = np.random.default_rng(seed).standard_normal(shape)
    z *= np.resize([0.1, 1.0, 3.0, 10.0], shape[0])[:, None]
    return away_from_kinks(activation, z).astype(dtype)


def away_from_kinks(activation: Activation, z: Array) -> Array:
    """Move pre-activations away from kinks, in place."""
    for kink in sorted(activation.kinks):  # in ascending order, because kinks may be close to each other
        z[np.abs(z - kink) < NEAR] = kink + 1.5 * NEAR
    return z


def upstream(shape: tuple[int, int], dtype: DTypeLike = "float64") -> Array:
    """Return random values for dL/dout."""
    return np.random.default_rng(99).standard_normal(shape).astype(dtype)


def rule_of(activation: Activation) -> Rule:
    """Return the activation as a row-wise function; its second argument is dL/dout."""

    def compute(z: Array, weights: Any) -> tuple[Array, Array]:
        return forward(activation, z), backward(activation, z, weights)

    def total(out: Array, weights: Any) -> Array:
        sums: Array = np.einsum("ij,ij->i", out, weights)
        return sums

    return Rule("outputs", "gradients", "z", compute, total)


def of_size(shape: tuple[int, int], size: float, seed: int = 0) -> Sample:
    """Return pre-activations of one size."""
    return Sample(size * np.random.default_rng((seed, *shape)).standard_normal(shape), upstream(shape), size)


def uneven(shape: tuple[int, int] = (20, 6), seed: int = 0) -> Sample:
    """Return rows of very different sizes, some of them negative."""
    z = np.random.default_rng(seed).standard_normal(shape)
    sizes = np.resize(UNEVEN, shape[0])[:, None]
    return Sample(np.where(sizes > 0, z * sizes, sizes * np.abs(z)), upstream(shape), max(UNEVEN))


def grid() -> Array:
    """Return one column of pre-activations: a dense grid, and large values on both sides."""
    far = np.logspace(1.1, 4, 12)
    return np.concatenate([-far[::-1], np.linspace(-GRID, GRID, 2401), far])[:, None]
