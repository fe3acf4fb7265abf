"""Checks of optimizers, including full-batch optimizers."""

from __future__ import annotations

from functools import partial
from typing import Any, get_args

import numpy as np

from mlpkit.plugin import Array, Minimizer, Optimizer, Schedule, Wrapper, is_elementwise
from mlpkit.testing.check_run import CheckFunction
from mlpkit.testing.concurrency import expect_undisturbed
from mlpkit.testing.failure_messages import expect, expect_close, expect_finite, expect_same_bits
from mlpkit.testing.magnitudes import downhill, zero_gradient, zero_parameters
from mlpkit.testing.trajectories import Quadratic, Raising, Walk, driven, rate_of, rebuilt, shape_of, stepped, walked
from mlpkit.testing.variants import variants

STEPS = 1000
CALLS = 200  # calls of minimize
NEAR = 1e-4  # share of the loss that a full-batch optimizer may leave
LONG = 120_000  # numbers
IN_STATE = "list all arrays kept between steps in the class variable state, and keep nothing elsewhere"
TENSORS: list[tuple[int, ...]] = [(5, 4), (4,), (5,), (1, 3), (1, 4), (3, 1), (1,), (1, 1), (80, 70), (3, 410)]
VECTORS: list[tuple[int, ...]] = [(1,), (2,), (5,), (1000,), (5600,)]


def takes_schedules(optimizer: Optimizer) -> None:
    """Check that the annotation of `learning_rate` allows a schedule; a validator may still reject it."""
    if isinstance(optimizer, Wrapper):  # it uses the schedule of its inner optimizer
        return
    annotation: Any = type(optimizer).model_fields["learning_rate"].annotation
    allowed = [each for each in (annotation, *get_args(annotation)) if isinstance(each, type) and issubclass(each, Schedule)]
    advice = "annotate it with LearningRate from mlpkit.plugin, so that a spec can give a schedule"
    expect(bool(allowed) or annotation is Any, "its learning_rate takes no schedule", advice)


def falls(optimizer: Optimizer) -> None:
    """Check that the loss of a quadratic decreases; a full-batch optimizer must come close to the minimum."""
    minimizer, lr = isinstance(optimizer, Minimizer), rate_of(optimizer)
    problem = Quadratic(shape_of(optimizer))
    walk, before = Walk(optimizer, problem), problem(problem.start)[0]
    steps, share = (CALLS, NEAR) if minimizer else (STEPS, 0.9)
    walk.go(optimizer, range(1, steps + 1), lr)
    expect_finite(walk.w, f"after {steps} steps of the rate {lr:g} on a quadratic, a parameter", "check the sign and size of the steps")
    after = problem(walk.w)[0]
    found = (
        f"a quadratic went from {before:.4g} to {after:.4g} in {walk.done or steps} {'calls' if minimizer else 'steps'} of the rate {lr:g}"
    )
    what = (
        f"return True only when no improvement is left, not after call {walk.done}" if walk.done else "check the sign and size of the steps"
    )
    expect(after < share * before, found, f"it should come below {share * before:.4g}: {what}")


def in_place(optimizer: Optimizer) -> None:
    """Check that parameters are updated in place, and that no array is kept between steps."""
    lr = rate_of(optimizer)
    walk = walked(optimizer, 1)
    expect(
        not np.array_equal(walk.w, walk.problem.start),
        "w is unchanged after the step",
        "write into w: w -= ..., or np.subtract(..., out=w)",
    )
    same, fresh = walked(optimizer, 5), Walk(optimizer, Quadratic(shape_of(optimizer)))
    for t in range(1, 6):
        fresh.go(optimizer, [t], lr)
        fresh.renew()
    advice = "keep no array between steps: each is passed as an argument"
    expect_same_bits(fresh.w, same.w, "parameters in the same arrays and in fresh ones at each step", advice)


def state(optimizer: Optimizer) -> None:
    """Check that six steps equal three steps and three more by a new object with the same options and declared state."""
    lr = rate_of(optimizer)
    unbroken, broken = walked(optimizer, 6, seed=7), walked(optimizer, 3, seed=7)  # a seed that no other check uses
    other = Walk(optimizer, Quadratic(shape_of(optimizer), seed=1))
    other.go(optimizer, range(1, 4), lr)  # another run, in between
    kept = broken.w, *broken.state  # references, so that copies get other addresses
    broken.w, *broken.state = [array.copy() for array in kept]
    broken.go(rebuilt(optimizer), range(4, 7), lr)
    what = "6 steps without a break, and 3 + 3 with a new object: "
    expect_same_bits(broken.w, unbroken.w, f"{what}the parameters", IN_STATE)
    for name, found, expected in zip(kept_by(optimizer), broken.state, unbroken.state, strict=True):
        expect_same_bits(found, expected, f"{what}the state {name!r}", IN_STATE)
    unwritten = _unwritten(optimizer)
    for variant in variants(optimizer) if unwritten else ():
        unwritten &= _unwritten(variant) | (unwritten - set(kept_by(variant)))
    advice = "write into the array, m *= ... or m[...] = ..., because m = ... creates a new array; or remove its name from state"
    expect(not unwritten, f"the state {' and '.join(map(repr, sorted(unwritten)))} is never written", advice)


