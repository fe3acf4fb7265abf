"""Embeddings of inputs: gradients against central differences, values against formulas and PyTorch, and what a whole run does with them."""

import numpy as np
import pytest

from mlpkit.engine.network import Network
from mlpkit.engine.workspace import Workspace
from mlpkit.spec import Spec

from .test_gradients import central_differences

ROWS, INPUTS = 9, 5
NUMBERS = [
    {"type": "pbld", "inputs": [0, 1, 3], "frequencies": 4, "units": 2, "scale": 0.5},
    {"type": "periodic", "inputs": [2, 0], "frequencies": 3, "units": 4, "scale": 0.5},
    {"type": "piecewise_linear", "inputs": [1, 2], "bins": 3, "units": 2},
]
CATEGORIES = {"type": "category", "inputs": [4], "levels": [3], "units": 2}


def network(embeddings, rng, layer=None, **options):
    spec = {
        "dtype": "float64",
        "loss": "mse",
        "network": {
            "inputs": INPUTS,
            "embeddings": embeddings,
            "layers": [{"units": 6, "activation": "tanh", **(layer or {})}, {"units": 6, "activation": "tanh"}, {"units": 2}],
            **options,
        },
    }
    net = Network(Spec.model_validate(spec).network, "float64")
    net.initialize(rng)
    net.parameters.trained[...] += 0.1 * rng.standard_normal(len(net.parameters.trained))
    return net, Spec.model_validate(spec)


def batch(rng):
    x = rng.standard_normal((ROWS, INPUTS))
    x[:, 4] = rng.integers(-1, 5, ROWS)
    return x, rng.standard_normal((ROWS, 2)), rng.uniform(0.5, 2, ROWS)


@pytest.mark.parametrize("residual", [None, 1])
@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize("embeddings", [[each] for each in NUMBERS] + [[CATEGORIES], [*NUMBERS, CATEGORIES], []])
def test_gradient(embeddings, scaled, residual):
    rng = np.random.default_rng(1)
    net, spec = network(embeddings, rng, input_scale=scaled)
    if residual:
        width = net.spec.first_width
        net, spec = network(embeddings, rng, {"residual": 1, "units": width}, input_scale=scaled)
    workspace, rows = Workspace(net, spec.loss, ROWS), batch(rng)
    workspace.loss_and_gradient(*rows)
    gradient = workspace.gradient.trained.copy()
    differences = central_differences(workspace, net.parameters.trained, rows)
    assert np.linalg.norm(gradient - differences) / np.linalg.norm(differences) < 1e-6
