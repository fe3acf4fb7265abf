"""One step: penalties, clipping, decay, constraints and averages against PyTorch in float64, and values that are refused.

The reference data are made by tests/reference/make_training.py.
"""

from pathlib import Path

import numpy as np
import pytest

import mlpkit

REFERENCE = dict(np.load(Path(__file__).parents[1] / "reference" / "training.npz"))
SGD, ADAM = {"type": "sgd", "learning_rate": 0.1, "momentum": 0.9}, {"type": "adam", "learning_rate": 0.01}


def each(**options):
    """Options of the three layers, from lists of three values."""
    return [{key: values[index] for key, values in options.items()} for index in range(3)]


CASES = {  # optimizer, training options, layer options
    "l2": (SGD, {}, each(l2=[0.01, 0.02, 0.0])),
    "l1": (ADAM, {}, each(l1=[0.01, 0.0, 0.03])),
    "l1_l2": (SGD, {}, each(l1=[0.01, 0.02, 0.0], l2=[0.01, 0.0, 0.1])),
    "clip_norm": (SGD, {"clip_norm": 0.3}, each()),
    "clip_value": (SGD, {"clip_value": 0.05}, each()),
    "clip_both": (ADAM, {"clip_value": 0.1, "clip_norm": 0.2}, each(l2=[0.1, 0.1, 0.1])),
    "decay": (ADAM, {"weight_decay": 0.3}, each()),
    "decay_all": (ADAM, {"weight_decay": 0.3, "decay_all": True}, each()),
    "decay_factors": (ADAM, {"weight_decay": 0.3}, each(decay_factor=[0.0, 2.0, 1.0], learning_rate_factor=[1.0, 0.5, 3.0])),
    "max_norm": (SGD, {}, each(weight_constraint=[{"type": "max_norm", "value": 0.8}] * 2 + [None])),
    "unit_norm": (SGD, {}, each(weight_constraint=["unit_norm", "unit_norm", None])),
    "non_negative": (ADAM, {}, each(weight_constraint=["non_negative", "non_negative", None])),
    "ema": (ADAM, {"average": {"type": "ema", "decay": 0.9}}, each()),
    "swa": (ADAM, {"average": "swa"}, each()),
}


def spec(case, **training):
    optimizer, options, layers = CASES[case]
    sizes = [{"units": 5, "activation": "tanh"}, {"units": 4, "activation": "tanh"}, {"units": 2}]
    return {
        "dtype": "float64",
        "preprocessing": "none",
        "network": {"layers": [{**size, **layer} for size, layer in zip(sizes, layers, strict=True)]},
        "loss": "mse",
        "optimizer": optimizer,
        "training": {"epochs": 40, "batch_size": 8, "shuffle": False, **options, **training},
    }


def model_of(case, **training):
    model = mlpkit.Model(spec(case, **training), inputs=3, outputs=2)
    for name, view in model.network.parameters.views.items():
        view[...] = REFERENCE[f"start/{name}"]
    return model


def weights(model):
    return np.concatenate([part for layer in model.network.layers for part in (layer.weight.ravel(), layer.bias)])


X, Y = REFERENCE["x"], REFERENCE["y"]


