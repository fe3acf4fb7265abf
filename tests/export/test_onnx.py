"""Export to ONNX: onnxruntime predicts from raw columns as the model does."""

from __future__ import annotations

import json
import re
import sys
import warnings

import numpy as np
import onnx
import pytest
from onnx.reference import ReferenceEvaluator

import mlpkit
from mlpkit.data.frames import as_table
from mlpkit.export.comparison import compare, own_predictions
from mlpkit.export.onnx.model import to_bytes
from mlpkit.export.onnx.plugins import has_onnx
from mlpkit.export.onnx.runtime import feeds, predictions, session
from mlpkit.plugin import REGISTRIES

from ..modelfile.models import CHOICES, FORMS, ROOT, SHIPPED
from ..sampling import one_in
from .random_models import random_model

NAMES = [*SHIPPED, "deep", "notations", *FORMS, "learned float32", "learned float64", *(f"choices {n}" for n in range(len(CHOICES)))]
NUMBERS = {"data": {"target": "y"}, "loss": "mse", "training": {"epochs": 2}, "dtype": "float64"}


def trained(spec, columns):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return mlpkit.train(spec, columns)


def compared(model, rows, path):
    """Export a model, and return the differences on rows."""
    mlpkit.to_onnx(model, path)
    table = rows if hasattr(rows, "numbers") else as_table(rows)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", mlpkit.UnseenCategoryWarning)
        return compare(model, own_predictions(model, table), predictions(path, model, table))


def run(path, inputs):
    made = session(path)
    return dict(zip([output.name for output in made.get_outputs()], made.run(None, inputs), strict=True))


def column(*values):
    return np.array(values, object if isinstance(values[0], str) else float).reshape(-1, 1)


# -- equal predictions


@pytest.mark.parametrize("name", one_in(3, NAMES))
def test_models_of_every_kind(name, cases, tmp_path):
    path, rows, _ = cases[name]
    found = compared(mlpkit.load(path), rows, tmp_path / "model.onnx")
    assert found.equal, found


@pytest.mark.parametrize("path", one_in(12, sorted((ROOT / "tests" / "modelfile" / "golden").glob("*.h5"))), ids=lambda path: path.stem)
def test_files_of_every_version(path, tmp_path):
    rows = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))["rows"]
    found = compared(mlpkit.load(path), rows if isinstance(rows[0], dict) else np.array(rows), tmp_path / "model.onnx")
    assert found.equal, found


def test_the_classic_example(tmp_path):
    model = mlpkit.load(ROOT / "models" / "xor-classic" / "model.h5")
    assert compared(model, {"a": [0, 0, 1, 1], "b": [0, 1, 0, 1]}, tmp_path / "model.onnx").equal


@pytest.mark.parametrize("seed", one_in(20, range(220)))
def test_random_models(seed, tmp_path):
    spec, data, rows = random_model(seed)
    found = compared(trained(spec, data), rows, tmp_path / "model.onnx")
    assert found.equal, found


def test_the_random_models_have_every_activation():
    names = {
        layer["activation"]
        for seed in range(220)
        for layer in random_model(seed)[0]["network"]["layers"]
        if isinstance(layer["activation"], str)
    }
    assert names | {"leaky_relu"} == set(REGISTRIES["activations"].builtins) - {"exponential"}


def test_every_built_in_has_a_method():
    activations, losses = ([REGISTRIES[kind].get(name) for name in REGISTRIES[kind].builtins] for kind in ("activations", "losses"))
    assert all(has_onnx(cls.model_construct()) for cls in activations)
    assert all(has_onnx(cls.model_construct()) for cls in losses if cls.predictions is not mlpkit.Loss.predictions)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_activation_at_pre_activations_of_every_size(dtype, tmp_path):
    x = np.concatenate([np.linspace(-12, 12, 97), [-1e4, -90, -30, 1e-8, -1e-8, 30, 90, 1e4]])
    layer = {"units": 4, "weight_initializer": "ones"}
    for choice in [choice for choices in CHOICES for choice in choices]:
        spec = NUMBERS | {"dtype": dtype, "preprocessing": {"numbers": "none", "target": "none"}}
        spec |= {"network": {"layers": [layer | {"activation": choice}, {}]}, "optimizer": {"type": "sgd", "learning_rate": 1e-9}}
        found = compared(
            trained(spec, {"x": x / 1e5, "y": x / 1e5}), {"x": x[np.abs(x) < 13] if choice == "exponential" else x}, tmp_path / "model.onnx"
        )
        assert found.equal, (choice, found)


