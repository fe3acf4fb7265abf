"""Losses with several outputs for each target: what a model with one predicts, saves and measures."""

import numpy as np
import pandas as pd
import pytest

import mlpkit
from mlpkit import errors
from mlpkit.plugin import Loss

RNG = np.random.default_rng(40)
X = RNG.uniform(-2, 2, (400, 1))
SPREAD = 0.1 + 0.4 * (X[:, 0] > 0)  # the noise is larger on the right
TABLE = pd.DataFrame({"x": X[:, 0], "y": 50 + 10 * (np.sin(X[:, 0]) + SPREAD * RNG.standard_normal(400))})


def spec(loss="gaussian_nll", **changes):
    whole = {
        "dtype": "float64",
        "data": {"target": "y"},
        "network": {"layers": [{"units": 16, "activation": "tanh"}, {}]},
        "loss": loss,
        "optimizer": {"type": "adam", "learning_rate": 0.02},
        "training": {"epochs": 60, "batch_size": 50},
        "metrics": ["rmse"],
    }
    return {**whole, **changes}


@pytest.fixture(scope="module")
def model():
    return mlpkit.train(spec(), TABLE)


def test_mean_and_deviation_are_in_the_units_of_the_data(model):
    parts = model.predict(TABLE, parts=True)
    assert list(parts) == ["y.mean", "y.deviation"]
    np.testing.assert_array_equal(parts["y.mean"], model.predict(TABLE))
    right = X[:, 0] > 0
    assert np.abs(parts["y.mean"] - 50 - 10 * np.sin(X[:, 0])).max() < 5
    assert np.median(parts["y.deviation"][right]) == pytest.approx(5.0, rel=0.25)
    assert np.median(parts["y.deviation"][~right]) == pytest.approx(1.0, rel=0.4)


def test_metrics_see_the_mean(model):
    found = model.evaluate(TABLE)
    assert found["rmse"] == pytest.approx(np.sqrt(np.mean((model.predict(TABLE) - TABLE["y"]) ** 2)))
    deviation = model.predict(TABLE, parts=True)["y.deviation"] / model.target_encoder.scale
    away = (TABLE["y"] - model.predict(TABLE)) / model.target_encoder.scale
    assert found["loss"] == pytest.approx(np.mean(np.log(deviation) + 0.5 * (away / deviation) ** 2), rel=1e-9)


def test_it_is_saved_and_loaded(model, tmp_path):
    model.save(tmp_path / "model.h5")
    loaded = mlpkit.load(tmp_path / "model.h5")
    for name, part in model.predict(TABLE, parts=True).items():
        np.testing.assert_array_equal(loaded.predict(TABLE, parts=True)[name], part)
    assert mlpkit.inspect(tmp_path / "model.h5")["spec_schema"] == 5


def test_several_targets_have_their_outputs_side_by_side():
    table = TABLE.assign(z=-3 * TABLE["y"])
    model = mlpkit.train(spec(data={"target": ["y", "z"]}), table)
    assert model.network.units == 4
    parts = model.predict(table, parts=True)
    assert list(parts) == ["y.mean", "z.mean", "y.deviation", "z.deviation"]
    np.testing.assert_array_equal(np.column_stack([parts["y.mean"], parts["z.mean"]]), model.predict(table))
    assert np.corrcoef(parts["y.mean"], parts["z.mean"])[0, 1] < -0.99


def test_parts_of_a_plain_loss_are_the_predictions():
    model = mlpkit.train(spec("mse"), TABLE)
    parts = model.predict(TABLE, parts=True)
    assert list(parts) == ["y"]
    np.testing.assert_array_equal(parts["y"], model.predict(TABLE))


def test_parts_of_classes_are_refused():
    table = TABLE.assign(y=np.where(TABLE["y"] > 50, "high", "low"))
    model = mlpkit.train(spec("binary_crossentropy", network={"layers": [{"activation": "sigmoid"}]}, metrics=[]), table)
    with pytest.raises(errors.DataError, match="only regression models predict parts"):
        model.predict(table, parts=True)


def test_the_last_layer_must_be_linear():
    with pytest.raises(mlpkit.SpecError, match="gaussian_nll needs 2 unbounded outputs per target"):
        mlpkit.Spec.model_validate(spec(network={"layers": [{"activation": "sigmoid"}]}))


def test_its_width_must_fit():
    with pytest.raises(mlpkit.SpecError, match="the last layer has 1 units, but the target needs 2"):
        mlpkit.train(spec(network={"layers": [{"units": 1}]}), TABLE)


class LogLink(Loss):
    """mean((exp(outputs) - targets)^2): predictions are exp of the outputs."""

    @property
    def target_scale(self):
        return "none"

    def predictions(self, outputs, center, scale):
        return {"": np.exp(outputs)}

    def value_and_grad(self, outputs, targets, losses, grad):
        value = np.exp(outputs)
        losses[...] = ((value - targets) ** 2).mean(axis=1)
        grad[...] = 2 * (value - targets) * value / grad.shape[1]


def test_a_loss_of_ones_own_decodes_its_outputs_and_must_be_there_to_predict(install, tmp_path):
    table = TABLE.assign(y=np.exp(TABLE["x"] / 2))
    model = mlpkit.train(spec(LogLink, metrics=[]), table)
    assert (model.predict(table) > 0).all()
    np.testing.assert_allclose(model.predict(table), table["y"], rtol=0.2)


def test_a_missing_loss_that_decodes_its_outputs_is_named(install, alone, tmp_path):
    code = (
        "import mlpkit, numpy as np\nclass Plugin(mlpkit.Loss):\n    outputs_per_target = 2\n"
        "    def predictions(self, outputs, center, scale):\n        return {'low': outputs[:, ::2], 'high': outputs[:, 1::2]}\n"
        "    def value_and_grad(self, outputs, targets, losses, grad):\n"
        "        grad[:] = 2 * (outputs - np.repeat(targets, 2, axis=1))\n        losses[:] = (grad * grad).sum(axis=1) / 4\n"
    )
    install("dist-range", "range", code, group="losses")
    model = mlpkit.train(spec("range", metrics=[]), TABLE)
    assert list(model.predict(TABLE, parts=True)) == ["y.low", "y.high"]
    model.save(tmp_path / "model.h5")
    alone()
    loaded = mlpkit.load(tmp_path / "model.h5")
    with pytest.raises(errors.MissingPlugin, match="dist-range"):
        loaded.predict(TABLE)
