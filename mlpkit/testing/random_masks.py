"""Random masks of engines: repeated by NumPy's pass, and counted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from mlpkit.engine.dropout import DropoutMask
from mlpkit.engine.workspace import Workspace
from mlpkit.plugin import Array
from mlpkit.spec.dropout import GaussianDropout
from mlpkit.testing.failure_messages import expect

FAR = 6.0  # standard deviations by which a share may be away from its rate


class Repeated:
    """Generator with which a workspace has the masks and the noisy inputs of another one."""

    def repeat(self, other: Workspace, own: Workspace) -> None:
        """Set both workspaces."""
        self._masks: dict[int, DropoutMask] = {}  # of the other one, by the array of the own mask
        for mine, given in zip(own.layers, other.layers, strict=True):
            if mine.dropout is not None and given.dropout is not None:
                self._masks[id(mine.dropout.mask)] = given.dropout
        if own.inputs is not None and other.inputs is not None:
            noisy, kept = other.inputs.inputs, own.inputs.inputs

            def fill(inputs: Array) -> Array:
                kept[...] = noisy
                return kept

            own.inputs.fill = fill  # type: ignore[method-assign]

    def random(self, dtype: Any, out: Array) -> None:
        """Fill `out` with 1 where the other mask keeps a value, and -1 where it drops one: above and below any rate."""
        out[...] = np.where(self._masks[id(out)].mask != 0, 1.0, -1.0)

    def standard_normal(self, dtype: Any, out: Array) -> None:
        """Fill `out` with the normal numbers of the other mask."""
        given = self._masks[id(out)]
        deviation = math.sqrt(given.rate / (1.0 - given.rate))
        out[...] = (given.mask.astype(np.float64) - 1.0) / (deviation or 1.0)


def expect_rates(dropout: DropoutMask, masks: Sequence[Array], case: str) -> None:
    """Raise AssertionError unless masks have the rate of a dropout, in each row and column, and all differ."""
    found, rate = np.stack(masks).astype(np.float64), dropout.rate
    expect(len({mask.tobytes() for mask in masks}) == len(masks), f"two steps of {case} drop the same values", "draw anew in each step")
    if isinstance(dropout.options, GaussianDropout):
        numbers, mean, variance = (found - 1.0) / math.sqrt(rate / (1.0 - rate)), 0.0, 1.0
    else:
        numbers, mean, variance = (found == 0).astype(np.float64), rate, rate * (1.0 - rate)
    for axes in ((0, 1, 2), (0, 1), (0, 2)):
        count = math.prod(found.shape[axis] for axis in axes)
        away = np.abs(numbers.mean(axis=axes) - mean) / math.sqrt(variance / count)
        what = f"dropout in {case} is {away.max():.1f} standard deviations away from its rate of {rate:g}"
        expect(bool(away.max() < FAR), what, "drop each value with this probability, whatever the others are")
