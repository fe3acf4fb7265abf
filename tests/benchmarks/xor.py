"""The tutorial's XOR script against mlpkit's trainer: `python -m tests.benchmarks xor`.

Both train 2-2-1 with sigmoids for 10,000 full-batch epochs in float64 from the same weights; the losses must agree.
"""

import numpy as np

import mlpkit

from .pairing import pair

EPOCHS = 10_000
X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
Y = np.array([[0.0], [1.0], [1.0], [0.0]])
SPEC = {
    "dtype": "float64",
    "preprocessing": "none",
    "network": {"layers": [{"units": 2, "activation": "sigmoid"}, {"units": 1, "activation": "sigmoid"}]},
    "loss": "mean_squared_error",
    "optimizer": {"type": "sgd", "learning_rate": 0.2},
    "training": {"epochs": EPOCHS, "batch_size": None},
}


def weights():
    rng = np.random.RandomState(42)
    return rng.randn(2, 2), rng.randn(2, 1)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def tutorial():
    """The script of the tutorials, as it is written there."""
    w1, w2 = weights()
    b1, b2 = np.zeros((1, 2)), np.zeros((1, 1))
    losses = []
    for _ in range(EPOCHS):
        a1 = sigmoid(np.dot(X, w1) + b1)
        a2 = sigmoid(np.dot(a1, w2) + b2)
        losses.append(np.mean((Y - a2) ** 2))
        d2 = (a2 - Y) * a2 * (1 - a2)
        d1 = np.dot(d2, w2.T) * a1 * (1 - a1)
        w2 -= 0.1 * np.dot(a1.T, d2)
        b2 -= 0.1 * np.sum(d2, axis=0, keepdims=True)
        w1 -= 0.1 * np.dot(X.T, d1)
        b1 -= 0.1 * np.sum(d1, axis=0, keepdims=True)
    return losses


def trainer(engine="numpy"):
    """The same through mlpkit's public API, model and preprocessing included."""
    training = {**SPEC["training"], **({} if engine == "numpy" else {"engine": engine})}  # an earlier mlpkit has no such key
    model = mlpkit.Model({**SPEC, "training": training}, inputs=2)
    views = model.network.parameters.views
    views["layers.0.weight"][...], views["layers.1.weight"][...] = weights()
    return [epoch.loss for epoch in mlpkit.epochs(model, X, Y)]


def rows(quick):
    """The row of the table; the losses must agree."""
    np.testing.assert_allclose(trainer(), tutorial(), rtol=0, atol=1e-12)
    runs = {"tutorial's loop": (lambda: tutorial() and None, 2.0)}
    return pair("the tutorial's XOR, 10,000 epochs", lambda: trainer() and None, runs, "s", 3 if quick else 9)
