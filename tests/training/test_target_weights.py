"""Weights of several targets in the loss: `data.target_weights`."""

import json
import tracemalloc
from contextlib import closing

import numpy as np
import pytest

import mlpkit
from mlpkit import Loss, losses
from mlpkit.data.batches import batches_of
from mlpkit.data.dataset import Dataset
from mlpkit.engine.network import Network
from mlpkit.engine.weighted_targets import WeightedTargets, shares_of
from mlpkit.engine.workspace import Workspace
from mlpkit.preprocessing.prepare import prepare
from mlpkit.spec import Spec
from mlpkit.testing.loss_cases import of_size, rules_of
from mlpkit.training.objective import Objective
from mlpkit.training.penalty import Penalty
from mlpkit.training.run import Run

from ..builtins import builtins
from ..schemas import spec_validator

RNG = np.random.default_rng(71)
X = RNG.standard_normal((40, 3))
NUMBERS = np.column_stack([X[:, 0] - X[:, 1], np.sin(2 * X[:, 2]), X[:, 1] ** 2])
LABELS = (X > 0.2).astype(int)
SHARES = np.array([0.5, 0.125, 0.375])
ROW_WEIGHTS = RNG.uniform(0.2, 3.0, 40)
SEPARABLE = {name: loss for name, loss in builtins("losses").items() if loss.separable and loss.targets != "classes"}
WIDE = {
    **SEPARABLE,
    "three quantiles": losses.Quantile(quantiles=(0.1, 0.5, 0.8)),
    "smoothed labels": losses.BinaryCrossentropy(label_smoothing=0.1, pos_weight=3.0),
}


def spec(loss="mse", last="linear", *, weights=None, optimizer="sgd", layer=None, data=None, **training):
    network = {"layers": [{"units": 4, "activation": "tanh"}, {"activation": last, **(layer or {})}]}
    named = {} if weights is None else {"target_weights": weights}
    training = {"epochs": 3, "batch_size": 8, **training}
    base = {"dtype": "float64", "preprocessing": "none", "network": network, "loss": loss, "optimizer": optimizer}
    return {**base, "training": training, "data": {**named, **(data or {})}}


def targets_of(loss):
    return LABELS if loss.targets == "binary" else np.abs(NUMBERS) + 0.1


def last_of(loss):
    return loss.joint_with or {"real": "linear", "nonnegative": "softplus", "probability": "sigmoid"}[loss.output]


# -- the loss and its gradient


@pytest.mark.parametrize("name", WIDE)
@pytest.mark.parametrize("rows", [1, 7, 9000])
def test_loss_and_gradient_are_the_weighted_means_of_those_of_single_targets(name, rows):
    """In one block of rows and in several."""
    loss = WIDE[name]
    width, weighted = loss.outputs_per_target, WeightedTargets(loss, SHARES)
    for rule in rules_of(loss):
        form = "joint" if rule.points == "pre-activations" else "value_and_grad"
        sample = of_size(loss, rule, (rows, 3 * width))
        targets = np.ascontiguousarray(sample.beside[:, :3])
        losses, grad = np.full(rows, np.nan), np.full_like(sample.points, np.nan)
        getattr(weighted, form)(sample.points.copy(), targets, losses, grad)
        expected, expected_grad = np.zeros(rows), np.empty_like(grad)
        for target in range(3):
            columns = slice(target * width, (target + 1) * width)
            alone, slopes = np.empty(rows), np.empty((rows, width))
            getattr(loss, form)(sample.points[:, columns].copy(), targets[:, [target]], alone, slopes)
            expected += SHARES[target] * alone
            expected_grad[:, columns] = SHARES[target] * slopes
        np.testing.assert_allclose(losses, expected, rtol=1e-13, atol=1e-14)
        np.testing.assert_allclose(grad, expected_grad, rtol=1e-13, atol=1e-14)


