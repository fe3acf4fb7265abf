"""Engines: they compute the passes of training and prediction where they can, and what they leave is NumPy's."""

import copy
import pickle
from contextlib import closing

import numpy as np
import pytest

import mlpkit
from mlpkit.data.dataset import Dataset
from mlpkit.engine.network import Network
from mlpkit.engine.workspace import Workspace
from mlpkit.plugin.engine import BLOCK
from mlpkit.spec import Spec
from mlpkit.training.run import Run

RNG = np.random.default_rng(7)
X, Y = RNG.standard_normal((30, 3)), RNG.standard_normal((30, 2))
CALLS = []


class Simple(mlpkit.Engine):
    """Passes of a network of tanh and linear layers with the squared error, written anew."""

    def training(self, workspace):
        network, rows = workspace.network, workspace.rows
        if any(layer.spec.normalization for layer in network.layers):
            return None
        first, last = network.layers

        def both(inputs, targets, weights):
            CALLS.append(("training", len(inputs)))
            hidden = np.tanh(inputs @ first.weight + first.bias)
            away = hidden @ last.weight + last.bias - targets
            weights = np.ones(rows) if weights is None else weights
            grad = away * weights[:, None] * (2 / rows / away.shape[1])
            grad_z = grad @ last.weight.T * (1 - hidden**2)
            found = (inputs.T @ grad_z, grad_z.sum(axis=0), hidden.T @ grad, grad.sum(axis=0))
            for view, values in zip(workspace.gradient.views.values(), found, strict=True):
                view[...] = values
            return float(weights @ (away**2).mean(axis=1))

        return both

    def prediction(self, forward):
        if len(forward.layers) != 2:
            return None
        first, last = (buffers.layer for buffers in forward.layers)
        z = forward.z

        def run(inputs, outputs):
            CALLS.append(("prediction", len(inputs)))
            z[...] = np.tanh(inputs @ first.weight + first.bias) @ last.weight + last.bias
            outputs[...] = z

        return run


@pytest.fixture(autouse=True)
def no_calls():
    CALLS.clear()


def spec_of(layer=None, **training):
    layers = [{"units": 5, "activation": "tanh", **(layer or {})}, {"units": 2}]
    spec = {"dtype": "float64", "network": {"inputs": 3, "layers": layers}, "loss": "mse"}
    return Spec.model_validate(spec | {"training": {"epochs": 4, "batch_size": 8, **training}})


def network_of(spec):
    network = Network(spec.network, spec.dtype)
    network.initialize(np.random.default_rng(0))
    return network


def test_a_pass_of_an_engine_replaces_that_of_the_workspace():
    spec = spec_of()
    network = network_of(spec)
    weights = RNG.random(30)
    expected, found = Workspace(network, spec.loss, 30), Workspace(network, spec.loss, 30)
    found.use(Simple())
    for given in (None, weights):
        assert found.loss_and_gradient(X, Y, given) == pytest.approx(expected.loss_and_gradient(X, Y, given), rel=1e-12)
        np.testing.assert_allclose(found.gradient.vector, expected.gradient.vector, rtol=1e-10, atol=1e-14)
    assert CALLS == [("training", 30)] * 2


def test_a_network_that_an_engine_leaves_is_that_of_numpy():
    spec = spec_of({"normalization": "layer"})
    network = network_of(spec)
    expected, found = Workspace(network, spec.loss, 30), Workspace(network, spec.loss, 30)
    found.use(Simple())
    assert found.loss_and_gradient(X, Y) == expected.loss_and_gradient(X, Y)
    np.testing.assert_array_equal(found.gradient.vector, expected.gradient.vector)
    assert CALLS == []


def test_predictions_of_an_engine():
    network = network_of(spec_of())
    other, x = network.using(Simple()), RNG.standard_normal((BLOCK + 3, 3))
    np.testing.assert_allclose(other.predict(x), network.predict(x), rtol=1e-12)
    assert CALLS == [("prediction", BLOCK), ("prediction", 3)]
    for found, expected in zip(other.forward(x), network.forward(x), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12)
    network.parameters.vector *= 0.5  # both have the same parameters
    np.testing.assert_allclose(other.predict(x), network.predict(x), rtol=1e-12)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda network: pickle.loads(pickle.dumps(network))])
def test_a_copy_has_no_engine(copied):
    network = copied(network_of(spec_of()).using(Simple()))
    assert network.engine is None
    network.predict(X)
    assert CALLS == []


def run_of(spec, engine, validation):
    network, data = network_of(spec), Dataset(X[:20], Y[:20], None)
    with closing(Run(network, spec, data, Dataset(X[20:], Y[20:], None) if validation else None, None, None, 0, engine=engine)) as run:
        epochs = list(iter(run.next_epoch, None))
    return network, [(epoch.loss, epoch.validation_loss) for epoch in epochs]


@pytest.mark.parametrize("average", [None, "swa"])
def test_a_run_with_an_engine_trains_and_evaluates_with_it(average):
    spec = spec_of(average=average)
    expected, numbers = run_of(spec, None, validation=True)
    assert CALLS == []
    found, others = run_of(spec, Simple(), validation=True)
    np.testing.assert_allclose(others, numbers, rtol=1e-12)
    np.testing.assert_allclose(found.parameters.vector, expected.parameters.vector, rtol=1e-10, atol=1e-13)
    epoch = [("training", 8), ("training", 8), ("training", 4), ("prediction", 10)]
    assert epoch * 4 == CALLS
    assert found.engine is None
    assert np.array_equal(found.predict(X), copy.deepcopy(found).predict(X))


class Broken(mlpkit.Engine):
    """Engine that fails."""

    def training(self, workspace):
        raise OSError("no library")

    def prediction(self, forward):
        raise OSError("no library")


def test_an_engine_that_fails_is_named():
    mlpkit.register(Broken)
    spec = spec_of()
    with pytest.raises(
        mlpkit.BrokenPlugin,
        match=r"the engine 'broken' of your own class .* failed in training: OSError: no library",
    ):
        run_of(spec, Broken(), validation=False)
    with pytest.raises(mlpkit.BrokenPlugin, match="failed in prediction: OSError: no library"):
        network_of(spec).using(Broken()).predict(X)


class BySeven(Simple):
    """Blocks of seven rows."""

    def block(self, network):
        return 7


def test_an_engine_chooses_the_rows_of_a_block():
    network = network_of(spec_of())
    with_engine = network.using(BySeven())
    np.testing.assert_allclose(with_engine.predict(X), network.predict(X), rtol=1e-6)
    assert CALLS == [("prediction", 7)] * 4 + [("prediction", 2)]


def test_an_engine_is_not_asked_for_a_block_without_rows():
    network = network_of(spec_of()).using(Simple())
    assert network.predict(np.empty((0, 3))).shape == (0, network.units)
    assert CALLS == []
