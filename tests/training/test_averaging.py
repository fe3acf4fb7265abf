"""Averaged weights: the batch statistics, the losses, the files and the later runs are those of the network that is returned."""

import numpy as np
import pytest

import mlpkit
from mlpkit.plugin import Elementwise

RNG = np.random.default_rng(8)
X = RNG.standard_normal((60, 3))
Y = np.tanh(X @ RNG.standard_normal(3)) + 0.1 * RNG.standard_normal(60)
AVERAGES = {
    "optimizer": ({"type": "averaging", "decay": 0.9, "inner": "adam"}, {}),
    "ema": ("adam", {"average": {"type": "ema", "decay": 0.9}}),
    "swa": ("adam", {"average": {"type": "swa", "start": 0.0}}),
}


@pytest.fixture(params=AVERAGES)
def spec(request):
    optimizer, training = AVERAGES[request.param]
    return lambda hidden=None, **rest: make(hidden, {**training, **rest.pop("training", {})}, **{"optimizer": optimizer, **rest})


def make(hidden, training, optimizer, **rest):
    layers = [{"units": 6, "activation": "tanh", "normalization": "batch", **(hidden or {})}, {"units": 1}]
    return {
        "dtype": "float64",
        "network": {"layers": layers},
        "loss": "mse",
        "optimizer": optimizer,
        "training": {"epochs": 8, "batch_size": 16, **training},
        "data": {"split": {"validation": 0.25}},
        **rest,
    }


@pytest.mark.parametrize("training", [{}, {"early_stopping": {"patience": 3}}], ids=["plain", "stopping"])
def test_the_losses_of_the_epochs_are_those_of_the_network_that_is_returned(spec, training):
    model = mlpkit.Model(spec(training=training, data={}), inputs=3, outputs=1)
    validation = X[45:], Y[45:]
    losses = [epoch.validation_loss for epoch in mlpkit.epochs(model, X[:45], Y[:45], validation=validation)]
    expected = min(losses) if training else losses[-1]
    np.testing.assert_allclose(model.evaluate(*validation)["loss"], expected, rtol=1e-12)


def test_the_last_checkpoint_predicts_as_the_model_that_is_returned(spec, tmp_path):
    model = mlpkit.train(spec(), X, Y, checkpoints=tmp_path)
    stored = mlpkit.load(tmp_path / "epoch-000008.h5")
    np.testing.assert_array_equal(stored.predict(X), model.predict(X))


def test_predictions_and_files_in_the_loop_are_those_of_the_averaged_weights(spec, tmp_path):
    model = mlpkit.Model(spec(data={}), inputs=3, outputs=1)
    for number, epoch in enumerate(mlpkit.epochs(model, X[:45], Y[:45], validation=(X[45:], Y[45:]))):
        np.testing.assert_allclose(model.evaluate(X[45:], Y[45:])["loss"], epoch.validation_loss, rtol=1e-12)
        model.save(tmp_path / f"{number}.h5")
        np.testing.assert_array_equal(mlpkit.load(tmp_path / f"{number}.h5").predict(X), model.predict(X))


def test_a_later_run_goes_on_from_the_trained_weights(spec):
    model = mlpkit.Model(spec(), inputs=3, outputs=1)
    for _ in mlpkit.epochs(model, X, Y):
        trained = model.network.parameters.vector.copy()
    assert not np.array_equal(model.network.parameters.vector, trained), "the model has the averaged weights"
    starts = []
    list(mlpkit.epochs(model, X, Y, stop=lambda: starts.append(model.network.parameters.vector.copy()) or True))
    np.testing.assert_array_equal(starts[0], trained)


def test_the_batch_statistics_of_a_frozen_layer_stay(spec):
    frozen = {"trainable": False}
    averaged, plain = (mlpkit.train(each, X, Y) for each in (spec(frozen), make(frozen, {}, "adam")))
    for name in ("layers.0.normalization.mean", "layers.0.normalization.variance"):
        np.testing.assert_array_equal(averaged.network.parameters.views[name], plain.network.parameters.views[name])


class Brittle(Elementwise):
    """An activation that fails when it is told to."""

    def function(self, z):
        if FAILING:
            raise ValueError("boom")
        return np.tanh(z)

    def derivative(self, z, y):
        return 1 - y * y


FAILING: list[int] = []


def test_a_plugin_that_fails_leaves_the_last_epoch_and_a_model_that_can_be_trained(spec, tmp_path):
    model = mlpkit.Model(spec({"activation": Brittle()}), inputs=3, outputs=1)
    loop = mlpkit.epochs(model, X, Y)
    next(loop), next(loop)
    model.save(tmp_path / "saved.h5")
    saved = mlpkit.load(tmp_path / "saved.h5", plugins=[Brittle])
    FAILING.append(1)
    try:
        with pytest.raises(mlpkit.BrokenPlugin, match="boom"):
            next(loop)
    finally:
        FAILING.clear()
    np.testing.assert_array_equal(model.network.parameters.vector, saved.network.parameters.vector)
    assert len(list(mlpkit.epochs(model, X, Y))) == 8
