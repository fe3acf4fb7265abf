"""Residual connections: outputs and gradients, for any reach, and specs that do not fit."""

import numpy as np
import pytest

import mlpkit
from mlpkit.engine.network import Network
from mlpkit.engine.workspace import Workspace
from mlpkit.spec import Spec

from .test_gradients import central_differences

RNG = np.random.default_rng(17)
X, Y = RNG.standard_normal((9, 4)), RNG.standard_normal((9, 1))
CASES = {
    "its own inputs": [{"residual": 1}, {}, {"residual": 1}],
    "two layers": [{}, {"residual": 1}, {"residual": 2}],
    "from the inputs": [{}, {"residual": 2}, {"residual": 3}],
    "many into one": [{"residual": 1}, {"residual": 2}, {"residual": 3}, {"residual": 3}, {"residual": 2}],
    "gated": [{"activation": "glu", "residual": 1}, {"activation": "glu", "residual": 2}],
    "normalized": [{"normalization": "rms", "residual": 1}, {"normalization": "batch", "residual": 2}, {"normalization": "layer"}],
    "trained activations": [{"activation": "prelu", "residual": 1}, {"activation": "prelu", "residual": 1}],
    "first layer not trained": [{"trainable": False, "residual": 1}, {"residual": 1}, {"residual": 2}],
    "second layer not trained": [{}, {"trainable": False, "residual": 1}, {"residual": 2}, {"residual": 3}],
}


def spec(layers, **network):
    layers = [{"units": 4, "activation": "tanh", **layer} for layer in layers]
    return Spec.model_validate({"dtype": "float64", "network": {"inputs": 4, **network, "layers": [*layers, {"units": 1}]}, "loss": "mse"})


def network(case):
    made = Network(spec(CASES[case]).network, "float64")
    made.initialize(np.random.default_rng(3))
    made.parameters.trained[...] += 0.1 * np.random.default_rng(4).standard_normal(made.parameters.trained.size)
    return made


@pytest.mark.parametrize("case", CASES)
def test_gradients_are_those_of_central_differences(case):
    made = network(case)
    workspace = Workspace(made, mlpkit.losses.MeanSquaredError(), len(X))
    workspace.loss_and_gradient(X, Y)
    gradient = workspace.gradient.trained.copy()
    differences = central_differences(workspace, made.parameters.trained, (X, Y))
    np.testing.assert_allclose(gradient, differences, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("case", ["its own inputs", "two layers", "from the inputs", "many into one"])
def test_outputs_are_the_sum(case):
    made = network(case)
    values = [X]
    for layer, options in zip(made.layers, CASES[case], strict=False):
        outputs = np.tanh(values[-1] @ layer.weight + layer.bias)
        values.append(outputs + values[-options["residual"]] if "residual" in options else outputs)
    expected = values[-1] @ made.layers[-1].weight + made.layers[-1].bias
    np.testing.assert_allclose(made.predict(X), expected, rtol=1e-13, atol=1e-14)
    np.testing.assert_allclose(made.predict(X[:1]), expected[:1], rtol=1e-13, atol=1e-14)
    for (_, outputs), value in zip(made.by_layer(X), [*values[1:], expected], strict=True):
        np.testing.assert_allclose(outputs, value, rtol=1e-13, atol=1e-14)


def test_dropout_comes_before_the_addition():
    made = Network(spec([{"dropout": 0.5, "residual": 1}]).network, "float64")
    made.initialize(np.random.default_rng(3))
    workspace = Workspace(made, mlpkit.losses.MeanSquaredError(), len(X), rng=np.random.default_rng(1))
    workspace.loss_and_gradient(X, Y)
    first = workspace.layers[0]
    factors = (first.outputs - X) / np.tanh(X @ made.layers[0].weight + made.layers[0].bias)
    assert set(np.round(factors, 9).ravel()) == {0.0, 2.0}


WRONG = {
    "unequal widths": ([{"units": 5}, {"units": 4, "residual": 1}], "network.layers[1].residual: the inputs of layer 1 have width 5"),
    "unequal inputs": (
        [{"units": 5, "residual": 1}],
        "network.layers[0].residual: the inputs of layer 0 have width 4, but this layer has 5",
    ),
    "too far": ([{}, {"residual": 3}], "network.layers[1].residual: the network has only 1 layer before this one"),
    "zero": ([{"residual": 0}], "network.layers[0].residual"),
}


@pytest.mark.parametrize("case", WRONG)
def test_connections_that_do_not_fit_are_refused(case):
    layers, message = WRONG[case]
    with pytest.raises(mlpkit.SpecError) as caught:
        spec(layers)
    assert message in str(caught.value)


def test_the_last_layer_has_none():
    with pytest.raises(mlpkit.SpecError, match=r"network\.layers\[0\]\.residual: a residual connection of the last layer"):
        Spec.model_validate({"network": {"layers": [{"units": 4, "residual": 1}]}, "loss": "mse"})


def test_widths_that_only_the_data_tell_are_refused_before_training():
    layers = [{"units": 5, "activation": "relu", "residual": 1}, {"units": 1}]
    with pytest.raises(mlpkit.SpecError, match=r"network\.layers\[0\]\.residual: the inputs of layer 0 have width 4"):
        mlpkit.train({"network": {"layers": layers}, "loss": "mse"}, X, Y[:, 0])


def test_a_deep_residual_network_is_trained_saved_loaded_and_resumed(tmp_path):
    layers = [{"units": 4, "activation": "relu", "normalization": "rms", "residual": 1} for _ in range(6)]
    whole = {"network": {"layers": [*layers, {"units": 1}]}, "loss": "mse", "training": {"epochs": 8}}
    model = mlpkit.train(whole, X, Y[:, 0])
    model.save(tmp_path / "model.h5")
    assert mlpkit.inspect(tmp_path / "model.h5")["spec_schema"] == 5
    np.testing.assert_array_equal(mlpkit.load(tmp_path / "model.h5").predict(X), model.predict(X))
    part = mlpkit.Model(whole, inputs=4, outputs=1)
    for epoch in mlpkit.epochs(part, X, Y[:, 0]):
        if epoch.number == 5:
            break
    part.save(tmp_path / "part.h5", training_state=True)
    resumed = mlpkit.train(whole, X, Y[:, 0], resume=tmp_path / "part.h5")
    np.testing.assert_array_equal(resumed.network.parameters.vector, model.network.parameters.vector)
