"""Columns of numbers with units: the model is the one of the cleaned table, in every form that a table comes in."""

from __future__ import annotations

import json

import h5py
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn.preprocessing import MinMaxScaler, StandardScaler

import mlpkit
from mlpkit.errors import DataError, ModelFileError, SpecError

RNG = np.random.default_rng(8)
ROWS = 120
CLEAN = pd.DataFrame(
    {
        "price": RNG.uniform(-9e4, 9e4, ROWS).round(2),
        "weight": RNG.uniform(1, 90, ROWS).round(1),
        "rate": RNG.uniform(0, 30, ROWS).round(1),
        "worth": RNG.integers(1, 2000, ROWS) * 1e5,
        "age": RNG.uniform(18, 90, ROWS).round(1),
    }
)
CLEAN["cost"] = (CLEAN["price"] / 100 + 3 * CLEAN["weight"] + RNG.normal(0, 9, ROWS)).round(2)
CLEAN.loc[[4, 50], "weight"] = np.nan


def euros(value):
    return f"{value:,.2f} €".translate(str.maketrans(",.", ".,"))


WRITTEN = pd.DataFrame(
    {
        "price": [f"(${-value:,.2f})" if value < 0 else f"${value:,.2f}" for value in CLEAN["price"]],
        "weight": ["-" if value != value else f"{value} kg" if row % 9 else str(value) for row, value in enumerate(CLEAN["weight"])],
        "rate": [f"{value} %" for value in CLEAN["rate"]],
        "worth": [f"€{value / 1e6}M" if value >= 1e6 else f"€{value / 1e3:.0f}K" for value in CLEAN["worth"]],
        "age": CLEAN["age"],
        "cost": [euros(value) for value in CLEAN["cost"]],
    }
)
UNITS = {
    "price": "$", "weight": ["kg", "Kg"], "rate": "%", "worth": {"unit": "€", "magnitudes": True}, "cost": {"unit": "€", "decimal": ","}
}  # fmt: skip
SPEC = {
    "dtype": "float64",
    "data": {"target": "cost", "missing": ["-"], "units": UNITS, "split": {"validation": 0.2}},
    "preprocessing": {"columns": {"price": {"type": "robust", "clip": 2.5}}},
    "network": {"layers": [{"units": 8, "activation": "tanh"}, {}]},
    "loss": "mse",
    "training": {"epochs": 5, "batch_size": 16},
}
PLAIN = SPEC | {"data": {"target": "cost", "split": {"validation": 0.2}}}


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """The model of the written table, loaded from its file, and that of the cleaned one."""
    path = tmp_path_factory.mktemp("units") / "model.h5"
    mlpkit.train(SPEC, WRITTEN).save(path)
    return mlpkit.load(path), mlpkit.train(PLAIN, CLEAN)


def test_the_model_is_that_of_the_cleaned_table(models):
    model, plain = models
    np.testing.assert_array_equal(model.predict(WRITTEN), plain.predict(CLEAN))
    assert model.evaluate(WRITTEN) == plain.evaluate(CLEAN)
    assert [column.treatment for column in model.input_encoder.columns] == ["robust", *["standardize"] * 4]


def test_the_encoded_inputs_are_those_of_scikit_learn():
    spec = SPEC | {"data": {key: value for key, value in SPEC["data"].items() if key != "split"}, "training": {"epochs": 1}}
    spec["preprocessing"] = {"columns": {"price": "min_max"}}
    encoder = mlpkit.train(spec, WRITTEN).input_encoder
    encoded = encoder.encode(mlpkit.data.frames.as_table(WRITTEN), "float64")
    gap = CLEAN["weight"].isna()
    weight = (CLEAN["weight"].fillna(CLEAN["weight"].median()) - CLEAN["weight"].mean()) / CLEAN["weight"].std(ddof=0)
    others = StandardScaler().fit_transform(CLEAN[["rate", "worth", "age"]])
    expected = np.column_stack([MinMaxScaler().fit_transform(CLEAN[["price"]]), weight, others, gap])
    np.testing.assert_allclose(encoded, expected, rtol=1e-12, atol=1e-12)


