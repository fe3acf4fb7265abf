"""The initializer "prior": the first predictions of a network without weights are the best constant ones."""

import json

import numpy as np
import pytest

import mlpkit
from mlpkit.plugin import REGISTRIES, Loss
from mlpkit.preprocessing.prepare import prepare
from mlpkit.spec import Spec
from mlpkit.training.evaluation import mean_loss

from ..builtins import builtins

RNG = np.random.default_rng(12)
X = RNG.standard_normal((40, 3))
WEIGHTS = RNG.uniform(0.2, 3.0, 40)


def targets_of(loss):
    if loss.targets == "classes" or loss.output == "distribution" or loss.joint_with == "softmax":
        labels = [1, 2, 3] if loss.ordered_classes else ["a", "b", "c"]
        return np.array(labels)[RNG.choice(3, 40, p=[0.6, 0.3, 0.1])]
    return (RNG.uniform(size=40) < 0.2).astype(int) if loss.targets == "binary" else RNG.gamma(2.0, 1.0, 40)


def spec(loss, last, **layer):
    return {
        "dtype": "float64",
        "network": {"layers": [{"activation": last, "weight_initializer": "zeros", "bias_initializer": "prior", **layer}]},
        "loss": loss,
        "training": {"epochs": 1},
    }


WITH_PRIOR = {name: loss for name, loss in builtins("losses").items() if type(loss).prior is not Loss.prior}


@pytest.mark.parametrize("name", WITH_PRIOR)
@pytest.mark.parametrize("weighted", [False, True])
def test_no_constant_near_the_first_predictions_has_less_loss(name, weighted):
    loss = WITH_PRIOR[name]
    whole = Spec.model_validate(spec(name, loss.joint_with or "linear"))
    prepared = prepare(whole, X, targets_of(loss), weights=WEIGHTS if weighted else None)
    model = mlpkit.Model.for_data(whole, prepared)
    bias = model.network.layers[-1].bias
    least = mean_loss(model.network, model.spec.loss, prepared.train)[0]
    for change in [*0.05 * np.eye(len(bias)), *-0.05 * np.eye(len(bias))]:
        bias += change
        assert mean_loss(model.network, model.spec.loss, prepared.train)[0] >= least - 1e-12
        bias -= change


def test_shares_of_classes_are_the_first_probabilities():
    y = np.array(["a"] * 30 + ["b"] * 10)
    model = mlpkit.Model(spec("binary_crossentropy", "sigmoid"), inputs=3, outputs=1)
    seen = []
    list(mlpkit.epochs(model, X, y, stop=lambda: seen.append(model.network.layers[-1].bias.copy()) or True))
    np.testing.assert_allclose(1 / (1 + np.exp(-seen[0])), 0.25)


def test_a_second_run_keeps_its_bias():
    model = mlpkit.train(spec("mse", "linear"), X, X[:, 0])
    model.set_weights({"layers.0.bias": [123.0]})
    seen = []
    list(mlpkit.epochs(model, X, X[:, 0], stop=lambda: seen.append(model.network.layers[-1].bias.copy()) or True))
    assert seen[0] == 123.0


def test_a_bias_of_another_model_goes_before_the_prior():
    other = mlpkit.Model(spec("binary_crossentropy", "sigmoid"), inputs=3, outputs=1)
    other.set_weights({"layers.0.bias": [0.625]})
    seen = []
    mlpkit.train(
        spec("binary_crossentropy", "sigmoid"), X, X[:, 0] > 1, start_from=other,
        on_start=lambda start: seen.append(start.model.network.layers[-1].bias.copy()),
    )  # fmt: skip
    assert seen[0] == 0.625


def test_a_class_without_rows_begins_with_zeros():
    whole = spec("categorical_crossentropy", "softmax") | {"data": {"classes": ["a", "b", "c"]}}
    prepared = prepare(Spec.model_validate(whole), X, ["a", "b"] * 20)
    model = mlpkit.Model.for_data(Spec.model_validate(whole), prepared)
    assert not model.network.layers[-1].bias.any()


WRONG = {
    "an earlier layer": (
        {"network": {"layers": [{"units": 2, "bias_initializer": "prior"}, {"units": 1}]}, "loss": "mse"},
        "network.layers[0].bias_initializer: 'prior' is for the bias of the last layer",
    ),
    "weights": (
        {"network": {"layers": [{"units": 1, "weight_initializer": "prior"}]}, "loss": "mse"},
        "network.layers[0].weight_initializer: 'prior' is for the bias of the last layer",
    ),
    "no bias": (spec("mse", "linear", bias=False), "the last layer has no bias of its own"),
    "another activation": (spec("mse", "sigmoid"), "the prior of mean_squared_error needs the last activation 'linear'"),
}


@pytest.mark.parametrize("case", WRONG)
def test_other_uses_are_refused(case):
    whole, message = WRONG[case]
    with pytest.raises(mlpkit.SpecError) as caught:
        Spec.model_validate(whole)
    assert message in str(caught.value)


class Plain(Loss):
    """A loss without a prior."""

    def value_and_grad(self, outputs, targets, losses, grad):
        np.subtract(outputs, targets, grad)
        losses[...] = 0.5 * np.square(grad).mean(axis=1)
        grad /= grad.shape[1]


def test_a_loss_without_a_prior_is_refused():
    with pytest.raises(mlpkit.SpecError, match="plain defines no prior"):
        Spec.model_validate(spec(Plain(), "linear"))


def test_init_writes_it(tmp_path, monkeypatch):
    from mlpkit.cli import main

    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.csv").write_text("a,y\n" + "".join(f"{row % 7},{'yes' if row % 5 == 0 else 'no'}\n" for row in range(15)))
    assert main(["init", "t.csv", "-o", "spec.json"]) == 0  # the network for fewer than 20 rows
    assert json.loads((tmp_path / "spec.json").read_text())["network"]["layers"][-1]["bias_initializer"] == "prior"
    assert main(["train", "spec.json", "-q"]) == 0
    assert mlpkit.load("model.h5").spec.network.layers[-1].bias_initializer == REGISTRIES["initializers"].get("prior")()
