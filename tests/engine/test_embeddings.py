"""Embeddings of inputs: gradients against central differences, values against formulas and PyTorch, and what a whole run does with them."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

import mlpkit
from mlpkit.data.dataset import Dataset
from mlpkit.engine.embedding_parameters import edges_increase, set_edges
from mlpkit.engine.network import Network
from mlpkit.engine.workspace import Workspace
from mlpkit.provenance.network_probe import probe_difference
from mlpkit.spec import Spec
from mlpkit.training.run import Run

from .test_gradients import central_differences

REFERENCE = dict(np.load(Path(__file__).parents[1] / "reference" / "embeddings.npz"))
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


@pytest.mark.parametrize("seed", ["0", "1", "2"])
def test_a_whole_run_equals_that_of_pytorch(seed):
    reference = {name.removeprefix(f"{seed}/"): value for name, value in REFERENCE.items() if name.startswith(f"{seed}/")}
    spec = Spec.model_validate(
        {
            "dtype": "float64",
            "network": {
                "inputs": 5,
                "embeddings": [
                    {"type": "pbld", "inputs": [0, 1, 2], "frequencies": 4, "units": 2},
                    {"type": "periodic", "inputs": [2, 0], "frequencies": 3, "units": 2},
                    {"type": "piecewise_linear", "inputs": [1], "bins": 3, "units": 2},
                    {"type": "category", "inputs": [3, 4], "levels": [3, 4], "units": 3},
                ],
                "input_scale": True,
                "layers": [{"units": 8, "activation": "tanh"}, {"units": 1}],
            },
            "loss": "mse",
            "optimizer": {"type": "adamw", "learning_rate": 0.02, "weight_decay": 0.1, "epsilon": 1e-20},
            "training": {
                "epochs": 60,
                "batch_size": None,
                "shuffle": False,
                "learning_rate_factors": {"weights": "fan_in", "biases": 0.1, "embeddings": 0.3, "input_scale": 6.0},
            },
        }
    )
    net = Network(spec.network, "float64")
    before = {name.removeprefix("before/"): value for name, value in reference.items() if name.startswith("before/")}
    assert before.keys() == net.parameters.views.keys()
    for name, view in net.parameters.views.items():
        view[...] = before[name]
    run = Run(net, spec, Dataset(reference["x"], reference["t"], None), None, None, None, 0)
    losses = [run.next_epoch().loss for _ in range(60)]
    np.testing.assert_allclose(losses, reference["losses"], rtol=1e-9)
    for name, view in net.parameters.views.items():
        np.testing.assert_allclose(view, reference[f"after/{name}"], rtol=1e-8, atol=1e-10, err_msg=name)
    np.testing.assert_allclose(net.predict(reference["x"]), reference["outputs"], rtol=1e-9, atol=1e-11)
    first = net.first_inputs(reference["x"])
    assert first.shape == (40, net.spec.first_width)
    np.testing.assert_array_equal(first[:, :3], reference["x"][:, :3])


@pytest.mark.parametrize("code", [-1.0, -0.5, 0.5, 2.5, 3.0, 1e30, -np.inf, np.nan])
def test_numbers_that_are_no_level_share_a_vector(code):
    net, _ = network([CATEGORIES], np.random.default_rng(2))
    x = np.zeros((5, INPUTS))
    x[:, 4] = [0, 1, 2, -0.0, code]
    vectors = net.embeddings[0]["weight"]
    with np.errstate(invalid="ignore"):
        found = net.first_inputs(x)[:, INPUTS - 1 :]
    np.testing.assert_array_equal(found, vectors[[0, 1, 2, 0, 3]])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "values", [[1e10] * 9, [-3e38, 0.0, 3e38], [1e30, 1e30, 1.1e30], [0.0] * 3, [5e37, 1e38] * 4, np.nextafter(1.0, 2.0) + np.zeros(4)]
)
def test_edges_of_bins_increase_by_finite_steps(values, dtype):
    edges = np.empty(9, dtype)
    set_edges(edges, np.array(values, dtype))
    assert edges_increase(edges[None])
    assert edges[0] <= np.float64(values).max()


def test_edges_that_do_not_increase_are_refused():
    spec = {"network": {"embeddings": [{"type": "piecewise_linear", "bins": 2}], "layers": [{"units": 1}]}, "loss": "mse"}
    model = mlpkit.Model(spec, inputs=1)
    with pytest.raises(mlpkit.DataError, match=r"edges of bins in 'embeddings\.0\.edges' do not increase"):
        model.set_weights({"embeddings.0.edges": [[0.0, 1.0, 1.0]]})
    model.set_weights({"embeddings.0.edges": [[0.0, 1.0, 1.5]]})
    assert np.isfinite(model.network.predict(np.array([[0.0], [9.0]], np.float32))).all()


def test_the_self_test_of_many_features_is_computed_in_blocks_of_rows():
    """The rows of a file's self-test must not make its loading take many times the size of its parameters."""
    spec = {"network": {"embeddings": [{"type": "pbld", "frequencies": 256, "units": 1}], "layers": [{"units": 1}]}, "loss": "mse"}
    net = mlpkit.Model(spec, inputs=300).network
    inputs = np.zeros((64, 300), np.float32)
    probe = {"inputs": inputs, "outputs": np.zeros((64, 1), np.float32)}
    probe_difference([net], probe)
    tracemalloc.start()
    try:
        probe_difference([net], probe)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert most < 30e6, "64 rows of all features take 20 MB, several times"
