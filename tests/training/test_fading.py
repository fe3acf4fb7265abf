"""Dropout, input noise and weight decay that fade toward the end of a run."""

import math

import numpy as np
import pytest

import mlpkit
from mlpkit.engine import dropout
from mlpkit.errors import SpecError
from mlpkit.training.weight_decay import WeightDecay

RNG = np.random.default_rng(6)
X = RNG.normal(size=(24, 3))
Y = X @ [1.0, -1.0, 0.5] + 0.1 * RNG.normal(size=24)
EPOCHS = 10


def spec(start=0.5, *, rate=0.3, layer=None, **training):
    layers = [{"units": 8, "activation": "tanh", "dropout": rate if layer is None else layer}, {}]
    options = {"epochs": EPOCHS, "batch_size": 8, "fade_from": start, **training}
    return {"network": {"layers": layers}, "loss": "mse", "optimizer": "sgd", "dtype": "float64", "training": options}


def share(epoch, start):
    """Share in the epoch behind `epoch` finished ones, as the paper defines it for a step."""
    done = epoch / EPOCHS
    return 1.0 if done <= start else 0.5 * (1 + math.cos(math.pi * (done - start) / (1 - start)))


@pytest.fixture
def seen(monkeypatch):
    """The share of the decay and the rate of dropout of each epoch."""
    monkeypatch.setenv("MLPKIT_KERNELS", "0")  # which would apply the decay themselves
    found = []
    draw, apply = dropout.DropoutMask._draw, WeightDecay.apply

    def drawn(self):
        found.append(("rate", self.rate))
        draw(self)

    def applied(self, gradient, rate):
        found.append(("share", self.fading))
        apply(self, gradient, rate)

    monkeypatch.setattr(dropout.DropoutMask, "_draw", drawn)
    monkeypatch.setattr(WeightDecay, "apply", applied)
    return found


@pytest.mark.parametrize("start", [0.0, 0.5, 0.73])
def test_each_epoch_has_its_share(start, seen):
    mlpkit.train(spec(start, weight_decay=0.01), X, Y)
    expected = [share(epoch, start) for epoch in range(EPOCHS) for _ in range(3)]
    np.testing.assert_allclose([value for name, value in seen if name == "rate"], 0.3 * np.array(expected), rtol=1e-12)
    np.testing.assert_allclose([value for name, value in seen if name == "share"], expected, rtol=1e-12)
    assert expected[0] == 1
    assert expected[-1] < 0.5


def test_weights_are_those_of_the_formula_written_out():
    """Plain gradient descent with a decay, no dropout, all rows in each step."""
    options = spec(0.3, rate=0.0, weight_decay=0.2, batch_size=None)
    options["network"] = {"layers": [{}]}
    options["optimizer"] = {"type": "sgd", "learning_rate": 0.1}
    options["preprocessing"] = "none"
    model = mlpkit.Model(options, inputs=3, outputs=1)
    w, b = model.network.layers[0].weight.copy(), model.network.layers[0].bias.copy()
    list(mlpkit.epochs(model, X, Y))
    for epoch in range(EPOCHS):
        error = X @ w + b - Y[:, None]
        gradients = 2 * X.T @ error / len(X), 2 * error.mean(axis=0)
        w = w * (1 - 0.1 * 0.2 * share(epoch, 0.3)) - 0.1 * gradients[0]
        b = b - 0.1 * gradients[1]
    np.testing.assert_allclose(model.network.layers[0].weight, w, rtol=1e-10)
    np.testing.assert_allclose(model.network.layers[0].bias, b, rtol=1e-10)


KINDS = {
    "dropout": {},
    "alpha": {"layer": {"type": "alpha", "rate": 0.2}},
    "gaussian": {"layer": {"type": "gaussian", "rate": 0.2}},
    "noise": {"rate": 0.0},
}


def of_kind(kind, start):
    found = spec(start, **KINDS[kind])
    if kind == "noise":
        found["network"] |= {"input_noise": 0.1, "input_dropout": 0.2}
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_a_faded_run_begins_like_the_other_and_resumes_to_the_same_bits(kind, tmp_path):
    plain, faded = (mlpkit.train(of_kind(kind, start), X, Y) for start in (None, 0.4))
    losses = [[epoch.loss for epoch in model.history] for model in (plain, faded)]
    assert losses[0][:5] == losses[1][:5]  # the fifth epoch begins at 0.4
    assert losses[0][5] != losses[1][5]
    for stop in (3, 17, 20):
        part = mlpkit.Model(faded.spec, inputs=3, outputs=1)
        steps = iter(range(stop + 1))
        list(mlpkit.epochs(part, X, Y, stop=lambda steps=steps, stop=stop: next(steps) >= stop))
        part.save(tmp_path / "part.h5", training_state=True, replace=True)
        resumed = mlpkit.load(tmp_path / "part.h5")
        list(mlpkit.epochs(resumed, X, Y, resume=True))
        np.testing.assert_array_equal(resumed.network.parameters.vector, faded.network.parameters.vector)


def test_noise_that_has_faded_changes_nothing():
    noise = dropout.InputNoise(0.0, 0.5, [], (4, 3), np.dtype("float64"), np.random.default_rng(0))
    assert not np.array_equal(noise.fill(X[:4]), X[:4])
    noise.fade_to(0.0)
    np.testing.assert_array_equal(noise.fill(X[:4]), X[:4])


@pytest.mark.parametrize("options", [0.4, {"type": "alpha", "rate": 0.4}, {"type": "gaussian", "rate": 0.4}], ids=str)
def test_dropout_at_a_lower_rate_is_that_of_this_rate(options):
    lower = 0.1 if isinstance(options, float) else {**options, "rate": 0.1}
    masks, results = [], []
    for number, each in enumerate((options, lower)):
        parsed = mlpkit.Spec.model_validate(spec(None, layer=each)).network.layers[0].dropout
        mask = dropout.DropoutMask(parsed, X.shape, np.dtype("float64"), np.random.default_rng(3))
        if number == 0:
            mask.fade_to(0.25)
        out = np.empty_like(X)
        for function, arguments in mask.forward(X, out):
            function(*arguments)
        masks.append(mask.mask)
        results.append(out)
    np.testing.assert_allclose(masks[0], masks[1], rtol=1e-12)
    np.testing.assert_allclose(results[0], results[1], rtol=1e-12)


WRONG = {
    "nothing to fade": (spec(0.5, rate=0.0), "there is no dropout"),
    "1": (spec(1.0), "less than 1"),
    "-1": (spec(-0.5), "greater than"),
}


@pytest.mark.parametrize("name", WRONG)
def test_other_values_are_refused_at_their_place(name):
    with pytest.raises(SpecError, match=WRONG[name][1]) as caught:
        mlpkit.Spec.model_validate(WRONG[name][0])
    assert "training.fade_from" in str(caught.value)


def test_the_decay_of_an_optimizer_fades_too():
    assert mlpkit.Spec.model_validate({**spec(0.5, rate=0.0), "optimizer": "adamw"}).training.fade_from == 0.5


def test_the_key_needs_schema_5(tmp_path):
    for start, schema in ((0.5, 5), (None, 3)):
        model = mlpkit.train(spec(start), X, Y)
        model.save(tmp_path / f"{schema}.h5")
        assert mlpkit.inspect(tmp_path / f"{schema}.h5")["spec_schema"] == schema
