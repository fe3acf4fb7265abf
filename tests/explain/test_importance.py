"""Permutation importance of raw columns: that of shuffling them in the table, and that of scikit-learn."""

import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.inspection import permutation_importance
from sklearn.metrics import r2_score

import mlpkit
from mlpkit.explain.importance import _orders
from mlpkit.explain.raw_columns import raw_columns
from mlpkit.explain.rows import drawn

ROWS = 120
rng = np.random.default_rng(3)
TABLE = {
    "height": np.where(rng.random(ROWS) < 0.1, np.nan, rng.standard_normal(ROWS)),
    "colour": np.array(["red", "green", None, "blue"], object)[rng.integers(0, 4, ROWS)],
    "day": np.datetime64("2024-01-01") + rng.integers(0, 700, ROWS),
    "pixels": rng.standard_normal((ROWS, 3)),
    "town": np.array([f"t{number}" for number in range(9)], object)[rng.integers(0, 9, ROWS)],
    "steps": np.where(rng.random(ROWS) < 0.1, np.nan, rng.standard_normal(ROWS)),
    "smoker": rng.random(ROWS) < 0.4,
    "same": np.ones(ROWS),
}
TABLE["price"] = np.nan_to_num(TABLE["height"]) * 2 + TABLE["pixels"][:, 1] + (TABLE["colour"] == "red") + TABLE["smoker"]
SPEC = {
    "data": {"target": "price"},
    "preprocessing": {"columns": {"day": "date", "steps": "bins", "town": {"type": "embed", "fewest": 1}}},
    "network": {"embeddings": [{"type": "category", "units": 2}], "layers": [{"units": 6, "activation": "tanh"}, {}]},
    "loss": "mse",
    "dtype": "float64",
    "training": {"epochs": 8, "batch_size": 32},
}


def train(spec, *rows):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", mlpkit.ConstantColumnWarning)
        return mlpkit.train(spec, *rows)


@pytest.fixture(scope="module")
def model():
    return train(SPEC, TABLE)


def shuffled_loss(model, table, name, order, metric="loss"):
    return model.evaluate({**table, name: table[name][order]})[metric]


@pytest.mark.parametrize("members", [1, 2])
def test_it_is_that_of_the_shuffled_table(members):
    """Categories, dates, blocks, bins and embedded categories are shuffled whole."""
    model = train(SPEC | ({"ensemble": {"members": 2}} if members == 2 else {}), TABLE)
    found, base = mlpkit.importance(model, TABLE, repeats=3, seed=4), model.evaluate(TABLE)["loss"]
    assert found.columns == tuple(name for name in TABLE if name != "price")
    assert (found.measure, found.rows, found.of) == ("loss", ROWS, ROWS)
    assert found.score == pytest.approx(base, rel=1e-12)
    for number, name in enumerate(found.columns):
        expected = [shuffled_loss(model, TABLE, name, order) - base for order in _orders(ROWS, 3, 4, number)]
        np.testing.assert_allclose(found.values[number], expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found.mean, found.values.mean(axis=1))
    np.testing.assert_allclose(found.error, found.values.std(axis=1, ddof=1) / np.sqrt(3))
    assert found.mean[found.columns.index("same")] == 0


def test_each_encoded_input_is_of_one_column(model):
    encoded = np.concatenate([column.encoded for column in raw_columns(model.input_encoder)])
    assert sorted(encoded.tolist()) == list(range(model.input_encoder.width))
    for column in raw_columns(model.input_encoder):
        names = [model.input_encoder.feature_names[index] for index in column.encoded]
        assert all(name.startswith(column.name) for name in names), names


@pytest.mark.parametrize(("metric", "sign"), [("r2", -1), ("rmse", 1)])
def test_a_metric_that_gets_worse_counts_whatever_its_direction(model, metric, sign):
    found, base = mlpkit.importance(model, TABLE, metric=metric, repeats=1), model.evaluate(TABLE, metrics=metric)[metric]
    (order,) = _orders(ROWS, 1, 0, 0)
    expected = sign * (model.evaluate({**TABLE, "height": TABLE["height"][order]}, metrics=metric)[metric] - base)
    assert found.values[0, 0] == pytest.approx(expected, rel=1e-9)
    assert found.score == pytest.approx(base)
    assert found.values[0, 0] > 0
    assert np.isnan(found.error).all()
    assert found.to_dict()["columns"][0]["error"] is None


def test_it_is_that_of_scikit_learn():
    x = rng.standard_normal((400, 4))
    y = 3 * x[:, 0] + x[:, 1] ** 2 + 0.1 * rng.standard_normal(400)
    spec = {"network": {"layers": [{"units": 16, "activation": "tanh"}, {}]}, "loss": "mse", "training": {"epochs": 30, "batch_size": 32}}
    model = mlpkit.train(spec, x, y)
    ours = mlpkit.importance(model, x, y, metric="r2", repeats=20)
    estimator = SimpleNamespace(fit=model.predict, predict=model.predict)
    theirs = permutation_importance(
        estimator, x, y, scoring=lambda found, x, y: r2_score(y, found.predict(x)), n_repeats=20, random_state=0
    )
    assert ours.columns == ("x0", "x1", "x2", "x3")
    error = np.hypot(ours.error, theirs.importances_std / np.sqrt(20))
    assert ours.mean[0] > 10 * ours.error[0]
    assert (np.abs(ours.mean - theirs.importances_mean) < 4 * error + 1e-6).all()


