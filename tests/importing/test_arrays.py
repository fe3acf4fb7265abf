"""Test models from arrays of weights: predictions, saving, further training, and the errors of arrays that do not fit."""

import numpy as np
import pytest

import mlpkit
from mlpkit.plugin import plugin_name

X = np.random.default_rng(0).normal(1.0, 2.0, (20, 4))
W = [np.random.default_rng(1).normal(size=(4, 3)), np.random.default_rng(2).normal(size=(3, 2))]
B = [np.array([0.1, -0.2, 0.3]), np.array([0.5, -0.5])]


def expected(x, weights=W, biases=B):
    return np.maximum(x @ weights[0] + biases[0], 0) @ weights[1] + biases[1]


def test_numbers_are_scaled_at_both_ends():
    center, scale = [1.0, 0.0, -1.0, 2.0], [2.0, 1.0, -0.5, 3.0]
    model = mlpkit.from_arrays(W, B, "relu", center=center, scale=scale, target_center=[10.0, 20.0], target_scale=[2.0, 4.0])
    wanted = expected((X - center) / scale) * [2.0, 4.0] + [10.0, 20.0]
    np.testing.assert_allclose(model.predict(X), wanted, rtol=1e-14)


def test_the_dtype_is_that_of_the_arrays():
    singles = [each.astype(np.float32) for each in W]
    assert mlpkit.from_arrays(singles, None, "relu").spec.dtype == "float32"
    assert mlpkit.from_arrays([each.astype(np.float16) for each in W], None, "relu").spec.dtype == "float32"
    assert mlpkit.from_arrays(singles, B, "relu").spec.dtype == "float64"
    assert mlpkit.from_arrays(W, B, "relu", dtype="float32").network.dtype == np.float32
    assert mlpkit.from_arrays([[[1, 2]], [[1], [2]]], None, "relu").predict([[3.0]]).tolist() == [15.0]


def test_rows_of_the_first_weight_are_in_the_order_of_the_inputs_with_categories_among_them():
    model = mlpkit.from_arrays(W, B, "relu", inputs={"city": ["Bern", "Basel", None], "age": None}, center=40, scale=10)
    rows = [{"city": "Basel", "age": 30}, {"city": None, "age": 50}, {"city": "Bern", "age": 40}]
    wanted = expected(np.array([[0, 1, 0, -1.0], [0, 0, 1, 1.0], [1, 0, 0, 0.0]]))
    np.testing.assert_allclose(model.predict(rows), wanted, rtol=1e-14)
    np.testing.assert_array_equal(model.predict([*rows, *rows * 20])[:3], model.predict(rows))  # not on the fast path
    with pytest.raises(mlpkit.DataError, match="age"):
        mlpkit.from_arrays(W, B, "relu", inputs=["age", "a", "b", "c"]).predict([{"age": None, "a": 1, "b": 1, "c": 1}])


@pytest.mark.parametrize(
    ("activations", "classes", "loss", "task"),
    [
        (["relu", "softmax"], ["b", "a"], "categorical_crossentropy", "classification"),
        ("relu", ["b", "a"], "categorical_crossentropy", "classification"),
        (["relu", "softmax"], None, "categorical_crossentropy", "classification"),
        (["relu", "sigmoid"], None, "binary_crossentropy", "multilabel"),
        (["relu", "linear"], None, "mean_squared_error", "regression"),
    ],
)
def test_the_last_layer_and_the_classes_give_the_task(activations, classes, loss, task, tmp_path):
    model = mlpkit.from_arrays(W, B, activations, classes=classes)
    assert (model.target_encoder.task, plugin_name(mlpkit.load(saved(model, tmp_path)).spec.loss)) == (task, loss)
    if task == "classification":
        labels = [0, 1] if classes is None else classes
        np.testing.assert_array_equal(model.predict(X), np.array(labels)[expected(X).argmax(axis=1)])
        assert model.classes.tolist() == labels
    elif task == "multilabel":
        np.testing.assert_array_equal(model.predict(X), (expected(X) > 0).astype(int))


