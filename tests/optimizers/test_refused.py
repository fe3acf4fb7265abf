"""Options of optimizers that are refused, each at its place of the spec, and batches of optimizers that need all rows."""

import numpy as np
import pytest

import mlpkit
from mlpkit.plugin import Optimizer

NETWORK = {"network": {"layers": [{"units": 3, "activation": "tanh"}, {"units": 1}]}, "loss": "mse"}
X = np.random.default_rng(5).standard_normal((40, 3))
Y = X @ [1.0, -2.0, 0.5]

WRONG = [
    ("sgd", {"momentum": 1.0}, "momentum"),
    ("sgd", {"momentum": -0.1}, "momentum"),
    ("rmsprop", {"momentum": 1.0}, "momentum"),
    ("rmsprop", {"rho": 1.0}, "rho"),
    ("rmsprop", {"epsilon": 0.0}, "epsilon"),
    ("muon", {"momentum": 1.0}, "momentum"),
    ("muon", {"adam_factor": 0.0}, "adam_factor"),
    ("muon", {"iterations": 0}, "iterations"),
    ("muon", {"weight_decay": -0.1}, "weight_decay"),
    *((name, {"beta1": 1.0}, "beta1") for name in ("adam", "adamw", "adamax", "nadam", "radam", "muon", "schedule_free_adamw")),
    *((name, {"beta2": 1.5}, "beta2") for name in ("adam", "adamw", "adamax", "nadam", "radam", "muon", "schedule_free_adamw")),
    *((name, {"epsilon": -1e-8}, "epsilon") for name in ("adam", "adamw", "adamax", "nadam", "radam", "adagrad", "adadelta", "muon")),
    ("adamw", {"weight_decay": -0.01}, "weight_decay"),
    ("schedule_free_adamw", {"weight_decay": -0.01}, "weight_decay"),
    ("lion", {"weight_decay": -0.01}, "weight_decay"),
    ("lion", {"betas": [0.9, 1.0]}, "betas[1]"),
    ("lion", {"betas": [-0.1, 0.9]}, "betas[0]"),
    ("lion", {"betas": [0.9]}, "betas"),
    ("adagrad", {"initial_accumulator": -1.0}, "initial_accumulator"),
    ("adagrad", {"lr_decay": -1.0}, "lr_decay"),
    ("adadelta", {"rho": 1.0}, "rho"),
    ("levenberg_marquardt", {"factor": 1.0000001}, "factor"),  # it would try 10^8 steps
    ("rprop", {"etas": [1.2, 0.5]}, "etas"),
    ("rprop", {"etas": [0.0, 1.2]}, "etas[0]"),
    ("rprop", {"etas": [0.5, 1.0]}, "etas[1]"),
    ("rprop", {"steps": [50.0, 1e-6]}, "steps"),
    ("rprop", {"steps": [0.0, 1.0]}, "steps[0]"),
    ("rprop", {"learning_rate": {"type": "cosine", "initial": 0.1}}, "learning_rate"),
    *((name, {"learning_rate": -0.1}, "learning_rate") for name in ("adamw", "rmsprop", "lion", "muon", "rprop", "schedule_free_adamw")),
]


@pytest.mark.parametrize(("name", "options", "place"), WRONG, ids=lambda value: value if isinstance(value, str) else str(value))
def test_wrong_options_are_refused_at_their_place(name, options, place):
    with pytest.raises(mlpkit.SpecError) as caught:
        mlpkit.Spec.model_validate({**NETWORK, "optimizer": {"type": name, **options}})
    assert any(problem.path.startswith(f"optimizer.{place}") for problem in caught.value.problems)


@pytest.mark.parametrize("options", [{"betas": [0.9]}, {"betas": []}])
def test_a_short_list_of_fixed_length_is_refused_at_its_place(options):
    with pytest.raises(mlpkit.SpecError, match=r"optimizer\.betas: entry 2 is missing"):
        mlpkit.Spec.model_validate({**NETWORK, "optimizer": {"type": "lion", **options}})


def with_batches(size, optimizer="rprop"):
    return {**NETWORK, "optimizer": optimizer, "training": {"epochs": 2, "batch_size": size}}


class AllRows(Optimizer):
    """A third-party rule that needs all rows."""

    full_batch = True

    def step(self, w, grad, *state, lr, t):
        w -= lr * grad


@pytest.mark.parametrize("optimizer", ["rprop", {"type": "clipping", "inner": "rprop", "norm": 1.0}, AllRows])
def test_batches_are_refused_before_training(optimizer):
    with pytest.raises(mlpkit.SpecError, match=r"training\.batch_size: .*needs the gradient of all 40 training rows .* a batch has 32"):
        mlpkit.train(with_batches(32, optimizer), X, Y)
    model = mlpkit.Model(with_batches(39, optimizer), inputs=3)
    with pytest.raises(mlpkit.SpecError, match=r"null"):
        next(mlpkit.epochs(model, X, Y))
    with pytest.raises(mlpkit.SpecError, match=r"training\.batch_size"):
        mlpkit.train(with_batches("auto", optimizer), np.resize(X, (300, 3)), np.resize(Y, 300))


@pytest.mark.parametrize("size", [None, 40, 100, "auto"])
def test_a_batch_of_all_rows_is_one(size):
    model = mlpkit.train(with_batches(size), X, Y)
    assert len(model.history) == 2


def test_the_decay_of_an_optimizer_and_of_training_are_refused_together():
    for name in ("adamw", {"type": "lion", "weight_decay": 0.1}, {"type": "muon", "weight_decay": 0.1}):
        with pytest.raises(mlpkit.SpecError, match=r"training\.weight_decay: .* has a weight decay of its own"):
            mlpkit.Spec.model_validate({**NETWORK, "optimizer": name, "training": {"weight_decay": 0.1}})
