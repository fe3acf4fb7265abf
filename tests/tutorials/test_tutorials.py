"""Ordinary tutorials of multi-layer perceptrons: scores within 2 standard deviations of those of PyTorch, or better.

The PyTorch scripts stand beside this file, and make_scores.py makes scores.json of their scores over 5 seeds. Networks, data, epochs and
distributions of the initial weights are the same.
"""

import json
from pathlib import Path

import numpy as np
import pytest

import mlpkit
from tests.tutorials import data

REFERENCE = json.loads(Path(__file__).with_name("scores.json").read_text())
SEEDS = 5


def layers(*units, activation="relu", last="linear", **options):
    return [*({"units": each, "activation": activation, **options} for each in units), {"activation": last}]


def spec(seed, network, loss, optimizer, **training):
    training = {"batch_size": 32, **training}
    return {
        "seed": seed,
        "preprocessing": "none",
        "network": {"layers": network},
        "loss": loss,
        "optimizer": optimizer,
        "training": training,
    }


def huber_adamw(seed):
    x, y, test_x, test_y = data.outliers()
    optimizer = {"type": "adamw", "learning_rate": 3e-3}
    model = mlpkit.train(spec(seed, layers(32, 32), "huber", optimizer, epochs=30, decay_all=True), x, y)
    return np.abs(model.predict(test_x).reshape(test_y.shape) - test_y).mean()


def imbalanced_focal(seed):
    x, y, test_x, test_y = data.seldom()
    loss, optimizer = {"type": "focal", "alpha": None}, {"type": "adam", "learning_rate": 2e-3}
    whole = spec(seed, layers(24, 24, last="sigmoid"), loss, optimizer, epochs=20) | {"data": {"class_weight": "balanced"}}
    found = mlpkit.train(whole, x, y).predict(test_x)
    return np.mean([(found == test_y)[test_y == label].mean() for label in (0, 1)])


def multilabel(seed):
    x, y, test_x, test_y = data.tags()
    model = mlpkit.train(spec(seed, layers(32, last="sigmoid"), "bce", {"type": "adam", "learning_rate": 5e-3}, epochs=25), x, y)
    return model.evaluate(test_x, test_y)["hamming_loss"]


def autoencoder(seed):
    x, y, test_x, test_y = data.surface()
    network = layers(32, 3, 32, activation="tanh")
    model = mlpkit.train(spec(seed, network, "mse", {"type": "adam", "learning_rate": 5e-3}, epochs=30), x, y)
    return model.evaluate(test_x, test_y)["loss"]


def fine_tuning(seed):
    (x, y), (few_x, few_y, test_x, test_y) = data.related()
    network, loss = layers(32, 16, last="softmax"), "cross_entropy"
    first = mlpkit.train(spec(seed, network, loss, {"type": "adam", "learning_rate": 5e-3}, epochs=20), x, y)
    frozen, optimizer = layers(32, 16, last="softmax", trainable=False), {"type": "adam", "learning_rate": 1e-2}
    model = mlpkit.train(spec(seed, frozen, loss, optimizer, epochs=40, batch_size=16), few_x, few_y, start_from=first)
    return model.evaluate(test_x, test_y)["accuracy"]


def cosine_warmup(seed):
    x, y, test_x, test_y = data.waves()
    rate = {"type": "warmup", "fraction": 0.1, "then": {"type": "cosine", "initial": 1e-2}}
    optimizer = {"type": "adamw", "learning_rate": rate}
    model = mlpkit.train(spec(seed, layers(32, 32, activation="gelu"), "mse", optimizer, epochs=30, decay_all=True), x, y)
    return model.evaluate(test_x, test_y)["loss"]


def plateau(seed):
    x, y, test_x, test_y = data.waves()
    rate = {"type": "reduce_on_plateau", "initial": 0.02, "factor": 0.3, "patience": 3}
    whole = spec(seed, layers(32, 32, activation="tanh"), "mse", {"type": "sgd", "momentum": 0.9, "learning_rate": rate}, epochs=60)
    return mlpkit.train(whole, x[:500], y[:500], validation=(x[500:], y[500:])).evaluate(test_x, test_y)["loss"]


def quantiles(seed):
    x, y, test_x, test_y = data.spreading()
    loss = {"type": "quantile", "quantiles": [0.1, 0.5, 0.9]}
    model = mlpkit.train(spec(seed, layers(32), loss, {"type": "adam", "learning_rate": 5e-3}, epochs=30), x, y)
    return model.evaluate(test_x, test_y)["loss"]


def poisson_counts(seed):
    x, y, test_x, test_y = data.visits()
    model = mlpkit.train(spec(seed, layers(32), "poisson", {"type": "rmsprop", "learning_rate": 2e-3}, epochs=30), x, y)
    mean = model.predict(test_x).reshape(test_y.shape)
    return (mean - test_y * np.log(mean)).mean()


def deep_residual(seed):
    x, y, test_x, test_y = data.rings()
    block = {"units": 32, "activation": "relu", "normalization": "batch", "residual": 1}
    network = [{"units": 32, "activation": "relu"}, *[block] * 8, {"activation": "softmax"}]
    optimizer = {"type": "sgd", "learning_rate": 0.05, "momentum": 0.9, "nesterov": True}
    whole = spec(seed, network, "cross_entropy", optimizer, epochs=30, batch_size=50)
    return mlpkit.train(whole, x, y).evaluate(test_x, test_y)["accuracy"]


HIGHER_IS_BETTER = {"imbalanced_focal": True, "fine_tuning": True, "deep_residual": True}
TUTORIALS = [
    autoencoder,
    cosine_warmup,
    deep_residual,
    fine_tuning,
    huber_adamw,
    imbalanced_focal,
    multilabel,
    plateau,
    poisson_counts,
    quantiles,
]
QUICK = (poisson_counts,)


@pytest.mark.parametrize(
    "tutorial", [pytest.param(each, id=each.__name__, marks=[] if each in QUICK else [pytest.mark.slow]) for each in TUTORIALS]
)
def test_the_score_is_that_of_pytorch(tutorial):
    name = tutorial.__name__
    scores, expected = np.array([tutorial(seed) for seed in range(SEEDS)]), REFERENCE[name]
    behind = (expected["mean"] - scores.mean()) * (1 if HIGHER_IS_BETTER.get(name) else -1)
    assert behind <= 2 * max(expected["deviation"], scores.std(ddof=1)), f"{name}: {scores}, PyTorch: {expected['scores']}"


def test_each_script_has_its_test_and_its_scores():
    scripts = {path.stem for path in Path(__file__).parent.glob("*.py") if "def score(seed)" in path.read_text()}
    assert scripts - {Path(__file__).stem} == {tutorial.__name__ for tutorial in TUTORIALS} == set(REFERENCE)
