"""Targets that losses accept, and what models with them predict."""

import numpy as np
import pandas as pd
import pytest

import mlpkit
from mlpkit.plugin import REGISTRIES, Loss

RNG = np.random.default_rng(60)
X = RNG.uniform(-2, 2, (300, 1))
TABLE = pd.DataFrame({"x": X[:, 0], "y": np.exp(X[:, 0]) + RNG.exponential(0.2, 300)})


def spec(loss, last="linear", **changes):
    whole = {
        "dtype": "float64",
        "data": {"target": "y", "inputs": ["x"]},
        "network": {"layers": [{"units": 16, "activation": "tanh"}, {"activation": last}]},
        "loss": loss,
        "optimizer": {"type": "adam", "learning_rate": 0.02},
        "training": {"epochs": 60, "batch_size": 50},
    }
    return {**whole, **changes}


def with_value(value, row=4):
    table = TABLE.copy()
    table.loc[row, "y"] = value
    return table


REFUSED = {
    "poisson": (-1.0, "the target 'y' has -1 in row 4, but poisson needs numbers of at least 0"),
    "tweedie": (-0.5, "but tweedie needs numbers of at least 0"),
    "gamma": (0.0, "the target 'y' has 0 in row 4, but gamma needs numbers above 0"),
    "mape": (0.0, "the target 'y' has 0 in row 4, but mean_absolute_percentage_error needs numbers other than 0"),
}


@pytest.mark.parametrize("loss", REFUSED)
def test_a_wrong_target_is_refused_before_training(loss):
    value, message = REFUSED[loss]
    with pytest.raises(mlpkit.DataError, match=message):
        mlpkit.train(spec(loss), with_value(value))


def test_a_wrong_target_of_the_validation_rows_is_refused_too():
    with pytest.raises(mlpkit.DataError, match="'y' has -1 in row 4"):
        mlpkit.train(spec("poisson"), TABLE, validation=with_value(-1.0))
    model = mlpkit.train(spec("poisson", training={"epochs": 1}), TABLE)
    with pytest.raises(mlpkit.DataError, match="'y' has -1 in row 4"):
        model.evaluate(with_value(-1.0))


def test_a_negative_target_of_a_logarithm_is_refused():
    with pytest.raises(mlpkit.SpecError, match="relu gives values of at least 0"):
        mlpkit.train(spec("msle", "relu"), with_value(-1.0))
    with pytest.raises(mlpkit.SpecError, match=r"needs outputs of at least 0, but the last layer has linear.*'relu' or 'softplus'"):
        mlpkit.Spec.model_validate(spec("msle"))


@pytest.mark.parametrize("loss", ["poisson", "gamma", "tweedie", "mape"])
def test_scaled_targets_are_refused(loss):
    with pytest.raises(mlpkit.SpecError, match=r"preprocessing.target: .* needs targets .*, which scaled targets are not"):
        mlpkit.train(spec(loss, preprocessing={"target": "standardize"}), TABLE)


@pytest.mark.parametrize("loss", ["poisson", "gamma", "tweedie", "quantile", "gaussian_nll"])
@pytest.mark.parametrize("last", ["sigmoid", "relu", "softmax", "tanh"])
def test_a_loss_that_decodes_its_outputs_needs_them_unbounded(loss, last):
    with pytest.raises(mlpkit.SpecError, match=r"needs \d unbounded outputs? per target"):
        mlpkit.Spec.model_validate(spec(loss, last))


def test_an_unknown_sign_is_the_fault_of_the_loss():
    class Odd(Loss):
        target_sign = "odd"

        def value_and_grad(self, outputs, targets, losses, grad):
            grad[...] = outputs - targets
            losses[...] = 0.5 * (grad**2).mean(axis=1)

    with pytest.raises(mlpkit.errors.BrokenPlugin, match="'odd' as its target_sign"):
        mlpkit.train(spec(Odd), TABLE)


@pytest.mark.parametrize("loss", ["poisson", "gamma", "tweedie"])
def test_predictions_are_means(loss, tmp_path):
    model = mlpkit.train(spec(loss), TABLE)
    found = model.predict(TABLE)
    assert np.median(np.abs(found / (np.exp(TABLE["x"]) + 0.2) - 1)) < 0.1
    assert list(model.predict(TABLE, parts=True)) == ["y"]
    model.save(tmp_path / "model.h5")
    np.testing.assert_array_equal(mlpkit.load(tmp_path / "model.h5").predict(TABLE), found)


def test_quantiles_have_names_and_the_median_is_the_prediction(tmp_path):
    table = TABLE.assign(y=TABLE["x"] + np.random.default_rng(61).standard_normal(300))
    model = mlpkit.train(spec({"type": "quantile", "quantiles": [0.1, 0.5, 0.9]}), table)
    parts = model.predict(table, parts=True)
    assert list(parts) == ["y.q0.5", "y.q0.1", "y.q0.9"]
    np.testing.assert_array_equal(parts["y.q0.5"], model.predict(table))
    for name, share in (("y.q0.1", 0.1), ("y.q0.5", 0.5), ("y.q0.9", 0.9)):
        assert np.mean(table["y"] <= parts[name]) == pytest.approx(share, abs=0.07)
    model.save(tmp_path / "model.h5")
    np.testing.assert_array_equal(mlpkit.load(tmp_path / "model.h5").predict(table), parts["y.q0.5"])