@pytest.mark.parametrize("case", CASES)
def test_a_run_is_that_of_pytorch(case):
    model = model_of(case)
    losses = [epoch.loss for epoch in mlpkit.epochs(model, X, Y)]
    np.testing.assert_allclose(losses, REFERENCE[f"{case}/losses"], rtol=1e-11)
    np.testing.assert_allclose(weights(model), REFERENCE[f"{case}/weights"], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("case", CASES)
def test_a_run_that_is_interrupted_in_an_epoch_resumes_to_the_same_bits(case, tmp_path):
    whole, part, steps = model_of(case), model_of(case), []
    list(mlpkit.epochs(whole, X, Y))
    for _ in mlpkit.epochs(part, X, Y, stop=lambda: steps.append(0) or len(steps) > 94):  # 31 epochs and 1 step
        pass
    part.save(tmp_path / "part.h5", training_state=True)
    resumed = mlpkit.train(spec(case), X, Y, resume=tmp_path / "part.h5")
    np.testing.assert_array_equal(weights(resumed), weights(whole))
    resumed.save(tmp_path / "model.h5")
    assert mlpkit.inspect(tmp_path / "model.h5")["spec_schema"] == 5
    assert mlpkit.load(tmp_path / "model.h5").spec == resumed.spec


@pytest.mark.parametrize("inner", ["tensor", "pieces"])
def test_the_order_holds_for_tensors_and_for_pieces(inner, monkeypatch):
    """An optimizer that works by tensors or by pieces of the vector takes the same steps."""
    expected = model_of("clip_both")
    list(mlpkit.epochs(expected, X, Y))
    if inner == "pieces":
        monkeypatch.setattr("mlpkit.training.update.MANY", 1)
        monkeypatch.setattr("mlpkit.training.update.PIECE", 7)
    else:
        monkeypatch.setattr("mlpkit.optimizers.Adam.scope", "tensor")
    found = model_of("clip_both")
    list(mlpkit.epochs(found, X, Y))
    np.testing.assert_allclose(weights(found), weights(expected), rtol=1e-12)


def test_the_penalty_is_a_column_of_the_history_and_no_part_of_the_loss(tmp_path):
    model = model_of("l1_l2")
    for epoch in mlpkit.epochs(model, X, Y):
        first, second, third = (layer.weight for layer in model.network.layers)
        expected = 0.01 * (first**2).sum() + 0.1 * (third**2).sum() + 0.01 * abs(first).sum() + 0.02 * abs(second).sum()
        assert epoch.metrics["penalty"] == pytest.approx(expected, rel=1e-12)
    model.save(tmp_path / "model.h5")
    assert mlpkit.load(tmp_path / "model.h5").history[-1].metrics["penalty"] == epoch.metrics["penalty"]
    assert model.evaluate(X, Y)["loss"] == pytest.approx(((model.predict(X) - Y) ** 2).mean(), rel=1e-12)


def test_a_frozen_layer_is_neither_decayed_nor_penalized_nor_constrained():
    options = {"trainable": False, "l2": 0.1, "weight_constraint": "unit_norm"}
    case = spec("decay_all")
    case["network"]["layers"][1] |= options
    model = mlpkit.Model(case, inputs=3, outputs=2)
    before = model.network.layers[1].weight.copy()
    history = list(mlpkit.epochs(model, X, Y))
    np.testing.assert_array_equal(model.network.layers[1].weight, before)
    assert "penalty" not in history[-1].metrics


def test_a_unit_without_weights_stays_without_them():
    model = model_of("unit_norm", epochs=1)
    model.network.layers[0].weight[...] = 0.0
    model.network.layers[1].weight[...] = 0.0  # nothing reaches the first layer
    next(mlpkit.epochs(model, X, Y, stop=None))
    assert np.isfinite(weights(model)).all()


WRONG = {
    "a negative l2": ({}, {"l2": -0.1}, "network.layers[0].l2"),
    "a negative l1": ({}, {"l1": -0.1}, "network.layers[0].l1"),
    "a norm below 0": ({}, {"weight_constraint": {"type": "max_norm", "value": -1.0}}, "network.layers[0].weight_constraint.value"),
    "an unknown constraint": ({}, {"weight_constraint": "small"}, "'max_norm', 'unit_norm' or 'non_negative'"),
    "a norm of 0": ({"clip_norm": 0}, {}, "training.clip_norm"),
    "a value of 0": ({"clip_value": 0.0}, {}, "training.clip_value"),
    "a negative decay": ({"weight_decay": -1.0}, {}, "training.weight_decay"),
    "a decay of 1": ({"average": {"type": "ema", "decay": 1.0}}, {}, "training.average.decay"),
    "an unknown average": ({"average": "mean"}, {}, "'ema' or 'swa'"),
    "a negative factor": ({}, {"decay_factor": -1.0}, "network.layers[0].decay_factor"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_values_are_refused_at_their_place(case):
    training, layer, message = WRONG[case]
    whole = {"network": {"layers": [{"units": 2, **layer}, {"units": 1}]}, "loss": "mse", "training": training}
    with pytest.raises(mlpkit.SpecError) as caught:
        mlpkit.Spec.model_validate(whole)
    assert message in str(caught.value)


def test_two_averages_are_refused():
    whole = {"network": {"layers": [{"units": 1}]}, "loss": "mse", "optimizer": {"type": "averaging", "inner": "sgd"}}
    with pytest.raises(mlpkit.SpecError, match=r"training\.average: averaging averages weights itself"):
        mlpkit.Spec.model_validate({**whole, "training": {"average": "ema"}})


@pytest.mark.parametrize(
    ("optimizer", "average", "constraint", "message"),
    [
        ({"type": "averaging", "inner": "sgd"}, None, "max_norm", "averaging predicts with an average of the weights"),
        ("schedule_free_adamw", None, "non_negative", "schedule_free_adamw predicts with an average of the weights"),
    ],
)
def test_constraints_that_an_average_does_not_hold_are_refused(optimizer, average, constraint, message):
    layers = [{"units": 2, "weight_constraint": constraint}, {"units": 1}]
    whole = {"network": {"layers": layers}, "loss": "mse", "optimizer": optimizer, "training": {"average": average}}
    with pytest.raises(mlpkit.SpecError, match=rf"network\.layers\[0\]\.weight_constraint: {message}"):
        mlpkit.Spec.model_validate(whole)


FOR_STEPS = [
    ({"clip_norm": 1.0}, {}),
    ({"clip_value": 1.0}, {}),
    ({"weight_decay": 0.1}, {}),
    ({"average": "ema"}, {}),
    ({}, {"weight_constraint": "unit_norm"}),
]


@pytest.mark.parametrize(("training", "layer"), FOR_STEPS, ids=str)
def test_options_of_steps_are_refused_with_a_full_batch_optimizer(training, layer):
    whole = {"network": {"layers": [{"units": 1, **layer}]}, "loss": "mse", "optimizer": "mlpkit-scipy:lbfgs", "training": training}
    with pytest.raises(mlpkit.SpecError, match="lbfgs chooses its own steps"):
        mlpkit.Spec.model_validate(whole)


def test_a_full_batch_optimizer_minimizes_the_penalty_too():
    """Ridge regression has a closed form: the mean squared error plus l2 sum(w^2)."""
    x = np.random.default_rng(3).standard_normal((50, 4))
    y = x @ [1.0, 2.0, -1.0, 0.5] + 0.1 * np.random.default_rng(4).standard_normal(50)
    layer = {"units": 1, "l2": 0.2, "bias": False}
    training = {"epochs": 3}
    whole = {"dtype": "float64", "preprocessing": "none", "network": {"layers": [layer]}, "loss": "mse", "training": training}
    model = mlpkit.train({**whole, "optimizer": "mlpkit-scipy:lbfgs"}, x, y)
    expected = np.linalg.solve(x.T @ x / 50 + 0.2 * np.eye(4), x.T @ y / 50)
    np.testing.assert_allclose(model.network.layers[0].weight[:, 0], expected, rtol=1e-5)
    assert model.history[-1].metrics["penalty"] == pytest.approx(0.2 * (model.network.layers[0].weight ** 2).sum())