def test_one_sigmoid_unit_gives_the_second_of_two_classes():
    weights, biases = [W[0], W[1][:, :1]], [B[0], B[1][:1]]
    model = mlpkit.from_arrays(weights, biases, ["relu"], classes=["no", "yes"])
    z = expected(X, weights, biases)
    np.testing.assert_allclose(model.predict_proba(X)[:, 1:], 1 / (1 + np.exp(-z)), rtol=1e-14)
    assert mlpkit.from_arrays(weights, biases, ["relu", "sigmoid"]).classes.tolist() == [0, 1]
    assert mlpkit.from_arrays(weights, biases, ["relu", "sigmoid"], spec={"loss": "mean_squared_error"}).target_encoder.task == "regression"


def saved(model, folder):
    model.save(folder / "model.h5")
    return folder / "model.h5"


def test_it_is_saved_and_loaded_with_the_same_bits(tmp_path):
    model = mlpkit.from_arrays(W, B, "relu", inputs={"a": None, "c": ["x", "y", None]}, center=3, target=["u", "v"], spec={"name": "mine"})
    rows = {"a": [1.0, 2.0], "c": ["x", None]}
    loaded = mlpkit.load(saved(model, tmp_path))
    np.testing.assert_array_equal(loaded.predict(rows), model.predict(rows))
    assert (loaded.spec.name, loaded.target_encoder.names) == ("mine", ("u", "v"))
    assert loaded.spec == model.spec


def test_it_trains_further_from_its_weights_and_keeps_the_scaling():
    model = mlpkit.from_arrays(W, B, "relu", center=1, scale=2, target_scale=3, spec={"training": {"epochs": 30}, "optimizer": "sgd"})
    before, encoder = model.evaluate(X, expected(X))["loss"], model.input_encoder
    assert len(list(mlpkit.epochs(model, X, expected(X)))) == 30
    assert model.evaluate(X, expected(X))["loss"] < before / 2
    assert model.input_encoder is encoder
    table = {"a": X[:, 0], "b": X[:, 1], "t": X[:, 0] > 1}
    named = mlpkit.from_arrays([W[0][:2], W[1]], B, "relu", inputs=["a", "b"], target="t", classes=[False, True])
    assert len(list(mlpkit.epochs(named, table))) == 100


@pytest.mark.parametrize("target", [None, "v"])
def test_the_target_of_the_spec_is_that_of_the_model(target):
    model = mlpkit.from_arrays(ONE, None, "relu", target=target, spec={"data": {"target": "u"}})
    assert (model.spec.data.target, model.target_encoder.names) == (("u",), ("u",))
    labelled = mlpkit.from_arrays(ONE, None, "relu", target=target, classes=["n", "p"], spec={"data": {"target": "u"}})
    assert labelled.target_encoder.names == ("u",)


def test_the_caller_chooses_options_of_layers_and_the_loss():
    spec = {"loss": "huber", "network": {"layers": [{"dropout": 0.1}, {}]}, "data": {"missing_target": "drop"}}
    model = mlpkit.from_arrays(W, B, "relu", target=["u", "v"], spec=spec)
    assert model.spec.network.layers[0].dropout == 0.1
    assert (model.spec.data.target, model.spec.data.missing_target) == (("u", "v"), "drop")
    assert mlpkit.from_arrays([W[0], W[1]], B, "relu", spec={"loss": "gaussian_nll"}).target_encoder.outputs == 2
    gated = mlpkit.from_arrays([np.ones((4, 6)), W[1]], None, {"type": "geglu", "approximate": "tanh"})
    assert gated.spec.network.layers[0].units == 3


