"""Scaling of numeric targets: declared by the loss unless the spec sets it."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest

import mlpkit
from mlpkit.data.frames import as_table
from mlpkit.errors import SpecError
from mlpkit.plugin import REGISTRIES, Loss
from mlpkit.preprocessing import TargetEncoder
from mlpkit.spec import Spec

Y = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 1000.0])


def fit(y, loss="mse", activation="linear", **preprocessing):
    network = {"layers": [{"activation": activation}]}
    spec = Spec.model_validate({"network": network, "loss": loss, "preprocessing": preprocessing})
    return TargetEncoder.fit(spec, as_table(np.asarray(y, float), default="y"))


SCALED = {
    "a loss of squares": ("mse", "auto", (Y.mean(), Y.std())),
    "a loss of distances": ("mean_absolute_error", "auto", (4.5, 4.0)),
    "standardised in spite of the loss": ("mean_absolute_error", "standardize", (Y.mean(), Y.std())),
    "robust in spite of the loss": ("mse", "robust", (4.5, 4.0)),
    "not at all": ("mean_absolute_error", "none", (0, 1)),
}


@pytest.mark.parametrize(("loss", "target", "expected"), SCALED.values(), ids=SCALED)
def test_the_loss_declares_the_scaling_of_targets(loss, target, expected):
    encoder = fit(Y, loss, target=target)
    assert (encoder.center[0], encoder.scale[0]) == expected


def test_every_built_in_loss_declares_its_scaling():
    wanted = {name: REGISTRIES["losses"].get(name)().target_scale for name in REGISTRIES["losses"].builtins}
    robust = {"mean_absolute_error", "huber", "smooth_l1", "log_cosh", "quantile"}
    plain = {"mean_absolute_percentage_error", "mean_squared_logarithmic_error", "poisson", "gamma", "tweedie", "cosine_similarity"}
    assert {name for name, scale in wanted.items() if scale == "robust"} == robust
    assert {name for name, scale in wanted.items() if scale == "none"} == plain


WHERE_QUARTILES_ARE_EQUAL = {
    "deciles": ([0] * 17 + [1, 2, 3], 1.0),
    "5 to 95 %": ([0] * 37 + [2, 3, 4], 1.0),
    "1 to 99 %": ([0] * 97 + [5, 6, 7], 5.5),
    "the deviation": ([0] * 999 + [1], np.std([0] * 999 + [1])),
}


@pytest.mark.parametrize(("y", "scale"), WHERE_QUARTILES_ARE_EQUAL.values(), ids=WHERE_QUARTILES_ARE_EQUAL)
def test_a_target_that_is_mostly_one_value_has_a_scale(y, scale):
    encoder = fit(y, target="robust")
    assert encoder.center[0] == 0
    values = np.sort(np.asarray(y, float))
    tails = [np.subtract(*np.quantile(values, [1 - tail, tail], method="averaged_inverted_cdf")) for tail in (0.25, 0.1, 0.05, 0.01)]
    assert encoder.scale[0] == pytest.approx(next((tail for tail in tails if tail > 0), values.std()))


def test_scaled_targets_need_a_last_layer_that_gives_them():
    for target in ("standardize", "robust"):
        with pytest.raises(
            SpecError, match=r"preprocessing.target: scaled targets have any size and sign, but the outputs of relu are limited"
        ):
            fit(Y, activation="relu", target=target)
    assert fit(Y, "mean_absolute_error", "relu").scale.tolist() == [1]


def outlying(rows=200, outliers=3):
    x = np.linspace(-2, 2, rows)[:, None]
    y = np.sin(2 * x[:, 0])
    wild = np.random.default_rng(0).choice(rows, outliers, replace=False)
    measured = y.copy()
    measured[wild] = 1e4
    return x, measured, np.delete(x, wild, axis=0), np.delete(y, wild)


LOSSES = [
    "mean_absolute_error",
    {"type": "robust", "alpha": 1.0},
    {"type": "robust", "alpha": 0.0},
    {"type": "robust", "alpha": -2.0},
    {"type": "robust", "alpha": -1e20, "scale": 0.5},
]


@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_outliers_do_not_defeat_a_robust_loss(loss):
    x, measured, clean_x, clean_y = outlying()
    spec = {
        "network": {"layers": [{"units": 32, "activation": "tanh"}, {}]},
        "loss": loss,
        "optimizer": {"type": "adam", "learning_rate": 0.01},
        "training": {"epochs": 400},
    }
    model = mlpkit.train(spec, x, measured)
    assert model.evaluate(clean_x, clean_y, metrics="r2")["r2"] > 0.95


class Huge(Loss):
    """A loss of a user's own that wants its targets as they are."""

    zero_at_target: ClassVar[bool] = True

    @property
    def target_scale(self):
        return "none"

    def value_and_grad(self, outputs, targets, losses, grad):
        np.subtract(outputs, targets, grad)
        losses[...] = (grad**2).mean(axis=1)
        grad *= 2 / grad.shape[1]


def test_a_plugin_says_what_it_wants():
    mlpkit.register(Huge)
    assert fit(Y, "huge").scale.tolist() == [1]
