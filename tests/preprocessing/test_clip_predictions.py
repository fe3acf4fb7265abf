"""Predicted numbers are limited to the range of the target in the training rows, if the spec says so."""

import numpy as np
import pytest

import mlpkit
from mlpkit.errors import ModelFileError, SpecError
from mlpkit.modelfile import reader, writer

RNG = np.random.default_rng(8)
X = RNG.normal(size=(80, 2))
Y = np.column_stack([X @ [3.0, -2.0], 10 + X[:, 0]])
FAR = 50 * X


def spec(clip=True, **parts):
    network = {"layers": [{"units": 6, "activation": "relu"}, {}]}
    base = {"network": network, "loss": "mse", "optimizer": "adam", "training": {"epochs": 30, "batch_size": 16}}
    return {**base, "preprocessing": {"clip_predictions": clip}, **parts}


def test_far_rows_get_the_ends_of_the_range_and_others_their_predictions():
    plain, clipped = (mlpkit.train(spec(clip), X, Y) for clip in (False, True))
    np.testing.assert_array_equal(plain.network.parameters.vector, clipped.network.parameters.vector)
    outside = plain.predict(FAR)
    assert (outside > Y.max(axis=0)).any()
    assert (outside < Y.min(axis=0)).any()
    np.testing.assert_array_equal(clipped.predict(FAR), np.clip(outside, Y.min(axis=0), Y.max(axis=0)))


def test_metrics_see_limited_predictions_and_the_loss_does_not():
    plain, clipped = (mlpkit.train(spec(clip, metrics=["mae"]), X, Y) for clip in (False, True))
    figures = [model.evaluate(FAR, Y) for model in (plain, clipped)]
    assert figures[0]["loss"] == figures[1]["loss"]
    assert figures[1]["mae"] == pytest.approx(np.abs(clipped.predict(FAR) - Y).mean())
    assert figures[1]["mae"] < figures[0]["mae"]


@pytest.mark.parametrize("loss", ["gaussian_nll", {"type": "quantile", "quantiles": [0.1, 0.5, 0.9]}, "poisson"])
def test_the_prediction_of_a_loss_with_several_parts_is_limited(loss):
    targets = np.abs(Y)
    model = mlpkit.train(spec(loss=loss), X, targets)
    plain = mlpkit.train(spec(False, loss=loss), X, targets)
    np.testing.assert_array_equal(model.predict(FAR), np.clip(plain.predict(FAR), targets.min(axis=0), targets.max(axis=0)))
    if loss == "gaussian_nll":
        parts, others = model.predict(FAR, parts=True), plain.predict(FAR, parts=True)
        deviations = [name for name in parts if name.endswith("deviation")]
        assert deviations
        assert all(np.array_equal(parts[name], others[name]) for name in deviations)


def test_the_limits_are_saved_and_older_models_have_none(tmp_path):
    model = mlpkit.train(spec(), X, Y)
    model.save(tmp_path / "model.h5")
    np.testing.assert_array_equal(mlpkit.load(tmp_path / "model.h5").predict(FAR), model.predict(FAR))
    assert mlpkit.inspect(tmp_path / "model.h5")["spec_schema"] == 5
    mlpkit.train(spec(False), X, Y).save(tmp_path / "plain.h5")
    assert mlpkit.inspect(tmp_path / "plain.h5")["spec_schema"] == 3
    assert not {"target/lower", "target/upper"} & reader.read(tmp_path / "plain.h5").arrays.keys()


@pytest.mark.parametrize(("loss", "y"), [("categorical_crossentropy", ["a", "b"] * 40), ("binary_crossentropy", (X > 0).astype(int))])
def test_labels_have_no_limits(loss, y):
    layers = [{"activation": "softmax" if loss == "categorical_crossentropy" else "sigmoid"}]
    with pytest.raises(SpecError, match=r"preprocessing.clip_predictions.*the target"):
        mlpkit.train(spec(loss=loss, network={"layers": layers}), X, y)


DAMAGES = {
    "one of the two": lambda arrays: arrays.pop("target/upper"),
    "another length": lambda arrays: arrays.update({"target/lower": np.zeros(3)}),
    "integers": lambda arrays: arrays.update({"target/lower": np.zeros(2, np.int64)}),
    "infinity": lambda arrays: arrays.update({"target/upper": np.array([np.inf, 0.0])}),
    "the wrong order": lambda arrays: arrays.update({"target/lower": arrays["target/upper"] + 1}),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_damaged_limits_are_refused(name, tmp_path):
    mlpkit.train(spec(), X, Y).save(tmp_path / "model.h5")
    contents = reader.read(tmp_path / "model.h5")
    DAMAGES[name](contents.arrays)
    writer.write(tmp_path / "damaged.h5", contents)
    with pytest.raises(ModelFileError, match="preprocessing of the target is not valid"):
        mlpkit.load(tmp_path / "damaged.h5")
