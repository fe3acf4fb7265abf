"""Rows as dictionaries: absent keys are missing values. Booleans and lists are not numbers. Names in another Unicode form."""

from __future__ import annotations

import unicodedata
import warnings

import h5py
import numpy as np
import pandas as pd
import pytest

import mlpkit
from mlpkit.errors import DataError, UnseenCategoryWarning
from mlpkit.spec import Spec

ROWS = [
    {"age": 20 + index % 31, "flag": index % 3 == 0, "sex": ["f", "m", None][index % 3], "pixels": [index % 2, index % 5]}
    for index in range(40)
]
Y = [float(index % 7) for index in range(40)]
ROW = {"age": 25, "flag": True, "sex": "f", "pixels": [1.0, 3.0]}


def make(names=None):
    data = {"inputs": names} if names else {}
    return {"network": {"layers": [{"units": 3}, {}]}, "loss": "mse", "data": data, "training": {"epochs": 1}}


@pytest.fixture(scope="module")
def model():
    return mlpkit.train(make(), ROWS, Y)


def without(*names):
    return {name: value for name, value in ROW.items() if name not in names}


@pytest.mark.parametrize("name", ROW)
def test_an_absent_key_is_a_missing_value_alone_and_beside_others(model, name):
    gap = [None, None] if name == "pixels" else None
    gap = [float("nan")] * 2 if name == "pixels" else gap
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnseenCategoryWarning)
        expected = model.predict([ROW | {name: gap}])
        np.testing.assert_array_equal(model.predict([without(name)]), expected)
        np.testing.assert_array_equal(model.predict([without(name) | {"other": 3}]), expected)
        if name != "pixels":
            np.testing.assert_allclose(model.predict([ROW, without(name), ROW])[1:2], expected, rtol=1e-6)


def test_a_row_without_any_input_is_a_mistake(model):
    with pytest.raises(DataError, match="there are no columns 'age', 'flag', 'sex', 'pixels'"):
        model.predict([{"Age": 3}])
    with pytest.warns(UnseenCategoryWarning):
        assert model.predict([{}]).shape == (1,)


@pytest.mark.parametrize("rows", [[], ()])
def test_no_rows_have_no_predictions(model, rows):
    assert model.predict(rows).shape == (0,)
    classes = {**make(), "network": {"layers": [{"activation": "softmax"}]}, "loss": "categorical_crossentropy"}
    assert mlpkit.train(classes, ROWS, Y).predict_proba(rows).shape == (0, 7)


def test_an_absent_column_of_a_table_is_an_error(model, tmp_path):
    table = {name: [value] for name, value in without("sex").items() if name != "pixels"}
    for source in (table, pd.DataFrame(table)):
        with pytest.raises(DataError, match="'sex'"):
            model.predict(source)
    pd.DataFrame(table).to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(DataError, match="'sex'"):
        model.predict(tmp_path / "t.csv")


NO_NUMBERS = {
    "true in a dictionary": ([ROW | {"age": True}], r"'age' has True in row 0, which is not a number"),
    "true beside numbers": ([ROW, ROW | {"age": True}], r"'age' has True in row 1, which is not a number"),
    "a list in a dictionary": ([ROW | {"age": [1]}], r"'age' has \[1\] in row 0, which is not a number"),
    "a list beside numbers": ([ROW, ROW | {"age": [1]}], r"'age' has \[1\] in row 1, which is not a number"),
    "a dictionary": ([ROW | {"age": {"years": 3}}], "'age'"),
    "an array": ([ROW | {"age": np.array([1])}, ROW], r"'age' has array\(\[1\]\) in row 0, which is not a number"),
    "lists in a column": ({"age": [[1], [2]], "flag": [True] * 2, "sex": ["f"] * 2, "pixels": [[1, 2]] * 2}, r"'age' has \[1\] in row 0"),
    "true in a column": (
        {"age": [True], "flag": [True], "sex": ["f"], "pixels": [[1, 2]]},
        "'age' has True in row 0, which is not a number",
    ),
}


@pytest.mark.parametrize(("rows", "message"), NO_NUMBERS.values(), ids=NO_NUMBERS)
def test_lists_and_booleans_are_not_numbers(model, rows, message):
    with pytest.raises(DataError, match=message):
        model.predict(rows)


