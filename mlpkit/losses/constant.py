"""Constant outputs of least loss, for `Loss.prior`: numbers checked to be finite, and minima found by bisection."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from mlpkit.numerics.blocks import cell_blocks
from mlpkit.numerics.weighted import root
from mlpkit.plugin import Array, Targets

Form: TypeAlias = Callable[[Array, Targets, Array, Array], None]  # `value_and_grad`, or the fused form `joint`


def finite(outputs: Array) -> Array | None:
    """Return the outputs; None if one of them is not finite."""
    return outputs if outputs.size and np.isfinite(outputs).all() else None


def found(form: Form, targets: Targets, weights: Array | None, low: Array, high: Array) -> Array | None:
    """Return the outputs between `low` and `high`, shape (units,), where the slope of the mean loss changes its sign from - to +.

    Each target has one output, whose loss does not depend on the others.
    """
    targets = np.asarray(targets, np.float64)
    weights = np.ones(len(targets)) if weights is None else np.asarray(weights, np.float64)

    def slope(outputs: Array) -> Array:
        total = np.zeros_like(outputs)
        for rows in cell_blocks(targets):
            some = targets[rows]
            grad = np.empty_like(some)
            form(np.tile(outputs, (len(some), 1)), some, np.empty(len(some)), grad)
            total += weights[rows] @ grad
        return total

    with np.errstate(all="ignore"):
        return finite(root(slope, low, high))
