"""Wrappers and averaging optimizers: the gradient that they pass on, and the weights that a model predicts with."""

import json
from typing import ClassVar

import numpy as np
import pytest

import mlpkit
from mlpkit import optimizers
from mlpkit.optimizers import Averaging, Clipping
from mlpkit.plugin import Optimizer, Wrapper

from .builtins import builtins

RNG = np.random.default_rng(12)
X = RNG.standard_normal((64, 3))
Y = np.sin(X[:, 0]) + X[:, 1] * X[:, 2]


def spec(optimizer, **changes):
    layers = [{"units": 8, "activation": "tanh"}, {"units": 1}]
    whole = {
        "dtype": "float64",
        "data": {"split": {"validation": 0.25}},
        "network": {"layers": layers},
        "loss": "mse",
        "optimizer": optimizer,
        "training": {"epochs": 4, "batch_size": 16},
        "metrics": ["rmse"],
    }
    return {**whole, **changes}


def averaged(inner="adam", decay=0.9):
    return {"type": "averaging", "inner": inner, "decay": decay}


class PlainStep(Optimizer):
    """Takes the gradient for the step: w -= grad."""

    def step(self, w, grad, *state, lr, t):
        w -= grad


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e160])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_long_gradient_is_shortened_and_keeps_its_direction(scale, dtype):
    gradient = (RNG.standard_normal(50) * min(scale, 1e30 if dtype == "float32" else scale)).astype(dtype)
    w = np.zeros_like(gradient)
    optimizers.Clipping(inner=PlainStep(), norm=2.0).step(w, gradient.copy(), lr=0.1, t=1)
    exact = gradient.astype(np.longdouble)
    exact *= min(1.0, 2.0 / np.sqrt((exact * exact).sum()))
    np.testing.assert_allclose(-w, exact.astype(dtype), rtol=1e-5 if dtype == "float32" else 1e-13)


def test_single_numbers_are_limited_before_the_norm():
    w = np.zeros(3)
    optimizers.Clipping(inner=PlainStep(), value=1.0, norm=1.0).step(w, np.array([5.0, -3.0, 0.5]), lr=0.1, t=1)
    np.testing.assert_allclose(w, -np.array([1.0, -1.0, 0.5]) / 1.5)


@pytest.mark.parametrize("wrong", [{}, {"norm": 0.0}, {"value": -1.0}])
def test_a_limit_is_needed(wrong):
    with pytest.raises(mlpkit.SpecError, match=r"norm|value"):
        mlpkit.Spec.model_validate(spec({"type": "clipping", "inner": "adam", **wrong}))


def test_an_optimizer_that_needs_the_whole_problem_is_not_wrapped():
    with pytest.raises(mlpkit.SpecError, match="cannot be wrapped"):
        mlpkit.Spec.model_validate(spec({"type": "averaging", "inner": "lbfgs"}))


def test_a_wrapper_has_no_learning_rate_of_its_own():
    with pytest.raises(mlpkit.SpecError, match="learning_rate"):
        mlpkit.Spec.model_validate(spec({**averaged(), "learning_rate": 0.5}))
    inner = {"type": "sgd", "learning_rate": 0.25}
    model = mlpkit.train(spec({"type": "clipping", "inner": {**averaged(inner)}, "norm": 1.0}), X, Y)
    assert {epoch.learning_rate for epoch in model.history} == {0.25}


def test_wrapped_without_effect_the_path_is_that_of_the_inner_optimizer():
    plain = mlpkit.train(spec("adam"), X, Y)
    wrapped = mlpkit.train(spec({"type": "clipping", "inner": "adam", "norm": 1e9}), X, Y)
    np.testing.assert_array_equal(wrapped.network.parameters.vector, plain.network.parameters.vector)


def path(optimizer, epochs):
    """The trained vector after each of so many full-batch epochs, by runs of other lengths."""
    training = {"epochs": epochs, "batch_size": None, "shuffle": False}
    return mlpkit.train(spec(optimizer, training=training), X, Y).network.parameters.vector


def test_the_model_has_the_bias_corrected_average_of_the_weights():
    steps = [path("adam", epochs) for epochs in range(1, 6)]
    weights = 0.9 ** np.arange(4, -1, -1)
    np.testing.assert_allclose(path(averaged(), 5), np.average(steps, axis=0, weights=weights), rtol=1e-12)


