"""Checks of losses with several outputs per target, and of losses that define their predictions or constant outputs of least loss."""

from __future__ import annotations

from itertools import product

import numpy as np

from mlpkit.plugin import Array, Loss, Targets
from mlpkit.testing.failure_messages import expect, expect_close, expect_finite
from mlpkit.testing.loss_cases import joint_losses_and_grad, losses_and_grad, targets_for

STEP = 1e-6
ROWS, TARGETS = 9, 3
MOVES = (1e-3, -1e-3, 0.1, -0.1, 2.0, -2.0)  # of constant outputs
MANY = 60  # rows, in which every class occurs


def several_outputs(loss: Loss) -> None:
    """Check that the gradient agrees with differences for all outputs, and that a target depends on its own outputs only."""
    count = loss.outputs_per_target
    expect(loss.targets == "numbers", f"targets is {loss.targets!r}", "take numbers where there are several outputs for each target")
    rng = np.random.default_rng(21)
    outputs, targets = rng.standard_normal((ROWS, TARGETS * count)), targets_for(loss, (ROWS, TARGETS), "float64", rng)
    _, found = losses_and_grad(loss, outputs, targets)
    expected = np.empty_like(outputs)
    for column in range(outputs.shape[1]):
        above, below = outputs.copy(), outputs.copy()
        above[:, column] += STEP
        below[:, column] -= STEP
        expected[:, column] = (losses_and_grad(loss, above, targets)[0] - losses_and_grad(loss, below, targets)[0]) / (2 * STEP)
    advice = "fill grad like outputs: column t * k + j is output j of target t"
    expect_close(found, expected, "gradients, against differences,", advice, rtol=1e-5, atol=1e-6, at=outputs, called="the output")
    moved = targets.copy()
    moved[:, 0] += 1.0
    _, others = losses_and_grad(loss, outputs, moved)
    expect_close(others[:, count:], found[:, count:], "gradients of the other targets where the first one has changed", advice)


def predictions(loss: Loss) -> None:
    """Check that `predictions` gives finite numbers in the units of the data, with shape (rows, targets) for each name."""
    rng = np.random.default_rng(22)
    outputs = rng.standard_normal((ROWS, TARGETS * loss.outputs_per_target))
    center, scale = np.array([0.0, 5.0, -3.0]), np.array([1.0, 2.0, 0.5])
    before = outputs.copy()
    found = loss.predictions(outputs, center, scale)
    expect(bool(found), "predictions is empty", "return the prediction as the first entry")
    expect_close(outputs, before, "outputs before and after predictions", "do not write to outputs", rtol=0.0, atol=0.0)
    for name, part in found.items():
        shape = getattr(part, "shape", ())
        expect(shape == (ROWS, TARGETS), f"the entry {name!r} has the shape {shape}", f"give one number for each target: {(ROWS, TARGETS)}")
        expect_finite(part, f"an entry of {name!r}", "give finite numbers")
        one_by_one = np.vstack([loss.predictions(outputs[[row]], center, scale)[name] for row in range(ROWS)])
        expect_close(one_by_one, part, f"{name!r} of one row at a time", "let each row depend on itself alone", rtol=1e-9, atol=1e-12)


def prior(loss: Loss) -> None:
    """Check that no constant outputs close to those of `prior` have a lower mean loss, with and without sample weights."""
    rng = np.random.default_rng(23)
    targets = targets_for(loss, (MANY, TARGETS), "float64", rng)
    units = TARGETS * loss.outputs_per_target
    for weights in (None, rng.uniform(0.2, 2.0, MANY)):
        found = loss.prior(targets.copy(), None if weights is None else weights.copy())
        if found is None:
            continue
        expect(np.shape(found) == (units,), f"prior gives the shape {np.shape(found)}", f"give one number for each output: {(units,)}")
        expect_finite(found, "an entry of prior", "give finite numbers, or None")
        least = _mean_loss(loss, found, targets, weights)
        moves = [move * np.eye(units)[unit] for unit, move in product(range(units), MOVES)] + [np.full(units, move) for move in MOVES]
        for move in moves:
            other = _mean_loss(loss, found + move, targets, weights)
            text = f"the outputs of prior cost {least:.8g} in the mean, but with {move} added {other:.8g}"
            expect(other >= least - 1e-9 * (1 + abs(least)), text, "return the constant outputs of least mean loss, or None")


def _mean_loss(loss: Loss, constant: Array, targets: Targets, weights: Array | None) -> float:
    """Return the mean loss of constant outputs, or pre-activations of the activation of the fused form."""
    form = losses_and_grad if loss.joint_with is None else joint_losses_and_grad
    return float(np.average(form(loss, np.tile(constant, (len(targets), 1)), targets)[0], weights=weights))