def test_residual_connections_from_the_inputs_have_no_factors(tmp_path):
    rng = np.random.default_rng(0)
    columns = {"a": rng.normal(size=50), "b": rng.normal(size=50)}
    network = {"input_scale": True, "layers": [{"units": 2, "activation": "tanh", "residual": 1}, {}]}
    spec = NUMBERS | {"network": network, "training": {"epochs": 50, "learning_rate_factors": {"input_scale": 9.0}}}
    model = trained(spec, columns | {"y": columns["a"] * 3})
    assert np.abs(model.network.layers[0].input_scale - 1).max() > 0.3
    assert compared(model, columns, tmp_path / "model.onnx").equal


def test_the_days_of_two_centuries_and_the_ends_of_the_calendar(tmp_path):
    days = np.datetime64("1850-01-01") + np.arange(0, 73_000, 61)
    texts = [f"{day}T{number % 24:02d}:{number % 60:02d}:59.{number % 1000:03d}" for number, day in enumerate(days)]
    texts += ["0001-01-01", "9999-12-31T23:59", "1900-02-28", "1900-03-01", "2000-02-29", "1969-12-31T12:00", "1970-01-01"]
    columns = {"when": texts, "y": np.sin(np.arange(len(texts)))}
    spec = NUMBERS | {"preprocessing": {"columns": {"when": "date"}}, "network": {"layers": [{"units": 8, "activation": "tanh"}, {}]}}
    model = trained(spec, columns)
    assert len(model.input_encoder.columns[0].parts) == 8
    assert compared(model, {"when": texts}, tmp_path / "model.onnx").equal
    found = run(tmp_path / "model.onnx", {"when": column(-719163.0, 2932897.0, 1e300, np.inf, 0.0)})["prediction"]
    np.testing.assert_array_equal(np.isnan(found[:, 0]), [True, True, True, True, False])


def test_the_reference_evaluator_of_onnx_agrees(cases, tmp_path):
    model = mlpkit.load(cases["averaged classes"][0])
    mlpkit.to_onnx(model, tmp_path / "model.onnx")
    inputs = feeds(model, as_table(cases["averaged classes"][1]))
    label, scores = ReferenceEvaluator(str(tmp_path / "model.onnx")).run(None, inputs)
    found = run(tmp_path / "model.onnx", inputs)
    np.testing.assert_array_equal(label, found["label"])
    np.testing.assert_allclose(scores, found["probabilities"], atol=1e-12)


# -- inputs as users give them


@pytest.fixture(scope="module")
def penguins(tmp_path_factory):
    path = tmp_path_factory.mktemp("penguins") / "model.onnx"
    mlpkit.to_onnx(mlpkit.load(ROOT / "models" / "penguins" / "model.h5"), path)
    return path


def test_columns_as_users_give_them(penguins):
    names = ("bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g")
    numbers = {name: column(value, np.nan) for name, value in zip(names, (50, 15, 220, 5000), strict=True)}
    found = run(penguins, {"island": column("Biscoe", ""), "sex": column("male", "?"), "year": column(2008, np.nan), **numbers})
    model = mlpkit.load(ROOT / "models" / "penguins" / "model.h5")
    rows = [{name: (values[row, 0]) for name, values in numbers.items()} for row in range(2)]
    rows[0] |= {"island": "Biscoe", "sex": "male", "year": 2008}
    rows[1] |= {"island": None, "sex": "?", "year": None}
    with pytest.warns(mlpkit.UnseenCategoryWarning):
        np.testing.assert_allclose(found["probabilities"], model.predict_proba(rows), atol=5e-6)
    with pytest.warns(mlpkit.UnseenCategoryWarning):
        np.testing.assert_array_equal(found["label"], model.predict(rows))
    assert found["label"].shape == (2,)


