"""The treatment "boolean": words for true and false become 1 and 0, and a model without it keeps its categories."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import polars as pl
import pytest

import mlpkit
from mlpkit.data.frames import as_table
from mlpkit.errors import DataError, ModelFileError, SpecError
from mlpkit.preprocessing import InputEncoder
from mlpkit.spec import Preprocessing

ROWS = 60
TRUTH = [None if row % 11 == 3 else row % 3 == 0 for row in range(ROWS)]
SPELLINGS = [
    ("yes", "no"),
    ("Y", "n"),
    ("TRUE", " false"),
    ("T", "f "),
    ("on", "OFF"),
    ("ja", "Nein"),
    ("Oui", "non"),
    ("sí", "no"),
    ("1", "0"),
]
SPEC = {
    "dtype": "float64",
    "preprocessing": {"columns": {"smoker": "boolean"}},
    "network": {"layers": [{"units": 4, "activation": "tanh"}, {}]},
    "loss": "mse",
    "data": {"target": "y"},
    "training": {"epochs": 3},
}


def written(true, false):
    return [None if value is None else true if value else false for value in TRUTH]


def table(words):
    return {"smoker": words, "x": np.linspace(0, 1, ROWS), "y": np.linspace(-1, 3, ROWS) ** 2}


@pytest.mark.parametrize("words", SPELLINGS, ids=[true for true, _ in SPELLINGS])
def test_words_are_the_booleans_that_they_stand_for(words, tmp_path):
    rows = table(written(*words))
    model = mlpkit.train(SPEC, rows)
    plain = mlpkit.train(SPEC, table(TRUTH))
    expected = plain.predict(table(TRUTH))
    model.save(tmp_path / "model.h5")
    model = mlpkit.load(tmp_path / "model.h5")
    pd.DataFrame(rows).to_csv(tmp_path / "rows.csv", index=False)
    for form in (rows, table(TRUTH), pd.DataFrame(rows), pl.DataFrame(rows), pd.DataFrame(rows).to_dict("records"), tmp_path / "rows.csv"):
        np.testing.assert_array_equal(model.predict(form), expected)
    encoded = model.input_encoder.encode(as_table(rows), "float64")
    middle = float(np.median([value for value in TRUTH if value is not None]))
    np.testing.assert_array_equal(encoded[:, 0], [middle if value is None else value for value in TRUTH])
    np.testing.assert_array_equal(encoded[:, 2], [value is None for value in TRUTH])


def test_without_the_treatment_words_are_categories_as_before():
    encoder = InputEncoder.fit(Preprocessing(), as_table({"smoker": written("yes", "no")}), ["smoker"], ("",))
    assert [(column.kind, column.categories) for column in encoder.columns] == [("category", ("no", "yes", None))]
    assert "notation" not in encoder.to_state()["columns"][0]
    older = InputEncoder.fit(Preprocessing(), as_table({"smoker": ["true", "FALSE"] * 9}), ["smoker"], ("",))
    assert "notation" not in older.to_state()["columns"][0]
    with pytest.raises(DataError, match="'smoker' is true or false, but row 0 has 'yes'"):
        older.encode(as_table({"smoker": ["yes"]}), "float64")


def test_own_words_and_single_rows():
    columns = {"smoker": {"type": "boolean", "true": ["Passed", "ok"], "false": ["failed"]}}
    rows = table(["passed" if value else "FAILED " for value in TRUTH])
    model = mlpkit.train(SPEC | {"preprocessing": {"columns": columns}}, rows)
    one = [model.predict([{"smoker": word, "x": 0.5}])[0] for word in ("Ok", "passed", True, 1, "failed", False, 0.0)]
    np.testing.assert_array_equal(one, [one[0]] * 4 + [one[4]] * 3)
    assert one[0] != one[4]
    for word in ("yes", "maybe", 2):
        with pytest.raises(DataError, match=f"'smoker' .*row 1|'smoker' has {word} in row 1"):
            model.predict([{"smoker": "ok", "x": 0.5}, {"smoker": word, "x": 0.5}])


def test_another_word_is_an_error_before_training():
    rows = table([*written("yes", "no")[:-1], "maybe"])
    with pytest.raises(DataError, match="'smoker' is true or false, but row 59 has 'maybe'") as caught:
        mlpkit.train(SPEC, rows)
    assert all(part in caught.value.help for part in ('"one_hot"', '"type": "boolean"', "data.missing"))
    assert mlpkit.train(SPEC | {"data": {"target": "y", "missing": ["maybe"]}}, rows).predict(rows).shape == (ROWS,)


BAD = [{"type": "boolean", "true": ["yes"], "false": ["YES "]}, {"type": "boolean", "true": []}, {"type": "boolean", "true": "yes"}, "bool"]


@pytest.mark.parametrize("treatment", BAD, ids=str)
def test_wrong_words_are_an_error_of_the_spec(treatment):
    with pytest.raises(SpecError, match=r"preprocessing\.columns\.smoker"):
        mlpkit.Spec.model_validate(SPEC | {"preprocessing": {"columns": {"smoker": treatment}}})


def test_numbers_on_disk_are_booleans(tmp_path):
    values = np.random.default_rng(0).integers(0, 2, (40, 3))
    np.save(tmp_path / "rows.npy", values)
    data = {"path": str(tmp_path / "rows.npy"), "target": "x2", "in_memory": False}
    written = SPEC | {"data": data, "preprocessing": {"columns": {"x0": "boolean"}}}
    assert [column.kind for column in mlpkit.train(written).input_encoder.columns] == ["boolean", "number"]
    values[7, 0] = 2
    np.save(tmp_path / "rows.npy", values)
    with pytest.raises(DataError, match=r"'x0' has 2 in row 7 of .*rows\.npy, which is neither true nor false"):
        mlpkit.train(written)


@pytest.mark.parametrize(
    "treatment", ["boolean", {"type": "boolean", "true": ["ok"], "false": ["bad"]}, "date", "robust", "one_hot"], ids=str
)
def test_the_schema_is_the_lowest_that_has_the_treatment(treatment, tmp_path):
    others = {"date": ["2024-01-01", "2024-02-03"], "robust": [1.5, 2.5]}
    words = others.get(str(treatment), ["ok", "bad"] if isinstance(treatment, dict) else ["on", "off"])
    mlpkit.train(SPEC | {"preprocessing": {"columns": {"smoker": treatment}}}, table(words * 30)).save(tmp_path / "model.h5")
    found = mlpkit.inspect(tmp_path / "model.h5")["spec_schema"]
    assert found == {"date": 5, "robust": 5, "one_hot": 3}.get(str(treatment), 6)


WRONG = {
    "no words": {"true": [], "false": ["no"]},
    "a number": {"true": [1], "false": ["no"]},
    "half": {"true": ["yes"]},
    "a unit": {"unit": ["$"], "decimal": ".", "magnitudes": False},
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_words_in_a_file_are_an_error(name):
    encoder = InputEncoder.fit(Preprocessing(columns={"a": "boolean"}), as_table({"a": ["yes", "no"] * 9}), ["a"], ("",))
    state = json.loads(json.dumps(encoder.to_state()))
    state["columns"][0]["notation"] = WRONG[name]
    with pytest.raises(ModelFileError, match="its preprocessing of the inputs is not valid"):
        InputEncoder.from_state(state, encoder.arrays())
