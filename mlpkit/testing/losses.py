"""Checks of losses."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from mlpkit.plugin import REGISTRIES, SUITABLE, Activation, Array, Loss, Targets
from mlpkit.plugin.single_output import single_output
from mlpkit.testing.activation_cases import backward, forward
from mlpkit.testing.check_run import CheckFunction
from mlpkit.testing.concurrency import expect_undisturbed
from mlpkit.testing.exported import onnx_predictions
from mlpkit.testing.failure_messages import expect, expect_close, expect_finite, expect_same_bits
from mlpkit.testing.loss_cases import (
    SHAPES,
    SIZES,
    at_target,
    batch,
    direction_of,
    extreme,
    far_batch,
    fewest_units,
    joint_losses_and_grad,
    kind_of,
    losses_and_grad,
    of_size,
    rules_of,
    uneven,
)
from mlpkit.testing.loss_targets import expect_no_jump, right_costs_less, separable, soft_targets, special_values
from mlpkit.testing.row_checks import Rule, Sample, expect_alive, expect_no_nan, expect_parts, expect_single, expect_slopes
from mlpkit.testing.wide_losses import predictions, prior, several_outputs

STEP = 1e-6  # step of the finite differences
FAR_STEP = 1e-4  # far from 0, where losses are large and lose precision
STEP_OF_SMALL = 1e-3  # relative step for outputs close to 0
DIGITS = 1e-14  # relative rounding error of a loss
HELD = 1e30  # largest value that is compared in float32
MANY = 20_000  # rows
ALONE = "let each row depend on itself alone, not on other rows: mlpkit computes the mean and applies sample weights"
Form = Callable[[Loss, Array, Targets], tuple[Array, Array]]


def _preactivations(shape: tuple[int, int]) -> Array:
    return 2.0 * np.random.default_rng(11).standard_normal(shape)


def gradient(loss: Loss) -> None:
    """Check that the gradient agrees with finite differences, close to the targets and far from them."""
    expect(loss.output in SUITABLE, f"output is {loss.output!r}", f"make it one of {', '.join(SUITABLE)}")
    for units in {fewest_units(loss), 4}:
        outputs, targets = batch(loss, 9, units)
        _compare(losses_and_grad, loss, outputs, targets, "value_and_grad", along_rows=loss.output == "distribution")
        if far := far_batch(loss, 9, units):
            _compare(losses_and_grad, loss, *far, "value_and_grad", step=FAR_STEP)
    _expect_slopes(loss, rules_of(loss)[0])
    expect_no_jump(loss)


def _expect_slopes(loss: Loss, rule: Rule) -> None:
    """Compare gradients with differences for batches of every shape and outputs of every size."""
    samples = [of_size(loss, rule, (40, 5), size) for size in (1.0, 1e2)]
    but_last = loss.output == "distribution" and kind_of(loss, rule) == "real"
    expect_alive(rule, samples, "let the loss depend on every output", but_last=but_last)
    advice = f"correct the {rule.gradients}: d losses[i] / d {rule.points}[i], not divided by the rows"
    for shape in SHAPES:
        expect_slopes(rule, partial(_drawn, loss, rule, shape, 1.0), advice)
    for size in SIZES[:-1]:
        if size >= 1 or kind_of(loss, rule) == "real":  # small nonnegative outputs are often clipped
            expect_slopes(rule, partial(_drawn, loss, rule, (40, 5), size), advice)


def _drawn(loss: Loss, rule: Rule, shape: tuple[int, int], size: float, seed: int) -> tuple[Sample, Array, float]:
    sample = of_size(loss, rule, shape, size, seed)
    return sample, direction_of(kind_of(loss, rule), sample.points, sample.size, seed), max(STEP, STEP_OF_SMALL * (size < 1))


def joint(loss: Loss) -> None:
    """Check that `joint` agrees with finite differences, and with `value_and_grad` after the activation."""
    activation = _joint_activation(loss)
    for units in {fewest_units(loss), 4}:
        z, targets = _preactivations((9, units)), batch(loss, 9, units).targets
        _compare(joint_losses_and_grad, loss, z, targets, "joint")
        _compare(joint_losses_and_grad, loss, 3 * z, targets, "joint", step=FAR_STEP)
        losses, grad = losses_and_grad(loss, forward(activation, z), targets)
        found = joint_losses_and_grad(loss, z, targets)
        advice = f"joint must compute the same loss, from the pre-activations of {loss.joint_with}"
        expect_close(found[0], losses, "losses of joint, against those of value_and_grad,", advice, rtol=1e-7, atol=1e-9)
        expected = backward(activation, z, grad)
        expect_close(found[1], expected, "gradients of joint, against those of value_and_grad,", advice, rtol=1e-6, atol=1e-8, at=z)
    _expect_slopes(loss, rules_of(loss)[1])


def _joint_activation(loss: Loss) -> Activation:
    name = loss.joint_with
    assert name is not None
    registry = REGISTRIES["activations"]
    full = registry.find(name).full_name
    expect(
        full == name,
        f"joint_with is {name!r}, which is not the full name of an activation",
        f"write {full!r}, otherwise joint is never used",
    )
    activation: Activation = registry.get(name)()
    return activation


def _compare(form: Form, loss: Loss, points: Array, targets: Targets, method: str, *, along_rows: bool = False, step: float = STEP) -> None:
    """Compare the gradient with differences; `along_rows` keeps the row sums of distributions at 1."""
    losses, found = form(loss, points.copy(), targets)
    expect_finite(losses, "a loss", f"{method} fills every entry of losses")
    columns = points.shape[1] - along_rows
    expected = np.empty((len(points), columns))
    for column in range(columns):
        above, below = points.copy(), points.copy()
        above[:, column] += step
        below[:, column] -= step
        if along_rows:
            above[:, -1] -= step
            below[:, -1] += step
        expected[:, column] = (form(loss, above, targets)[0] - form(loss, below, targets)[0]) / (above[:, column] - below[:, column])
    if along_rows:
        found = found[:, :-1] - found[:, -1:]
    lost = (DIGITS * np.abs(losses) / step)[:, None]  # rounding error of a difference: large losses hide small gradients
    advice = f"correct the gradient of {method}: d losses[i] / d outputs[i], not divided by the number of rows"
    called = "the pre-activation" if method == "joint" else "the output"
    at = points[:, :columns]
    expect_close(found, expected, f"gradients of {method}", advice, rtol=1e-5, atol=1e-6 + lost, at=at, called=called)


def rows(loss: Loss) -> None:
    """Check that the loss and gradient of each row are filled and do not depend on other rows, however large those are."""
    order = np.random.default_rng(5).permutation(20)
    for rule in rules_of(loss):
        for sample in (of_size(loss, rule, (20, 3)), uneven(loss, rule), uneven(loss, rule, 1), uneven(loss, rule, 300)):
            for dtype in ("float64", "float32"):
                _expect_by_rows(rule, sample.astype(dtype), order)


def _expect_by_rows(rule: Rule, sample: Sample, order: NDArray[np.int64]) -> None:
    if sample.size == 1.0:
        losses, grad = rule.at(sample)
        where = "joint" if rule.points == "pre-activations" else "value_and_grad"
        expect_finite(losses, f"an entry of losses after {where}", "fill every entry of losses, whatever was in it")
        expect_finite(grad, f"an entry of grad after {where}", "fill every entry of grad, whatever was in it")
    one_by_one = [slice(row, row + 1) for row in range(len(sample.points))]
    expect_parts(rule, sample, [*one_by_one, order, order[:2], order[:5]], ALONE)


def shapes(loss: Loss) -> None:
    """Check batches with no rows, one row, one unit and many of both: all losses are filled, as in small batches."""
    for rule in rules_of(loss):
        for shape in ((0, 3), *SHAPES):
            sample = of_size(loss, rule, shape).astype("float32")
            what = f"with {rule.points} of the shape {sample.points.shape}, an entry of the"
            losses, grad = rule.at(sample)
            expect_finite(losses, f"{what} {rule.values}", "fill every entry of losses")
            expect_finite(grad, f"{what} {rule.gradients}", "fill every entry of grad")
            last = len(losses) - 1
            parts = [slice(0, 1), slice(last // 2, last // 2 + 50), slice(last, last + 1)]
            for dtype in ("float32", "float64") if last > 0 else ():
                expect_parts(rule, of_size(loss, rule, shape).astype(dtype), parts, ALONE)
        few = of_size(loss, rule, (50, 40)).astype("float32")
        rows = np.resize(np.arange(50), MANY)
        for what, found, expected in zip((rule.values, rule.gradients), rule.at(few.part(rows)), rule.at(few), strict=True):
            expect_close(found, expected[rows], f"{what} of {MANY} rows, against those of a few,", ALONE, rtol=1e-4, atol=1e-5)


def dtype(loss: Loss) -> None:
    """Check that float32 gives the numbers of float64 up to rounding."""
    advice = "compute in the dtype of outputs with constants that fit both"
    for rule in rules_of(loss):
        for size in SIZES if kind_of(loss, rule) == "real" else (1.0,):
            expect_single(rule, of_size(loss, rule, (20, 5), size), advice)


def inputs_untouched(loss: Loss) -> None:
    """Check that outputs and targets are not written to."""
    rule = rules_of(loss)[0]
    for sample in (of_size(loss, rule, (7, 3)), of_size(loss, rule, (80, 70)).astype("float32"), uneven(loss, rule)):
        outputs, targets = sample.points, sample.beside
        before = outputs.copy(), targets.copy()
        losses, grad = np.empty(len(outputs), outputs.dtype), np.empty_like(outputs)
        with np.errstate(all="ignore"):
            loss.value_and_grad(outputs, targets, losses, grad)
            expect_same_bits(
                outputs, before[0], "outputs before and after value_and_grad", "do not write to outputs: grad is scratch space"
            )
            expect_same_bits(
                targets, before[1], "targets before and after value_and_grad", "do not write to targets: grad is scratch space"
            )
            if loss.joint_with is not None:
                loss.joint(np.resize(_preactivations((7, 3)), outputs.shape).astype(outputs.dtype), targets, losses, grad)
                expect_same_bits(
                    targets, before[1], "targets before and after joint", "do not write to targets: the pre-activations are scratch space"
                )


def buffers(loss: Loss) -> None:
    """Check that nothing is kept between two calls: arrays are reused with other numbers in them."""
    advice = "compute from the arguments alone, and keep no array of an earlier call"
    for rule in rules_of(loss):
        samples = [of_size(loss, rule, (6, 4), seed=seed) for seed in (1, 2, 1)]
        expected = [rule.at(sample) for sample in samples]
        points, targets = np.empty_like(samples[0].points), np.empty_like(samples[0].beside)
        losses, grad = np.empty(6), np.empty_like(points)
        for sample, right in zip(samples, expected, strict=True):
            points[...], targets[...] = sample.points, sample.beside
            (loss.joint if rule.points == "pre-activations" else loss.value_and_grad)(points, targets, losses, grad)
            for what, found, array in zip((rule.values, rule.gradients), (losses, grad), right, strict=True):
                expect_same_bits(found, array, f"{what} in fresh arrays and in ones that were used before", advice)


def threads(loss: Loss) -> None:
    """Check that runs in several threads at once do not affect each other."""
    for rule in rules_of(loss):
        for shape, turns in (((40, 6), 60), ((600, 32), 20)):
            one, other = (of_size(loss, rule, shape, seed=seed) for seed in (1, 2))
            expect_undisturbed(partial(rule.at, one), partial(rule.at, other), turns)


def zero_at_target(loss: Loss) -> None:
    """Check the declaration `zero_at_target`: the loss is 0 for outputs equal to the targets, and never negative."""
    advice = "correct the loss, or remove zero_at_target"
    for name in ("float32", "float64"):
        losses, grad = losses_and_grad(loss, *at_target(loss, name))
        expect_close(losses, np.zeros_like(losses), "losses where the outputs are the targets", advice, atol=10 * float(np.finfo(name).eps))
        expect_finite(grad, "where the outputs are the targets, a gradient", "give it a derivative there, such as 0")
        for seed in range(5):
            losses, _ = losses_and_grad(loss, *batch(loss, dtype=name, seed=seed))
            expect(bool((losses >= 0).all()), f"a loss is {losses.min():g}, which is less than 0", advice)


def large_scores(loss: Loss) -> None:
    """Check that outputs at the limits of their range do not overflow in float32, and that ±10,000 agrees with float64.

    The comparison excludes the limits of probabilities, where a loss clips by the resolution of its dtype. Intermediate values of `joint`
    may overflow, because NumPy's warnings are disabled during training.
    """
    outputs, targets = extreme(loss)
    advice = "keep logarithms and divisors away from 0 by the dtype's resolution, and do not pass large numbers to exponentials"
    with np.errstate(over="raise", invalid="raise", divide="raise", under="ignore"):
        try:
            losses, grad = losses_and_grad(loss, outputs, targets)
        except FloatingPointError as error:
            raise AssertionError(f"outputs at the limits of their range, in float32: {error}; {advice}") from error
    expect_finite(losses, "with outputs at the limits of their range, a loss", advice)
    expect_finite(grad, "with outputs at the limits of their range, a gradient", advice, at=outputs, called="the output")
    if loss.output == "real":
        _expect_those_of_float64(loss, outputs, targets)
    if loss.joint_with is not None:
        _joint_of_large_preactivations(loss, np.resize(np.array([-1e4, 1e4, 0.0, 1e4, 80.0], "float32"), outputs.shape), targets)
    for rule in rules_of(loss):
        for size in SIZES if kind_of(loss, rule) in ("real", "nonnegative") else ():
            for name in ("float32", "float64"):
                for shape in ((20, 6), (20, 1)):
                    expect_no_nan(rule, of_size(loss, rule, shape, size).astype(name), advice)


def _expect_those_of_float64(loss: Loss, outputs: Array, targets: Targets) -> None:
    """Compare the rows whose losses and gradients are in the range of float32."""
    found, expected = losses_and_grad(loss, outputs, targets), losses_and_grad(loss, outputs.astype("float64"), _wide(targets))
    held = (np.abs(expected[0]) < HELD) & (np.abs(expected[1]) < HELD).all(axis=1)
    advice = "compute in the dtype of outputs with constants that fit both"
    for what, single, double in zip(("losses", "gradients"), found, expected, strict=True):
        expect_close(single[held], double[held], f"with outputs up to 1e4, {what} in float32", advice, rtol=1e-3, atol=1e-3)


def _joint_of_large_preactivations(loss: Loss, z: Array, targets: Targets) -> None:
    advice = "subtract the largest pre-activation first, and write it with exp(-abs(z))"
    with np.errstate(all="ignore"):
        found = joint_losses_and_grad(loss, z, targets)
        expected = joint_losses_and_grad(loss, z.astype("float64"), _wide(targets))
    for what, single, double in zip(("losses", "gradients"), found, expected, strict=True):
        expect_finite(single, f"with pre-activations up to 1e4, an entry of the {what} of joint", advice, at=z)
        expect_close(single, double, f"with pre-activations up to 1e4, {what} of joint in float32", advice, rtol=1e-3, atol=1e-5, at=z)


def _wide(targets: Targets) -> Targets:
    return targets.astype("float64") if targets.dtype.kind == "f" else targets


def of_one_output(check: Callable[[Loss], None]) -> CheckFunction:
    """Return a check that treats a loss as a function of one output per target."""
    return lambda loss: check(single_output(loss))


CHECKS: dict[str, CheckFunction] = {
    check.__name__: of_one_output(check)
    for check in (
        *(gradient, joint, rows, shapes, dtype, inputs_untouched, buffers, special_values, right_costs_less, threads),
        *(soft_targets, zero_at_target, separable, large_scores),
    )
}
CHECKS |= {"several_outputs": several_outputs, "predictions": predictions, "prior": prior, "onnx": onnx_predictions}
