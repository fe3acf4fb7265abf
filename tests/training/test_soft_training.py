"""Runs with soft targets, compared with labels, with weighted rows and with differences."""

import numpy as np
import pytest

import mlpkit
from mlpkit.plugin import REGISTRIES
from mlpkit.spec import as_spec

RNG = np.random.default_rng(12)
ROWS = 30
X = RNG.standard_normal((ROWS, 3))
P = RNG.dirichlet([0.6, 0.8, 1.0], ROWS)
P[:6] = np.eye(3)[[0, 1, 2, 0, 1, 2]]
CLASSES = ["a", "b", "c"]
SOFTMAX = {
    "cross-entropy": "categorical_crossentropy",
    "smoothed": {"type": "categorical_crossentropy", "label_smoothing": 0.2},
    "focal": {"type": "categorical_focal_crossentropy", "gamma": 1.5},
    "ordinal": "ordinal",
    "divergence": "kl_divergence",
}
SIGMOID = {
    "binary": "binary_crossentropy",
    "smoothed binary": {"type": "binary_crossentropy", "label_smoothing": 0.2},
    "weighted binary": {"type": "binary_crossentropy", "pos_weight": 3.0},
}
LOSSES = {**SOFTMAX, **SIGMOID}
CASES = [(name, prior) for name in LOSSES for prior in (False, True) if not (prior and name in ("focal", "divergence"))]  # without a prior


def spec(name, *, prior=False, training=None, data=None, **more):
    two = name in SIGMOID
    activation = "sigmoid" if two else "continuation_ratio" if name == "ordinal" else "softmax"
    last = {"activation": activation, **({"bias_initializer": "prior"} if prior else {})}
    return {
        "dtype": "float64",
        "network": {"layers": [{"units": 5, "activation": "tanh"}, last]},
        "loss": LOSSES[name],
        "optimizer": {"type": "adam", "learning_rate": 0.02},
        "training": {"epochs": 12, "batch_size": 7, **(training or {})},
        "data": {"classes": CLASSES[: 2 if two else 3], **(data or {})},
        **more,
    }


def probabilities(name):
    two = P[:, :2] + 0.5 * P[:, 2:]
    return two if name in SIGMOID else P


def losses(model, column="loss"):
    return [getattr(epoch, column) for epoch in model.history]


def vector(model):
    return model.network.parameters.vector


