"""Walks: an optimizer on a bowl, whose minimum is known, or along gradients that are given."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from mlpkit.plugin import Array, Minimizer, Optimizer, Schedule, learning_rate_of
from mlpkit.testing.failure_messages import expect
from mlpkit.testing.schedules import rate_at

LITTLE = 1e-3  # a learning rate with which one step does not go too far


class Quadratic:
    """A bowl: the loss and its gradient at any point, as a `Problem`. The gradient is one array that each call fills anew."""

    def __init__(self, shape: tuple[int, ...], dtype: DTypeLike = "float64", seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self.curvature, self.minimum = rng.uniform(0.5, 2.0, shape), rng.standard_normal(shape)
        self.start: Array = (self.minimum + rng.choice([-1.0, 1.0], shape) * rng.uniform(0.5, 1.5, shape)).astype(dtype)
        self.grad: Array = np.empty(shape, dtype)

    def __call__(self, x: Array) -> tuple[float, Array]:
        away = x.astype(np.float64) - self.minimum
        self.grad[...] = self.curvature * away
        return 0.5 * float((self.curvature * away * away).sum()), self.grad


def expect_names(optimizer: Optimizer) -> None:
    """Raise AssertionError for names of state or scalars that are no tuple."""
    for kind in ("state", "scalars"):
        found: Any = getattr(optimizer, kind)
        advice = f"write a tuple: ({found!r},)" if isinstance(found, str) else "write a tuple of names"  # ("m") is none
        expect(isinstance(found, tuple), f"the class variable {kind} is {found!r}, a {type(found).__name__}", advice)


def zeros_of(optimizer: Optimizer, w: Array) -> list[Array]:
    """Return the arrays and scalars that an optimizer keeps, as before the first step."""
    expect_names(optimizer)
    return [*(np.zeros_like(w) for _ in optimizer.state), *(np.zeros(()) for _ in optimizer.scalars)]


class Valley(Quadratic):
    """A curved valley in any number of dimensions, with a minimum of 0 where all are 1. Rosenbrock 1960."""

    def __init__(self, size: int) -> None:
        super().__init__((size,))
        self.minimum, self.start = np.ones(size), np.resize([-1.2, 1.0], size)

    def __call__(self, x: Array) -> tuple[float, Array]:
        with np.errstate(all="ignore"):
            bend, rest = x[1:] - np.square(x[:-1]), 1 - x[:-1]
            self.grad[...] = 0
            self.grad[1:] = 200 * bend
            self.grad[:-1] -= 400 * x[:-1] * bend + 2 * rest
            return float((100 * np.square(bend) + np.square(rest)).sum()), self.grad


class Walk:
    """The parameters that an optimizer has reached, with the arrays of its state."""

    def __init__(self, optimizer: Optimizer, problem: Quadratic) -> None:
        self.problem = problem
        self.w = problem.start.copy()
        self.state = zeros_of(optimizer, self.w)
        self.done = 0  # the number of the call that said that nothing is left to gain: the walk is over, as a run is

    def go(self, optimizer: Optimizer, steps: Iterable[int], lr: float) -> None:
        """Take the steps of these numbers, up to the one with which a minimizer is done."""
        for t in steps:
            if self.done:
                return
            if not isinstance(optimizer, Minimizer):
                optimizer.step(self.w, self.problem(self.w)[1], *self.state, lr=lr, t=t)
            elif optimizer.minimize(self.w, self.problem, *self.state, lr=lr, t=t):
                self.done = t

    def renew(self) -> None:
        """Go on in copies of all arrays, and fill the old ones with NaN."""
        old = [self.w, *self.state, self.problem.grad]
        self.w, *self.state, self.problem.grad = [array.copy() for array in old]
        for array in old:
            array.fill(np.nan)


def rebuilt(optimizer: Optimizer) -> Optimizer:
    """An object of the same options, through JSON."""
    return type(optimizer).model_validate_json(optimizer.model_dump_json())


def rate_of(optimizer: Optimizer) -> float:
    """The learning rate to check with: its own; of a schedule the largest of the first epochs."""
    rate = learning_rate_of(optimizer)
    return max(rate_at(rate, epoch / 2, 10) for epoch in range(11)) if isinstance(rate, Schedule) else rate


def shape_of(optimizer: Optimizer) -> tuple[int, ...]:
    """The shape of an array that it takes."""
    return (6, 4) if optimizer.scope == "tensor" else (24,)


def walked(optimizer: Optimizer, steps: int, dtype: DTypeLike = "float64", seed: int = 0) -> Walk:
    """So many steps from the start."""
    walk = Walk(optimizer, Quadratic(shape_of(optimizer), dtype, seed))
    walk.go(optimizer, range(1, steps + 1), rate_of(optimizer))
    return walk


def driven(optimizer: Optimizer, w: Array, gradients: Sequence[Array], lr: float = LITTLE) -> Array:
    """Return where an optimizer goes from `w` along some gradients, with a state of zeros; not for minimizers."""
    w = w.copy()
    state = zeros_of(optimizer, w)
    with np.errstate(all="ignore"):
        for number, gradient in enumerate(gradients, 1):
            optimizer.step(w, gradient.astype(w.dtype), *state, lr=lr, t=number)
    return w


class Raising:
    """A problem whose calls raise from a certain one on."""

    def __init__(self, quadratic: Quadratic, call: int, error: BaseException) -> None:
        self.quadratic, self.call, self.error = quadratic, call, error
        self.calls = 0

    def __call__(self, x: Array) -> tuple[float, Array]:
        self.calls += 1
        if self.calls >= self.call:
            raise self.error
        return self.quadratic(x)