def kept_by(optimizer: Any) -> tuple[str, ...]:
    """Return the names of the arrays and scalars that an optimizer keeps."""
    return (*optimizer.state, *optimizer.scalars)


def _unwritten(optimizer: Any) -> set[str]:
    """Return the names of the state arrays that are still 0 after some steps."""
    return {name for name, array in zip(kept_by(optimizer), walked(optimizer, 3).state, strict=True) if not array.any()}


def rates(optimizer: Optimizer) -> None:
    """Check that an array of equal learning rates gives the steps of one number."""
    shape, lr = shape_of(optimizer), rate_of(optimizer)
    w, gradients = Quadratic(shape).start, [np.random.default_rng(15).standard_normal(shape) for _ in range(3)]
    expected, found = driven(optimizer, w, gradients, lr), driven(optimizer, w, gradients, np.full(shape, lr))  # type: ignore[arg-type]
    expect_close(found, expected, "parameters after steps with an array of equal rates", "only multiply by lr", rtol=1e-9, atol=1e-12)


def zero_rate(optimizer: Optimizer) -> None:
    """Check that a learning rate of 0 moves nothing at the start, and gives finite parameters later."""
    walk = Walk(optimizer, Quadratic(shape_of(optimizer)))
    with np.errstate(all="ignore"):
        walk.go(optimizer, range(1, 4), 0.0)
    advice = "multiply every update of w by lr, including weight decay"
    expect_same_bits(walk.w, walk.problem.start, "parameters before and after steps of the rate 0", advice)
    walk = walked(optimizer, 3)
    with np.errstate(all="ignore"):
        walk.go(optimizer, range(4, 7), 0.0)
    expect_finite(walk.w, "after steps of the rate 0 behind others, a parameter", "do not divide by a value that is 0 for a rate of 0")


def shapes_of(optimizer: Optimizer) -> list[tuple[int, ...]]:
    """Return shapes of arrays that the optimizer must update; small ones for a Jacobian, which has the square of their size."""
    if isinstance(optimizer, Minimizer) and optimizer.uses_jacobian:
        return VECTORS[:3]
    return TENSORS if optimizer.scope == "tensor" else VECTORS


def scopes(optimizer: Optimizer) -> None:
    """Check that every number of arrays of every shape moves; elementwise rules must give the same for slices of an array."""
    for shape in shapes_of(optimizer):
        _expect_moved(optimizer, shape, 5)
    if is_elementwise(optimizer):
        _expect_pieces(optimizer)


def sizes(optimizer: Optimizer) -> None:
    """Check that large arrays are updated like small ones, and float32 like float64; elementwise rules also in slices."""
    shape = (300, 400) if optimizer.scope == "tensor" else (LONG,)
    _expect_moved(optimizer, shape, 2)
    _expect_single(optimizer, shape)
    if is_elementwise(optimizer):
        _expect_long_pieces(optimizer)


def _expect_single(optimizer: Optimizer, shape: tuple[int, ...]) -> None:
    """Check that two steps of large arrays agree between float32 and float64."""
    rng = np.random.default_rng(14)
    w, gradients = rng.standard_normal(shape), [rng.standard_normal(shape) for _ in range(2)]
    double, single = (driven(optimizer, w.astype(dtype), gradients) - w.astype(dtype) for dtype in ("float64", "float32"))
    advice = "compute in the dtype of w with constants that fit both"
    atol = 0.05 * float(np.abs(double).max()) + 4 * float(np.finfo("float32").eps * np.abs(w).max())
    expect_close(single, double, f"steps of w of the shape {shape} in float32, against float64,", advice, rtol=0.05, atol=atol)


def _expect_moved(optimizer: Optimizer, shape: tuple[int, ...], steps: int) -> None:
    """Check that every number with a gradient moves, and that the loss decreases, in both dtypes."""
    for dtype in ("float64", "float32"):
        walk = Walk(optimizer, Quadratic(shape, dtype))
        before = walk.problem(walk.w)[0]
        walk.go(optimizer, range(1, steps + 1), rate_of(optimizer))
        what = f"steps of w of the shape {shape} in {dtype}"
        expect_finite(walk.w, f"after {steps} {what}, a parameter", f"its scope is {optimizer.scope!r}")
        still = np.argwhere(walk.w == walk.problem.start)
        found = f"{len(still)} of {walk.w.size} numbers have not moved in {steps} {what}"
        few = walk.w.size // 1000 if dtype == "float32" else 0  # tiny steps may be lost to rounding
        expect(len(still) <= few, found, "move every number that has a gradient, for every shape")
        after = walk.problem(walk.w)[0]
        expect(after < before, f"a quadratic went from {before:.6g} to {after:.6g} in {steps} {what}", "check the rule for that shape")


