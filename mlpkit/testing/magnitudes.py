"""Checks of optimizers with gradients and parameters of every magnitude, including 0."""

from __future__ import annotations

import numpy as np

from mlpkit.plugin import Array, Minimizer, Optimizer
from mlpkit.testing.failure_messages import expect, expect_finite
from mlpkit.testing.trajectories import LITTLE, Quadratic, Walk, driven, rate_of

SIZES = (1e-8, 1e-4, 1.0, 1e4, 1e8)
TENSORS: list[tuple[int, ...]] = [(6, 4), (5,), (1, 4), (4, 1), (80, 70)]
VECTORS: list[tuple[int, ...]] = [(24,), (1,), (5,), (5600,)]
DTYPES = ("float64", "float32")
EPSILON = "add a small epsilon to the divisor, inside or outside of a root"


def shapes_of(optimizer: Optimizer) -> list[tuple[int, ...]]:
    """Return shapes of arrays that the optimizer accepts."""
    return TENSORS if optimizer.scope == "tensor" else VECTORS


def zero_gradient(optimizer: Optimizer) -> None:
    """Check that gradients of exactly 0, everywhere or in places, give finite parameters that do not grow."""
    if isinstance(optimizer, Minimizer):
        _expect_rest(optimizer)
        return
    for shape in shapes_of(optimizer):
        for dtype in DTYPES:
            rng = np.random.default_rng(3)
            w: Array = (rng.choice([-1.0, 1.0], shape) * rng.uniform(0.5, 2.0, shape)).astype(dtype)
            zeros, some = np.zeros(shape), rng.standard_normal(shape)
            half = np.where(rng.random(shape) < 0.5, 0.0, some)
            courses = {"gradients of 0": [zeros] * 3, "0 in places": [half] * 3, "0 behind others": [some, some, zeros, zeros]}
            for what, gradients in courses.items():
                for start in (w, np.zeros_like(w)):
                    moved = driven(optimizer, start, gradients, min(rate_of(optimizer), LITTLE))
                    at = f"at {'parameters of 0' if not start.any() else 'w'} of the shape {shape} in {dtype}"
                    expect_finite(moved, f"with {what} {at}, a parameter", EPSILON)
            slack = 4 * float(np.finfo(dtype).eps)
            grown = np.abs(driven(optimizer, w, courses["gradients of 0"])) > np.abs(w) * (1 + slack)
            found = f"with gradients of 0, {grown.sum()} of {w.size} parameters move away from 0"
            expect(not grown.any(), found, "a decay must shrink parameters: check its sign")
    _expect_at_minimum(optimizer)


def _expect_at_minimum(optimizer: Optimizer) -> None:
    """Check that parameters starting at the minimum, or reaching it, stay finite."""
    for dtype in DTYPES:
        walk, _ = _from_minimum(optimizer, (6, 4) if optimizer.scope == "tensor" else (24,), dtype, 20)
        expect_finite(walk.w, f"after 20 steps from the minimum of a quadratic, in {dtype}, a parameter", EPSILON)


def _expect_rest(optimizer: Minimizer) -> None:
    """Check that a full-batch optimizer stays at a minimum."""
    for dtype in DTYPES:
        walk, problem = _from_minimum(optimizer, (24,), dtype, 3)
        expect_finite(walk.w, f"from the minimum of a quadratic, in {dtype}, a parameter", EPSILON)
        loss = problem(walk.w)[0]
        expect(
            loss < 1e-6, f"from the minimum of a quadratic it moves to a loss of {loss:.4g}", "do not move where no step reduces the loss"
        )


def _from_minimum(optimizer: Optimizer | Minimizer, shape: tuple[int, ...], dtype: str, steps: int) -> tuple[Walk, Quadratic]:
    """Return the trajectory of some steps from the minimum of a quadratic, and the quadratic."""
    problem = Quadratic(shape, dtype)
    problem.start = problem.minimum.astype(dtype)
    problem.minimum = problem.start.astype("float64")
    walk = Walk(optimizer, problem)
    with np.errstate(all="ignore"):
        walk.go(optimizer, range(1, steps + 1), rate_of(optimizer))
    return walk, problem


def zero_parameters(optimizer: Optimizer) -> None:
    """Check that an optimizer moves parameters that are all 0, like initial biases."""
    for shape in shapes_of(optimizer)[:3]:
        for dtype in DTYPES:
            if isinstance(optimizer, Minimizer):
                problem = Quadratic(shape, dtype)
                problem.start = np.zeros_like(problem.start)
                walk = Walk(optimizer, problem)
                walk.go(optimizer, range(1, 4), rate_of(optimizer))
                moved = walk.w
            else:
                gradients = [np.random.default_rng(5).standard_normal(shape)] * 3
                moved = driven(optimizer, np.zeros(shape, dtype), gradients, rate_of(optimizer))
            what = f"from parameters of 0 of the shape {shape} in {dtype}"
            expect_finite(moved, f"{what}, after 3 steps a parameter", EPSILON)
            expect(bool(moved.any()), f"{what} it never moves", "use a minimum step length where the parameters are 0")


def downhill(optimizer: Optimizer) -> None:
    """Check that the first step from parameters of 0 reduces a linear loss, for gradients of any size and shape."""
    if isinstance(optimizer, Minimizer):
        return  # covered by `falls` and `scopes`
    for shape in shapes_of(optimizer):
        for size in SIZES:
            for dtype in DTYPES:
                drawn = size * np.random.default_rng(6).standard_normal(shape)
                for gradient in (drawn, np.abs(drawn), -np.abs(drawn)):
                    moved = driven(optimizer, np.zeros(shape, dtype), [gradient])
                    what = f"gradients of the size {size:g} and the shape {shape} in {dtype}"
                    expect_finite(moved, f"with {what}, a parameter", EPSILON)
                    along = float((moved.astype("float64") * (gradient / size)).sum())
                    expect(along <= 0, f"with {what}, the first step goes up the gradient", "subtract it: check the sign of the step")
                    still = shape == shapes_of(optimizer)[0] and not moved.any()
                    expect(not still, f"with {what}, nothing moves", "do not scale by a value that is 0 there")
