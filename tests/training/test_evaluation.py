"""Test measurements: probabilities, optional weights, rows without a target, and metrics without a value."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import mlpkit
from mlpkit.data.frames import as_table
from mlpkit.errors import DataError, LeftOutWarning, UndefinedMetricWarning
from mlpkit.preprocessing.prepare import prepare

RNG = np.random.default_rng(2)


def make(loss="categorical_crossentropy", activation="softmax", data=None, **parts):
    network = {"layers": [{"units": 4, "activation": "tanh"}, {"activation": activation}]}
    return {"network": network, "loss": loss, "data": data or {}, "training": {"epochs": 2}, **parts}


SIGMOID = {"loss": "binary_crossentropy", "activation": "sigmoid"}
REGRESSION = {"loss": "mse", "activation": "linear"}


def saturated(scale, dtype="float32", **kind):
    """A model that is sure of itself."""
    x = RNG.normal(size=(300, 3))
    y = (x[:, 0] > 0).astype(int) if kind else np.digitize(x[:, 0], [-0.5, 0.5])
    model = mlpkit.train(make(**kind, dtype=dtype), x, y)
    model.network.layers[-1].weight[...] *= scale
    return model, x, y


# -- probabilities


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", [{}, SIGMOID], ids=["softmax", "sigmoid"])
@pytest.mark.parametrize("scale", [1, 30, 1000])
def test_rows_of_probabilities_can_be_drawn_from(kind, dtype, scale):
    model, x, _ = saturated(scale, dtype, **kind)
    probabilities = model.predict_proba(x)
    assert probabilities.dtype == np.float64
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-15)
    for row in probabilities:
        np.random.default_rng(0).choice(len(row), p=row)
    np.testing.assert_array_equal(model.predict(x), model.classes[probabilities.argmax(axis=1)])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("scale", [1, 40, 400])
def test_the_log_loss_of_confident_mistakes_is_that_of_the_scores(dtype, scale):
    model, x, y = saturated(scale, dtype, **SIGMOID)
    wrong = 1 - y
    z = model.network.forward(model.input_encoder.encode(as_table(x), dtype))[0][:, 0].astype(np.longdouble)
    exact = np.mean(np.logaddexp(0, np.where(wrong == 1, -z, z)))
    assert model.evaluate(x, wrong, metrics="log_loss")["log_loss"] == pytest.approx(float(exact), rel=1e-12)


def test_the_log_loss_of_a_confident_softmax_is_that_of_the_scores():
    model, x, y = saturated(300)
    z = model.network.forward(model.input_encoder.encode(as_table(x), "float32"))[0].astype(np.float64)
    wrong = (y + 1) % 3
    exact = (np.logaddexp.reduce(z, axis=1) - z[np.arange(len(z)), wrong]).mean()
    assert exact > 40
    assert model.evaluate(x, wrong, metrics="log_loss")["log_loss"] == pytest.approx(exact, rel=1e-12)


def test_validation_in_training_and_files_on_disk_measure_the_same(tmp_path):
    x = RNG.normal(size=(400, 3)).astype(np.float32)
    y = (x[:, 0] > 0).astype(int)
    spec = make(**SIGMOID, metrics=["log_loss", "accuracy"], optimizer={"type": "adam", "learning_rate": 0.5})
    spec["training"] = {"epochs": 30}
    model = mlpkit.train(spec, x[:200], y[:200], validation=(x[200:], y[200:]))
    np.save(tmp_path / "x.npy", x[200:])
    stored = np.load(tmp_path / "x.npy", mmap_mode="r")
    expected = model.evaluate(x[200:], y[200:])
    assert model.evaluate(stored, y[200:]) == pytest.approx(expected, rel=1e-6)
    assert model.history[-1].metrics == pytest.approx({name: expected[name] for name in ("log_loss", "accuracy")}, rel=1e-12)
    assert model.evaluate(x[200:], y[200:], metrics="accuracy")["accuracy"] == (model.predict(x[200:]) == y[200:]).mean()


def test_several_labels_agree_with_their_probabilities():
    x = RNG.normal(size=(100, 3))
    model = mlpkit.train(make(**SIGMOID), x, (x > 0).astype(int))
    np.testing.assert_array_equal(model.predict(x), (model.predict_proba(x) > 0.5).astype(int))


# -- weights


@pytest.fixture
def weighted():
    table = {"x": RNG.normal(size=60), "w": np.ones(60)}
    table["y"] = np.where(table["x"] + RNG.normal(size=60) > 0, "a", "b")
    table["w"][(table["y"] == "a") & (table["x"] < 0)] = 20.0
    spec = make(data={"target": "y", "weight": "w", "split": {"validation": 0.4}}, metrics=["accuracy"])
    return mlpkit.train(spec, table), table


def test_metrics_are_weighted_only_where_that_is_asked_for(weighted):
    model, table = weighted
    right = model.predict(table) == table["y"]
    plain, by_weight = right.mean(), np.average(right, weights=table["w"])
    assert plain != pytest.approx(by_weight)
    rows = {name: column for name, column in table.items() if name != "w"}
    assert model.evaluate(table)["accuracy"] == pytest.approx(plain)
    assert model.evaluate(rows) == model.evaluate(table)
    assert model.evaluate(table, weighted=True)["accuracy"] == pytest.approx(by_weight)
    assert model.evaluate(rows, weights=table["w"]) == model.evaluate(table, weighted=True)
    assert model.evaluate(rows, weights=table["w"], weighted=False) == model.evaluate(rows)
    assert model.evaluate(table)["loss"] != pytest.approx(model.evaluate(table, weighted=True)["loss"])
    with pytest.raises(DataError, match="no sample weights for weighted metrics"):
        model.evaluate(rows, weighted=True)


@pytest.mark.parametrize("asked", [False, True])
def test_validation_metrics_are_weighted_only_where_the_spec_says_so(weighted, asked):
    model, table = weighted
    spec = model.spec.to_dict()
    spec["training"]["weighted_metrics"] = asked
    prepared = prepare(mlpkit.Spec.model_validate(spec), table)
    again = mlpkit.Model.for_data(mlpkit.Spec.model_validate(spec), prepared)
    *_, epoch = again.epochs(prepared)
    weights = prepared.validation.weights.astype(float)
    right = again.network.predict(prepared.validation.inputs).argmax(axis=1) == prepared.values
    assert epoch.metrics["accuracy"] == pytest.approx(np.average(right, weights=weights if asked else None))
    p = again.network.predict(prepared.validation.inputs)[np.arange(len(right)), prepared.values]
    assert epoch.validation_loss == pytest.approx(np.average(-np.log(p), weights=weights), rel=1e-5)


# -- rows without a target

MISSING_TEXTS = ["nan", "NaN", "NAN", "-nan", "+NaN", " nan ", "NaT", "<NA>"]
MISSING = {
    "None": [None, *"ab" * 10],
    "NaN among texts": [float("nan"), *"ab" * 10],
    "pandas NA": pd.Series([pd.NA, *"ab" * 10]),
    "pandas strings": pd.Series([None, *"ab" * 10], dtype="string"),
    "pandas category": pd.Series([None, *"ab" * 10], dtype="category"),
    "NaT": np.array([pd.NaT, *"ab" * 10], dtype=object),
    "polars": pl.Series([None, *"ab" * 10]),
    "Arrow": pa.array([None, *"ab" * 10]),
    "masked": np.ma.array(["a", *"ab" * 10], mask=[1] + [0] * 20),
    **{f"text {text!r}": [text, *"ab" * 10] for text in MISSING_TEXTS},
}
NUMBERS = {
    "NaN": [np.nan, *range(20)],
    "float16": np.array([np.nan, *range(20)], np.float16),
    "pandas Int64": pd.Series([pd.NA, *range(20)], dtype="Int64"),
    "texts": ["-nan", *map(str, range(20))],
    "polars": pl.Series([None, *range(20)]),
}
X = RNG.normal(size=(21, 2))


@pytest.mark.parametrize(
    ("spec", "y"),
    [*((make(), y) for y in MISSING.values()), *((make(**REGRESSION), y) for y in NUMBERS.values())],
    ids=[*MISSING, *(f"number {name}" for name in NUMBERS)],
)
def test_a_missing_target_is_one_in_every_spelling(spec, y):
    with pytest.raises(DataError, match="has a missing value: row 0") as caught:
        mlpkit.train(spec, X, y)
    assert "missing_target" in caught.value.help
    model = mlpkit.train({**spec, "data": {"missing_target": "drop"}}, X, y)
    rest = y[1:] if isinstance(y, (list, np.ndarray, pa.Array, pl.Series)) else y.iloc[1:]
    expected = mlpkit.train(spec, X[1:], rest)
    np.testing.assert_array_equal(model.network.parameters.vector, expected.network.parameters.vector)
    with pytest.warns(LeftOutWarning, match="1 row without a target left out"):
        assert model.evaluate(X, y) == expected.evaluate(X[1:], rest)


def test_a_missing_target_of_a_file_with_its_own_marks(tmp_path):
    lines = "".join(f"{row % 7},{'NAN' if row == 4 else row % 2}\n" for row in range(30))
    (tmp_path / "t.csv").write_text("a,y\n" + lines)
    spec = make(data={"path": str(tmp_path / "t.csv"), "target": "y", "missing": {"only": ["-"]}})
    with pytest.raises(DataError, match="'y' has a missing value: line 6"):
        mlpkit.train(spec)
    spec["data"]["missing_target"] = "drop"
    assert mlpkit.train(spec).classes.tolist() == [0, 1]
    spec["data"] |= {"missing_target": "error", "target_type": "text"}
    assert mlpkit.train(spec).classes.tolist() == ["0", "1", "NAN"]


def test_rows_without_any_target_are_an_error():
    model = mlpkit.train(make(), X, [*list("ab" * 10), "a"])
    with pytest.raises(DataError, match="no row has a target"):
        model.evaluate(X, [None] * 21)


# -- figures without a value


def test_a_metric_that_is_not_defined_is_nan_with_one_warning():
    model = mlpkit.train(make(**REGRESSION), X, X[:, 0])
    for rows in (X[:1], X[:5]):
        with pytest.warns(UndefinedMetricWarning, match="r2 cannot be computed on the given rows") as caught:
            measured = model.evaluate(rows, np.ones(len(rows)), metrics=["rmse", "r2"])
        assert len(caught) == 1
        assert math.isnan(measured["r2"])
        assert math.isfinite(measured["rmse"])


def test_training_warns_once_of_a_metric_that_is_not_defined():
    stopping = {"monitor": "r2", "patience": 5}
    spec = make(**REGRESSION, metrics=["r2"]) | {"training": {"epochs": 4, "early_stopping": stopping}}
    with pytest.warns(UndefinedMetricWarning, match="r2 cannot be computed on the validation rows") as caught:
        model = mlpkit.train(spec, X, X[:, 0], validation=(X[:3], np.ones(3)))
    assert [warning.category for warning in caught] == [UndefinedMetricWarning]
    assert all(math.isnan(epoch.metrics["r2"]) for epoch in model.history)
    assert len(model.history) == 4


def test_warnings_of_data_name_the_callers_line_and_do_not_pile_up():
    model = mlpkit.train(make(), {"a": list("pqr" * 7), "n": X[:, 0]}, [*list("ab" * 10), "a"])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for number in range(50):
            model.predict([{"a": f"new {number}", "n": None}])
            model.predict({"a": [f"new {number}"] * (number + 1), "n": [0.5] * (number + 1)})
    assert {warning.filename for warning in caught} == {__file__}
    assert len({str(warning.message) for warning in caught}) == 2
    assert "'new 49' in 'a' (50)" in caught[-1].message.details


def test_a_gap_that_training_had_not_warns_once_a_call(tmp_path):
    table = pd.DataFrame({"a": np.arange(40.0) % 7, "b": np.arange(40) % 2 == 0, "y": np.arange(40) % 5})
    model = mlpkit.train(make(data={"target": "y"}), table)
    later = pd.DataFrame({"a": [1.0, np.nan], "b": [None, True], "y": [1, 2]})
    later.to_csv(tmp_path / "t.csv", index=False)
    records = [{"a": 1.0, "b": None}, {"a": None, "b": True}]
    for source in (later, tmp_path / "t.csv", records, records[:1]):
        with pytest.warns(mlpkit.UnseenCategoryWarning, match="not seen in training") as caught:
            model.predict(source)
        assert len(caught) == 1
        assert "a missing value in 'b' (1)" in caught[0].message.details
    np.savez(tmp_path / "t.npz", a=[1.0, np.nan], b=[1.0, np.nan])
    with pytest.warns(mlpkit.UnseenCategoryWarning, match="'a' and others"):
        model.predict(tmp_path / "t.npz")


def test_a_gap_on_disk_warns_once_a_call(tmp_path, monkeypatch):
    monkeypatch.setattr("mlpkit.data.disk.table.BLOCK", 512)
    x = RNG.normal(size=(4000, 2))
    model = mlpkit.train(make(**REGRESSION), x, x[:, 0])
    x[::3, 1] = np.nan
    np.save(tmp_path / "x.npy", x)
    with pytest.warns(mlpkit.UnseenCategoryWarning) as caught:
        model.evaluate(np.load(tmp_path / "x.npy", mmap_mode="r"), x[:, 0])
    assert len(caught) == 1


def test_the_numbers_of_a_file_are_looked_through_for_missing_ones_without_a_string_each(tmp_path, monkeypatch):
    rows = 3000
    (tmp_path / "t.csv").write_text("a,y\n" + "".join(f"{row % 7},{'-nan' if row == 9 else row / 8}\n" for row in range(rows)))
    spec = make(**REGRESSION, data={"path": str(tmp_path / "t.csv"), "target": "y", "missing_target": "drop"})
    monkeypatch.setattr("mlpkit.preprocessing.labels.coded", None)
    assert len(prepare(mlpkit.Spec.model_validate(spec)).values) == rows - 1


MARKED = {
    "a mark of the user's among numbers": (["-", *map(str, range(20))], ["-"], REGRESSION),
    "a mark of the user's among classes": (["-", *"ab" * 10], ["-"], {}),
    "a usual mark among numbers": (["NA", *map(str, range(20))], [], REGRESSION),
    "a usual mark among classes that are numbers": (["?", *"01" * 10], [], {}),
}


@pytest.mark.parametrize(("y", "missing", "kind"), MARKED.values(), ids=MARKED)
def test_marks_of_missing_values_are_those_of_targets_in_memory_too(y, missing, kind):
    with pytest.raises(DataError, match="'y' has a missing value: row 0"):
        mlpkit.train(make(**kind, data={"missing": missing}), X, y)
    model = mlpkit.train(make(**kind, data={"missing": missing, "missing_target": "drop"}), X, y)
    expected = mlpkit.train(make(**kind), X[1:], y[1:])
    np.testing.assert_array_equal(model.network.parameters.vector, expected.network.parameters.vector)


def test_a_usual_mark_in_memory_may_be_a_class():
    assert mlpkit.train(make(), X, ["none", "mild", "severe"] * 7).classes.tolist() == ["mild", "none", "severe"]


def test_the_column_that_lacks_a_target_is_named():
    y = {"p": np.arange(21.0), "q": ["1", "-", *map(str, range(19))]}
    with pytest.raises(DataError, match="the column 'q' has a missing value: row 1"):
        mlpkit.train(make(**REGRESSION, data={"missing": ["-"]}), X, y)


def test_several_labels_are_measured_without_being_asked_for():
    rng = np.random.default_rng(4)
    X = rng.standard_normal((60, 3))
    labels = (X @ rng.standard_normal((3, 2)) > 0).astype(int)
    spec = {
        "network": {"layers": [{"units": 2, "activation": "sigmoid"}]},
        "loss": "binary_crossentropy",
        "training": {"epochs": 20},
        "metrics": ["hamming_loss"],
    }
    model = mlpkit.train(spec, X, labels)
    found = model.evaluate(X, labels, metrics=["subset_accuracy", "hamming_loss"])
    wrong = model.predict(X) != labels
    assert found["hamming_loss"] == pytest.approx(wrong.mean())
    assert found["subset_accuracy"] == pytest.approx((~wrong.any(axis=1)).mean())
    assert model.history[-1].metrics["hamming_loss"] == pytest.approx(wrong.mean())
    spec.pop("metrics")
    assert set(mlpkit.train(spec, X, labels).evaluate(X, labels)) == {"loss", "subset_accuracy", "hamming_loss"}
