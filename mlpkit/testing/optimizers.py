"""The checks of optimizers, of those that need the whole problem too."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, get_args

import numpy as np
from numpy.typing import DTypeLike

from mlpkit.plugin import Array, Minimizer, Optimizer, Schedule, says
from mlpkit.testing.findings import expect, expect_finite, expect_same_bits
from mlpkit.testing.trial import CheckFunction
from mlpkit.testing.variants import variants

STEPS = 1000
CALLS = 200  # of minimize
NEAR = 1e-4  # share of the loss that a minimizer may leave
IN_STATE = "name in the class variable state what is kept from one step to the next, and keep nothing elsewhere"


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


def names_of_state(optimizer: Optimizer) -> tuple[str, ...]:
    """The class variable `state`; AssertionError for what is no tuple, as ("m") is none."""
    found: Any = optimizer.state
    advice = f"write a tuple: ({found!r},)" if isinstance(found, str) else "write a tuple of names"
    expect(isinstance(found, tuple), f"the class variable state is {found!r}, a {type(found).__name__}", advice)
    return optimizer.state


class Walk:
    """Where an optimizer has come to, with the arrays of its state."""

    def __init__(self, optimizer: Optimizer, problem: Quadratic) -> None:
        self.problem = problem
        self.w = problem.start.copy()
        self.state = [np.zeros_like(self.w) for _ in names_of_state(optimizer)]
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
    rate = optimizer.learning_rate
    return max(rate.rate(epoch / 2, 10) for epoch in range(11)) if isinstance(rate, Schedule) else rate


def shape_of(optimizer: Optimizer) -> tuple[int, ...]:
    """The shape of an array that it takes."""
    return (6, 4) if optimizer.scope == "tensor" else (24,)


def walked(optimizer: Optimizer, steps: int, dtype: DTypeLike = "float64", seed: int = 0) -> Walk:
    """So many steps from the start."""
    walk = Walk(optimizer, Quadratic(shape_of(optimizer), dtype, seed))
    walk.go(optimizer, range(1, steps + 1), rate_of(optimizer))
    return walk


def takes_schedules(optimizer: Optimizer) -> None:
    """The annotation of its learning rate allows a schedule, which a check of its own may refuse."""
    annotation: Any = type(optimizer).model_fields["learning_rate"].annotation
    allowed = [each for each in (annotation, *get_args(annotation)) if isinstance(each, type) and issubclass(each, Schedule)]
    advice = "annotate it with LearningRate from mlpkit.plugin, so that a spec can give a schedule"
    expect(bool(allowed) or annotation is Any, "its learning_rate takes no schedule", advice)


def answer(optimizer: Optimizer) -> list[Array]:
    """What it computes, to be compared."""
    walk = walked(optimizer, 3)
    return [walk.w, *walk.state]


def falls(optimizer: Optimizer) -> None:
    """A quadratic falls; a minimizer comes near to its minimum."""
    minimizer, lr = isinstance(optimizer, Minimizer), rate_of(optimizer)
    problem = Quadratic(shape_of(optimizer))
    walk, before = Walk(optimizer, problem), problem(problem.start)[0]
    steps, share = (CALLS, NEAR) if minimizer else (STEPS, 0.5)
    walk.go(optimizer, range(1, steps + 1), lr)
    expect_finite(walk.w, f"after {steps} steps of the rate {lr:g} on a quadratic, a parameter", "check the sign and size of the steps")
    after = problem(walk.w)[0]
    found = (
        f"a quadratic went from {before:.4g} to {after:.4g} in {walk.done or steps} {'calls' if minimizer else 'steps'} of the rate {lr:g}"
    )
    what = (
        f"return True where nothing is left to gain, and not after call {walk.done}"
        if walk.done
        else "check the sign and size of the steps"
    )
    expect(after < share * before, found, f"it should come below {share * before:.4g}: {what}")


def in_place(optimizer: Optimizer) -> None:
    """The parameters are moved in place, and no array is kept from one step to the next."""
    lr = rate_of(optimizer)
    walk = walked(optimizer, 1)
    expect(
        not np.array_equal(walk.w, walk.problem.start),
        "w is as it was before the step",
        "write into w: w -= ..., or np.subtract(..., out=w)",
    )
    same, fresh = walked(optimizer, 5), Walk(optimizer, Quadratic(shape_of(optimizer)))
    for t in range(1, 6):
        fresh.go(optimizer, [t], lr)
        fresh.renew()
    advice = "keep no array from one step to the next: each comes as an argument"
    expect_same_bits(fresh.w, same.w, "parameters in the same arrays and in fresh ones at each step", advice)


def state(optimizer: Optimizer) -> None:
    """Six steps are the same as three, and three more by another object that has but the options and the declared state."""
    lr = rate_of(optimizer)
    unbroken, broken = walked(optimizer, 6, seed=7), walked(optimizer, 3, seed=7)  # a walk that no other check has gone
    other = Walk(optimizer, Quadratic(shape_of(optimizer), seed=1))
    other.go(optimizer, range(1, 4), lr)  # another run, in between
    kept = broken.w, *broken.state  # so that no copy gets their addresses
    broken.w, *broken.state = [array.copy() for array in kept]
    broken.go(rebuilt(optimizer), range(4, 7), lr)
    what = "6 steps unbroken and 3 + 3 with a new object: "
    expect_same_bits(broken.w, unbroken.w, f"{what}the parameters", IN_STATE)
    for name, found, expected in zip(optimizer.state, broken.state, unbroken.state, strict=True):
        expect_same_bits(found, expected, f"{what}the state {name!r}", IN_STATE)
    unwritten = _unwritten(optimizer)
    for variant in variants(optimizer) if unwritten else ():
        unwritten &= _unwritten(variant)
    advice = "write into the array, m *= ... or m[...] = ..., since m = ... makes another one; or take its name out of state"
    expect(not unwritten, f"the state {' and '.join(map(repr, sorted(unwritten)))} is never written", advice)


def _unwritten(optimizer: Any) -> set[str]:
    """The names of the arrays that are still 0 after some steps."""
    return {name for name, array in zip(optimizer.state, walked(optimizer, 3).state, strict=True) if not array.any()}


def zero_rate(optimizer: Optimizer) -> None:
    """A learning rate of 0 moves nothing."""
    walk = Walk(optimizer, Quadratic(shape_of(optimizer)))
    walk.go(optimizer, range(1, 4), 0.0)
    advice = "multiply all that is taken from w by lr, a decay of the weights too"
    expect_same_bits(walk.w, walk.problem.start, "parameters before and after steps of the rate 0", advice)


def scopes(optimizer: Optimizer) -> None:
    """It takes arrays of every shape of its scope; where it promises `elementwise`, pieces give the bits of the whole."""
    lr = rate_of(optimizer)
    shapes = [(5, 4), (4,), (1, 3), (3, 1), (1,)] if optimizer.scope == "tensor" else [(1,), (2,), (1000,)]
    for shape in shapes:
        walk = Walk(optimizer, Quadratic(shape))
        walk.go(optimizer, range(1, 4), lr)
        expect_finite(walk.w, f"after 3 steps of w of the shape {shape}, a parameter", f"its scope is {optimizer.scope!r}")
    if not says(optimizer, "elementwise", "step"):
        return
    whole = walked(optimizer, 3)
    walk = Walk(optimizer, Quadratic(shape_of(optimizer)))
    w, pieces = walk.w.reshape(-1), [array.reshape(-1) for array in walk.state]
    for t in range(1, 4):
        grad = walk.problem(walk.w)[1].reshape(-1)
        for part in (slice(0, 7), slice(7, 8), slice(8, None)):
            optimizer.step(w[part], grad[part], *[array[part] for array in pieces], lr=lr, t=t)
    advice = "take elementwise back: a number's step depends on other numbers"
    expect_same_bits(walk.w, whole.w, "parameters moved as a whole and in pieces", advice)


def dtype(optimizer: Optimizer) -> None:
    """float32 and float64 work, without a warning."""
    for name in ("float32", "float64"):
        walk = walked(optimizer, 3, name)
        for what, array in (("w", walk.w), *zip(optimizer.state, walk.state, strict=True)):
            expect_finite(array, f"after 3 steps in {name}, {what}", "compute in the dtype of w")
    single, double = walked(optimizer, 1, "float32").w, walked(optimizer, 1).w
    away = float(np.abs(single - double).max())
    expect(away < 1e-3, f"a step in float32 ends {away:.3g} from where one in float64 does", "use constants that fit both")


def lets_exceptions_through(optimizer: Minimizer) -> None:
    """What the problem raises comes out: so a run is interrupted."""
    for kind in (RuntimeError, FloatingPointError, KeyboardInterrupt):
        for call in (1, 2):
            raised = kind("of the problem")
            problem = Raising(Quadratic(shape_of(optimizer)), call, raised)
            walk = Walk(optimizer, problem.quadratic)
            what = f"the problem raised {kind.__name__} in call {call} and "
            try:
                optimizer.minimize(walk.w, problem, *walk.state, lr=rate_of(optimizer), t=1)
            except (RuntimeError, FloatingPointError, KeyboardInterrupt) as error:
                if isinstance(error, KeyboardInterrupt) and error is not raised:
                    raise  # of who runs the kit
                expect(error is raised, f"{what}{type(error).__name__} came out: {error}", "let it through")
            else:
                expect(problem.calls < call, f"{what}nothing came out", "catch nothing that the problem raises")


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


CHECKS: dict[str, CheckFunction] = {check.__name__: check for check in (falls, in_place, state, zero_rate, scopes, dtype)}
OF_MINIMIZERS: dict[str, CheckFunction] = {"lets_exceptions_through": lets_exceptions_through}
