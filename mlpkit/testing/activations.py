"""The checks of activations."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import numpy as np

from mlpkit.plugin import SUITABLE, Activation, Array, Elementwise
from mlpkit.surrogates import is_elementwise
from mlpkit.testing.activationcases import away_from_kinks, backward, forward, scores, upstream
from mlpkit.testing.crowd import at_once
from mlpkit.testing.findings import expect, expect_alike, expect_close, expect_finite, expect_same_bits
from mlpkit.testing.trial import CheckFunction

STEP = 1e-5  # of the differences
DTYPES = ("float32", "float64")
SLOWEST = 50  # times what relu takes
TURNS = 9  # in which the times are measured
THREADS = 4
ROWS, ROUNDS = 512, 100  # of each, in which they work at once
LARGE = (1e4, -1e4, 1e3, -1e3, 100.0, -100.0, 10.0, -10.0, 1.0, 0.0)
Passes = Callable[[Array, Array, Array], None]  # forward and backward, of z, out and grad
AS_GIVEN = "compute it in the dtype of z: Python numbers keep it, float64 arrays and scalars do not"


def answer(activation: Activation) -> list[Array]:
    """What it computes, to be compared."""
    z = scores(activation, (6, 4))
    return [forward(activation, z), backward(activation, z, upstream(z.shape))]


def gradient(activation: Activation) -> None:
    """`backward` agrees with differences of `forward`."""
    z = scores(activation, (40, 5))
    for number, kink in enumerate(activation.kinks):
        z[number % 40, :4] = kink + np.array([-0.5, -0.01, 0.01, 0.5])
    z = away_from_kinks(activation, z)
    weights = upstream(z.shape)
    expected = np.empty_like(z)
    for index in np.ndindex(z.shape):
        above, below = z.copy(), z.copy()
        above[index] += STEP
        below[index] -= STEP
        change = forward(activation, above) - forward(activation, below)
        expected[index] = (weights * change).sum() / (above[index] - below[index])
    found = backward(activation, z, weights)
    formula = "derivative" if isinstance(activation, Elementwise) else "backward"
    advice = f"correct {formula}, or name the scores where the derivative jumps in the class variable kinks"
    what = "gradients (of random weights times the outputs)"
    if is_elementwise(activation):
        found, expected, what = found / weights, expected / weights, "derivatives, against differences of the function,"
    expect_close(found, expected, what, advice, rtol=1e-5, atol=1e-6, at=z)


def shapes(activation: Activation) -> None:
    """No rows, one row, one unit, and many of both."""
    for shape in ((0, 3), (1, 4), (5, 1), (1, 1), (4099, 3), (3, 2051)):
        z = scores(activation, shape, "float32")
        what = f"with scores of the shape {shape}, {{}}"
        expect_finite(forward(activation, z), what.format("an output"), "forward fills every entry of out")
        grad = backward(activation, z, upstream(shape, "float32"))
        expect_finite(grad, what.format("a gradient"), "backward turns every entry of grad")


def rows(activation: Activation) -> None:
    """A row's outputs and gradients depend on that row alone."""
    z = scores(activation, (9, 4))
    weights = upstream(z.shape)
    advice = "let each row depend on itself alone: predictions are made in blocks of any number of rows"
    whole = forward(activation, z), backward(activation, z, weights)
    for part in (slice(0, 1), slice(2, 5), slice(5, 9)):
        expect_close(forward(activation, z[part]), whole[0][part], "outputs of some rows without the others", advice, at=z[part])
        found = backward(activation, z[part], weights[part])
        expect_close(found, whole[1][part], "gradients of some rows without the others", advice, at=z[part])


def dtype(activation: Activation) -> None:
    """float32 and float64 are kept, and give the same numbers but for rounding."""
    exact = scores(activation, (8, 5)) / 4
    z32 = exact.astype("float32")
    for name in DTYPES:
        z = z32.astype(name)
        if isinstance(activation, Elementwise):
            y = activation.function(z.copy())
            expect_alike(y, z, f"what function returns for {name}", AS_GIVEN)
            expect_alike(activation.derivative(z.copy(), y.copy()), z, f"what derivative returns for {name}", AS_GIVEN)
    z64, weights = z32.astype("float64"), upstream(z32.shape)
    advice = "compute in the dtype of z with constants that fit both"
    expect_close(forward(activation, z32), forward(activation, z64), "outputs in float32", advice, at=z32, rtol=1e-3, atol=1e-4)
    found = backward(activation, z32, weights.astype("float32"))
    expect_close(found, backward(activation, z64, weights), "gradients in float32", advice, at=z32, rtol=1e-3, atol=1e-4)


