"""Optimizers against PyTorch in float64: 200 steps along given gradients, and 200 steps of a network with groups, decay and clipping.

The reference data are made by tests/reference/make_optimizers.py.
"""

from pathlib import Path

import numpy as np
import pytest

import mlpkit
from mlpkit.plugin import REGISTRIES

REFERENCE = dict(np.load(Path(__file__).parents[1] / "reference" / "optimizers.npz"))
KEPT = 20  # of the steps each KEPT-th is in the file

RULES = {  # defaults, but for those that differ between mlpkit and PyTorch
    "sgd": ("sgd", {"learning_rate": 0.05}),
    "sgd_momentum": ("sgd", {"learning_rate": 0.05, "momentum": 0.9}),
    "sgd_nesterov": ("sgd", {"learning_rate": 0.05, "momentum": 0.9, "nesterov": True}),
    "adam": ("adam", {"learning_rate": 0.01}),
    "adam_amsgrad": ("adam", {"learning_rate": 0.01, "beta1": 0.8, "beta2": 0.95, "epsilon": 1e-6, "amsgrad": True}),
    "adamw": ("adamw", {}),
    "adamw_options": (
        "adamw",
        {"learning_rate": 0.01, "beta1": 0.8, "beta2": 0.95, "epsilon": 1e-6, "weight_decay": 0.3, "amsgrad": True},
    ),
    "adamax": ("adamax", {}),
    "adamax_options": ("adamax", {"learning_rate": 0.02, "beta1": 0.8, "beta2": 0.95, "epsilon": 1e-2}),
    "nadam": ("nadam", {"learning_rate": 0.02}),
    "nadam_options": ("nadam", {"learning_rate": 0.02, "beta1": 0.8, "beta2": 0.95, "epsilon": 1e-6, "momentum_decay": 0.1}),
    "radam": ("radam", {}),
    "radam_options": ("radam", {"learning_rate": 0.02, "beta1": 0.8, "beta2": 0.9, "epsilon": 1e-3}),
    "rmsprop": ("rmsprop", {}),
    "rmsprop_centered": ("rmsprop", {"learning_rate": 0.01, "rho": 0.8, "centered": True, "epsilon": 1e-4}),
    "rmsprop_momentum": ("rmsprop", {"learning_rate": 0.01, "rho": 0.99, "momentum": 0.9}),
    "rmsprop_both": ("rmsprop", {"learning_rate": 0.01, "rho": 0.99, "momentum": 0.5, "centered": True}),
    "adagrad": ("adagrad", {}),
    "adagrad_options": ("adagrad", {"learning_rate": 0.1, "lr_decay": 0.05, "initial_accumulator": 0.5, "epsilon": 1e-3}),
    "adadelta": ("adadelta", {}),
    "adadelta_options": ("adadelta", {"learning_rate": 0.5, "rho": 0.8, "epsilon": 1e-3}),
    "rprop": ("rprop", {}),
    "rprop_options": ("rprop", {"learning_rate": 0.05, "etas": (0.7, 1.5), "steps": (1e-3, 0.2)}),
}
MUON = {
    "muon": {},
    "muon_options": {"learning_rate": 0.05, "weight_decay": 0.1, "momentum": 0.8, "nesterov": False, "iterations": 3},
}


def driven(optimizer, start, gradients, dtype="float64", pieces=(slice(None),)):
    """The parameters after each KEPT-th step, with mlpkit's decay of weights before each; the pieces get their own slices."""
    w = start.astype(dtype)
    state = [*(np.zeros_like(w) for _ in optimizer.state)]
    scalars = [[np.zeros(()) for _ in optimizer.scalars] for _ in pieces]
    path = []
    for t, gradient in enumerate(gradients, 1):
        grad = gradient.astype(dtype)
        w *= 1.0 - optimizer.learning_rate * optimizer.decoupled_decay
        for piece, numbers in zip(pieces, scalars, strict=True):
            optimizer.step(w[piece], grad[piece], *[array[piece] for array in state], *numbers, lr=optimizer.learning_rate, t=t)
        path.append(w.copy())
    return np.array(path[KEPT - 1 :: KEPT])


def rule(name):
    kind, options = RULES[name]
    return REGISTRIES["optimizers"].get(kind)(**options)


