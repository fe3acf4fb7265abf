"""Checks of engines: losses, gradients and predictions close to those of NumPy, and gradients close to differences of the losses."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from mlpkit.engine.inference import ForwardPass
from mlpkit.engine.network import Network
from mlpkit.engine.workspace import Workspace
from mlpkit.plugin import Array
from mlpkit.plugin.engine import Engine, TrainingPass
from mlpkit.testing.check_run import CheckFunction
from mlpkit.testing.engine_cases import EngineCase, engine_cases
from mlpkit.testing.failure_messages import NotApplicable, expect
from mlpkit.testing.random_masks import Repeated, expect_rates

TOLERANCES = {"float64": 1e-13, "float32": 1e-6}  # relative to the largest number of an array
ROUNDED, TIMES = 4, 4  # roundings by which weights are changed, and how much further than such a change results may be apart
ROWS = (1, 5, 64)
STEP, SLACK = 1e-5, 1e-6  # of differences, relative
STEPS = 40  # in which random numbers are counted
ADVICE = "compute what the pass of NumPy computes, but for rounding; or return None for this network"


class Trained(NamedTuple):
    """Workspace of a case with its function: NumPy's, or that of an engine."""

    workspace: Workspace
    run: TrainingPass
    rng: Any

    @classmethod
    def of_numpy(cls, case: EngineCase, rows: int, rng: Any = None) -> Trained:
        """Return a workspace on a copy of the network, with a generator of its own."""
        rng = np.random.default_rng(rows) if rng is None else rng
        workspace = Workspace(copy.deepcopy(case.network), case.loss, rows, rng=rng)
        return cls(workspace, workspace.loss_and_gradient, rng)

    @classmethod
    def of(cls, case: EngineCase, rows: int, engine: Engine) -> Trained | None:
        """Return the same for an engine; None if it does not take the case."""
        trained = cls.of_numpy(case, rows)
        run = engine.training(trained.workspace)
        return None if run is None else trained._replace(run=run)

    def arrays(self) -> Iterator[tuple[str, Array]]:
        """Yield the parts of the gradient, and the numbers of normalization, which the pass changes, by name."""
        gradient, network = self.workspace.gradient, self.workspace.network.parameters
        for index, name in enumerate(network.views):
            if index < network.trained_tensors:
                yield f"the gradient of {name}", gradient.views[name]
            else:
                yield name, network.views[name]


def training(engine: Engine) -> None:
    """Check losses, gradients and running averages against those of NumPy, of steps with and without sample weights."""
    taken = 0
    for dtype in TOLERANCES:
        for case in _cases(engine, dtype):
            for rows in ROWS:
                taken += _compare_training(engine, case, rows)
    _expect_some(taken)


def _compare_training(engine: Engine, case: EngineCase, rows: int) -> bool:
    """Compare three steps; return False if the engine does not take the case.

    Sums that nearly vanish have large relative errors, by NumPy too: results may be apart as far as a rounding of the weights moves them.
    """
    if (found := Trained.of(case, rows, engine)) is None:
        return False
    expected, near = (Trained.of_numpy(case, rows, Repeated()) for _ in range(2))
    for each in (expected, near):
        each.rng.repeat(found.workspace, each.workspace)
    rng = np.random.default_rng(3)
    weights = rng.uniform(0.1, 2.0, rows).astype(case.network.dtype)
    for number, given in enumerate((None, weights, weights)):
        part = slice(number, number + rows)
        inputs, targets = case.inputs[part], case.targets[part]
        if number == 1:  # in the middle of a run
            for each in (found, expected, near):
                each.workspace.set_threads(2)
                each.workspace.fade_to(0.5)
        near.workspace.network.parameters.vector[...] = _rounded(expected.workspace.network.parameters.vector, rng)
        losses = [each.run(np.asfortranarray(inputs) if number == 2 else inputs, targets, given) for each in (found, expected, near)]
        what = f"of {case.name} with {rows} rows, in step {number + 1}"
        _expect_close(losses, f"the loss {what}", case)
        for (name, one), (_, other), (_, beside) in zip(found.arrays(), expected.arrays(), near.arrays(), strict=True):
            _expect_close((one, other, beside), f"{name} {what}", case)
        for each in (found, expected):
            each.workspace.network.parameters.trained -= 0.01 * expected.workspace.gradient.trained
    return True


def prediction(engine: Engine) -> None:
    """Check pre-activations and outputs of predictions against those of NumPy."""
    taken = 0
    for dtype in TOLERANCES:
        for case in _cases(engine, dtype):
            for rows in ROWS:
                taken += _compare_prediction(engine, case, rows)
    _expect_some(taken)


def _compare_prediction(engine: Engine, case: EngineCase, rows: int) -> bool:
    """Compare predictions, also after a change of the weights; return False if the engine does not take the case."""
    network = copy.deepcopy(case.network)
    found = _forward(network, rows)
    if (run := engine.prediction(found)) is None:
        return False
    rounded = copy.deepcopy(case.network)
    expected, near = _forward(network, rows), _forward(rounded, rows)
    rng = np.random.default_rng(3)
    outputs = [np.full((rows, network.units), np.nan, network.dtype) for _ in range(3)]
    for number in range(3):
        inputs = case.inputs[number : number + rows]
        rounded.parameters.vector[...] = _rounded(network.parameters.vector, rng)
        run(np.asfortranarray(inputs) if number == 2 else inputs, outputs[0])
        expected.run(inputs, outputs[1])
        near.run(inputs, outputs[2])
        what = f"of {case.name} with {rows} rows, in call {number + 1}"
        _expect_close((found.z, expected.z, near.z), f"the pre-activations {what}", case)
        _expect_close(outputs, f"the outputs {what}", case)
        network.parameters.trained *= network.dtype.type(0.9)
    return True