@pytest.mark.parametrize(("name", "prior"), CASES)
def test_one_hot_rows_train_like_labels(name, prior):
    numbers = probabilities(name).argmax(axis=1)
    options = spec(name, prior=prior, data={"class_weight": "balanced", "split": {"validation": 0.2}})
    soft = mlpkit.train(options, X, np.eye(len(options["data"]["classes"]))[numbers])
    hard = mlpkit.train(options, X, np.array(CLASSES)[numbers])
    np.testing.assert_allclose(vector(soft), vector(hard), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(losses(soft, "validation_loss"), losses(hard, "validation_loss"), rtol=1e-11)
    assert soft.target_encoder.to_state() == hard.target_encoder.to_state()


@pytest.mark.parametrize(("name", "prior"), [case for case in CASES if case[0] != "divergence"])
def test_a_row_is_one_of_each_class_with_the_share_as_weight(name, prior):
    """The divergence differs by the entropy of the targets, which is constant; its gradient is that of the cross-entropy."""
    y = probabilities(name)
    options = spec(name, prior=prior, training={"batch_size": None})
    soft = mlpkit.train(options, X, y)
    rows, numbers = np.nonzero(y > 0)
    repeated = mlpkit.train(options, X[rows], np.array(CLASSES)[numbers], weights=y[rows, numbers])
    np.testing.assert_allclose(vector(soft), vector(repeated), rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(losses(soft), losses(repeated), rtol=1e-9)


def test_the_divergence_trains_like_the_cross_entropy():
    one, other = (mlpkit.train(spec(name), X, P) for name in ("divergence", "cross-entropy"))
    np.testing.assert_allclose(vector(one), vector(other), rtol=1e-8, atol=1e-9)


def test_the_order_of_a_full_batch_does_not_matter():
    options, order = spec("cross-entropy", training={"batch_size": None}), RNG.permutation(ROWS)
    one, other = mlpkit.train(options, X, P), mlpkit.train(options, X[order], P[order])
    np.testing.assert_allclose(vector(one), vector(other), rtol=1e-9, atol=1e-11)


def test_sample_weights_multiply_the_rows():
    options, weights = spec("cross-entropy", training={"batch_size": None}), RNG.integers(1, 4, ROWS)
    weighted = mlpkit.train(options, X, P, weights=weights)
    repeated = mlpkit.train(options, X.repeat(weights, axis=0), P.repeat(weights, axis=0))
    np.testing.assert_allclose(vector(weighted), vector(repeated), rtol=1e-9, atol=1e-11)


def test_a_step_is_that_of_the_formula():
    """One step of gradient descent on softmax(x W + b), as with PyTorch's CrossEntropyLoss of probabilities: x^T (p - t) / rows."""
    options = {**spec("cross-entropy", training={"batch_size": None, "epochs": 1}), "preprocessing": "none"}
    options |= {"network": {"layers": [{"activation": "softmax"}]}, "optimizer": {"type": "sgd", "learning_rate": 0.5}}
    before = mlpkit.Model(options, inputs=3, outputs=3).get_weights()
    w, b = before["layers.0.weight"], before["layers.0.bias"]
    z = X @ w + b
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    model = mlpkit.train(options, X, P)
    after = model.get_weights()
    np.testing.assert_allclose(after["layers.0.weight"], w - 0.5 * X.T @ (p - P) / ROWS, rtol=1e-12)
    np.testing.assert_allclose(after["layers.0.bias"], b - 0.5 * (p - P).mean(axis=0), rtol=1e-12, atol=1e-15)
    assert losses(model)[0] == pytest.approx(-(P * np.log(p)).sum(axis=1).mean(), rel=1e-12)


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("name", LOSSES)
def test_gradients_are_those_of_differences(name, fused):
    loss = as_spec(spec(name)).loss
    t = probabilities(name)[:, 1:] if name in SIGMOID else P
    points = RNG.standard_normal(t.shape) if fused else RNG.dirichlet(np.ones(3), ROWS)[:, : t.shape[1]]
    form = loss.joint if fused else loss.value_and_grad

    def at(points):
        costs, grad = np.empty(ROWS), np.empty_like(points)
        form(points.copy(), t, costs, grad)
        return costs, grad

    grad = at(points)[1]
    for column in range(t.shape[1]):
        step = np.zeros_like(points)
        step[:, column] = 1e-6 * np.maximum(np.abs(points[:, column]), 1e-3)
        difference = (at(points + step)[0] - at(points - step)[0]) / (2 * step[:, column])
        np.testing.assert_allclose(grad[:, column], difference, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["cross-entropy", "binary"])
def test_a_run_resumes_to_the_same_bits(name, tmp_path):
    options, y = spec(name, data={"class_weight": "balanced", "split": {"validation": 0.2}}), probabilities(name)
    whole, model = mlpkit.train(options, X, y), mlpkit.Model(options, inputs=3, outputs=1 if name in SIGMOID else 3)
    for epoch in mlpkit.epochs(model, X, y):
        if epoch.number == 5:
            break
    model.save(tmp_path / "part.h5", training_state=True)
    resumed = mlpkit.train(options, X, y, resume=tmp_path / "part.h5")
    np.testing.assert_array_equal(vector(resumed), vector(whole))
    other = y.copy()
    other[8] = other[8, ::-1]
    with pytest.raises(mlpkit.DataError, match="target"):
        mlpkit.train(options, X, other, resume=tmp_path / "part.h5")


def test_a_model_of_labels_is_trained_further_on_probabilities():
    labels = np.array(CLASSES)[P.argmax(axis=1)]
    model = mlpkit.train(spec("cross-entropy", data={"classes": None}), X, labels)
    before = model.evaluate(X, P)["loss"]
    for _ in mlpkit.epochs(model, X, P):
        pass
    assert model.evaluate(X, P)["loss"] < before
    for _ in mlpkit.epochs(model, X, labels):
        pass
    assert len(model.history) == 36


@pytest.mark.parametrize("name", ["cross-entropy", "binary"])
def test_inputs_on_disk_train_to_the_same_numbers(name, tmp_path):
    y = probabilities(name)
    np.save(tmp_path / "rows.npy", np.column_stack([X, y]))
    data = {
        "path": str(tmp_path / "rows.npy"),
        "target": [f"x{3 + index}" for index in range(y.shape[1])],
        "split": {"validation": 0.2},
    }
    whole = {"batch_size": 24}
    memory = mlpkit.train(spec(name, data=data, training=whole))
    disk = mlpkit.train(spec(name, data={**data, "in_memory": False}, training=whole))
    np.testing.assert_allclose(vector(disk), vector(memory), rtol=1e-9, atol=1e-11)
    assert disk.evaluate(tmp_path / "rows.npy") == pytest.approx(memory.evaluate(tmp_path / "rows.npy"), rel=1e-9)


def test_the_threshold_is_chosen_by_the_most_probable_class():
    rng = np.random.default_rng(5)
    x = rng.standard_normal((400, 3))
    share = 1 / (1 + np.exp(-2 * x[:, 0] + 1))
    y = np.column_stack([1 - share, share])
    options = spec("binary", data={"split": {"validation": 0.4}}, decision={"threshold": "f1"})
    soft = mlpkit.train(options, x, y)
    rows, positives = soft.target_encoder.threshold_rows
    assert rows == 160
    assert positives == pytest.approx(160 * np.mean(share > 0.5), abs=1)
    assert soft.evaluate(x, y)["accuracy"] == soft.evaluate(x, np.where(share > 0.5, "b", "a"))["accuracy"]


def test_the_losses_that_declare_soft_targets_are_these():
    found = {info.name for info in REGISTRIES["losses"].installed() if REGISTRIES["losses"].get(info.full_name).soft_targets}
    assert found >= {"categorical_crossentropy", "categorical_focal_crossentropy", "binary_crossentropy"}


def test_a_saved_model_is_an_ordinary_classifier(tmp_path):
    model = mlpkit.train(spec("cross-entropy"), X, P)
    model.save(tmp_path / "model.h5")
    loaded = mlpkit.load(tmp_path / "model.h5")
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
    np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
    assert loaded.classes.tolist() == CLASSES
    assert loaded.evaluate(X, P) == model.evaluate(X, P)
    assert mlpkit.inspect(tmp_path / "model.h5")["preprocessing"]["target"]["form"] == "classes"