def test_the_nearest_quantile_to_the_median_is_the_prediction():
    outputs, one = np.arange(8.0).reshape(2, 4), np.ones(1)
    for quantiles, first in (((0.1, 0.4, 0.6, 0.9), "q0.4"), ((0.01, 0.2, 0.7, 0.9), "q0.7"), ((0.6, 0.7, 0.8, 0.9), "q0.6")):
        found = REGISTRIES["losses"].get("quantile")(quantiles=quantiles).predictions(outputs, 0 * one, one)
        assert next(iter(found)) == first
        assert sorted(found) == [f"q{share}" for share in quantiles]
        assert all(found[f"q{share}"][1, 0] == 4 + index for index, share in enumerate(quantiles))


WRONG_OPTIONS = {
    "out of order": ({"type": "quantile", "quantiles": [0.5, 0.1]}, "quantiles must increase, but 0.1 follows 0.5"),
    "twice": ({"type": "quantile", "quantiles": [0.5, 0.5]}, "quantiles must increase"),
    "beyond 1": ({"type": "quantile", "quantiles": [0.5, 1.5]}, "less than 1"),
    "none": ({"type": "quantile", "quantiles": []}, "at least 1"),
    "smoothing of a regression": ({"type": "mse", "label_smoothing": 0.1}, "label_smoothing"),
    "all smooth": ({"type": "cross_entropy", "label_smoothing": 1.0}, "less than 1"),
    "no weight": ({"type": "bce", "pos_weight": 0.0}, "greater than 0"),
    "a power of 2": ({"type": "tweedie", "power": 2.0}, "less than 2"),
    "a probability of 1.5": ({"type": "focal", "alpha": 1.5}, "less than 1"),
    "no distance": ({"type": "huber", "delta": 0.0}, "greater than 0"),
}


@pytest.mark.parametrize("what", WRONG_OPTIONS)
def test_wrong_options_are_refused(what):
    loss, message = WRONG_OPTIONS[what]
    with pytest.raises(mlpkit.SpecError, match="loss") as raised:
        mlpkit.Spec.model_validate(
            spec(loss, {"cross_entropy": "softmax", "bce": "sigmoid", "focal": "sigmoid"}.get(loss["type"], "linear"))
        )
    assert message in str(raised.value)


@pytest.mark.parametrize("loss", ["hinge", "squared_hinge", "focal", {"type": "bce", "pos_weight": 2.0, "label_smoothing": 0.1}], ids=str)
def test_two_classes_by_the_sign_of_the_margin(loss):
    table = TABLE.assign(y=np.where(TABLE["x"] > 0.3, "yes", "no"))
    model = mlpkit.train(spec(loss, "sigmoid"), table)
    assert model.evaluate(table, metrics="accuracy")["accuracy"] > 0.97
    np.testing.assert_array_equal(model.predict(table), np.where(model.predict_proba(table)[:, 1] > 0.5, "yes", "no"))
    with pytest.raises(mlpkit.SpecError, match="needs probabilities, but the last layer has linear"):
        mlpkit.Spec.model_validate(spec(loss))


@pytest.mark.parametrize(
    "loss", ["categorical_hinge", "categorical_focal", {"type": "cross_entropy", "label_smoothing": 0.1}, "kl_divergence"], ids=str
)
def test_several_classes(loss):
    table = TABLE.assign(y=np.digitize(TABLE["x"], [-0.7, 0.7]).astype(str))
    model = mlpkit.train(spec(loss, "softmax"), table)
    assert model.evaluate(table, metrics="accuracy")["accuracy"] > 0.95


def test_shares_are_targets_of_the_divergence():
    share = 1 / (1 + np.exp(-2 * TABLE["x"]))
    table = TABLE.assign(a=share, b=1 - share)
    model = mlpkit.train(spec("kl_divergence", "softmax", data={"target": ["a", "b"], "inputs": ["x"]}), table)
    assert np.abs(model.predict(table)[:, 0] - share).max() < 0.1


def test_directions_are_learned():
    table = TABLE.assign(a=10 * np.cos(TABLE["x"]), b=10 * np.sin(TABLE["x"]))
    model = mlpkit.train(spec("cosine_similarity", data={"target": ["a", "b"], "inputs": ["x"]}, training={"epochs": 300}), table)
    found = model.predict(table)
    assert np.abs(np.angle(np.exp(1j * (np.arctan2(found[:, 1], found[:, 0]) - TABLE["x"])))).max() < 0.2


LATER = {"label_smoothing": 0.1, "pos_weight": 2.0}


@pytest.mark.parametrize("option", LATER)
def test_an_option_is_stored_where_it_is_used(option, tmp_path):
    table = TABLE.assign(y=(TABLE["x"] > 0).astype(int))
    for loss, schema in (("bce", 3), ({"type": "bce", option: LATER[option]}, 5)):
        mlpkit.train(spec(loss, "sigmoid", training={"epochs": 1}), table).save(tmp_path / "model.h5")
        assert mlpkit.inspect(tmp_path / "model.h5")["spec_schema"] == schema
        assert mlpkit.load(tmp_path / "model.h5").spec.loss == mlpkit.Spec.model_validate(spec(loss, "sigmoid")).loss
