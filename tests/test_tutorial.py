"""The tutorial's XOR script, written out in NumPy, against mlpkit from the same weights."""

import json
from pathlib import Path

import numpy as np
import pytest

import mlpkit

CLASSIC = Path(__file__).parents[1] / "models" / "xor-classic" / "spec.json"
X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
Y = np.array([[0.0], [1.0], [1.0], [0.0]])
EPOCHS = 10_000


def initial_weights():
    rng = np.random.RandomState(42)  # what np.random.seed(42) sets
    return rng.randn(2, 2), rng.randn(2, 1)


@pytest.fixture(scope="module")
def tutorial():
    """The losses of every epoch and the final weights of the script."""

    def sigmoid(z):
        return 1 / (1 + np.exp(-z))

    w1, w2 = initial_weights()
    b1, b2 = np.zeros((1, 2)), np.zeros((1, 1))
    losses = []
    for _ in range(EPOCHS):
        a1 = sigmoid(X @ w1 + b1)
        a2 = sigmoid(a1 @ w2 + b2)
        losses.append(np.mean((Y - a2) ** 2))
        d2 = (a2 - Y) * a2 * (1 - a2)
        d1 = (d2 @ w2.T) * a1 * (1 - a1)
        w2 -= 0.1 * a1.T @ d2
        b2 -= 0.1 * d2.sum(axis=0, keepdims=True)
        w1 -= 0.1 * X.T @ d1
        b1 -= 0.1 * d1.sum(axis=0, keepdims=True)
    return losses, {"layers.0.weight": w1, "layers.0.bias": b1[0], "layers.1.weight": w2, "layers.1.bias": b2[0]}


def assert_same(model, epochs, tutorial):
    losses, weights = tutorial
    assert len(epochs) == EPOCHS
    np.testing.assert_allclose([epoch.loss for epoch in epochs], losses, rtol=0, atol=1e-12)
    for name, weight in weights.items():
        np.testing.assert_allclose(model.network.parameters.views[name], weight, rtol=0, atol=1e-12)


def test_the_script_is_stuck_in_a_local_minimum(tutorial):
    reported = [round(loss, 4) for loss in tutorial[0][::1000]]
    assert reported == [0.2558, 0.2494, 0.2454, 0.2047, 0.1532, 0.1387, 0.1336, 0.1312, 0.1297, 0.1288]


def test_every_loss_and_the_final_weights_agree(tutorial):
    spec = {
        "dtype": "float64",
        "preprocessing": "none",
        "network": {"layers": [{"units": 2, "activation": "sigmoid"}, {"units": 1, "activation": "sigmoid"}]},
        "loss": "mean_squared_error",
        "optimizer": {"type": "sgd", "learning_rate": 0.2},
        "training": {"epochs": EPOCHS, "batch_size": None},
    }
    model = mlpkit.Model(spec, inputs=2)
    views = model.network.parameters.views
    views["layers.0.weight"][...], views["layers.1.weight"][...] = initial_weights()
    assert_same(model, list(mlpkit.epochs(model, X, Y)), tutorial)


def test_the_example_spec_is_the_script(tutorial):
    layers = json.loads(CLASSIC.read_text())["network"]["layers"]
    for layer, weight in zip(layers, initial_weights(), strict=True):
        np.testing.assert_array_equal(layer["weight_initializer"]["value"], weight)
    model = mlpkit.train(CLASSIC)
    assert_same(model, model.history, tutorial)