def test_validation_early_stopping_and_the_file_use_the_average(tmp_path):
    """The validation loss of the last epoch is that of the model, in memory and in its file."""
    for more in ({}, {"early_stopping": {"patience": 4}}):
        model = mlpkit.train(
            spec(averaged(decay=0.99), training={"epochs": 4, "batch_size": 16, **more}), X, Y, validation=(X[:20], Y[:20])
        )
        best = model.history[-1] if not more else min(model.history, key=lambda epoch: epoch.validation_loss)
        assert model.evaluate(X[:20], Y[:20])["loss"] == pytest.approx(best.validation_loss, rel=1e-12)
        model.save(tmp_path / "model.h5")
        np.testing.assert_array_equal(mlpkit.load(tmp_path / "model.h5").predict(X), model.predict(X))


def test_a_checkpoint_predicts_with_the_average_and_holds_the_trained_weights(tmp_path):
    model = mlpkit.Model(spec(averaged()), inputs=3, outputs=1)
    for number, epoch in enumerate(mlpkit.epochs(model, X, Y)):
        if number == 1:
            trained = model.network.parameters.vector.copy()
            model.save(tmp_path / "part.h5", training_state=True)
            loss = epoch.validation_loss
            break
    loaded = mlpkit.load(tmp_path / "part.h5")
    assert not np.array_equal(loaded.network.parameters.vector, trained)
    np.testing.assert_allclose(np.sort(loaded.training_state.arrays["loop/parameters"]), np.sort(trained), rtol=0)
    rest = list(mlpkit.epochs(loaded, X, Y, resume=True))
    assert [epoch.number for epoch in rest] == [3, 4]
    assert loss == model.history[1].validation_loss


@pytest.mark.parametrize("name", sorted({"adam", "nadam", "sgd"}))
def test_a_further_run_goes_on_from_the_trained_weights(name):
    training = {"epochs": 4, "batch_size": 16, "shuffle": False}
    twice = mlpkit.train(spec(averaged(name), training=training, data={}), X, Y)
    list(mlpkit.epochs(twice, X, Y))
    once = mlpkit.train(spec(averaged(name), training={**training, "epochs": 8}, data={}), X, Y)
    np.testing.assert_array_equal(twice.network.parameters.vector, once.network.parameters.vector)