def test_inputs_and_outputs_and_what_describes_them(penguins):
    made = onnx.load(penguins)
    assert {(opset.domain, opset.version) for opset in made.opset_import} == {("", 18), ("ai.onnx.ml", 3)}
    inputs = {each.name: each.type.tensor_type for each in made.graph.input}
    assert [*inputs] == ["island", "bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g", "sex", "year"]
    texts = {name for name, each in inputs.items() if each.elem_type == onnx.TensorProto.STRING}
    assert texts == {"island", "sex"}
    assert all(each.elem_type == onnx.TensorProto.DOUBLE for name, each in inputs.items() if name not in texts)
    assert [output.name for output in made.graph.output] == ["label", "probabilities"]
    facts = {entry.key: entry.value for entry in made.metadata_props}
    assert (made.producer_name, made.producer_version) == ("mlpkit", mlpkit.__version__)
    assert made.graph.name == "penguins"
    assert json.loads(facts["classes"]) == ["Adelie", "Chinstrap", "Gentoo"]
    assert json.loads(facts["columns"])[0] == {"name": "island", "type": "text", "values": 1, "contents": "a text, empty if missing"}
    assert "year: the number of a category, NaN if missing" in made.doc_string


@pytest.mark.parametrize(
    ("labels", "kind"), [([True, False], bool), ([3, -4], np.int64), ([0.5, 1.5], np.float64), (["é", "b"], object)], ids=str
)
def test_labels_have_the_type_of_the_targets(labels, kind, tmp_path):
    spec = {"data": {"target": "y", "target_type": "class"}, "network": {"layers": [{"activation": "softmax"}]}}
    model = trained(spec | {"loss": "categorical_crossentropy", "training": {"epochs": 30}}, {"x": np.arange(20.0), "y": labels * 10})
    assert compared(model, {"x": np.arange(20.0)}, tmp_path / "model.onnx").equal
    found = run(tmp_path / "model.onnx", {"x": column(3.0, 4.0)})["label"]
    assert found.dtype == kind
    assert set(found.tolist()) <= set(labels)


def test_a_model_of_an_array_has_one_input(tmp_path):
    x = np.random.default_rng(0).normal(size=(40, 3))
    spec = {"network": {"layers": [{"units": 3, "activation": "tanh"}, {}]}, "loss": "mse", "training": {"epochs": 2}}
    model = mlpkit.train(spec, x, x[:, 0])
    assert compared(model, x, tmp_path / "model.onnx").equal
    found = run(tmp_path / "model.onnx", {"x": x})["prediction"]
    np.testing.assert_allclose(found[:, 0], model.predict(x), atol=5e-6)


def test_parts_of_a_loss_are_outputs(cases, tmp_path):
    for name, parts in (("averaged means", ["prediction", "deviation"]), ("quantiles", ["prediction", "q0.1", "q0.6", "q0.9"])):
        path, rows, _ = cases[name]
        model = mlpkit.load(path)
        assert compared(model, rows, tmp_path / "model.onnx").equal
        found = run(tmp_path / "model.onnx", feeds(model, as_table(rows)))
        assert [*found] == parts
        expected = model.predict(rows, parts=True)
        np.testing.assert_allclose(np.hstack([*found.values()]), np.column_stack([*expected.values()]), rtol=1e-10)


def test_names_that_are_taken_get_an_underscore(tmp_path):
    columns = {"label": np.arange(20.0), "v0": np.arange(20.0) % 3, "label_": np.arange(20.0) % 5, "y": ["a", "b"] * 10}
    spec = {"data": {"target": "y"}, "network": {"layers": [{"activation": "softmax"}]}, "loss": "categorical_crossentropy"}
    model = trained(spec | {"training": {"epochs": 1}}, columns)
    assert compared(model, columns, tmp_path / "model.onnx").equal
    assert [output.name for output in session(tmp_path / "model.onnx").get_outputs()] == ["label__", "probabilities"]


