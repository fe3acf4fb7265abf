"""Loss and metrics of the training rows beside those of the validation rows."""

import numpy as np
import pytest

import mlpkit

RNG = np.random.default_rng(3)
X = RNG.standard_normal((40, 3))
CASES = {  # last activation, loss, metrics, targets
    "numbers": ("linear", "mse", ["rmse", "r2"], 5 + 3 * X[:, 0]),
    "several": ("linear", "mse", ["rmse"], X[:, :2] * [1.0, 100.0]),
    "binary": ("sigmoid", "binary_crossentropy", ["accuracy", "log_loss"], np.where(X[:, 0] > 0, "a", "b")),
    "classes": ("softmax", "categorical_crossentropy", ["accuracy", "f1"], np.array(["a", "b", "c"])[RNG.integers(0, 3, 40)]),
    "indicators": ("softmax", "mse", ["accuracy"], np.array(["a", "b", "c"])[RNG.integers(0, 3, 40)]),
    "labels": ("sigmoid", "binary_crossentropy", ["subset_accuracy"], (X[:, :2] > 0).astype(int)),
}


def spec(case, metrics=True, **training):
    last, loss, names, _ = CASES[case]
    layers = [{"units": 5, "activation": "tanh", "dropout": 0.3}, {"activation": last}]
    training = {"epochs": 3, "batch_size": 8, "training_metrics": metrics, **training}
    return {"dtype": "float64", "network": {"layers": layers}, "loss": loss, "metrics": names, "training": training}


@pytest.mark.parametrize("case", CASES)
def test_they_are_those_of_evaluate_on_the_training_rows(case):
    y = CASES[case][3]
    model = mlpkit.Model(spec(case), inputs=3, outputs={"several": 2, "labels": 2, "classes": 3, "indicators": 3}.get(case, 1))
    for epoch in mlpkit.epochs(model, X[:25], y[:25], validation=(X[25:], y[25:])):
        on_training_rows, on_others = model.evaluate(X[:25], y[:25]), model.evaluate(X[25:], y[25:])
        assert epoch.metrics["training_loss"] == pytest.approx(on_training_rows["loss"], rel=1e-12)
        for name in CASES[case][2]:
            assert epoch.metrics[f"training_{name}"] == pytest.approx(on_training_rows[name], rel=1e-12)
            assert epoch.metrics[name] == pytest.approx(on_others[name], rel=1e-12)


def test_they_change_nothing_else_and_are_stored(tmp_path):
    y, validation = CASES["numbers"][3], (X[25:], CASES["numbers"][3][25:])
    asked = mlpkit.train(spec("numbers"), X[:25], y[:25], validation=validation)
    plain = mlpkit.train(spec("numbers", metrics=False), X[:25], y[:25], validation=validation)
    np.testing.assert_array_equal(asked.network.parameters.vector, plain.network.parameters.vector)
    assert set(asked.history[-1].metrics) == {"rmse", "r2", "training_loss", "training_rmse", "training_r2"}
    asked.save(tmp_path / "model.h5")
    assert mlpkit.load(tmp_path / "model.h5").history[-1].metrics == asked.history[-1].metrics
    stopping = {"early_stopping": {"monitor": "training_loss", "patience": 2}}
    mlpkit.train(spec("numbers", **stopping), X[:25], y[:25], validation=validation)


def test_without_validation_rows_they_are_refused():
    with pytest.raises(mlpkit.SpecError, match=r"training\.training_metrics: there are no validation rows"):
        mlpkit.train(spec("numbers"), X, CASES["numbers"][3])