def _rounded(vector: Array, rng: np.random.Generator) -> Array:
    """Return numbers, each changed by some roundings."""
    return vector * (1 + ROUNDED * np.finfo(vector.dtype).eps * rng.choice([-1.0, 1.0], len(vector))).astype(vector.dtype)


def _forward(network: Network, rows: int) -> ForwardPass:
    return ForwardPass(network.layers, rows, network.dtype, network.learned_inputs(rows))


def differences(engine: Engine) -> None:
    """Check gradients against central differences of the losses, in a random direction; in float64, without randomness."""
    taken = 0
    for case in _cases(engine, "float64"):
        rows = 12
        trained = Trained.of(case, rows, engine)
        if trained is None:
            continue
        trained.workspace.fade_to(0.0)
        inputs, targets, taken = case.inputs[:rows], case.targets[:rows], taken + 1
        w = trained.workspace.network.parameters.trained
        direction = np.random.default_rng(6).standard_normal(len(w))
        trained.run(inputs, targets, None)
        slope = float(trained.workspace.gradient.trained @ direction) * rows
        middle = w.copy()
        losses = []
        for sign in (1, -1):
            w[...] = middle + sign * STEP * direction
            losses.append(trained.run(inputs, targets, None))
        measured = (losses[0] - losses[1]) / (2 * STEP)
        found = f"the gradient of {case.name} gives a slope of {slope:.9g}, and the losses one of {measured:.9g}"
        expect(abs(slope - measured) <= SLACK * max(abs(slope), abs(losses[0]), 1.0), found, "correct the gradient, or the loss")
    _expect_some(taken)


def randomness(engine: Engine) -> None:
    """Check that dropout drops as many values as it should, other ones in each step, and as the state of the generator says."""
    taken = 0
    for dtype in TOLERANCES:
        for case in _cases(engine, dtype):
            trained = Trained.of(case, ROWS[-1], engine)
            if trained is None or not (trained.workspace.inputs or any(layer.dropout for layer in trained.workspace.layers)):
                continue
            taken += 1
            _expect_random(engine, case, trained)
    _expect_some(taken)


def _expect_random(engine: Engine, case: EngineCase, trained: Trained) -> None:
    rows = case.inputs[: ROWS[-1]], case.targets[: ROWS[-1]], None
    masks: list[list[Array]] = []
    for _ in range(STEPS):
        trained.run(*rows)
        masks.append([layer.dropout.mask.copy() for layer in trained.workspace.layers if layer.dropout is not None])
    dropouts = [layer.dropout for layer in trained.workspace.layers if layer.dropout is not None]
    for index, dropout in enumerate(dropouts):
        expect_rates(dropout, [each[index] for each in masks], case.name)
    resumed = Trained.of(case, ROWS[-1], engine)
    assert resumed is not None
    resumed.rng.bit_generator.state = trained.rng.bit_generator.state
    resumed.workspace.network.parameters.vector[...] = trained.workspace.network.parameters.vector
    losses = [each.run(*rows) for each in (trained, resumed)]
    one, other = (each.workspace.gradient.trained for each in (trained, resumed))
    alike = losses[0] == losses[1] and np.array_equal(one, other)
    advice = "draw from the workspace's generator, and keep nothing between calls"
    expect(alike, f"a run of {case.name} that is resumed has other random numbers", advice)


def _cases(engine: Engine, dtype: str) -> Iterator[EngineCase]:
    if reason := engine.status():
        raise NotApplicable(f"it is not active: {reason}")
    yield from engine_cases(dtype)


def _expect_some(taken: int) -> None:
    if not taken:
        raise NotApplicable("it takes none of the networks of the check")


def _expect_close(results: Sequence[Array | float], what: str, case: EngineCase) -> None:
    """Raise AssertionError unless results of the engine and of NumPy are equal up to the tolerance, and to the effect of roundings.

    The third results are NumPy's with rounded weights. The tolerance is relative to the largest number.
    """
    found, expected, near = map(np.atleast_1d, results)
    if not expected.size:
        return
    exact, largest = np.ravel(expected).astype(np.float64), float(np.abs(expected).max())
    with np.errstate(invalid="ignore"):
        away, moved = (np.abs(np.ravel(each).astype(np.float64) - exact) for each in (found, near))
    wrong = ~(away <= TOLERANCES[case.network.dtype.name] * largest + TIMES * float(moved.max()))
    if wrong.any():
        place = int(np.argmax(np.where(wrong, np.nan_to_num(away, nan=np.inf), -1.0)))
        numbers = f"{np.ravel(found)[place]:.9g} instead of {exact[place]:.9g} at {place} of {expected.size}"
        raise AssertionError(f"{what}, in {case.network.dtype}, is {numbers}, where the largest number is {largest:.3g}; {ADVICE}")


CHECKS: dict[str, CheckFunction] = {check.__name__: check for check in (training, prediction, differences, randomness)}