def test_batch_statistics_are_measured_anew_with_the_averaged_weights():
    layers = [{"units": 8, "activation": "tanh", "normalization": "batch"}, {"units": 6, "normalization": "batch"}, {"units": 1}]
    model = mlpkit.train(spec(averaged(), network={"layers": layers}, data={}), X, Y)
    values = model.input_encoder.encode(mlpkit.data.frames.as_table(X), "float64")
    for layer, (_, outputs) in zip(model.network.layers[:2], model.network.by_layer(values), strict=False):
        product = values @ layer.weight
        np.testing.assert_allclose(layer.normalization["mean"], product.mean(axis=0), rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(layer.normalization["variance"], product.var(axis=0, ddof=1), rtol=1e-10)
        values = outputs


@pytest.mark.parametrize("name", builtins("optimizers"))
def test_state_and_scalars_are_named_once(name):
    optimizer = builtins("optimizers")[name]
    names = [*optimizer.state, *optimizer.scalars]
    assert len(set(names)) == len(names)
    assert type(optimizer).model_validate(json.loads(optimizer.model_dump_json())) == optimizer


class CountedRows(Optimizer):
    """A rule of tensors with a scalar, which counts the steps of each."""

    scope = "tensor"
    scalars = ("count",)

    def step(self, w, grad, *state, lr, t):
        (count,) = state
        count += 1
        w -= lr * grad * (w.ndim / float(count))


def test_a_rule_of_tensors_has_a_scalar_for_each(tmp_path):
    kept = {"epochs": 3, "batch_size": 16, "keep_state": True}
    model = mlpkit.train(spec(CountedRows, training=kept), X, Y)
    model.save(tmp_path / "model.h5")
    loaded = mlpkit.load(tmp_path / "model.h5", plugins=[CountedRows])
    np.testing.assert_array_equal(loaded.training_state.arrays["optimizer/count"], [9.0] * 4)


# -- rates of layers, and tensors by role


def layered(factors, optimizer="adam", **changes):
    layers = [{"units": 8, "activation": "tanh", "learning_rate_factor": factors[0]}, {"learning_rate_factor": factors[1]}]
    return spec(optimizer, network={"layers": layers}, data={}, **changes)


@pytest.mark.parametrize("name", sorted(set(builtins("optimizers")) - {"clipping", "averaging", "levenberg_marquardt"}))
def test_a_factor_multiplies_the_rate_of_its_layer(name):
    """With the rate 0.01 and factors 3 and 0.5, each layer's first step is that of a run with its own rate."""
    once = {"epochs": 1, "batch_size": None}

    def views(factors, rate):
        return mlpkit.train(layered(factors, {"type": name, "learning_rate": rate}, training=once), X, Y).network.parameters.views

    found, three, half = views((3.0, 0.5), 0.01), views((1.0, 1.0), 0.03), views((1.0, 1.0), 0.005)
    for view in found:
        expected = three if view.startswith("layers.0") else half
        np.testing.assert_allclose(found[view], expected[view], rtol=1e-12)


@pytest.mark.parametrize(
    "optimizer", [averaged("nadam"), {"type": "clipping", "inner": {"type": "sgd", "momentum": 0.9, "nesterov": True}, "norm": 1.0}]
)
def test_factors_of_one_change_nothing_and_others_resume_to_the_same_bits(optimizer, tmp_path):
    training = {"epochs": 4, "batch_size": 16, "keep_state": True}
    whole = mlpkit.train(layered((3.0, 0.5), optimizer, training=training), X, Y)
    part = mlpkit.train(layered((3.0, 0.5), optimizer, training={**training, "epochs": 2}), X, Y)
    part.save(tmp_path / "part.h5")
    resumed = mlpkit.train(layered((3.0, 0.5), optimizer, training=training), X, Y, resume=tmp_path / "part.h5")
    np.testing.assert_array_equal(resumed.network.parameters.vector, whole.network.parameters.vector)


def test_factors_of_many_parameters_in_pieces_and_on_threads(monkeypatch):
    expected = mlpkit.train(layered((3.0, 0.5)), X, Y).network.parameters.vector
    monkeypatch.setattr("mlpkit.training.update.MANY", 1)
    monkeypatch.setattr("mlpkit.training.update.PIECE", 7)
    np.testing.assert_array_equal(mlpkit.train(layered((3.0, 0.5)), X, Y).network.parameters.vector, expected)


def test_an_optimizer_of_the_whole_problem_takes_no_factors():
    with pytest.raises(mlpkit.SpecError, match=r"layers\[0\]\.learning_rate_factor: lbfgs chooses its own steps"):
        mlpkit.Spec.model_validate(layered((2.0, 1.0), "lbfgs"))


PLACES = set()


class ByRole(Optimizer):
    """Moves weights alone."""

    scope = "tensor"

    def step(self, w, grad, *state, lr, t, role="", layer=0):
        PLACES.add((role, layer, w.ndim))
        if role == "weight":
            w -= lr * grad


def test_a_rule_of_tensors_gets_role_and_layer():
    PLACES.clear()
    layers = [{"units": 8, "activation": "prelu", "normalization": "layer"}, {}]
    model = mlpkit.train(spec(ByRole, network={"layers": layers}, data={}), X, Y)
    parts = [("weight", 2), ("bias", 1), ("normalization.scale", 1), ("normalization.shift", 1), ("activation.slope", 1)]
    assert {(role, 0, rank) for role, rank in parts} | {("weight", 1, 2), ("bias", 1, 1)} == PLACES
    assert not model.network.parameters.views["layers.0.bias"].any()


class ByPlace(mlpkit.Optimizer):
    """Gradient descent that notes the places of the tensors."""

    scope: ClassVar[str] = "tensor"

    def step(self, w, grad, *state, lr, t, role, layer):
        PLACES.add((layer, role))
        w -= lr * grad


PLACES: set[tuple[int, str]] = set()


@pytest.mark.parametrize("wrap", [lambda inner: Clipping(inner=inner, norm=1.0), lambda inner: Averaging(inner=inner)])
def test_a_wrapper_passes_role_and_layer_to_the_inner_rule(wrap):
    PLACES.clear()
    layers = [{"units": 3, "activation": "tanh"}, {"units": 1}]
    model = mlpkit.Model(
        {"network": {"layers": layers}, "loss": "mse", "optimizer": wrap(wrap(ByPlace())), "training": {"epochs": 1}}, inputs=2
    )
    list(mlpkit.epochs(model, [[0.0, 1.0], [1.0, 0.0]], [0.0, 1.0]))
    assert {(0, "weight"), (0, "bias"), (1, "weight"), (1, "bias")} == PLACES


class Deaf(Wrapper):
    """A wrapper that passes no place."""

    def step(self, w, grad, *state, lr, t):
        self.inner.step(w, grad, *state, lr=lr, t=t)


def test_a_wrapper_that_cannot_pass_role_and_layer_is_refused():
    Deaf(inner="sgd")
    with pytest.raises(ValueError, match=r"Deaf does not pass 'role' and 'layer' to the inner optimizer: define its step with \*\*place"):
        Deaf(inner=ByPlace())