@pytest.mark.parametrize("name", RULES)
def test_200_steps_along_given_gradients(name):
    optimizer, start, gradients = rule(name), REFERENCE["driven/start"], REFERENCE["driven/gradients"]
    expected = REFERENCE[f"driven/{name}"]
    np.testing.assert_allclose(driven(optimizer, start, gradients), expected, rtol=1e-10, atol=1e-12)
    single = driven(optimizer, start, gradients, "float32")
    assert single.dtype == np.float32
    moved = np.abs(expected - start).max(axis=0)
    assert (np.abs(single - expected) <= 2e-4 * moved + 2e-5 * np.abs(expected)).all()


@pytest.mark.parametrize("name", [name for name in RULES if rule(name).elementwise])
def test_by_pieces_to_the_same_bits(name):
    start, gradients = REFERENCE["driven/start"], REFERENCE["driven/gradients"]
    pieces = [slice(0, 5), slice(5, 6), slice(6, None)]
    np.testing.assert_array_equal(driven(rule(name), start, gradients, pieces=pieces), driven(rule(name), start, gradients))


@pytest.mark.parametrize("name", MUON)
@pytest.mark.parametrize("shape", ["tall", "wide", "square", "row"])
def test_200_steps_of_matrices(name, shape):
    start, gradients = (REFERENCE[f"matrices/{shape}/{part}"] for part in ("start", "gradients"))
    optimizer, expected = REGISTRIES["optimizers"].get("muon")(**MUON[name]), REFERENCE[f"matrices/{shape}/{name}"]
    gradients = np.resize(gradients, (200, *start.shape))
    np.testing.assert_allclose(driven(optimizer, start, gradients), expected, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(driven(optimizer, start, gradients, "float32"), expected, rtol=1e-3, atol=1e-3)


RUNS = {
    "sgd": {"learning_rate": 0.02, "momentum": 0.9, "nesterov": True},
    "adam": {"learning_rate": 0.01},
    "adamw": {"learning_rate": 0.01, "weight_decay": 0.1},
    "adamax": {"learning_rate": 0.02},
    "nadam": {"learning_rate": 0.005},
    "radam": {"learning_rate": 0.01},
    "rmsprop": {"learning_rate": 0.002, "momentum": 0.5, "centered": True},
    "adagrad": {"learning_rate": 0.05},
    "adadelta": {"learning_rate": 1.0},
    "rprop": {},
    "muon": {"learning_rate": 0.02, "weight_decay": 0.1},
}


def model_of(name, dtype="float64"):
    options, factors = dict(RUNS[name]), {"learning_rate_factor": (1.0, 0.5, 3.0), "decay_factor": (1.0, 2.0, 0.0)}
    layers = [{"units": 5, "activation": "tanh"}, {"units": 4, "activation": "tanh"}, {"units": 2}]
    if name != "rprop":
        options["learning_rate"] = {"type": "step", "initial": options["learning_rate"], "every": 30, "gamma": 0.5}
    spec = {
        "dtype": dtype,
        "preprocessing": "none",
        "network": {"layers": [{**layer, **{key: each[at] for key, each in factors.items()}} for at, layer in enumerate(layers)]},
        "loss": "mse",
        "optimizer": {"type": name, **options},
        "training": {
            "epochs": 200 if name == "rprop" else 100,
            "batch_size": None if name == "rprop" else 12,
            "shuffle": False,
            "clip_norm": 0.5,
            "weight_decay": 0.0 if "weight_decay" in options else 0.1,
        },
    }
    model = mlpkit.Model(spec, inputs=3, outputs=2)
    for view, array in model.network.parameters.views.items():
        array[...] = REFERENCE[f"run/start/{view}"]
    return model


def weights(model):
    return np.concatenate([part for layer in model.network.layers for part in (layer.weight.ravel(), layer.bias)])


@pytest.mark.parametrize("name", RUNS)
def test_200_steps_of_a_network(name):
    """Groups of learning rate and decay, a schedule, and clipping of the norm."""
    model = model_of(name)
    losses = [epoch.loss for epoch in mlpkit.epochs(model, REFERENCE["run/x"], REFERENCE["run/y"])]
    np.testing.assert_allclose(losses, REFERENCE[f"run/{name}/losses"], rtol=1e-10)
    np.testing.assert_allclose(weights(model), REFERENCE[f"run/{name}/weights"], rtol=1e-9, atol=1e-10)
    single = model_of(name, "float32")
    found = [epoch.loss for epoch in mlpkit.epochs(single, REFERENCE["run/x"], REFERENCE["run/y"])]
    same = 20 if name == "rprop" else len(losses)  # a gradient near 0 may change its sign by rounding
    np.testing.assert_allclose(found[:same], losses[:same], rtol=1e-4)
