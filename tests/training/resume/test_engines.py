"""Engines of a run that is resumed: that with which it began, unless the user chooses another one, and they are told then."""

import warnings

import numpy as np
import pytest

import mlpkit

RNG = np.random.default_rng(1)
X, Y = RNG.standard_normal((30, 3)), RNG.standard_normal((30, 2))


class Slight(mlpkit.Engine):
    """The passes of NumPy, with slightly other gradients."""

    def training(self, workspace):
        def both(inputs, targets, weights):
            workspace.engine_pass = None
            loss = workspace.loss_and_gradient(inputs, targets, weights)
            workspace.engine_pass = both
            workspace.gradient.vector *= 1.001
            return loss

        return both

    def prediction(self, forward):
        def run(inputs, outputs):
            forward.engine_pass = None
            forward.run(inputs, outputs)
            forward.engine_pass = run
            outputs *= 1.001

        return run


@pytest.fixture(autouse=True)
def registered():
    mlpkit.register(Slight)


def spec_of(engine=None, **options):
    training = {"epochs": 4, "batch_size": 8, "keep_state": True, **({} if engine is None else {"engine": engine}), **options}
    layers = [{"units": 5, "activation": "tanh", "dropout": 0.2}, {"units": 2}]
    return {"preprocessing": "none", "network": {"layers": layers}, "loss": "mse", "training": training}


def stopped(spec, path):
    """Write the state of a run after six steps."""
    steps = []
    model = mlpkit.Model(spec, inputs=3)
    list(mlpkit.epochs(model, X, Y, stop=lambda: steps.append(0) or len(steps) > 6))
    model.save(path, training_state=True)
    return path


def resumed(spec, path):
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        model = mlpkit.train(spec, X, Y, resume=path)
    return model, [str(each.message) for each in found]


def written(model, path):
    model.save(path)
    return path.read_bytes()


@pytest.mark.parametrize("began", [None, "numpy", "slight"])
def test_a_run_goes_on_with_its_engine(began, tmp_path):
    whole = mlpkit.train(spec_of(began), X, Y)
    model, warned = resumed(spec_of(), stopped(spec_of(began), tmp_path / "part.h5"))
    assert warned == []
    assert model.spec.training.engine == began
    assert written(model, tmp_path / "resumed.h5") == written(whole, tmp_path / "whole.h5")


@pytest.mark.parametrize(("began", "now"), [("slight", "numpy"), (None, "slight"), ("numpy", "slight")])
def test_another_engine_is_a_warning(began, now, tmp_path):
    model, warned = resumed(spec_of(now), stopped(spec_of(began), tmp_path / "part.h5"))
    message = f"the run began with the engine {began or 'numpy'!r} and is resumed with {now!r}"
    assert warned == [f"{message}: the last bits, and the masks of dropout, may differ from those of an uninterrupted run"]
    assert model.spec.training.engine == now
    whole = mlpkit.train(spec_of(now), X, Y)
    assert not np.array_equal(model.network.parameters.vector, whole.network.parameters.vector)
    np.testing.assert_allclose(model.network.parameters.vector, whole.network.parameters.vector, rtol=0.1, atol=0.01)


def test_a_run_whose_engine_is_missing_cannot_be_resumed_without_a_choice(tmp_path):
    stopped(spec_of("slight"), tmp_path / "part.h5")
    mlpkit.plugin.REGISTRIES["engines"]._own.clear()
    with pytest.raises(mlpkit.MissingPlugin, match="unknown engine 'slight'"):
        mlpkit.train(spec_of(), X, Y, resume=tmp_path / "part.h5")
    model, warned = resumed(spec_of("numpy"), tmp_path / "part.h5")
    assert len(warned) == 1
    assert len(model.history) == 4


def test_a_loaded_model_goes_on_with_its_engine(tmp_path):
    whole = mlpkit.train(spec_of("slight"), X, Y)
    model = mlpkit.load(stopped(spec_of("slight"), tmp_path / "part.h5"))
    list(mlpkit.epochs(model, X, Y, resume=True))
    assert np.array_equal(model.network.parameters.vector, whole.network.parameters.vector)


@pytest.mark.parametrize("stopping", [None, {"patience": 3}])
def test_the_engine_validates_and_the_finished_model_predicts_with_numpy(stopping, tmp_path):
    spec = spec_of("slight", early_stopping=stopping)
    model = mlpkit.train(spec, X, Y, validation=(X[:10], Y[:10]))
    numpy = model.evaluate(X[:10], Y[:10])["loss"]
    best = min(epoch.validation_loss for epoch in model.history) if stopping else model.history[-1].validation_loss
    assert best != numpy == pytest.approx(best, rel=0.05)
    assert model.engine is None
    model.save(tmp_path / "model.h5")
    assert np.array_equal(mlpkit.load(tmp_path / "model.h5").predict(X), model.predict(X))


def test_a_missing_engine_of_the_run_is_one_that_the_run_began_with(tmp_path):
    path = stopped(spec_of("slight"), tmp_path / "state.h5")
    mlpkit.plugin.REGISTRIES["engines"]._own.clear()
    with pytest.raises(mlpkit.MissingPlugin, match="unknown engine 'slight': the run that is resumed began with it") as found:
        mlpkit.train(spec_of(), X, Y, resume=path)
    assert "--engine numpy" in found.value.help
    with pytest.warns(UserWarning, match="began with the engine 'slight' and is resumed with 'numpy'"):
        mlpkit.train(spec_of("numpy"), X, Y, resume=path)
