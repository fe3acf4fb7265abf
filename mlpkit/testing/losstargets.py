"""The checks of losses at special targets, and of what they say is right."""

from __future__ import annotations

import numpy as np

from mlpkit.plugin import Loss
from mlpkit.testing.findings import expect, expect_finite
from mlpkit.testing.losscases import fewest_units, losses_and_grad, of_size, rules_of, special


def special_values(loss: Loss) -> None:
    """Outputs that are the targets, zeros, one class alone and numbers below 0 give finite losses and gradients."""
    advice = "keep divisors, roots and logarithms away from 0 by a little number, and give the derivative of a side at a kink"
    rule = rules_of(loss)[0]
    for what, sample in special(loss):
        for name in ("float64", "float32"):
            found = rule.at(sample.astype(name))
            for each, array in zip((rule.values, rule.gradients), found, strict=True):
                expect_finite(array, f"{what}, in {name}, an entry of the {each}", advice)


def right_costs_less(loss: Loss) -> None:
    """In each row right outputs cost less than wrong ones, where the targets are classes, be they few or many."""
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
            expect(False, found, "correct the sign of the loss, or which class a target means")