def inputs_untouched(activation: Activation) -> None:
    """`forward` leaves its scores alone, and so does `function`."""
    for name in DTYPES:
        z = scores(activation, (6, 4), name)
        before = z.copy()
        activation.forward(z, np.full_like(z, np.nan))
        expect_same_bits(z, before, "z before and after forward", "do not write to z in forward")
        if isinstance(activation, Elementwise):
            z[...] = before
            activation.function(z)
            expect_same_bits(z, before, "z before and after function", "do not write to z in function: work on a copy")


def buffers(activation: Activation) -> None:
    """It keeps nothing between two calls: every buffer is the caller's, who may use it again, or another one."""
    a, b, weights = scores(activation, (6, 4), seed=1), scores(activation, (6, 4), seed=2), upstream((6, 4))
    unseen_z, unseen_out = np.empty_like(a), np.empty_like(a)  # memory that no forward is given, here and now
    expected = [(forward(activation, z), backward(activation, z, weights)) for z in (a, b)]
    advice = "compute backward from its arguments alone, and keep no array of an earlier call"
    unseen_z[...], unseen_out[...], grad = a, forward(activation, a), weights.copy()
    forward(activation, b)
    activation.backward(unseen_z, unseen_out, grad)
    expect_same_bits(grad, expected[0][1], "gradients with and without another forward in between, and a move of the arrays,", advice)
    z, out = b.copy(), np.full_like(b, np.nan)
    activation.forward(z, out)
    z[...] = 123.0
    expect_same_bits(out, expected[1][0], "outputs before and after the scores were overwritten", "let out be no view of z")
    for source, (outputs, gradients) in ((a, expected[0]), (b, expected[1]), (a, expected[0])):
        z[...], grad[...] = source, weights
        activation.forward(z, out)
        expect_same_bits(out, outputs, "outputs in fresh buffers and in ones that backward used as scratch space", advice)
        activation.backward(z, out, grad)
        expect_same_bits(grad, gradients, "gradients in fresh buffers and in ones that were used before", advice)


def large_scores(activation: Activation) -> None:
    """Scores of ±10,000 in float32 overflow nowhere."""
    z = np.array([*((score,) * 4 for score in LARGE), LARGE[:4], LARGE[4:8], LARGE[6:]], "float32")
    advice = "write it in a form that overflows nowhere, such as exp(-abs(z)) for exp(z)"
    with np.errstate(over="raise", invalid="raise", divide="raise", under="ignore"):
        try:
            out = forward(activation, z)
            grad = backward(activation, z, np.ones_like(z))
        except FloatingPointError as error:
            raise AssertionError(f"scores up to 1e4 in float32: {error}; {advice}") from error
    expect_finite(out, "the output", advice, at=z)
    expect_finite(grad, "the gradient", advice, at=z)


def memory_order(activation: Activation) -> None:
    """The promise `any_order`: arrays that stand unit by unit in memory give the same numbers."""
    advice = "work on the arrays as they are or along an axis (reshape copies them), or take any_order back"
    for shape in ((1, 5), (7, 4), (300, 8)):
        z, weights = scores(activation, shape), upstream(shape)
        turned, grad = z.copy(order="F"), weights.copy(order="F")
        out = np.full((shape[0], shape[1] + 1), np.nan, order="F")[:, :-1]
        activation.forward(turned, out)
        expect_close(out, forward(activation, z), "outputs in Fortran's order", advice, at=z)
        activation.backward(turned, out, grad)
        expect_close(grad, backward(activation, z, weights), "gradients in Fortran's order", advice, at=z)


