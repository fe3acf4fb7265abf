"""Trajectories of an optimizer on a quadratic with a known minimum, or along given gradients."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from mlpkit.plugin import Array, Minimizer, Optimizer, Schedule, innermost, learning_rate_of
from mlpkit.testing.failure_messages import expect
from mlpkit.testing.schedules import rate_at

LITTLE = 1e-3  # learning rate with which one step does not overshoot


class Quadratic:
    """Quadratic objective with its gradient, as a `Problem`. The gradient is one array that each call overwrites."""

    def __init__(self, shape: tuple[int, ...], dtype: DTypeLike = "float64", seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self.curvature, self.minimum = rng.uniform(0.5, 2.0, shape), rng.standard_normal(shape)
        self.start: Array = (self.minimum + rng.choice([-1.0, 1.0], shape) * rng.uniform(0.5, 1.5, shape)).astype(dtype)
        self.grad: Array = np.empty(shape, dtype)

    def __call__(self, x: Array) -> tuple[float, Array]:
        away = x.astype(np.float64) - self.minimum
        self.grad[...] = self.curvature * away
        return 0.5 * float((self.curvature * away * away).sum()), self.grad

    def jacobian(self, x: Array) -> tuple[Array, Array]:
        """Return residuals and their Jacobian: see `LeastSquaresProblem`."""
        root = np.sqrt(0.5 * self.curvature)
        return root * (x.astype(np.float64) - self.minimum), np.diag(root)


def expect_names(optimizer: Optimizer) -> None:
    """Raise AssertionError if names of state or scalars are not a tuple."""
    for kind in ("state", "scalars"):
        found: Any = getattr(optimizer, kind)
        advice = f"write a tuple: ({found!r},)" if isinstance(found, str) else "write a tuple of names"  # ("m") is not a tuple
        expect(isinstance(found, tuple), f"the class variable {kind} is {found!r}, a {type(found).__name__}", advice)


def zeros_of(optimizer: Optimizer, w: Array) -> list[Array]:
    """Return the state arrays and scalars of an optimizer before the first step."""
    expect_names(optimizer)
    return [*(np.zeros_like(w) for _ in optimizer.state), *(np.zeros(()) for _ in optimizer.scalars)]


def stepped(optimizer: Optimizer, w: Array, grad: Array, state: Sequence[Array], lr: float, t: int) -> None:
    """Take a step as mlpkit does: decoupled decay of weights, then the rule."""
    if decay := innermost(optimizer).decoupled_decay:
        w *= 1.0 - lr * decay
    optimizer.step(w, grad, *state, lr=lr, t=t)


class Valley(Quadratic):
    """Rosenbrock function (1960) in any number of dimensions, with a minimum of 0 at ones."""

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

    def jacobian(self, x: Array) -> tuple[Array, Array]:
        count = len(x) - 1
        bends, rests = np.zeros((count, len(x))), np.zeros((count, len(x)))
        np.fill_diagonal(bends, -20 * x[:-1])
        np.fill_diagonal(bends[:, 1:], 10.0)
        np.fill_diagonal(rests, -1.0)
        return np.concatenate([10 * (x[1:] - np.square(x[:-1])), 1 - x[:-1]]), np.concatenate([bends, rests])


class Walk:
    """Parameters reached by an optimizer, with its state arrays."""

    def __init__(self, optimizer: Optimizer, problem: Quadratic) -> None:
        self.problem = problem
        self.w = problem.start.copy()
        self.state = zeros_of(optimizer, self.w)
        self.done = 0  # number of the call that reported convergence, after which no more steps are taken

    def go(self, optimizer: Optimizer, steps: Iterable[int], lr: float) -> None:
        """Take the given steps, up to the one at which a full-batch optimizer has converged."""
        for t in steps:
            if self.done:
                return
            if not isinstance(optimizer, Minimizer):
                stepped(optimizer, self.w, self.problem(self.w)[1], self.state, lr, t)
            elif optimizer.minimize(self.w, self.problem, *self.state, lr=lr, t=t):
                self.done = t

    def renew(self) -> None:
        """Continue with copies of all arrays, and fill the old ones with NaN."""
        old = [self.w, *self.state, self.problem.grad]
        self.w, *self.state, self.problem.grad = [array.copy() for array in old]
        for array in old:
            array.fill(np.nan)


def rebuilt(optimizer: Optimizer) -> Optimizer:
    """Return an object with the same options, through JSON."""
    return type(optimizer).model_validate_json(optimizer.model_dump_json())


def rate_of(optimizer: Optimizer) -> float:
    """Return the learning rate for the checks: the optimizer's own, or the largest of a schedule's first epochs."""
    rate = learning_rate_of(optimizer)
    return max(rate_at(rate, epoch / 2, 10) for epoch in range(11)) if isinstance(rate, Schedule) else rate


def shape_of(optimizer: Optimizer) -> tuple[int, ...]:
    """Return a shape of arrays that the optimizer accepts."""
    return (6, 4) if optimizer.scope == "tensor" else (24,)


def walked(optimizer: Optimizer, steps: int, dtype: DTypeLike = "float64", seed: int = 0) -> Walk:
    """Return the trajectory after `steps` steps."""
    walk = Walk(optimizer, Quadratic(shape_of(optimizer), dtype, seed))
    walk.go(optimizer, range(1, steps + 1), rate_of(optimizer))
    return walk


def driven(optimizer: Optimizer, w: Array, gradients: Sequence[Array], lr: float = LITTLE) -> Array:
    """Return the parameters after steps along given gradients from `w`, with a state of zeros; not for full-batch optimizers."""
    w = w.copy()
    state = zeros_of(optimizer, w)
    with np.errstate(all="ignore"):
        for number, gradient in enumerate(gradients, 1):
            stepped(optimizer, w, gradient.astype(w.dtype), state, lr, number)
    return w


class Raising:
    """Objective whose calls raise an error from a certain call on."""

    def __init__(self, quadratic: Quadratic, call: int, error: BaseException) -> None:
        self.quadratic, self.call, self.error = quadratic, call, error
        self.calls = 0

    def __call__(self, x: Array) -> tuple[float, Array]:
        self._count()
        return self.quadratic(x)

    def jacobian(self, x: Array) -> tuple[Array, Array]:
        self._count()
        return self.quadratic.jacobian(x)

    def _count(self) -> None:
        self.calls += 1
        if self.calls >= self.call:
            raise self.error