def test_booleans_in_a_list_of_rows_are_not_numbers():
    x = np.arange(20.0).reshape(10, 2) ** 2
    model = mlpkit.train(make(), x, x.sum(axis=1))
    for rows in ([[1.0, True]], [[True, False]], [[1.0, 2.0], [3.0, True]]):
        with pytest.raises(DataError, match=r"'x[01]?' has True in row [01], which is not a number"):
            model.predict(rows)
    with pytest.raises(DataError, match=r"'x1' has \[2\] in row 0"):
        model.predict([[1, [2]]])


def test_flags_beside_numbers_in_lists_are_flags():
    rows = [[float(index % 7), index % 2 == 0] for index in range(20)]
    model = mlpkit.train(make(), rows, Y[:20])
    assert [column.kind for column in model.input_encoder.columns] == ["number", "boolean"]
    assert model.predict(rows).shape == (20,)


# -- Unicode

COMPOSED, APART = unicodedata.normalize("NFC", "naïveté"), unicodedata.normalize("NFD", "naïveté")


def source(kind, name, folder, rows=20):
    table = {name: np.arange(float(rows)) % 7, "z": np.arange(float(rows)) % 3}
    if kind == "records":
        return [dict(zip(table, row, strict=True)) for row in zip(*(column.tolist() for column in table.values()), strict=True)]
    if kind == "pandas":
        return pd.DataFrame(table)
    if kind == "csv":
        pd.DataFrame(table).to_csv(folder / "t.csv", index=False)
        return folder / "t.csv"
    if kind == "hdf5":
        with h5py.File(folder / "t.h5", "w") as file:
            for label, column in table.items():
                file[label] = column
            file["other"] = np.zeros(3)
        return folder / "t.h5"
    return table


@pytest.mark.parametrize("kind", ["dictionary", "records", "pandas", "csv", "hdf5"])
@pytest.mark.parametrize(("trained", "later"), [(COMPOSED, APART), (APART, COMPOSED)])
def test_a_name_in_another_unicode_form_is_the_same_column(tmp_path, kind, trained, later):
    model = mlpkit.train(make([trained, "z"]), source("dictionary", trained, tmp_path), Y[:20])
    expected = model.predict(source("dictionary", trained, tmp_path))
    np.testing.assert_array_equal(model.predict(source(kind, later, tmp_path)), expected)
    spec = {**make([later]), "data": {"target": later, "inputs": "z"}, "preprocessing": {"columns": {"z": "none"}}}
    assert mlpkit.train(spec, source(kind, trained, tmp_path)).target_encoder.names == (COMPOSED,)


def test_two_columns_that_differ_in_their_unicode_form_alone_are_two_of_one_name():
    with pytest.raises(DataError, match="several columns named"):
        mlpkit.train(make(), {COMPOSED: [1.0, 2.0], APART: [3.0, 4.0]}, [1.0, 2.0])


def test_a_spec_names_columns_in_either_form():
    parts = {"target": APART, "weight": APART + "w", "split": {"column": APART + "s"}}
    data = Spec.model_validate({**make(), "data": parts}).data
    assert (data.target, data.weight, data.split.column) == ((COMPOSED,), COMPOSED + "w", COMPOSED + "s")


# -- flags


@pytest.mark.parametrize("texts", [["True", "False"], ["1.0", "0.0"], ["1", "0"], ["TRUE", "0.0"]])
def test_flags_may_be_written_as_numbers(texts):
    flags = {"a": [True, False] * 10, "b": np.arange(20.0)}
    model = mlpkit.train(make(), flags, Y[:20])
    expected = model.predict({"a": [True, False], "b": [1.0, 2.0]})
    for later in (texts, np.array([1.0, 0.0]), np.array([1, 0])):
        np.testing.assert_array_equal(model.predict({"a": later, "b": [1.0, 2.0]}), expected)
    with pytest.raises(DataError, match=r"'a' is true or false, but row 0 has '2\.0'") as caught:
        model.predict({"a": ["2.0"], "b": [1.0]})
    assert "trained on booleans" in caught.value.help
