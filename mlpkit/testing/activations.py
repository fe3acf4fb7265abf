"""Checks of activations."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from mlpkit.plugin import SUITABLE, Activation, Array, Elementwise
from mlpkit.plugin.fixed_activation import fixed
from mlpkit.provenance.lookup_table import is_elementwise
from mlpkit.testing.activation_cases import (
    SHAPES,
    SIZES,
    SMALL,
    away_from_kinks,
    backward,
    forward,
    grid,
    of_size,
    preactivations,
    rule_of,
    uneven,
    upstream,
)
from mlpkit.testing.check_run import CheckFunction
from mlpkit.testing.concurrency import expect_undisturbed
from mlpkit.testing.exported import onnx
from mlpkit.testing.failure_messages import expect, expect_alike, expect_close, expect_finite, expect_same_bits
from mlpkit.testing.instruction_count import instructions
from mlpkit.testing.nondifferentiable import kinks
from mlpkit.testing.row_checks import Sample, expect_alive, expect_no_nan, expect_parts, expect_single, expect_slopes
from mlpkit.testing.wide_activations import inputs_gradient, trained_parameters

STEP = 1e-5  # step of the finite differences
DTYPES = ("float32", "float64")
FEW, MANY = (16, 16), (256, 64)  # shapes with which instructions are counted
MOST = 2.0  # Python instructions per pre-activation
LARGE = (1e4, -1e4, 1e3, -1e3, 100.0, -100.0, 10.0, -10.0, 1.0, 0.0)
MILLION = (1030, 1000)
AS_GIVEN = "compute in the dtype of z: Python numbers keep it, float64 arrays and scalars do not"
ALONE = "let each row depend on itself alone, not on other rows: predictions are made in blocks of any number of rows"


def gradient(activation: Activation) -> None:
    """Check that `backward` agrees with finite differences of `forward`, for arrays of every shape and pre-activations of every size."""
    formula = "derivative" if isinstance(activation, Elementwise) else "backward"
    advice = f"correct {formula}, or list the points where the derivative jumps in the class variable kinks"
    _expect_each(activation, advice)
    rule = rule_of(activation)
    samples, but_last = [of_size((40, 5), size) for size in (1.0, 10.0)], activation.output == "distribution"
    expect_alive(rule, samples, "let every unit depend on its pre-activations", but_last=but_last)
    for shape in SHAPES:
        expect_slopes(rule, partial(_drawn, activation, shape, 2.0), advice)
    for size in SIZES[:-1]:
        if size <= SMALL:
            expect_slopes(rule, partial(_drawn_beside_0, (40, 5), size), advice, outwards=True)
        else:
            expect_slopes(rule, partial(_drawn, activation, (40, 5), size), advice)


def _drawn(activation: Activation, shape: tuple[int, int], size: float, seed: int) -> tuple[Sample, Array, float]:
    sample = of_size(shape, size, seed)
    points = away_from_kinks(activation, sample.points)
    return sample._replace(points=points), np.random.default_rng(seed + 50).standard_normal(shape), STEP


def _drawn_beside_0(shape: tuple[int, int], size: float, seed: int) -> tuple[Sample, Array, float]:
    """Return steps that lead away from 0, where there may be a kink."""
    sample = of_size(shape, size, seed)
    return sample, np.sign(sample.points) * np.random.default_rng(seed + 50).uniform(0.5, 1.5, shape), STEP / 10


def _expect_each(activation: Activation, advice: str) -> None:
    """Compare each derivative separately, so that the message names the wrong one."""
    z = preactivations(activation, (40, 5))
    for number, kink in enumerate(activation.kinks):
        z[number % 40, :4] = kink + np.array([-0.5, -0.01, 0.01, 0.5])
    z = away_from_kinks(activation, z)
    weights = upstream(z.shape)
    expected = np.empty_like(z)
    for column in range(z.shape[1]):
        above, below = z.copy(), z.copy()
        above[:, column] += STEP
        below[:, column] -= STEP
        change = (weights * (forward(activation, above) - forward(activation, below))).sum(axis=1)
        expected[:, column] = change / (above[:, column] - below[:, column])
    found = backward(activation, z, weights)
    what = "gradients (of random weights times the outputs)"
    if is_elementwise(activation):
        found, expected, what = found / weights, expected / weights, "derivatives, against differences of the function,"
    expect_close(found, expected, what, advice, rtol=1e-5, atol=1e-6, at=z)


def linear(activation: Activation) -> None:
    """Check that `backward` is linear in dL/dout."""
    z, one, other = preactivations(activation, (9, 4)), upstream((9, 4)), upstream((9, 4))[::-1].copy()
    advice = "multiply grad by the derivative, without clipping it or dividing by it"
    with np.errstate(all="ignore"):
        right = backward(activation, z, one)
        for factor in (0.0, 1e-8, 1e8):
            found = backward(activation, z, factor * one)
            what = f"gradients where dL/dout is {factor:g} times as large"
            expect_close(found, factor * right, what, advice, atol=1e-9 * factor, at=z)
        both = backward(activation, z, one + other)
        expect_close(both, right + backward(activation, z, other), "gradients of a sum, against the sum of gradients,", advice, at=z)


def shapes(activation: Activation) -> None:
    """Check arrays with no rows, one row, one unit and many of both: all outputs are filled, as in small arrays."""
    rule = rule_of(activation)
    for shape in ((0, 3), *SHAPES):
        z = preactivations(activation, shape, "float32")
        what = f"with pre-activations of the shape {shape}, {{}}"
        expect_finite(forward(activation, z), what.format("an output"), "forward fills every entry of out")
        grad = backward(activation, z, upstream(shape, "float32"))
        expect_finite(grad, what.format("a gradient"), "backward replaces every entry of grad")
        for dtype in DTYPES if shape[0] > 1 else ():
            expect_parts(rule, of_size(shape, 3.0).astype(dtype), _parts(shape[0]), ALONE)
    whole = of_size((40, MILLION[1]), 3.0).astype("float32")
    rows = np.resize(np.arange(40), MILLION[0])
    million = rule.at(whole.part(rows))
    for what, found, few in zip(("outputs", "gradients"), million, rule.at(whole), strict=True):
        text = f"{what} of a million pre-activations, against those of a few,"
        expect_close(found, few[rows], text, ALONE, rtol=1e-4, atol=1e-5)


def _parts(rows: int) -> list[slice]:
    return [slice(0, 1), slice(rows // 2, rows // 2 + min(rows, 100)), slice(rows - 1, rows)]


def rows(activation: Activation) -> None:
    """Check that the outputs and gradients of a row do not depend on other rows, however large those are."""
    rule = rule_of(activation)
    order = np.random.default_rng(5).permutation(20)
    for sample in (of_size((20, 4), 3.0), uneven(), uneven((20, 1)), uneven((20, 600))):
        for dtype in DTYPES:
            expect_parts(rule, sample.astype(dtype), [*(slice(row, row + 1) for row in range(20)), slice(2, 5), order], ALONE)


def dtype(activation: Activation) -> None:
    """Check that float32 and float64 are kept, and give the same numbers up to rounding."""
    drawn = [*(of_size(shape, 1.0) for shape in SHAPES), *(of_size((8, 5), size) for size in SIZES), uneven()]
    for name in DTYPES:
        for sample in drawn:
            z = sample.astype("float32").astype(name).points
            if isinstance(activation, Elementwise):
                with np.errstate(all="ignore"):
                    y = activation.function(z.copy())
                    expect_alike(y, z, f"the result of function for {name}", AS_GIVEN)
                    expect_alike(activation.derivative(z.copy(), y.copy()), z, f"the result of derivative for {name}", AS_GIVEN)
    advice = "compute in the dtype of z with constants that fit both"
    for size in SIZES:
        expect_single(rule_of(activation), of_size((20, 6), size), advice)


def inputs_untouched(activation: Activation) -> None:
    """Check that `forward` and `function` do not write to the pre-activations."""
    for name in DTYPES:
        for z in (preactivations(activation, (6, 4), name), of_size((80, 70), 1.0).astype(name).points, uneven().astype(name).points):
            before = z.copy()
            with np.errstate(all="ignore"):
                activation.forward(z, np.full_like(z, np.nan))
                expect_same_bits(z, before, "z before and after forward", "do not write to z in forward")
                if isinstance(activation, Elementwise):
                    z[...] = before
                    activation.function(z)
                    expect_same_bits(z, before, "z before and after function", "do not write to z in function: work on a copy")


def buffers(activation: Activation) -> None:
    """Check that no array is kept between two calls: the caller may reuse or replace every buffer."""
    a, b, weights = preactivations(activation, (6, 4), seed=1), preactivations(activation, (6, 4), seed=2), upstream((6, 4))
    unseen_z, unseen_out = np.empty_like(a), np.empty_like(a)  # arrays that are not passed to forward below
    expected = [(forward(activation, z), backward(activation, z, weights)) for z in (a, b)]
    advice = "compute backward from its arguments alone, and keep no array of an earlier call"
    unseen_z[...], unseen_out[...], grad = a, forward(activation, a), weights.copy()
    forward(activation, b)
    activation.backward(unseen_z, unseen_out, grad)
    expect_same_bits(grad, expected[0][1], "gradients with and without another forward in between, and a move of the arrays,", advice)
    z, out = b.copy(), np.full_like(b, np.nan)
    activation.forward(z, out)
    z[...] = 123.0
    expect_same_bits(out, expected[1][0], "outputs before and after z was overwritten", "do not make out a view of z")
    for source, (outputs, gradients) in ((a, expected[0]), (b, expected[1]), (a, expected[0])):
        z[...], grad[...] = source, weights
        activation.forward(z, out)
        expect_same_bits(out, outputs, "outputs in fresh buffers and in ones that backward used as scratch space", advice)
        activation.backward(z, out, grad)
        expect_same_bits(grad, gradients, "gradients in fresh buffers and in ones that were used before", advice)
    activation.forward(a.copy(), out)
    z[...], out[...], grad[...] = b, expected[1][0], weights
    activation.backward(z, out, grad)
    expect_same_bits(grad, expected[1][1], "gradients of other outputs in the arrays of an earlier forward", advice)
    if isinstance(activation, Elementwise):
        _expect_new_arrays(activation, a, b)


def _expect_new_arrays(activation: Elementwise, a: Array, b: Array) -> None:
    first = activation.function(a.copy()), activation.derivative(a.copy(), forward(activation, a))
    before = [array.copy() for array in first]
    activation.derivative(b.copy(), activation.function(b.copy()))
    for what, array, copy in zip(("function", "derivative"), first, before, strict=True):
        text = f"the result of {what}, before and after the next call,"
        expect_same_bits(array, copy, text, "return a new array from each call, and keep no reference to it")


def large_scores(activation: Activation) -> None:
    """Check that pre-activations of ±10,000 do not overflow in float32, and that none up to 100,000,000 gives NaN."""
    z = np.array([*((score,) * 4 for score in LARGE), LARGE[:4], LARGE[4:8], LARGE[6:]], "float32")
    advice = "use a form that does not overflow, such as exp(-abs(z)) for exp(z)"
    for each in (z, np.array(LARGE, "float32")[:, None]):
        with np.errstate(over="raise", invalid="raise", divide="raise", under="ignore"):
            try:
                out = forward(activation, each)
                grad = backward(activation, each, np.ones_like(each))
            except FloatingPointError as error:
                raise AssertionError(f"pre-activations up to 1e4 in float32: {error}; {advice}") from error
        expect_finite(out, "the output", advice, at=each)
        expect_finite(grad, "the gradient", advice, at=each)
    for shape in ((20, 6), (20, 1), (3, 4100)):
        for size in SIZES:
            low = of_size(shape, size)
            for sample in (low, low._replace(points=-np.abs(low.points))):
                for name in DTYPES:
                    expect_no_nan(rule_of(activation), sample.astype(name), advice)


def output(activation: Activation) -> None:
    """Check that the outputs are in the range that the class variable `output` declares."""
    declared = activation.output
    expect(declared in SUITABLE, f"output is {declared!r}", f"make it one of {', '.join(SUITABLE)}")
    advice = f"correct the class variable output, which is {declared!r}, or the function"
    large = np.array([LARGE, LARGE[::-1]], "float32")
    drawn = (preactivations(activation, shape, name) for shape in ((40, 5), (4, 999), (40, 1)) for name in DTYPES)
    close = (grid().astype(name) for name in DTYPES)
    for z in (*drawn, *close, large, *(uneven().astype(name).points for name in DTYPES)):
        with np.errstate(all="ignore"):
            out = forward(activation, z)
        lowest, highest = {"bounded": (-1.0, 1.0), "nonnegative": (0.0, np.inf)}.get(declared, (0.0, 1.0))
        for wrong in np.argwhere(~((out >= lowest) & (out <= highest)))[:1]:
            index = tuple(wrong)
            expect(
                False, f"the output is {out[index]:.9g} in {z.dtype} where z is {z[index]:g}, outside of {lowest:g} to {highest:g}", advice
            )
        if declared == "distribution":
            sums = out.astype("float64").sum(axis=1)
            expect_close(sums, np.ones_like(sums), f"sums of rows in {z.dtype}", advice, rtol=0, atol=1e-5)


def threads(activation: Activation) -> None:
    """Check calls from several threads at once, each with its own rows, as mlpkit makes in large layers."""
    rule = rule_of(activation)
    for shape, dtype, turns in (((8, 5), "float64", 60), ((400, 64), "float32", 20)):
        one, other = (of_size(shape, 1.0, seed).astype(dtype) for seed in (1, 2))
        expect_undisturbed(partial(rule.at, one), partial(rule.at, other), turns)


def speed(activation: Activation) -> None:
    """Check that forward and backward work on whole arrays, by counting Python instructions.

    A loop over rows or over units passes, as does any work within one call of NumPy.
    """
    counts = [instructions(partial(_passes, activation, of_size(shape, 1.0)), most=10**5) for shape in (FEW, MANY)]
    ratio = (counts[1] - counts[0]) / (MANY[0] * MANY[1] - FEW[0] * FEW[1])
    advice = "compute on whole arrays with NumPy's functions, without a loop over numbers"
    expect(ratio <= MOST, f"forward and backward take {ratio:.0f} or more Python instructions for each pre-activation", advice)


def _passes(activation: Activation, sample: Sample) -> None:
    z, out, grad = sample.points.copy(), np.empty_like(sample.points), sample.beside.copy()
    with np.errstate(all="ignore"):
        activation.forward(z, out)
        activation.backward(z, out, grad)


def of_one_array(check: Callable[[Activation], None]) -> CheckFunction:
    """Return a check that treats an activation as a function of one array."""
    return lambda activation: check(fixed(activation))


CHECKS: dict[str, CheckFunction] = {
    check.__name__: of_one_array(check)
    for check in (
        *(gradient, kinks, linear, shapes, rows, dtype, inputs_untouched, buffers, threads, large_scores),
        *(output, speed),
    )
}
CHECKS |= {check.__name__: check for check in (inputs_gradient, trained_parameters, onnx)}