def output(activation: Activation) -> None:
    """The outputs are what the class variable `output` says."""
    says_it = activation.output
    expect(says_it in SUITABLE, f"output is {says_it!r}", f"make it one of {', '.join(SUITABLE)}")
    advice = f"correct the class variable output, which is {says_it!r}, or the function"
    large = np.array([LARGE, LARGE[::-1]], "float32")
    for z in (scores(activation, (40, 5), "float32"), scores(activation, (40, 5)), scores(activation, (4, 999), "float32"), large):
        with np.errstate(all="ignore"):
            out = forward(activation, z)
        lowest, highest = {"bounded": (-1.0, 1.0), "nonnegative": (0.0, np.inf)}.get(says_it, (0.0, 1.0))
        for wrong in np.argwhere(~((out >= lowest) & (out <= highest)))[:1]:
            index = tuple(wrong)
            expect(
                False, f"the output is {out[index]:.9g} in {z.dtype} where z is {z[index]:g}, outside of {lowest:g} to {highest:g}", advice
            )
        if says_it == "distribution":
            sums = out.astype("float64").sum(axis=1)
            expect_close(sums, np.ones_like(sums), f"sums of rows in {z.dtype}", advice, rtol=0, atol=1e-5)


def threads(activation: Activation) -> None:
    """Several threads call it at the same time, each with rows of its own, as mlpkit does in large layers."""
    z = scores(activation, (THREADS * ROWS, 64), "float32")
    weights = upstream(z.shape, "float32")
    parts = [slice(number * ROWS, (number + 1) * ROWS) for number in range(THREADS)]
    with np.errstate(all="ignore"):
        expected = [(forward(activation, z[part]), backward(activation, z[part], weights[part])) for part in parts]
    advice = "keep no array outside of a call: scratch space is made in each, or is z, out and grad in backward"
    for _ in range(ROUNDS):
        scratch, out, grad = z.copy(), np.full_like(z, np.nan), weights.copy()
        at_once([partial(activation.forward, scratch[part], out[part]) for part in parts])
        for part, (outputs, _) in zip(parts, expected, strict=True):
            expect_same_bits(out[part], outputs, f"outputs of {THREADS} threads at once and of one alone", advice)
        at_once([partial(activation.backward, scratch[part], out[part], grad[part]) for part in parts])
        for part, (_, gradients) in zip(parts, expected, strict=True):
            expect_same_bits(grad[part], gradients, f"gradients of {THREADS} threads at once and of one alone", advice)


def speed(activation: Activation) -> None:
    """Forward and backward of 1024 x 1024 scores in float32 take no more than 50 times what relu takes in plain NumPy.

    That relu is ``np.maximum(z, 0)`` and ``grad * (z > 0)``, which make new arrays. The textbook's Mish takes up to 20
    times as long, and a loop over numbers some 250 times and more. The least of up to nine times counts.
    """
    z = scores(activation, (1024, 1024), "float32")
    buffers = z.copy(), np.zeros_like(z), np.ones_like(z)
    least = [np.inf, np.inf]
    _time(_relu, z, buffers)
    measured: tuple[Passes, Passes] = partial(_passes, activation), _relu
    for _ in range(TURNS):
        for number, passes in enumerate(measured):
            least[number] = min(least[number], _time(passes, z, buffers))
        ratio = least[0] / least[1]
        if not SLOWEST / 2 < ratio < 4 * SLOWEST:
            break  # it is clear
    advice = "compute on whole arrays with NumPy's functions, without a loop over numbers, and z * z * z in place of z**3"
    expect(ratio <= SLOWEST, f"forward and backward take {ratio:.0f} times as long as relu's in plain NumPy, in float32", advice)


def _passes(activation: Activation, z: Array, out: Array, grad: Array) -> None:
    activation.forward(z, out)
    activation.backward(z, out, grad)


def _relu(z: Array, out: Array, grad: Array) -> None:
    """As in a text book, with new arrays."""
    out[...] = np.maximum(z, 0)
    grad[...] = grad * (z > 0)


def _time(passes: Passes, z: Array, buffers: tuple[Array, Array, Array]) -> float:
    """What the two passes take, in seconds."""
    buffers[0][...], buffers[2][...] = z, 1.0
    with np.errstate(all="ignore"):
        started = time.perf_counter()
        passes(*buffers)
        return time.perf_counter() - started


CHECKS: dict[str, CheckFunction] = {
    check.__name__: check
    for check in (gradient, shapes, rows, dtype, inputs_untouched, buffers, threads, large_scores, memory_order, output, speed)
}