def _expect_pieces(optimizer: Optimizer) -> None:
    lr = rate_of(optimizer)
    whole = walked(optimizer, 3)
    walk = Walk(optimizer, Quadratic(shape_of(optimizer)))
    w, arrays, scalars = walk.w.reshape(-1), walk.state[: len(optimizer.state)], walk.state[len(optimizer.state) :]
    pieces = [array.reshape(-1) for array in arrays]
    for t in range(1, 4):
        grad = walk.problem(walk.w)[1].reshape(-1)
        before = [number.copy() for number in scalars]
        for part in (slice(0, 7), slice(7, 8), slice(8, None)):
            numbers = scalars if part.start == 0 else [number.copy() for number in before]
            stepped(optimizer, w[part], grad[part], [*(array[part] for array in pieces), *numbers], lr, t)
    advice = "set elementwise to False: the step of a number depends on other numbers, or on the size of the array"
    expect_same_bits(walk.w, whole.w, "parameters moved as a whole and in pieces", advice)


def _expect_long_pieces(optimizer: Optimizer) -> None:
    lr, rng = rate_of(optimizer), np.random.default_rng(4)
    advice = "let the step of a number not depend on the size of the array, or set elementwise to False"
    levels = np.resize([1.0, 1e-8, 1e4, 1e-3, 1e8], LONG)
    start, gradients = rng.standard_normal(LONG), [levels * rng.standard_normal(LONG) for _ in range(2)]
    moved = driven(optimizer, start, gradients, lr)
    for part in (slice(0, 10), slice(50_000, 51_000), slice(LONG - 3, LONG)):
        found = driven(optimizer, start[part], [gradient[part] for gradient in gradients], lr)
        expect_close(found, moved[part], f"parameters of a vector of {LONG} moved as a whole and in pieces", advice, rtol=1e-11)
    single = driven(optimizer, start.astype("float32"), gradients, lr)
    for part in (slice(0, 10), slice(LONG - 3, LONG)):
        found = driven(optimizer, start[part].astype("float32"), [gradient[part] for gradient in gradients], lr)
        what = f"parameters of a vector of {LONG} in float32 moved as a whole and in pieces"
        expect_close(found, single[part], what, advice, rtol=1e-4, atol=1e-7)


def dtype(optimizer: Optimizer) -> None:
    """Check that float32 and float64 work without warnings."""
    for name in ("float32", "float64"):
        walk = walked(optimizer, 3, name)
        for what, array in (("w", walk.w), *zip(kept_by(optimizer), walk.state, strict=True)):
            expect_finite(array, f"after 3 steps in {name}, {what}", "compute in the dtype of w")
    single, double = walked(optimizer, 1, "float32").w, walked(optimizer, 1).w
    away = float(np.abs(single - double).max())
    expect(away < 1e-3, f"a step in float32 ends {away:.3g} from where one in float64 does", "use constants that fit both")


def threads(optimizer: Optimizer) -> None:
    """Check that runs in several threads at once do not affect each other, nor slices of an elementwise rule."""
    if isinstance(optimizer, Minimizer):
        expect_undisturbed(partial(_minimized, optimizer, 1), partial(_minimized, optimizer, 2))
        return
    rng = np.random.default_rng(9)
    for shape, turns in ((shape_of(optimizer), 60), ((60, 50) if optimizer.scope == "tensor" else (12_000,), 20)):
        runs: list[tuple[Array, list[Array]]] = [
            (rng.standard_normal(shape), [rng.standard_normal(shape) for _ in range(3)]) for _ in range(2)
        ]
        expect_undisturbed(partial(_driven, optimizer, runs[0]), partial(_driven, optimizer, runs[1]), turns)


def _minimized(optimizer: Minimizer, seed: int) -> list[Array]:
    walk = Walk(optimizer, Quadratic((24,), seed=seed))
    walk.go(optimizer, [1], rate_of(optimizer))
    return [walk.w]


def _driven(optimizer: Optimizer, run: tuple[Array, list[Array]]) -> list[Array]:
    return [driven(optimizer, *run)]


def lets_exceptions_through(optimizer: Minimizer) -> None:
    """Check that exceptions of the objective are not caught, because they interrupt a run."""
    for kind in (RuntimeError, FloatingPointError, KeyboardInterrupt):
        for call in (1, 2):
            raised = kind("of the objective")
            problem = Raising(Quadratic(shape_of(optimizer)), call, raised)
            walk = Walk(optimizer, problem.quadratic)
            what = f"the objective raised {kind.__name__} in call {call}, and "
            try:
                optimizer.minimize(walk.w, problem, *walk.state, lr=rate_of(optimizer), t=1)
            except (RuntimeError, FloatingPointError, KeyboardInterrupt) as error:
                if isinstance(error, KeyboardInterrupt) and error is not raised:
                    raise  # Ctrl-C of the user who runs the kit
                expect(error is raised, f"{what}{type(error).__name__} came out: {error}", "let it through")
            else:
                expect(problem.calls < call, f"{what}nothing came out", "do not catch exceptions of the objective")


CHECKS: dict[str, CheckFunction] = {
    check.__name__: check
    for check in (falls, in_place, state, rates, zero_rate, zero_gradient, zero_parameters, downhill, scopes, sizes, dtype, threads)
}
OF_MINIMIZERS: dict[str, CheckFunction] = {"lets_exceptions_through": lets_exceptions_through}