FORMS = {
    "pandas": lambda folder: WRITTEN,
    "polars": lambda folder: pl.from_pandas(WRITTEN),
    "arrow": lambda folder: pa.Table.from_pandas(WRITTEN),
    "lists": lambda folder: WRITTEN.to_dict("list"),
    "records": lambda folder: WRITTEN.to_dict("records"),
    "csv": lambda folder: WRITTEN.to_csv(folder / "rows.csv", index=False) or folder / "rows.csv",
    "tsv": lambda folder: WRITTEN.to_csv(folder / "rows.tsv", index=False, sep="\t") or folder / "rows.tsv",
    "cleaned": lambda folder: CLEAN,
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_table_is_read(form, models, tmp_path):
    model, plain = models
    rows = FORMS[form](tmp_path)
    np.testing.assert_array_equal(model.predict(rows), plain.predict(CLEAN))
    again = mlpkit.train(SPEC, rows)
    np.testing.assert_array_equal(again.predict(rows), plain.predict(CLEAN))


def test_one_row_is_read_as_texts_and_as_numbers(models):
    model, plain = models
    for row in (0, 4, 9):
        written, clean = WRITTEN.iloc[[row]].to_dict("records"), CLEAN.iloc[[row]].to_dict("records")
        np.testing.assert_array_equal([model.predict(written), model.predict(clean)], [plain.predict(clean)] * 2)


WRONG = {"12 g": "12 g", "a text": "heavy", "a range": "10-20 kg", "euros": "12 €"}


@pytest.mark.parametrize("text", WRONG.values(), ids=WRONG)
def test_another_unit_is_an_error_that_names_row_column_and_value(text, models):
    rows = WRITTEN.iloc[:3].copy()
    rows.loc[1, "weight"] = text
    with pytest.raises(DataError, match=rf"'weight' has numbers in 'kg' or 'Kg' \(data.units\), but row 1 has '{text}'") as caught:
        models[0].predict(rows)
    assert "leave it empty" in caught.value.help
    with pytest.raises(DataError, match=f"but row 1 has '{text}'") as caught:
        mlpkit.train(SPEC, rows)
    assert "data.missing" in caught.value.help
    assert "data.units.weight" in caught.value.help


def test_a_target_with_a_unit_is_predicted_in_its_numbers(models, tmp_path):
    assert models[0].predict(WRITTEN).dtype == np.float64
    rows = WRITTEN.assign(cost=[*WRITTEN["cost"][:-1], "soon"])
    with pytest.raises(DataError, match=r"'cost' has numbers in '€'.* row 119 has 'soon'"):
        models[0].evaluate(rows)
    dropped = SPEC | {"data": SPEC["data"] | {"missing_target": "drop", "missing": ["-", "soon"]}}
    np.testing.assert_array_equal(mlpkit.train(dropped, rows).predict(WRITTEN).shape, (ROWS,))
    separate = mlpkit.train(SPEC | {"data": SPEC["data"] | {"units": UNITS | {"y": UNITS["cost"]}}}, WRITTEN, WRITTEN["cost"].tolist())
    assert separate.target_encoder.task == "regression"


def test_a_file_with_decimal_commas_has_them_in_its_units(tmp_path):
    lines = [f"{euros(value)};{str(age).replace('.', ',')}\n" for value, age in zip(CLEAN["cost"], CLEAN["age"], strict=True)]
    (tmp_path / "rows.csv").write_text("cost;age\n" + "".join(lines))
    data = {"path": str(tmp_path / "rows.csv"), "target": "age", "decimal": ",", "units": {"cost": "€"}}
    model = mlpkit.train(PLAIN | {"data": data, "preprocessing": {}})
    plain = mlpkit.train(PLAIN | {"data": {"target": "age"}, "preprocessing": {}}, CLEAN[["cost", "age"]])
    np.testing.assert_array_equal(model.predict([{"cost": "1.234,5 €"}]), plain.predict([{"cost": 1234.5}]))


def test_numbers_on_disk_have_a_unit_for_texts_that_come_later(tmp_path):
    with h5py.File(tmp_path / "rows.h5", "w") as file:
        for name in ("price", "age", "cost"):
            file[name] = CLEAN[name].to_numpy()
    data = {"path": str(tmp_path / "rows.h5"), "target": "cost", "in_memory": False, "units": {"price": "$"}}
    model = mlpkit.train(PLAIN | {"data": data, "preprocessing": {}})
    assert model.input_encoder.columns[1].notation.unit == ("$",)
    np.testing.assert_array_equal(model.predict([{"price": "$1,000", "age": 30.0}]), model.predict([{"price": 1000.0, "age": 30.0}]))
    with h5py.File(tmp_path / "texts.h5", "w") as file:
        file["price"] = WRITTEN["price"].tolist()
        file["cost"] = CLEAN["cost"].to_numpy()
    with pytest.raises(DataError, match="holds texts, which cannot be read from disk as numbers"):
        mlpkit.train(PLAIN | {"data": data | {"path": str(tmp_path / "texts.h5")}, "preprocessing": {}})


def test_a_unit_of_no_column_is_an_error():
    with pytest.raises(SpecError, match=r"data.units.prise.*'prise' is neither an input nor the target"):
        mlpkit.train(SPEC | {"data": SPEC["data"] | {"units": {"prise": "$"}}}, WRITTEN)


BAD = [{"price": 3}, {"price": {"unit": "$", "decimals": ","}}, {"price": {"decimal": ";"}}, ["price"]]
BAD += [{"price": "x" * 41}, {"price": ["$"] * 21}]


@pytest.mark.parametrize("units", BAD, ids=str)
def test_a_wrong_unit_is_an_error_of_the_spec(units):
    with pytest.raises(SpecError, match=r"data\.units"):
        mlpkit.Spec.model_validate(SPEC | {"data": {"units": units}})


def test_the_shortest_form_is_written_and_the_model_needs_schema_6(models, tmp_path):
    model, plain = models
    assert model.spec.to_dict()["data"]["units"] == UNITS
    assert mlpkit.Spec.model_validate(model.spec.to_dict()) == model.spec
    model.save(tmp_path / "model.h5")
    plain.save(tmp_path / "plain.h5")
    assert [mlpkit.inspect(tmp_path / name)["spec_schema"] for name in ("model.h5", "plain.h5")] == [6, 5]
    columns = mlpkit.inspect(tmp_path / "plain.h5")["preprocessing"]["inputs"]["columns"]
    assert all("notation" not in column for column in columns)


WRONG_STATES = {
    "another kind": {"kind": "boolean", "treatment": "none"},
    "no unit": {"notation": {"decimal": ".", "magnitudes": False}},
    "another decimal mark": {"notation": {"unit": ["$"], "decimal": ";", "magnitudes": False}},
    "words": {"notation": {"true": ["yes"], "false": ["no"]}},
    "a block": {"width": 2},
}


@pytest.mark.parametrize("name", WRONG_STATES)
def test_a_wrong_notation_in_a_file_is_an_error(name, models):
    state = json.loads(json.dumps(models[0].input_encoder.to_state()))
    state["columns"][0] |= WRONG_STATES[name]
    with pytest.raises(ModelFileError, match="its preprocessing of the inputs is not valid"):
        type(models[0].input_encoder).from_state(state, models[0].input_encoder.arrays())
