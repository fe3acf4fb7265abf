"""Optimizers that PyTorch lacks, against the pseudo-code of their papers, on the gradients of a network."""

import math

import numpy as np
import pytest

import mlpkit
from mlpkit.engine.workspace import Workspace
from mlpkit.plugin import Schedule

RNG = np.random.default_rng(31)
X, Y = RNG.standard_normal((24, 3)), RNG.standard_normal((24, 2))
EPOCHS, BATCH = 100, 12


def model_of(optimizer, dtype="float64", **training):
    layers = [
        {"units": 5, "activation": "tanh", "learning_rate_factor": 0.5, "normalization": "layer"},
        {"units": 4, "activation": "tanh", "decay_factor": 2.0},
        {"units": 2, "learning_rate_factor": 2.0},
    ]
    spec = {
        "dtype": dtype,
        "preprocessing": "none",
        "network": {"layers": layers},
        "loss": "mse",
        "optimizer": optimizer,
        "training": {"epochs": EPOCHS, "batch_size": BATCH, "shuffle": False, **training},
    }
    return mlpkit.Model(spec, inputs=3, outputs=2)


def paper(model, rate, decay, update):
    """Losses of the epochs with `update(name, w, g, lr, d, t)` for each tensor, which returns the next weights."""
    views, workspace, losses = model.network.parameters.views, Workspace(model.network, model.spec.loss, BATCH), []
    for step in range(EPOCHS * 2):
        rows = slice(BATCH * (step % 2), BATCH * (step % 2 + 1))
        losses.append(workspace.loss_and_gradient(X[rows], Y[rows]) / BATCH)
        for name, gradient in workspace.gradient.views.items():
            layer = model.spec.network.layers[int(name.split(".")[1])]
            d = decay * layer.decay_factor if name.endswith(".weight") else 0.0
            views[name][...] = update(name, views[name].copy(), gradient.copy(), rate(step) * layer.learning_rate_factor, d, step + 1)
    return np.array(losses).reshape(EPOCHS, 2).mean(axis=1)


def lion(beta1=0.9, beta2=0.99):
    """Algorithm 2 of Chen et al. 2023."""
    m = {}

    def update(name, w, g, lr, decay, t):
        before = m.get(name, 0.0)
        c = beta1 * before + (1 - beta1) * g
        m[name] = beta2 * before + (1 - beta2) * g
        return w - lr * (np.sign(c) + decay * w)

    return update


def schedule_free(beta1=0.9, beta2=0.999, epsilon=1e-8):
    """The authors' package 1.4, which keeps y and z; x is computed from them."""
    z, v, largest, total = {}, {}, {}, {}

    def update(name, y, g, lr, decay, t):
        if t == 1:
            z[name], v[name], largest[name], total[name] = y.copy(), np.zeros_like(y), 0.0, 0.0
        largest[name] = max(lr, largest[name])
        total[name] += largest[name] ** 2
        c = largest[name] ** 2 / total[name] if total[name] else 0.0
        v[name] = beta2 * v[name] + (1 - beta2) * g**2
        along = g / (np.sqrt(v[name] / (1 - beta2**t)) + epsilon) + decay * y
        y = (1 - c) * y + c * z[name] + lr * (beta1 * (1 - c) - 1) * along
        z[name] = z[name] - lr * along
        return y

    def averages(views):
        return {name: y + (1 - 1 / beta1) * (z[name] - y) for name, y in views.items()}

    return update, averages


@pytest.mark.parametrize("schedule", [False, True])
def test_200_steps_of_lion(schedule):
    """Groups of learning rate and decay, and a schedule; decay after the sign is that before it, from the same weights."""
    rate = {"type": "step", "initial": 0.005, "every": 30, "gamma": 0.5} if schedule else 0.005
    optimizer = {"type": "lion", "learning_rate": rate, "betas": [0.8, 0.95], "weight_decay": 0.3}
    written, run = model_of(optimizer), model_of(optimizer)
    expected = paper(written, lambda step: 0.005 * 0.5 ** (step // 60 if schedule else 0), 0.3, lion(0.8, 0.95))
    found = [epoch.loss for epoch in mlpkit.epochs(run, X, Y)]
    np.testing.assert_allclose(found, expected, rtol=1e-10)
    np.testing.assert_allclose(run.network.parameters.vector, written.network.parameters.vector, rtol=1e-9, atol=1e-12)
    single = [epoch.loss for epoch in mlpkit.epochs(model_of(optimizer, "float32"), X, Y)]
    np.testing.assert_allclose(single[:20], expected[:20], rtol=1e-3)
    assert np.isfinite(single).all()


class RisingRate(Schedule):
    """The authors' warm-up: lr t / steps until step t = steps."""

    initial: float = 0.02
    steps: int = 30

    def at(self, progress):
        return self.initial * min(1.0, (progress.step + 1) / self.steps)


@pytest.mark.parametrize("warm_up", [False, True])
@pytest.mark.parametrize("beta1", [0.9, 0.6])
def test_200_steps_of_schedule_free_adamw(warm_up, beta1):
    rate = RisingRate() if warm_up else 0.02
    optimizer = mlpkit.optimizers.ScheduleFreeAdamW(learning_rate=rate, beta1=beta1, weight_decay=0.3)
    update, averages = schedule_free(beta1)
    written, run = model_of(optimizer), model_of(optimizer)
    expected = paper(written, lambda step: 0.02 * (min(1.0, (step + 1) / 30) if warm_up else 1.0), 0.3, update)
    found = [epoch.loss for epoch in mlpkit.epochs(run, X, Y)]
    np.testing.assert_allclose(found, expected, rtol=1e-10)
    for name, x in averages(written.network.parameters.views).items():  # the model predicts with x
        np.testing.assert_allclose(run.network.parameters.views[name], x, rtol=1e-8, atol=1e-10)
    single = [epoch.loss for epoch in mlpkit.epochs(model_of(optimizer, "float32"), X, Y)]
    np.testing.assert_allclose(single, expected, rtol=1e-3)


def test_validation_and_the_model_use_the_average():
    model = model_of("schedule_free_adamw")
    *_, last = mlpkit.epochs(model, X, Y, validation=(X[:9], Y[:9]))
    assert model.evaluate(X[:9], Y[:9])["loss"] == pytest.approx(last.validation_loss, rel=1e-12)
    assert not math.isclose(last.loss, last.validation_loss)


@pytest.mark.parametrize("optimizer", ["schedule_free_adamw", {"type": "averaging", "inner": "sgd"}], ids=str)
def test_weights_that_are_set_between_two_runs_are_the_next_start(optimizer):
    """The state holds the average of the old weights: they would come back with the next step."""
    model, fresh = model_of(optimizer, epochs=3), model_of(optimizer, epochs=3)
    start = {name: view.copy() for name, view in fresh.network.parameters.views.items()}
    list(mlpkit.epochs(model, X, Y))
    model.set_weights(start)
    list(mlpkit.epochs(model, X, Y))
    list(mlpkit.epochs(fresh, X, Y))
    np.testing.assert_array_equal(model.network.parameters.vector, fresh.network.parameters.vector)


def test_a_constraint_that_the_average_would_break_is_refused():
    layers = [{"units": 3, "weight_constraint": "unit_norm"}, {"units": 1}]
    spec = {"network": {"layers": layers}, "loss": "mse", "optimizer": "schedule_free_adamw"}
    with pytest.raises(mlpkit.SpecError, match=r"network\.layers\[0\]\.weight_constraint: .* predicts with an average"):
        mlpkit.Spec.model_validate(spec)