def test_odd_names_and_texts(tmp_path):
    odd = ["", "column0", "a\0b", "a b", "é\u2028", '"', "\\", "%s", "v1", "{}", "x" * 3000, "\U0001f427"]
    columns = {name: np.arange(20.0) % (index + 2) for index, name in enumerate(odd)}
    columns |= {"word": [odd[row % 12] or "?" for row in range(20)], "y": [odd[row % 2 + 2] for row in range(20)]}
    spec = {"data": {"target": "y"}, "network": {"layers": [{"activation": "softmax"}]}, "loss": "categorical_crossentropy"}
    spec["preprocessing"] = {"columns": {"word": "one_hot"}}
    model = trained(spec | {"training": {"epochs": 1}}, columns)
    assert compared(model, columns, tmp_path / "model.onnx").equal


# -- values that mlpkit refuses, or has not seen


def test_refused_rows_are_nan_and_do_not_change_others(tmp_path):
    columns = {"a": np.arange(40.0), "wet": np.arange(40) % 2 == 0, "word": ["x", "y"] * 20, "member": ["Yes", "no"] * 20}
    columns["y"] = np.arange(40) % 4 == 0
    spec = {"data": {"target": "y"}, "network": {"layers": [{"units": 3, "activation": "relu"}, {"activation": "sigmoid"}]}}
    spec |= {
        "preprocessing": {"missing": "none", "columns": {"member": "boolean"}},
        "loss": "binary_crossentropy",
        "training": {"epochs": 2},
    }
    model = trained(spec, columns)
    assert compared(model, columns, tmp_path / "model.onnx").equal
    good = {"a": 1.0, "wet": 1.0, "word": "x", "member": "YES"}
    odd = [
        {},
        {"a": np.inf},
        {"a": -np.inf},
        {"a": np.nan},
        {"a": 1e300},
        {"wet": 2.0},
        {"wet": np.nan},
        {"word": ""},
        {"member": "?"},
        {"member": ""},
        {"word": "new"},
    ]
    rows = [good | change for change in odd]
    found = run(tmp_path / "model.onnx", {name: column(*[row[name] for row in rows]) for name in good})["probabilities"]
    np.testing.assert_array_equal(np.isnan(found[:, 0]), [False, *[True] * 9, False])
    for row in rows[1:8]:
        with pytest.raises(mlpkit.DataError):
            model.predict([row])
    np.testing.assert_allclose(found[0], model.predict_proba([good])[0], atol=5e-6)
    with pytest.warns(mlpkit.UnseenCategoryWarning):
        np.testing.assert_allclose(found[10], model.predict_proba([rows[10]])[0], atol=5e-6)


@pytest.mark.parametrize("loss", ["categorical_crossentropy", "mean_squared_error", "ordinal"])
def test_labels_of_networks_that_overflow(loss, tmp_path):
    rng = np.random.default_rng(1)
    columns = {"a": rng.normal(size=60), "b": rng.normal(size=60), "y": rng.integers(0, 9, 60)}
    layers = [{"units": 2, "activation": "relu_squared"}, {"activation": "continuation_ratio" if loss == "ordinal" else "softmax"}]
    spec = {"data": {"target": "y", "target_type": "class"}, "loss": loss, "preprocessing": {"numbers": "none"}, "training": {"epochs": 5}}
    model = trained(spec | {"network": {"layers": layers}}, columns)
    model.set_weights({"layers.0.weight": np.ones((2, 2)), "layers.1.weight": np.array([np.ones(9), [1, 1, -1, -1, 1, 1, 1, 1, -1]])})
    far = rng.choice([-1, 1], (2, 40)) * 10.0 ** rng.integers(18, 38, (2, 40))
    table = as_table({"a": far[0], "b": far[1]})
    z = model.network.forward(model.encode(table))[0]
    partly = np.isnan(z).any(axis=1) & ~np.isnan(z[:, 0])
    assert partly.any()
    mlpkit.to_onnx(model, tmp_path / "model.onnx")
    np.testing.assert_array_equal(predictions(tmp_path / "model.onnx", model, table).labels, model.predict(table))


