"""Checks of elementwise activations at kinks, and of continuity everywhere else."""

from __future__ import annotations

import numpy as np

from mlpkit.plugin import Activation, Array
from mlpkit.provenance.lookup_table import is_elementwise
from mlpkit.testing.activation_cases import GRID, NEAR, backward, forward, grid
from mlpkit.testing.failure_messages import expect, expect_finite

STEP = 1e-6
MOST = 50  # most kinks that are checked
HALVINGS = 40


def kinks(activation: Activation) -> None:
    """Check that the derivative at kinks and at 0 is finite and between both sides, and that the function is continuous."""
    points = sorted({0.0, *activation.kinks[:MOST]})
    advice = "give the derivative of one of the sides, or a value between them"
    with np.errstate(all="ignore"):
        for name in ("float32", "float64"):
            z = np.array(points, name)[:, None]
            expect_finite(forward(activation, z), "at a kink or 0, an output", advice, at=z)
            expect_finite(backward(activation, z, np.ones_like(z)), "at a kink or 0, a derivative", advice, at=z)
        if is_elementwise(activation):
            for point in points:
                _expect_between(activation, point, advice)
            _expect_no_jump(activation)


def _at(activation: Activation, points: list[float]) -> Array:
    return forward(activation, np.array(points)[:, None])[:, 0]


def _expect_between(activation: Activation, point: float, advice: str) -> None:
    z = np.array([point - STEP, point, point + STEP])[:, None]
    below, here, above = backward(activation, z, np.ones_like(z))[:, 0].tolist()
    sides = [below, above, *([0.0] if point in activation.kinks else [])]  # the derivative of a function may be defined as 0 at a kink
    slack = 1e-3 * (1 + max(map(abs, sides)))
    text = f"the derivative at {point:g} is {here:.6g}, where it is {below:.6g} below and {above:.6g} above"
    expect(min(sides) - slack <= here <= max(sides) + slack, text, advice)


def _expect_no_jump(activation: Activation) -> None:
    z = grid()
    out, slopes = forward(activation, z)[:, 0], np.abs(backward(activation, z, np.ones_like(z))[:, 0])
    points = z[:, 0]
    steep = np.maximum(slopes[:-1], slopes[1:]) + 0.1 * (np.median(slopes) + 1e-3)
    suspects = np.flatnonzero((np.abs(np.diff(out)) > 3 * np.diff(points) * steep) & (np.abs(points[1:]) <= GRID))
    for start in suspects[:MOST]:
        low, high = float(points[start]), float(points[start + 1])
        jump = abs(out[start + 1] - out[start])
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            left, centre, right = _at(activation, [low, middle, high])
            low, high = (low, middle) if abs(centre - left) >= abs(right - centre) else (middle, high)
        left, right = _at(activation, [low, high])
        declared = any(abs(low - kink) < NEAR for kink in activation.kinks)
        text = f"the function jumps at {low:.6g}, from {left:.6g} to {right:.6g}"
        expect(declared or abs(right - left) < 0.3 * jump, text, "make it continuous, or list the point in the class variable kinks")
