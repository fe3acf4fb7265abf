"""Whole runs against PyTorch in float64: 200 specs that a seed draws from all deterministic options, each from the same weights.

The reference data are made by tests/reference/make_runs.py; draw_runs.py beside it draws the specs.
"""

import json
import zlib
from pathlib import Path

import numpy as np
import pytest

import mlpkit

REFERENCE = dict(np.load(Path(__file__).parents[1] / "reference" / "runs.npz"))
DRAWN = json.loads(REFERENCE["specs"].tobytes())
ROWS, KEPT = len(REFERENCE["data/weights"]), 5  # training rows, epochs between two kept validation losses
PARTED = {  # the number of epochs, and of validation losses, before a run parts from PyTorch's
    # from step 1: in the linear piece of hard_sigmoid, the bias before batch normalization has a gradient of 0, and Rprop goes along the
    # sign of its rounding error; the running averages see it, the training loss does not
    2: (None, 0),
    # from step 49: a squared hinge that falls to 0 and rises again, in which a change of the first weights by 2e-16 grows to 1e-5; compared
    # until the first rows have no loss
    66: (30, 10),
}


def start(number, name, shape):
    """Initial weights: the rule that tests/reference/make_runs.py has too."""
    u = np.random.default_rng([number, zlib.crc32(name.encode())]).uniform(-1, 1, shape)
    role = name.rpartition(".")[2]
    if role == "weight":
        return u * 1.5 / np.sqrt(shape[0])
    return {"scale": 1 + 0.2 * u, "slope": 0.25 + 0.1 * u, "mean": 0 * u, "variance": 1 + 0 * u}.get(role, 0.2 * u)


def model_of(number):
    drawn = DRAWN["runs"][number]
    x, y = REFERENCE["data/x"], REFERENCE[f"data/{drawn['kind']}"]
    y = y if y.ndim == 1 else y[:, : drawn["targets"]]
    model = mlpkit.Model(drawn["spec"], inputs=x.shape[1])
    model.set_weights({name: start(number, name, view.shape) for name, view in model.network.parameters.views.items()})
    weights = REFERENCE["data/weights"] if drawn["weighted"] else None
    return model, {"rows": x[:ROWS], "y": y[:ROWS], "validation": (x[ROWS:], y[ROWS:]), "weights": weights}


@pytest.mark.parametrize("number", [number if number % 10 == 0 else pytest.param(number, marks=pytest.mark.slow) for number in range(200)])
def test_a_run_is_that_of_pytorch(number):
    model, data = model_of(number)
    expected, held_out = REFERENCE[f"{number}/losses"], REFERENCE[f"{number}/validation"]
    tolerance = 1e-8 if len(expected) == model.spec.training.epochs else 1e-10  # of 100 steps, or of the first 10
    parted, without = PARTED.get(number, (None, None))
    losses, validation = np.transpose([(epoch.loss, epoch.validation_loss) for epoch in mlpkit.epochs(model, **data)])
    message = f"run {number} of seed {DRAWN['seed']}: {DRAWN['runs'][number]}"
    np.testing.assert_allclose(losses[: len(expected)][:parted], expected[:parted], rtol=tolerance, err_msg=message)
    found = validation[KEPT - 1 :: KEPT][: len(held_out)]
    np.testing.assert_allclose(found[:without], held_out[:without], rtol=tolerance, err_msg=message)
