"""Contributions to single predictions: exact Shapley values by enumeration, and those of a linear model."""

from itertools import combinations
from math import factorial

import numpy as np
import pytest

import mlpkit

rng = np.random.default_rng(8)
ROWS = 60
TABLE = {
    "size": rng.standard_normal(ROWS),
    "colour": np.array(["red", "green", None], object)[rng.integers(0, 3, ROWS)],
    "pixels": rng.standard_normal((ROWS, 2)),
    "age": np.where(rng.random(ROWS) < 0.2, np.nan, rng.random(ROWS)),
}
KIND = np.array(["a", "b", "c"])[np.clip(np.round(TABLE["size"] * (TABLE["colour"] == "red") + 1), 0, 2).astype(int)]


def spec(last, loss, **options):
    training = {"epochs": 20, "batch_size": 16}
    return {
        "network": {"layers": [{"units": 8, "activation": "tanh"}, last]},
        "loss": loss,
        "dtype": "float64",
        "training": training,
    } | options


@pytest.fixture(scope="module")
def model():
    return mlpkit.train(spec({"activation": "softmax"}, "cross_entropy"), TABLE, KIND)


def part(rows):
    return {name: column[rows] for name, column in TABLE.items()}


def exact(model, row, background):
    """Shapley values of the mean prediction over background rows in which some columns are those of the row."""
    names = list(row)

    def value(known):
        return model.predict_proba(
            {name: np.repeat(row[name], ROWS, axis=0) if name in known else background[name] for name in names}
        ).mean(0)

    found = []
    for name in names:
        others, total = [other for other in names if other != name], 0.0
        for size in range(len(names)):
            share = factorial(size) * factorial(len(names) - size - 1) / factorial(len(names))
            total = total + share * sum(value({*known, name}) - value(known) for known in combinations(others, size))
        found.append(total)
    return np.stack(found)


def test_they_are_shapley_values_within_their_errors(model):
    found = mlpkit.contributions(model, part([3, 17]), background=TABLE, orders=960)
    assert (found.columns, found.outputs, found.background, found.orders) == (tuple(TABLE), ("a", "b", "c"), ROWS, 960)
    for place, number in enumerate((3, 17)):
        expected = exact(model, part([number]), TABLE)
        assert (np.abs(found.values[place] - expected) < 4 * found.errors[place] + 1e-9).all()
        assert np.abs(expected).max() > 10 * found.errors[place].max()
    np.testing.assert_allclose(found.mean, model.predict_proba(TABLE).mean(axis=0), rtol=1e-12)


def test_they_sum_to_the_prediction_minus_the_mean(model):
    found = mlpkit.contributions(model, TABLE, orders=10)
    np.testing.assert_allclose(found.values.sum(axis=1), found.predictions - found.mean, atol=1e-12)
    np.testing.assert_allclose(found.predictions, model.predict_proba(TABLE), atol=1e-12)


def test_errors_fall_with_the_root_of_the_orders(model):
    few, many = (mlpkit.contributions(model, part(slice(8)), background=TABLE, orders=orders).errors.mean() for orders in (60, 960))
    assert many == pytest.approx(few / 4, rel=0.15)


def test_those_of_a_linear_model_are_exact():
    x = rng.standard_normal((40, 5))
    w = rng.standard_normal((5, 2))
    model = mlpkit.from_arrays([w], [np.array([1.0, 2.0])], "linear", target=["u", "v"])
    found = mlpkit.contributions(model, x, background=x[:7], orders=7)
    np.testing.assert_allclose(found.values, (x - x[:7].mean(axis=0))[:, :, None] * w, atol=1e-12)
    assert (found.outputs, found.columns[0]) == (("u", "v"), "x0")


def test_a_row_does_not_depend_on_the_others(model):
    alone, among = mlpkit.contributions(model, part([4]), background=TABLE), mlpkit.contributions(model, part([9, 4]), background=TABLE)
    np.testing.assert_allclose(alone.values[0], among.values[1], atol=1e-12)
    assert alone.cells[0] == among.cells[1]


def test_an_ensemble_and_several_labels():
    x, y = rng.standard_normal((30, 3)), rng.integers(0, 2, (30, 2))
    model = mlpkit.train(spec({"activation": "sigmoid"}, "binary_crossentropy", ensemble={"members": 2}), x, y)
    found = mlpkit.contributions(model, x[:3], background=x)
    np.testing.assert_allclose(found.values.sum(axis=1) + found.mean, model.predict_proba(x[:3]), atol=1e-12)
    assert found.outputs == ("y0", "y1")


def test_one_column_has_it_all():
    x = rng.standard_normal((20, 1))
    model = mlpkit.train(spec({}, "mse"), x, x[:, 0])
    found = mlpkit.contributions(model, x)
    np.testing.assert_allclose(found.values[:, 0, 0], model.predict(x) - model.predict(x).mean(), atol=1e-12)


def test_blocks_of_a_wide_table_are_not_in_memory_at_once(model, monkeypatch):
    whole = mlpkit.contributions(model, part([0]), background=TABLE)
    monkeypatch.setattr("mlpkit.explain.contributions.CELLS", 50)
    np.testing.assert_allclose(mlpkit.contributions(model, part([0]), background=TABLE).values, whole.values, atol=1e-12)


def test_rows_on_disk_are_read_as_they_are_needed(tmp_path):
    x = rng.standard_normal((50, 3))
    model = mlpkit.train(spec({}, "mse"), x, x[:, 0])
    np.save(tmp_path / "x.npy", x)
    found, expected = (mlpkit.contributions(model, x[:2], background=rows, orders=8) for rows in (tmp_path / "x.npy", x))
    np.testing.assert_allclose(found.values, expected.values, atol=1e-12)
    by_change = [mlpkit.importance(model, rows, metric="change", most=20).values for rows in (tmp_path / "x.npy", x)]
    np.testing.assert_allclose(*by_change, atol=1e-12)


def test_dictionaries_and_arrays_are_rows_too(model):
    found = mlpkit.contributions(
        model, [{"size": 1.0, "colour": "red", "pixels": [0.5, 1.0]}, {"size": 2.0, "pixels": [1.0, 2.0]}], background=TABLE
    )
    assert found.cells == (("1", "red", "0.5, 1", ""), ("2", "", "1, 2", ""))


@pytest.mark.parametrize(
    ("rows", "options", "words"),
    [
        ([], {}, "no rows"),
        (part([0]), {}, "one row to compare"),
        (part([0, 1]), {"orders": 0}, "orders is 0"),
        ({"size": [1.0, 2.0]}, {}, "colour"),
    ],
)
def test_impossible_requests_are_errors(model, rows, options, words):
    with pytest.raises(mlpkit.DataError, match=words):
        mlpkit.contributions(model, rows, **options)