def test_far_numbers_within_the_limits_of_training(tmp_path):
    columns = {"a": np.arange(40.0), "b": np.r_[np.arange(39.0), np.nan], "y": np.arange(40.0)}
    spec = NUMBERS | {"preprocessing": {"clip_inputs": True}, "network": {"layers": [{"units": 3, "activation": "tanh"}, {}]}}
    rows = {"a": [1e300, -1e300, 5.0, np.nan], "b": [np.nan, 1e9, -1e-300, 7.0]}
    model = trained(spec, columns)
    with pytest.warns(mlpkit.UnseenCategoryWarning):
        model.predict(rows)
    assert compared(model, rows, tmp_path / "model.onnx").equal


@pytest.mark.parametrize("knots", [2, 3, 5, 9, 100])
def test_quantiles_of_a_few_knots_and_values_at_them(knots, tmp_path):
    rng = np.random.default_rng(knots)
    columns = {"a": rng.normal(size=200), "b": rng.integers(0, 4, 200), "c": rng.lognormal(0, 3, (200, 3)), "y": rng.normal(size=200)}
    spec = NUMBERS | {"preprocessing": {"numbers": {"type": "quantile", "knots": knots}}, "network": {"layers": [{}]}}
    model = trained(spec, columns)
    points = model.input_encoder.arrays()["knots"]
    rows = {"a": np.r_[points, -1e9, 1e9], "b": np.r_[points, -1e9, 1e9], "c": np.repeat(np.r_[points, -1e9, 1e9][:, None], 3, axis=1)}
    assert compared(model, rows, tmp_path / "model.onnx").equal


def test_numbers_as_categories_know_no_other_number(tmp_path):
    columns = {"code": [-1, 0, 7, None] * 10, "big": [10**14, 5] * 20, "y": np.arange(40.0) % 4}
    treated = {"code": {"type": "embed", "fewest": 1}, "big": "one_hot"}
    network = {"embeddings": [{"type": "category", "units": 2}], "layers": [{}]}
    model = trained(NUMBERS | {"preprocessing": {"columns": treated}, "network": network}, columns)
    rows = [{"code": code, "big": big} for code in (-1, 0, 7, None, 3, 0.5, -2, 1e18, 99) for big in (10**14, 5, 6, 10**14 + 1)]
    assert compared(model, rows, tmp_path / "model.onnx").equal


def test_no_rows(tmp_path, penguins):
    texts = ("island", "sex")
    empty = {each.name: np.empty((0, 1), object if each.name in texts else float) for each in session(penguins).get_inputs()}
    found = run(penguins, empty)
    assert found["label"].shape == (0,)
    assert found["probabilities"].shape == (0, 3)


# -- what has no counterpart


class Plain(mlpkit.Elementwise):
    """A plugin without a method onnx."""

    def function(self, z):
        return abs(z)

    def derivative(self, z, y):
        return np.sign(z)


class Exported(Plain):
    """The same with one."""

    def function(self, z):
        return abs(z)

    def onnx(self, op, z):
        return abs(z)


class Bumpy(mlpkit.Elementwise):
    """A plugin with a lookup table."""

    def function(self, z):
        return z + np.sin(z)

    def derivative(self, z, y):
        return 1 + np.cos(z)


class Changed(Exported):
    """A plugin that computes something else than its base class, whose method onnx does not hold for it."""

    def function(self, z):
        return 2 * abs(z)


class Wrong(Plain):
    """A plugin whose method onnx makes no valid node."""

    def onnx(self, op, z):
        return op("Nothing", z)


class Failing(Plain):
    """A plugin whose method onnx fails."""

    def onnx(self, op, z):
        return z / self.alpha


class Empty(Plain):
    """A plugin whose method onnx returns no value."""

    def onnx(self, op, z):
        op("Abs", z)


class Other(mlpkit.Loss):
    """A loss with predictions of its own and without a method onnx."""

    def predictions(self, outputs, center, scale):
        return {"": outputs * scale + center}

    def value_and_grad(self, outputs, targets, losses, grad):
        np.subtract(outputs, targets, out=grad)
        losses[...] = (grad**2).sum(axis=1) / 2


def with_plugin(activation="tanh", loss="mse"):
    spec = NUMBERS | {"network": {"layers": [{"units": 3, "activation": activation}, {}]}, "loss": loss}
    return trained(spec, {"x": np.arange(20.0), "y": np.arange(20.0)})


