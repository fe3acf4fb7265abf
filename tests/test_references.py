"""Built-ins against PyTorch in float64. The reference data are made by reference/make_torch.py."""

from pathlib import Path

import numpy as np
import pytest

from mlpkit.engine.network import Network
from mlpkit.engine.workspace import Workspace
from mlpkit.losses import CategoricalCrossentropy
from mlpkit.spec import Spec
from tests.reference.check import differences

REFERENCE = dict(np.load(Path(__file__).parent / "reference" / "torch.npz"))


@pytest.mark.parametrize("name", ["plain", "batch", "layer"])
def test_whole_network(name):
    x, t = REFERENCE["networks/x"], REFERENCE["networks/t"]
    hidden = {"units": 8, "activation": "tanh", "normalization": None if name == "plain" else name}
    spec = Spec.model_validate(
        {
            "network": {"inputs": 5, "layers": [hidden, {"units": 3, "activation": "softmax"}]},
            "loss": "categorical_crossentropy",
            "optimizer": {"type": "adam", "learning_rate": 0.01},
        }
    )
    network = Network(spec.network, "float64")
    for key, view in (
        ("weight0", "layers.0.weight"),
        ("bias0", "layers.0.bias"),
        ("weight1", "layers.1.weight"),
        ("bias1", "layers.1.bias"),
    ):
        if f"networks/{name}/{key}" in REFERENCE:
            network.parameters.views[view][...] = REFERENCE[f"networks/{name}/{key}"]
    workspace = Workspace(network, spec.loss, len(x))
    state = [np.zeros_like(network.parameters.trained) for _ in spec.optimizer.state]
    losses = []
    for step in range(1, 101):
        losses.append(workspace.loss_and_gradient(x, t) / len(x))
        spec.optimizer.step(network.parameters.trained, workspace.gradient.trained, *state, lr=0.01, t=step)
    np.testing.assert_allclose(losses, REFERENCE[f"networks/{name}/losses"], rtol=1e-9)
    np.testing.assert_allclose(network.predict(x), REFERENCE[f"networks/{name}/probabilities"], rtol=1e-8)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("classes", [2, 3, 64, 100])
@pytest.mark.parametrize("largest", [1.0, 30.0, 70.0, 90.0, 1000.0, 1e30])
def test_cross_entropy_of_few_rows_is_that_of_many(dtype, classes, largest):
    """The short way and the stable one: the loss is not negative, and as exact as one minus a probability is."""
    loss, rng = CategoricalCrossentropy(), np.random.default_rng([classes, int(min(largest, 1e6))])
    scores = (rng.uniform(-1, 1, (40, classes)) * largest).astype(dtype)
    scores[0] = -largest  # a row whose exponentials are all small
    targets = rng.integers(0, classes, 40)
    losses, grad = np.empty(40, dtype), np.empty_like(scores)
    exact = scores.astype(np.longdouble)
    exact -= exact.max(axis=1, keepdims=True)
    p = np.exp(exact) / np.exp(exact).sum(axis=1, keepdims=True)
    with np.errstate(all="ignore"):
        loss.joint(scores.copy(), targets, losses, grad)
        expected = np.log(np.exp(exact).sum(axis=1)) - exact[np.arange(40), targets]
    assert (losses >= 0).all()
    resolution = np.finfo(dtype).eps
    np.testing.assert_allclose(losses, expected.astype(dtype), rtol=8 * resolution, atol=8 * resolution)
    p[np.arange(40), targets] -= 1
    np.testing.assert_allclose(grad, p.astype(dtype), rtol=100 * resolution, atol=8 * resolution)


def test_cross_entropy_of_an_infinite_score():
    losses, grad = np.empty(1, "float32"), np.empty((1, 3), "float32")
    with np.errstate(all="ignore"):
        CategoricalCrossentropy().joint(np.array([[0, -np.inf, 1]], "float32"), np.array([2]), losses, grad)
        np.testing.assert_allclose(losses, np.log1p(np.exp(-1)), rtol=1e-6)
        CategoricalCrossentropy().joint(np.array([[0, -np.inf, 1]], "float32"), np.array([1]), losses, grad)
        assert losses[0] == np.inf
        CategoricalCrossentropy().joint(np.array([[0, np.nan, 1]], "float32"), np.array([1]), losses, grad)
        assert np.isnan(losses[0])


def test_the_check_of_the_reference_data_names_what_differs():
    kept = {"torch_version": np.array("2.13"), "a": np.array([1.0, 0.0]), "b": np.array(3), "c": np.array(["x"])}
    assert not list(differences("losses", kept, {**kept, "torch_version": np.array("3"), "a": np.array([1.0 + 1e-13, 1e-13])}))
    for other in ({"a": np.array([1.0, 1e-11])}, {"b": np.array(4)}, {"c": np.array(["y"])}, {"d": np.array(1)}, {"a": np.ones(3)}):
        assert len(list(differences("losses", kept, {**kept, **other}))) == 1
    assert not list(differences("runs", kept, {**kept, "a": np.array([1.0, 1e-9])}))