def test_the_change_of_the_prediction_needs_no_targets(model):
    inputs = {name: column for name, column in TABLE.items() if name != "price"}
    found = mlpkit.importance(model, inputs, metric="change", repeats=1)
    (order,) = _orders(ROWS, 1, 0, 3)
    after = model.predict({**inputs, "pixels": inputs["pixels"][order]})
    assert found.values[3, 0] == pytest.approx(np.abs(after - model.predict(inputs)).mean(), rel=1e-9)
    with pytest.raises(mlpkit.DataError, match="needs neither targets"):
        mlpkit.importance(model, inputs, TABLE["price"], metric="change")
    with pytest.raises(mlpkit.DataError, match="price"):
        mlpkit.importance(model, inputs)


def test_the_change_of_probabilities_is_their_total_variation():
    x, y = rng.standard_normal((60, 2)), np.resize(["a", "b", "c"], 60)
    model = mlpkit.train({"network": {"layers": [{"activation": "softmax"}]}, "loss": "cross_entropy", "training": {"epochs": 2}}, x, y)
    (order,) = _orders(60, 1, 0, 1)
    after = model.predict_proba(np.column_stack([x[:, 0], x[order, 1]]))
    expected = np.abs(after - model.predict_proba(x)).sum(axis=1).mean() / 2
    assert mlpkit.importance(model, x, metric="change", repeats=1).values[1, 0] == pytest.approx(expected, rel=1e-9)


def test_weights_count(model):
    weights = rng.random(ROWS)
    found = mlpkit.importance(model, TABLE, weights=weights, repeats=1)
    assert found.score == pytest.approx(model.evaluate(TABLE, weights=weights)["loss"], rel=1e-9)
    assert found.score != pytest.approx(model.evaluate(TABLE)["loss"], rel=1e-3)


def test_of_many_rows_some_are_drawn(model):
    found, again = (mlpkit.importance(model, TABLE, most=50, repeats=2) for _ in range(2))
    assert (found.rows, found.of) == (50, ROWS)
    np.testing.assert_array_equal(found.values, again.values)
    some = {name: column[drawn(ROWS, 50, 0)] for name, column in TABLE.items()}
    np.testing.assert_allclose(found.values, mlpkit.importance(model, some, repeats=2).values, rtol=1e-9, atol=1e-12)
    assert (mlpkit.importance(model, TABLE, most=50, seed=1).values != found.values[:, :1]).any()


@pytest.mark.parametrize("most", [30, 5000])
def test_rows_on_disk_are_as_those_in_memory(tmp_path, most):
    x, y = rng.standard_normal((80, 3)), rng.standard_normal(80)
    model = mlpkit.train({"network": {"layers": [{}]}, "loss": "mse", "training": {"epochs": 1}}, x, y)
    np.save(tmp_path / "x.npy", x)
    found = [mlpkit.importance(model, rows, y, most=most).values for rows in (x, tmp_path / "x.npy")]
    np.testing.assert_allclose(found[1], found[0], rtol=1e-5)


def test_rows_without_a_target_are_left_out(model):
    table = {**TABLE, "price": np.where(np.arange(ROWS) < 10, np.nan, TABLE["price"])}
    with pytest.warns(mlpkit.LeftOutWarning):
        found = mlpkit.importance(model, table, repeats=1)
    assert found.of == ROWS - 10


def test_one_row_changes_nothing(model):
    found = mlpkit.importance(model, {name: column[:1] for name, column in TABLE.items()})
    assert (found.values == 0).all()


def test_impossible_requests_are_errors(model):
    with pytest.raises(mlpkit.DataError, match="no rows"):
        mlpkit.importance(model, {name: column[:0] for name, column in TABLE.items()})
    with pytest.raises(mlpkit.DataError, match="repeats is 0"):
        mlpkit.importance(model, TABLE, repeats=0)
    with pytest.raises(mlpkit.DataError, match="seed is -1"):
        mlpkit.importance(model, TABLE, seed=-1)
    with pytest.raises(mlpkit.DataError, match="r2 cannot be computed"):
        mlpkit.importance(model, {**TABLE, "price": np.ones(ROWS)}, metric="r2")
    with pytest.raises(mlpkit.SpecError, match="do not fit the task"):
        mlpkit.importance(model, TABLE, metric="accuracy")
    with pytest.raises(mlpkit.DataError, match="not been trained"):
        mlpkit.importance(mlpkit.Model(SPEC | {"preprocessing": {}, "network": {"layers": [{}]}}, 3, 1), TABLE)


def test_predictions_that_overflow_have_no_importance():
    x = np.linspace(1, 9, 20, dtype=np.float32)[:, None]
    model = mlpkit.from_arrays([np.full((1, 1), 3e38, np.float32)], None, "linear", dtype="float32")
    found = mlpkit.importance(model, x, x[:, 0])
    assert found.to_dict()["score"] is None
    assert found.to_dict()["columns"][0]["importance"] is None
    assert np.isnan(found.mean).all()
    added = mlpkit.contributions(model, x)
    assert {column["contribution"] for column in added.of_row(3, 0)} == {None}


def test_it_is_shown_with_the_most_important_first(model):
    found = mlpkit.importance(model, TABLE)
    lines = str(found).splitlines()
    assert [line.split()[0] for line in lines] == [found.columns[index] for index in found.order]
    assert [column["column"] for column in found.to_dict()["columns"]] == [found.columns[index] for index in found.order]
