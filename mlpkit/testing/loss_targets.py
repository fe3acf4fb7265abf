"""Checks of losses at special targets, and of the order of right and wrong outputs."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpkit.plugin import Array, Loss
from mlpkit.testing.failure_messages import expect, expect_close, expect_finite
from mlpkit.testing.loss_cases import RANGES, fewest_units, losses_and_grad, of_size, rules_of, special
from mlpkit.testing.row_checks import Rule, Sample

POINTS = 1200  # points on a line
HALVINGS = 40


def expect_no_jump(loss: Loss) -> None:
    """Raise AssertionError if a loss is discontinuous along a line through its targets."""
    rule, units = rules_of(loss)[0], fewest_units(loss)
    if loss.output == "distribution":
        return
    low, high = RANGES.get(loss.output, (0.0 if loss.output == "nonnegative" else -6.0, 6.0))
    targets = of_size(loss, rule, (6, units)).beside
    for target in targets:
        line = np.linspace(low, high, POINTS + 2)[1:-1]
        at = partial(_along, rule, target, units)
        losses, slopes = at(line)
        step = line[1] - line[0]
        steep = step * (np.abs(np.diff(slopes)) + np.maximum(np.abs(slopes[:-1]), np.abs(slopes[1:])) + 1e-3)
        for start in np.flatnonzero(np.abs(np.diff(losses)) > 3 * steep):
            left, right = float(line[start]), float(line[start + 1])
            jump = abs(losses[start + 1] - losses[start])
            for _ in range(HALVINGS):
                middle = (left + right) / 2
                costs = at(np.array([left, middle, right]))[0]
                left, right = (left, middle) if abs(costs[1] - costs[0]) >= abs(costs[2] - costs[1]) else (middle, right)
            costs = at(np.array([left, right]))[0]
            found = f"where the target is {target} the loss jumps at outputs of {left:.6g}, from {costs[0]:.6g} to {costs[1]:.6g}"
            expect(abs(costs[1] - costs[0]) < 0.3 * jump, found, "make it continuous")


def _along(rule: Rule, target: NDArray[Any], units: int, outputs: Array) -> tuple[Array, Array]:
    """Return losses and slopes at points with the same value for all outputs."""
    points = np.repeat(outputs[:, None], units, axis=1)
    losses, grad = rule.at(Sample(points, np.repeat(target[None], len(outputs), axis=0)))
    return losses, grad.sum(axis=1)


def soft_targets(loss: Loss) -> None:
    """Check the declaration `soft_targets`: rows of 0 and 1 cost what their classes do, and mixed rows the mixed losses."""
    classes = loss.targets == "classes"
    expect(loss.targets != "numbers", "soft_targets is declared, but targets is 'numbers'", "remove soft_targets: any numbers are accepted")
    shape = "of shape (rows, units)" if classes else "from 0 to 1"
    advice = f"weight the losses of {'the classes' if classes else '1 and 0'} with the targets {shape}, or remove soft_targets"
    for rule in rules_of(loss):
        for units in (2, 5) if classes else (1, 5):
            hard = of_size(loss, rule, (40, units))
            other = hard._replace(beside=np.roll(hard.beside, 1, axis=0))
            one, two = (np.eye(units)[sample.beside] if classes else sample.beside for sample in (hard, other))
            expected = [0.25 * first + 0.75 * second for first, second in zip(rule.at(hard), rule.at(other), strict=True)]
            mixed = hard._replace(beside=0.25 * one + 0.75 * two)
            for what, found, right in zip((rule.values, rule.gradients), rule.at(hard._replace(beside=one)), rule.at(hard), strict=True):
                expect_close(found, right, f"{what} of rows of 0 and 1, against those of class numbers,", advice, rtol=1e-9, atol=1e-11)
            for what, found, right in zip((rule.values, rule.gradients), rule.at(mixed), expected, strict=True):
                expect_close(found, right, f"{what} of mixed rows,", advice, rtol=1e-9, atol=1e-11)


def separable(loss: Loss) -> None:
    """Check the declaration `separable`: the loss of a row is the mean or the sum of those of its targets, each in a row of its own."""
    advice = "if a row is compared as a whole, declare separable = False: mlpkit then refuses data.target_weights"
    for rule in rules_of(loss):
        for units in (2, 5):
            sample = of_size(loss, rule, (40, units))
            alone = sample._replace(points=sample.points.reshape(-1, 1), beside=sample.beside.reshape(-1, 1))
            (losses, gradients), (each, slopes) = rule.at(sample), rule.at(alone)
            total = each.reshape(-1, units).sum(axis=1)
            share = min((1.0, 1.0 / units), key=lambda share: float(np.abs(share * total - losses).max()))
            what = f"of {units} targets, against those of single targets,"
            expect_close(losses, share * total, f"{rule.values} {what}", advice, rtol=1e-9, atol=1e-11)
            expect_close(gradients, share * slopes.reshape(-1, units), f"{rule.gradients} {what}", advice, rtol=1e-9, atol=1e-11)


def special_values(loss: Loss) -> None:
    """Check that outputs equal to the targets, zeros, a single class and negative numbers give finite losses and gradients."""
    advice = "add a small constant to divisors and arguments of roots and logarithms, and use a one-sided derivative at a kink"
    rule = rules_of(loss)[0]
    for what, sample in special(loss):
        for name in ("float64", "float32"):
            found = rule.at(sample.astype(name))
            for each, array in zip((rule.values, rule.gradients), found, strict=True):
                expect_finite(array, f"{what}, in {name}, an entry of the {each}", advice)


def right_costs_less(loss: Loss) -> None:
    """Check that right outputs have a lower loss than wrong ones in each row, for few and many classes."""
    for units in {fewest_units(loss), 4, 300}:
        targets = of_size(loss, rules_of(loss)[0], (40, units)).beside
        chosen = np.eye(units)[targets] if loss.targets == "classes" else targets
        low, high = (0.02, 0.98) if loss.output in ("probability", "distribution", "nonnegative") else (-0.9, 0.9)
        right = low + (high - low) * chosen
        wrong = low + high - right if loss.targets == "binary" else np.roll(right, 1, axis=1)
        if loss.output == "distribution":
            right, wrong = (each / each.sum(axis=1, keepdims=True) for each in (right, wrong))
        costs = [losses_and_grad(loss, points, targets)[0] for points in (right, wrong)]
        for row in np.flatnonzero(~(costs[0] < costs[1]))[:1]:
            found = f"in a row with {units} units right outputs cost {costs[0][row]:.4g} and wrong ones {costs[1][row]:.4g}"
            expect(False, found, "correct the sign of the loss, or the class of a target")