def test_a_plugin_with_a_method(tmp_path):
    assert compared(with_plugin(Exported()), {"x": np.arange(20.0)}, tmp_path / "model.onnx").equal


def test_a_lookup_table_of_a_missing_plugin(tmp_path, monkeypatch):
    x = np.linspace(-3, 3, 50)
    spec = NUMBERS | {"network": {"layers": [{"units": 4, "activation": Bumpy()}, {}]}, "preprocessing": {"numbers": "none"}}
    trained(spec, {"x": x, "y": x}).save(tmp_path / "model.h5")
    registry = REGISTRIES["activations"]
    monkeypatch.setattr(registry, "_own", {})
    with pytest.warns(mlpkit.SurrogateWarning):
        model = mlpkit.load(tmp_path / "model.h5", allow_surrogate=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", mlpkit.SurrogateWarning)
        assert compared(model, {"x": np.r_[x, 1e3, -1e3]}, tmp_path / "model.onnx").equal


@pytest.mark.parametrize(
    ("plugins", "message"),
    [
        ({"activation": Plain()}, "the activation 'plain' of your own class .* has no method onnx"),
        ({"activation": Changed()}, "the activation 'changed' of your own class .* has no method onnx"),
        ({"loss": Other()}, "the loss 'other' of your own class .* has no method onnx"),
        ({"activation": Wrong()}, "the exported model is not valid: .*Nothing"),
        ({"activation": Failing()}, "the activation 'failing' .* failed in onnx: AttributeError"),
        ({"activation": Empty()}, "the activation 'empty' .* returns NoneType from onnx"),
    ],
    ids=["without", "changed", "loss", "wrong", "failing", "empty"],
)
def test_a_plugin_without_a_counterpart_is_named_and_nothing_is_written(plugins, message, tmp_path):
    with pytest.raises(mlpkit.MLPKitError, match=message):
        mlpkit.to_onnx(with_plugin(**plugins), tmp_path / "model.onnx")
    assert not [*tmp_path.iterdir()]


def test_a_model_that_was_not_trained(tmp_path):
    model = mlpkit.Model({"network": {"layers": [{"units": 1}]}, "loss": "mse", "data": {"target": "y"}}, inputs=2)
    with pytest.raises(mlpkit.DataError, match="has not been trained"):
        mlpkit.to_onnx(model, tmp_path / "model.onnx")


def test_the_file_is_the_same_each_time_and_not_written_over_another(penguins, tmp_path):
    model = mlpkit.load(ROOT / "models" / "penguins" / "model.h5")
    mlpkit.to_onnx(model, tmp_path / "again.onnx")
    assert (tmp_path / "again.onnx").read_bytes() == penguins.read_bytes()
    with pytest.raises(mlpkit.ModelFileError, match="exists"):
        mlpkit.to_onnx(model, tmp_path / "again.onnx", replace=False)


def test_no_node_is_without_use(penguins):
    made = onnx.load(penguins)
    used = {name for node in made.graph.node for name in node.input} | {output.name for output in made.graph.output}
    assert all(used.intersection(node.output) for node in made.graph.node)
    assert {tensor.name for tensor in made.graph.initializer} <= used


def test_an_attribute_that_is_a_number_would_be_float32():
    """No node has one: numbers are constants in the dtype of the network."""
    model = with_plugin({"type": "leaky_relu", "negative_slope": 0.3})
    made = onnx.load_from_string(to_bytes(model))
    kinds = {attribute.type for node in made.graph.node for attribute in node.attribute}
    assert onnx.AttributeProto.FLOAT not in kinds
    assert onnx.AttributeProto.FLOATS not in kinds


def test_the_package_is_named_if_it_is_missing(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    monkeypatch.setitem(sys.modules, "onnx.helper", None)
    with pytest.raises(
        mlpkit.DataError, match=re.escape('an export to ONNX needs the onnx package\nhelp: install it: pip install "mlpkit[onnx]"')
    ):
        mlpkit.to_onnx(with_plugin(), tmp_path / "model.onnx")
    assert not [*tmp_path.iterdir()]