ONE = [np.ones((4, 3)), np.ones((3, 1))]
WRONG = {
    "weights is []": {"weights": []},
    "weights is array(3.)": {"weights": np.array(3.0)},
    "biases has array(3.)": {"biases": np.array(3.0)},
    "activations has array('relu'": {"activations": np.array("relu")},
    "inputs is array('a'": {"inputs": np.array("a")},
    "inputs is {'a'}": {"inputs": {"a"}},
    "classes is array('a'": {"classes": np.array("a")},
    "classes is {'a'}, not a list": {"classes": {"a"}},  # it has no order
    "target is 3, not a name": {"target": 3},
    "target is [], not a name": {"target": []},
    "weights[1] has shape (2, 3), but the layer before has 3 outputs": {"weights": [W[0], W[1].T]},
    "weights[0] has shape (4,), not (inputs, units)": {"weights": [W[0][:, 0], W[1]]},
    "weights[1] has shape (3, 0)": {"weights": [W[0], np.ones((3, 0))]},
    "weights[0] has values of type <U1": {"weights": [[["a"]], W[1]]},
    "weights[0] is no array": {"weights": [[[1, 2], [3]], W[1]]},
    "weights[1] has nan at [2, 1]": {"weights": [W[0], np.where(np.arange(6).reshape(3, 2) == 5, np.nan, 1)]},
    "would be NaN or infinite in float32": {"weights": [W[0] * 1e300, W[1]], "dtype": "float32"},
    "biases has 1, but there are weights of 2 layers": {"biases": [B[0]]},
    "biases[1] has shape (3,), but weights[1] has 2 columns": {"biases": [B[0], B[0]]},
    "biases[0] has inf at [1]": {"biases": [[0, np.inf, 0], B[1]]},
    "activations has 3, but there are weights of 2 layers": {"activations": ["relu"] * 3},
    "unknown activation 'foo'": {"activations": "foo"},
    "a gated activation needs an even number": {"activations": "swiglu"},
    "classes has 3 labels, but the last layer has 2 units": {"classes": ["a", "b", "c"]},
    "one unit, which gives the probability of the second": {"weights": ONE, "biases": None, "classes": ["a"]},
    "linear gives numbers, but there are classes": {"activations": ["relu", "linear"], "classes": ["a", "b"]},
    "2 sigmoid units give the probabilities of as many labels": {"activations": ["relu", "sigmoid"], "classes": ["a", "b"]},
    "the classes cannot be used": {"classes": ["a", "a"]},
    "the labels have several types": {"classes": ["a", 1]},
    "classes is 'ab', not a list": {"classes": "ab"},
    "classes have no target_center": {"classes": ["a", "b"], "target_center": 1},
    "inputs has 2 encoded inputs, but the first weight has 4 rows": {"inputs": ["a", "b"]},
    "several columns named 'a'": {"inputs": ["a", "a", "b", "c"]},
    "inputs is 'abcd', not a list of names": {"inputs": "abcd"},
    "the categories of 'a' are 'xyz', not a list": {"inputs": {"a": "xyz", "b": None}},
    "the category '1' twice": {"inputs": {"a": [1, "1", 2], "b": None}},
    "center has shape (3,), but there are 4 numbers": {"center": [1, 2, 3]},
    "scale has a value that is not finite, or is 0": {"scale": [1, 1, 1, 0]},
    "center is no array of numbers": {"center": "x"},
    "target has 1 name, but the last layer predicts 2": {"target": "t"},
    "target_scale has a value": {"target_scale": 0},
    "dtype: should be 'float32' or 'float64'": {"dtype": "int8"},
    "unknown key 'optimzer'": {"spec": {"optimzer": "sgd"}},
    "the weights are those of one network": {"spec": {"ensemble": {"members": 2}}},
    "there are no rows to fit it to": {"spec": {"preprocessing": {"clip_inputs": True}}},
    "the column 'b' is an input too": {"inputs": list("abcd"), "target": ["y", "b"]},
    "there are weights of 2 layers": {"spec": {"network": {"layers": [{}]}}},
    "binary_crossentropy needs probabilities": {"spec": {"loss": "binary_crossentropy"}},
}


@pytest.mark.parametrize("message", WRONG)
def test_an_error_says_which_array_or_argument_does_not_fit(message):
    given = {"weights": W, "biases": B, "activations": "relu", **WRONG[message]}
    with pytest.raises((mlpkit.DataError, mlpkit.SpecError, mlpkit.PluginError)) as found:
        mlpkit.from_arrays(given.pop("weights"), given.pop("biases"), given.pop("activations"), **given)
    assert message in str(found.value)