CASES = {
    "numbers": ("mse", "linear", {}),
    "a trained activation": ("huber", "prelu", {}),
    "a gated activation": ("mse", "glu", {}),
    "two outputs for each target": ("gaussian_nll", "linear", {}),
    "three outputs for each target": ({"type": "quantile", "quantiles": [0.2, 0.5, 0.7]}, "linear", {}),
    "fused labels": ("binary_crossentropy", "sigmoid", {}),
    "labels that are not fused": ("binary_crossentropy", "hard_sigmoid", {}),
    "a residual connection and normalization": ("log_cosh", "linear", {"normalization": "layer"}),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("row_weights", [None, ROW_WEIGHTS], ids=["plain", "weighted"])
def test_gradients_of_a_network_agree_with_differences(case, row_weights):
    loss, last, layer = CASES[case]
    whole = Spec.model_validate(spec(loss, last, layer=layer))
    y = LABELS.astype(float) if whole.loss.targets == "binary" else NUMBERS
    network = Network(whole.with_widths(3, 3 * whole.loss.outputs_per_target).network, "float64")
    network.initialize(np.random.default_rng(5))
    workspace = Workspace(network, WeightedTargets(whole.loss, SHARES), 40)
    workspace.loss_and_gradient(X, y, row_weights)
    found, vector = workspace.gradient.trained.copy(), network.parameters.trained
    for at in range(len(vector)):
        value, ends = vector[at], []
        for step in (1e-6, -1e-6):
            vector[at] = value + step
            ends.append(workspace.loss_and_gradient(X, y, row_weights) / 40)
        vector[at] = value
        assert found[at] == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=2e-6, abs=1e-9)


@pytest.mark.parametrize("last", ["linear", "sigmoid"])
@pytest.mark.parametrize("row_weights", [None, ROW_WEIGHTS], ids=["plain", "weighted"])
def test_a_run_is_the_formula_written_out(last, row_weights):
    """50 epochs of batches of 8 rows with momentum: sum_i v_i sum_t w_t L_it / (8 sum_t w_t)."""
    y, weights = (LABELS, {"y2": 5.0, "y0": 2}) if last == "sigmoid" else (NUMBERS, {"y2": 5.0, "y0": 2})
    w, v = np.array([2.0, 1.0, 5.0]) / 8, np.ones(40) if row_weights is None else row_weights / row_weights.mean()
    rule = {"type": "sgd", "learning_rate": 0.05, "momentum": 0.9}
    loss = "mse" if last == "linear" else "binary_crossentropy"
    options = spec(loss, last, weights=weights, optimizer=rule, epochs=50, shuffle=False)
    begun = []
    model = mlpkit.train(options, X, y, weights=row_weights, on_start=lambda start: begun.append(start.model.get_weights()))
    parameters = [begun[0][f"layers.{index}.{role}"] for index in (0, 1) for role in ("weight", "bias")]
    velocity, curve = [np.zeros_like(array) for array in parameters], []
    for _ in range(50):
        total = 0.0
        for start in range(0, 40, 8):
            rows = slice(start, start + 8)
            first, shift, second, offset = parameters
            hidden = np.tanh(X[rows] @ first + shift)
            z = hidden @ second + offset
            if last == "linear":
                each, slope = (z - y[rows]) ** 2, 2 * (z - y[rows])
            else:
                each, slope = np.logaddexp(0, z) - y[rows] * z, 1 / (1 + np.exp(-z)) - y[rows]
            total += (v[rows] * (each @ w)).sum()
            slope = slope * w * v[rows, None] / 8
            below = (slope @ second.T) * (1 - hidden**2)
            gradients = [X[rows].T @ below, below.sum(0), hidden.T @ slope, slope.sum(0)]
            for array, speed, gradient in zip(parameters, velocity, gradients, strict=True):
                speed *= 0.9
                speed += gradient
                array -= 0.05 * speed
        curve.append(total / 40)
    np.testing.assert_allclose([epoch.loss for epoch in model.history], curve, rtol=1e-10)
    for name, array in zip(("layers.0.weight", "layers.0.bias", "layers.1.weight", "layers.1.bias"), parameters, strict=True):
        np.testing.assert_allclose(model.get_weights()[name], array, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", SEPARABLE)
def test_equal_weights_change_nothing(name):
    loss = SEPARABLE[name]
    y, last = targets_of(loss), last_of(loss)
    plain = mlpkit.train(spec(name, last), X, y, validation=(X[:9], y[:9]))
    weighted = mlpkit.train(spec(name, last, weights={"y0": 3, "y1": 3, "y2": 3}), X, y, validation=(X[:9], y[:9]))
    for key in ("loss", "validation_loss"):
        np.testing.assert_allclose(
            [getattr(epoch, key) for epoch in weighted.history], [getattr(epoch, key) for epoch in plain.history], rtol=1e-12
        )
    np.testing.assert_allclose(weighted.predict(X), plain.predict(X), rtol=1e-11, atol=1e-12)


class Sum(Loss):
    """A third-party loss that adds the losses of its targets."""

    def value_and_grad(self, outputs, targets, losses, grad):
        np.subtract(outputs, targets, grad)
        losses[...] = np.square(grad).sum(axis=1)
        grad *= 2


def test_a_loss_that_adds_its_targets_becomes_their_weighted_mean():
    models = [mlpkit.train(spec(loss, weights={"y0": 4.0}), X, NUMBERS) for loss in (Sum(), "mse")]
    np.testing.assert_allclose(models[0].predict(X), models[1].predict(X), rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("name", ["mse", "binary_crossentropy", "gaussian_nll"])
def test_a_weight_of_a_million_trains_that_target_alone(name):
    """The other column of the last weights stays where it began."""
    loss = Spec.model_validate(spec(name, "sigmoid" if name.startswith("binary") else "linear")).loss
    y = LABELS if loss.targets == "binary" else NUMBERS
    begun, options = [], spec(name, last_of(loss), weights={"y1": 1e6}, epochs=20)
    model = mlpkit.train(options, X, y, on_start=lambda start: begun.append(start.model.get_weights()))
    moved = np.abs(model.get_weights()["layers.1.weight"] - begun[0]["layers.1.weight"]).max(axis=0).reshape(3, -1).max(axis=1)
    assert moved[1] > 1e-2
    assert moved[0] < 1e-4
    assert moved[2] < 1e-4


def test_weights_may_be_as_large_as_any_number():
    np.testing.assert_allclose(shares_of(np.array([1e308, 1e308, 5e307])), [0.4, 0.4, 0.2])


# -- evaluation


def weighted_mean(model, y, rows, weights):
    away = (model.predict(X[rows]) - y[rows]) ** 2
    return float((away @ weights / weights.sum()).mean())


def test_validation_evaluation_and_early_stopping_have_the_weighted_loss_and_metrics_do_not():
    weights, w = {"y0": 7.0}, np.array([7.0, 1.0, 1.0])
    stopping = {"early_stopping": {"patience": 2}, "training_metrics": True, "epochs": 30}
    options = spec(weights=weights, optimizer={"type": "adam", "learning_rate": 0.1}, **stopping) | {"metrics": ["rmse"]}
    model = mlpkit.train(options, X[:30], NUMBERS[:30], validation=(X[30:], NUMBERS[30:]))
    best = min(model.history, key=lambda epoch: epoch.validation_loss)
    found = model.evaluate(X[30:], NUMBERS[30:])
    assert found["loss"] == pytest.approx(weighted_mean(model, NUMBERS, slice(30, 40), w), rel=1e-12)
    assert found["loss"] == pytest.approx(best.validation_loss, rel=1e-12)
    assert best.metrics["training_loss"] == pytest.approx(weighted_mean(model, NUMBERS, slice(0, 30), w), rel=1e-12)
    plain = mlpkit.Model(spec() | {"metrics": ["rmse"]}, inputs=3, outputs=3)
    plain.set_weights(model.get_weights())
    list(mlpkit.epochs(plain, X, NUMBERS, stop=lambda: True))
    unweighted = plain.evaluate(X[30:], NUMBERS[30:])
    assert unweighted["rmse"] == found["rmse"]
    assert unweighted["loss"] != pytest.approx(found["loss"], rel=1e-3)


def test_the_training_loss_that_early_stopping_monitors_is_weighted():
    options = spec(weights={"y0": 7.0}, early_stopping={"monitor": "training_loss"})
    model = mlpkit.train(options, X, NUMBERS)
    losses = [epoch.metrics["training_loss"] for epoch in model.history]
    assert model.evaluate(X, NUMBERS)["loss"] == pytest.approx(min(losses), rel=1e-12)
    assert min(losses) == pytest.approx(weighted_mean(model, NUMBERS, slice(0, 40), np.array([7.0, 1.0, 1.0])), rel=1e-12)


def test_rows_on_disk_have_the_same_loss(tmp_path):
    model = mlpkit.train(spec(weights={"y0": 7.0}), X, NUMBERS)
    np.save(tmp_path / "x.npy", X)
    assert model.evaluate(tmp_path / "x.npy", NUMBERS)["loss"] == pytest.approx(model.evaluate(X, NUMBERS)["loss"], rel=1e-13)


def test_constant_outputs_of_least_loss_do_not_depend_on_the_weights():
    for name in ("mse", "mae", "gaussian_nll", "binary_crossentropy"):
        loss = Spec.model_validate(spec(name, "sigmoid" if name.startswith("binary") else "linear")).loss
        bias, y = {"bias_initializer": "prior", "weight_initializer": "zeros"}, targets_of(loss)
        biases = []
        for weights in (None, {"y0": 9.0}):
            whole = Spec.model_validate(spec(name, last_of(loss), weights=weights, layer=bias))
            biases.append(mlpkit.Model.for_data(whole, prepare(whole, X, y)).get_weights()["layers.1.bias"])
        np.testing.assert_array_equal(*biases)
        outputs, targets, found = np.tile(biases[0], (40, 1)), y.astype(float), []
        weighted = WeightedTargets(loss, SHARES)
        for move in (0.0, *(size * unit for size in (0.05, -0.05) for unit in np.eye(len(biases[0])))):
            losses = np.empty(40)
            (weighted.joint if loss.joint_with else weighted.value_and_grad)(outputs + move, targets, losses, np.empty_like(outputs))
            found.append(losses.mean())
        assert min(found) == found[0]


# -- optimizers, resumed runs, files


@pytest.mark.parametrize("row_weights", [None, ROW_WEIGHTS / ROW_WEIGHTS.mean()], ids=["plain", "weighted"])
def test_the_squares_of_residuals_are_the_weighted_loss(row_weights):
    model = mlpkit.Model(spec(optimizer="levenberg_marquardt", batch_size=None), inputs=3, outputs=3)
    network, loss = model.network, WeightedTargets(model.spec.loss, SHARES)
    workspaces = {8: Workspace(network, loss, 8)}
    problem = Objective(network, batches_of(Dataset(X, NUMBERS, row_weights), 8, False, False), workspaces, Penalty(network), None)
    x = network.parameters.trained.copy()
    residuals, jacobian = (array.copy() for array in problem.jacobian(x))
    value, gradient = problem(x)
    assert residuals.dot(residuals) == pytest.approx(value, rel=1e-13)
    np.testing.assert_allclose(2 * jacobian.T.dot(residuals), gradient, rtol=1e-11, atol=1e-14)
    each = ((network.predict(X) - NUMBERS) ** 2 @ SHARES) * (1.0 if row_weights is None else row_weights)
    assert value == pytest.approx(each.mean(), rel=1e-13)


def test_levenberg_marquardt_minimizes_the_weighted_loss():
    options = spec(optimizer="levenberg_marquardt", weights={"y1": 50.0}, batch_size=None, epochs=15)
    model = mlpkit.train(options, X, NUMBERS)
    plain = mlpkit.train(spec(optimizer="levenberg_marquardt", batch_size=None, epochs=15), X, NUMBERS)
    errors = [((each.predict(X) - NUMBERS) ** 2).mean(axis=0) for each in (model, plain)]
    assert errors[0][1] < errors[1][1] / 3
    w = np.array([1.0, 50.0, 1.0])
    assert model.evaluate(X, NUMBERS)["loss"] == pytest.approx(weighted_mean(model, NUMBERS, slice(0, 40), w), rel=1e-12)


@pytest.mark.parametrize("steps", [1, 7, 12])
def test_a_run_resumes_to_the_same_bytes(steps, tmp_path):
    options, seen = spec(weights={"y0": 3.0, "y2": 0.5}, optimizer="adam"), []
    whole = mlpkit.train(options, X, NUMBERS, validation=(X[:9], NUMBERS[:9]))
    part = mlpkit.train(options, X, NUMBERS, validation=(X[:9], NUMBERS[:9]), stop=lambda: seen.append(0) or len(seen) > steps)
    part.save(tmp_path / "part.h5", training_state=True)
    resumed = mlpkit.train(options, X, NUMBERS, validation=(X[:9], NUMBERS[:9]), resume=tmp_path / "part.h5")
    np.testing.assert_array_equal(resumed.network.parameters.vector, whole.network.parameters.vector)
    assert [(epoch.loss, epoch.validation_loss) for epoch in resumed.history] == [
        (epoch.loss, epoch.validation_loss) for epoch in whole.history
    ]
    for other in (None, {"y0": 3.0}):
        with pytest.raises(mlpkit.SpecError, match="target_weights"):
            mlpkit.train(spec(weights=other, optimizer="adam"), X, NUMBERS, resume=tmp_path / "part.h5")


def test_a_loaded_model_is_evaluated_and_trained_further_with_them(tmp_path):
    options = spec(weights={"b": 3}, optimizer="adam", data={"target": ["b", "a"]})
    rows = {"x": X[:, 0], "a": NUMBERS[:, 0], "b": NUMBERS[:, 1]}
    model = mlpkit.train(options, rows)
    model.save(tmp_path / "model.h5")
    loaded = mlpkit.load(tmp_path / "model.h5")
    assert loaded.spec.to_dict()["data"]["target_weights"] == {"b": 3.0}
    assert mlpkit.inspect(tmp_path / "model.h5")["spec_schema"] == 5
    assert loaded.evaluate(rows)["loss"] == model.evaluate(rows)["loss"]
    away = (loaded.predict(rows) - np.column_stack([rows["b"], rows["a"]])) ** 2
    assert loaded.evaluate(rows)["loss"] == pytest.approx((away @ [0.75, 0.25]).mean(), rel=1e-12)
    further = [[epoch.loss for epoch in mlpkit.epochs(each, rows, keep_optimizer=False)] for each in (model, loaded)]
    assert further[0] == further[1]
    plain = mlpkit.train(spec(optimizer="adam", data={"target": ["b", "a"]}), rows)
    plain.save(tmp_path / "plain.h5")
    assert b"target_weights" in (tmp_path / "model.h5").read_bytes()
    assert b"target_weights" not in (tmp_path / "plain.h5").read_bytes()
    assert mlpkit.inspect(tmp_path / "plain.h5")["spec_schema"] < 5


# -- costs


@pytest.mark.parametrize("case", [("mse", "linear"), ("binary_crossentropy", "sigmoid"), ("huber", "linear")])
def test_a_step_allocates_nothing_that_grows(case):
    name, last = case
    whole = Spec.model_validate(spec(name, last, batch_size=8000)).with_widths(3, 10)
    network, loss = Network(whole.network, "float64"), WeightedTargets(whole.loss, np.arange(1, 11) / 55)
    network.initialize(np.random.default_rng(0))
    data = Dataset(np.random.default_rng(0).standard_normal((20_000, 3)), np.zeros((20_000, 10)), None)
    with closing(Run(network, whole, data, None, None, None, done=0, loss=loss)) as run:
        run.next_epoch()
        tracemalloc.start()
        try:
            run.next_epoch()
            most = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert most < 300_000, "an array of a batch has 640,000 bytes"


def test_a_run_without_weights_calls_the_loss_itself():
    found = []
    for weights in (None, {"y0": 2}):
        whole = Spec.model_validate(spec(weights=weights))
        prepared = prepare(whole, X, NUMBERS)
        model = mlpkit.Model.for_data(whole, prepared)
        with closing(model.epochs(prepared)) as run:
            next(run)
            found.append(model._runs.session.run.workspaces[8].loss)
    assert isinstance(found[0], losses.MeanSquaredError)
    assert isinstance(found[1], WeightedTargets)


# -- refusals


class Lengths(Loss):
    """A third-party loss of whole rows."""

    separable = False

    def value_and_grad(self, outputs, targets, losses, grad):
        np.subtract(outputs, targets, grad)
        losses[...] = np.sqrt(1 + np.square(grad).sum(axis=1)) - 1
        grad /= losses[:, None] + 1


OF_SPEC = {
    "a weight of 0": ({"a": 0}, "the weight of the target 'a' should be a number greater than 0, not 0"),
    "a negative weight": ({"a": -1.5}, "the weight of the target 'a' should be a number greater than 0, not -1.5"),
    "NaN": ({"a": float("nan")}, "the weight of the target 'a' should be a number greater than 0, not nan"),
    "infinity": ({"a": float("inf")}, "the weight of the target 'a' should be a number greater than 0, not inf"),
    "true": ({"a": True}, "the weight of the target 'a' should be a number greater than 0, not True"),
    "a text": ({"a": "2"}, "the weight of the target 'a' should be a number greater than 0, not '2'"),
    "a number above all floats": ({"a": 10**400}, "the weight of the target 'a' should be a number greater than 0"),
    "no weights": ({}, "should be an object with a number for each target that does not weigh 1"),
    "a list": ([1, 2], "should be an object with a number for each target that does not weigh 1"),
    "a word": ("balanced", "should be an object with a number for each target that does not weigh 1"),
    "a name twice": ({1: 2.0, "1": 3.0}, "the weight of the target '1' is given twice"),
    "too many": ({str(number): 1.0 for number in range(10_001)}, "has 10,001 weights, but at most 10,000 are read"),
}


@pytest.mark.parametrize("case", OF_SPEC)
def test_other_values_than_weights_are_refused(case):
    weights, message = OF_SPEC[case]
    with pytest.raises(mlpkit.SpecError) as caught:
        Spec.model_validate(spec(weights=weights))
    assert f"data.target_weights: {message}" in str(caught.value)


@pytest.mark.parametrize("case", ["a weight of 0", "a negative weight", "true", "a text", "no weights", "a list", "a word", "too many"])
def test_the_json_schema_refuses_them_too(case):
    validator = spec_validator()
    assert validator.is_valid(spec(weights={"a": 0.5, "b": 3}))
    assert not validator.is_valid(spec(weights=OF_SPEC[case][0]))


OF_LOSS = {
    "cosine_similarity": ("linear", "cosine_similarity compares a row of outputs as a whole, so targets cannot be weighted"),
    "kl_divergence": ("softmax", "kl_divergence compares a row of outputs as a whole, so targets cannot be weighted"),
    "categorical_crossentropy": ("softmax", "categorical_crossentropy takes one class per row, so targets cannot be weighted"),
    Lengths(): ("linear", "lengths compares a row of outputs as a whole, so targets cannot be weighted"),
}


@pytest.mark.parametrize("loss", OF_LOSS, ids=str)
def test_losses_without_a_loss_of_each_target_are_refused(loss):
    last, message = OF_LOSS[loss]
    with pytest.raises(mlpkit.SpecError) as caught:
        Spec.model_validate(spec(loss, last, weights={"y0": 2.0}))
    assert f"data.target_weights: {message}" in str(caught.value)


OF_DATA = {
    "an unknown name": ("mse", "linear", NUMBERS, {"rent": 2.0}, r"there is no target 'rent'\n.*use some of y0, y1, y2"),
    "one target": ("mse", "linear", X[:, 0], {"y": 2.0}, "there is one target, 'y', so a weight has no effect"),
    "one target in a column": ("mse", "linear", X[:, :1], {"y": 2.0}, "there is one target, '.*', so a weight has no effect"),
    "one label": ("binary_crossentropy", "sigmoid", LABELS[:, 0], {"y": 2.0}, "the target is a class, not several"),
    "classes": ("mse", "softmax", ["a", "b"] * 20, {"a": 2.0}, r"the target is a class, not several .*\n.*use data\.class_weight"),
    "a share that is 0": ("mse", "linear", NUMBERS, {"y1": 1e308}, "the weight of the target 'y0' is too small beside the others"),
}


@pytest.mark.parametrize("case", OF_DATA)
def test_weights_that_do_not_fit_the_targets_are_refused_before_training(case):
    loss, last, y, weights, message = OF_DATA[case]
    with pytest.raises(mlpkit.SpecError, match=rf"data\.target_weights: {message}"):
        mlpkit.train(spec(loss, last, weights=weights), X, y, on_start=lambda start: pytest.fail("it starts"))


def test_the_command_line_reads_and_refuses_them(tmp_path, monkeypatch, capfd):
    from mlpkit.cli import main

    monkeypatch.chdir(tmp_path)
    lines = ["a,price,rent", *(f"{a:.3f},{b:.3f},{c:.3f}" for a, b, c in X)]
    (tmp_path / "t.csv").write_text("\n".join(lines) + "\n")
    data = {"path": "t.csv", "target": ["price", "rent"], "target_weights": {"price": 2, "rent": 1}}
    (tmp_path / "spec.json").write_text(json.dumps(spec(data=data)))
    assert main(["check", "spec.json"]) == 0
    assert main(["train", "spec.json", "-q"]) == 0
    assert mlpkit.load("model.h5").spec.data.target_weights == {"price": 2.0, "rent": 1.0}
    assert main(["evaluate", "model.h5", "t.csv"]) == 0
    capfd.readouterr()
    assert main(["train", "spec.json", "-q", "-f", "-s", 'data.target_weights={"cost": 2}']) != 0
    assert "there is no target 'cost'" in capfd.readouterr().err
    (tmp_path / "spec.json").write_text(json.dumps(spec(data={**data, "target_weights": {"cost": 2}})))
    assert main(["check", "spec.json"]) != 0
    shown = capfd.readouterr().err
    assert "there is no target 'cost'" in shown
    assert "(data.target_weights)" in shown
    assert "use some of price, rent" in shown
    (tmp_path / "spec.json").write_text(json.dumps(spec(data=data)).replace('"rent": 1}', '"rent": 1, "price": 3}'))
    assert main(["check", "spec.json"]) != 0
    assert "price" in capfd.readouterr().err
