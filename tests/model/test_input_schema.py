"""The JSON Schema of a row, and predictions that accept no value that was not seen in training."""

import json
import random
import re
import warnings

import jsonschema
import numpy as np
import pytest

import mlpkit

RNG = np.random.default_rng(0)
ROWS = 60
TABLE = {
    "size": RNG.normal(size=ROWS).tolist(),
    "rooms": [None if row % 7 == 0 else row % 5 for row in range(ROWS)],
    "year": [["2007", "2008", "2.5"][row % 3] for row in range(ROWS)],
    "balcony": [bool(row % 2) for row in range(ROWS)],
    "cellar": [["yes", "no"][row % 2] for row in range(ROWS)],
    "new": [["True", "False", "maybe"][row % 3] for row in range(ROWS)],
    "since": [f"2024-01-{row % 28 + 1:02d}" for row in range(ROWS)],
    "seen": [f"2024-01-{row % 28 + 1:02d}T{row % 24:02d}:30" for row in range(ROWS)],
    "colour": [["red", "green", None][row % 3] for row in range(ROWS)],
    "city": [["Bonn", "Ulm", "Ulm", "Ulm"][row % 4] if row else "Rom" for row in range(ROWS)],
    "price": [["$1,200", "$300"][row % 2] for row in range(ROWS)],
    "share": RNG.random(ROWS).tolist(),
    "rank": RNG.random(ROWS).tolist(),
    "pixels": RNG.random((ROWS, 3)).tolist(),
    "y": RNG.normal(size=ROWS).tolist(),
}
SPEC = {
    "name": "flats",
    "data": {"target": "y", "units": {"price": {"unit": ["$"]}}},
    "preprocessing": {
        "columns": {
            "year": "one_hot",
            "since": "date",
            "seen": "date",
            "cellar": {"type": "boolean", "true": ["yes"], "false": ["no"]},
            "city": {"type": "embed", "fewest": 2},
            "share": "min_max",
            "rank": "quantile",
        }
    },
    "network": {"embeddings": [{"type": "category"}], "layers": [{"units": 1}]},
    "loss": "mse",
    "training": {"epochs": 1},
}
ROW = {name: column[1] for name, column in TABLE.items() if name != "y"}
POOLS = {  # values of each kind: seen, unseen, of other types, missing
    "size": [0.5, -1, 1e30, None, "x", True, [1], {"a": 1}],
    "rooms": [0, 4, 5, None, 2.5, "x", False],
    "year": ["2007", 2007, 2008, "2.5", 2.5, "2009", 2009, None, "x"],
    "balcony": [True, False, None, "x", 2],
    "cellar": ["yes", "no", True, False, None, "maybe"],
    "new": ["True", True, False, "maybe", "perhaps", None],
    "since": ["2024-01-05", "2024-01-28", "2025-01-01", "2024-02-30", "soon", None, 5],
    "seen": ["2024-01-05T10:30", "2024-01-05", "2024-01-05T10:30:00Z", "2030-01-05T10:30", "soon", None],
    "colour": ["red", None, "blue", 3],
    "city": ["Ulm", "Bonn", "Rom", "Kiel", None, 7],
    "price": [300, 1200, 700.5, 1e9, None],
    "share": [0.5, -0.1, 1.1, None],
    "rank": [0.5, -0.1, 1.1, None],
    "pixels": [[0.5, 0.5, 0.5], [0.5, 0.5], [0.5, None, 0.5], None, [9.0, 0.5, 0.5], "x"],
}


def trained(clip):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", mlpkit.DataWarning)
        return mlpkit.train({**SPEC, "preprocessing": {**SPEC["preprocessing"], "clip_inputs": clip}}, TABLE)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Models without and with the ranges of all columns, as they are loaded from their files."""
    found = {}
    for clip in (False, True):
        path = tmp_path_factory.mktemp("models") / "flats.h5"
        trained(clip).save(path)
        found[clip] = mlpkit.load(path)
    return found


def valid(schema, row):
    """Return True if a row is valid, with limits of dates as most validators of ajv know them."""
    if not jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker()).is_valid(row):
        return False
    dates = ((row[name], found) for name, found in schema["properties"].items() if "formatMinimum" in found)
    as_date = [
        [np.datetime64(text.strip("Z")) for text in (found["formatMinimum"], value, found["formatMaximum"])] for value, found in dates
    ]
    return all(low <= value <= high for low, value, high in as_date)


def strictly(model, row):
    """Return the prediction with unseen values as errors, or the error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            return model.predict([row], on_unseen="error")[0]
        except mlpkit.DataError as error:
            return error


@pytest.mark.parametrize("clip", [False, True])
def test_the_schema_is_valid_itself_and_json(models, clip):
    schema = models[clip].input_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    assert json.loads(json.dumps(schema, allow_nan=False)) == schema
    assert schema["title"] == "flats"
    assert list(schema["properties"]) == [name for name in TABLE if name != "y"]
    assert schema["required"] == [name for name in schema["properties"] if name not in ("rooms", "colour")]


def test_the_schema_of_each_kind_of_column(models):
    found = models[True].input_schema()["properties"]
    assert found["size"] == {"type": ["number"], "minimum": min(TABLE["size"]), "maximum": max(TABLE["size"])}
    assert found["rooms"] == {"type": ["number", "null"], "minimum": 0, "maximum": 4}
    assert found["year"] == {"enum": ["2.5", 2.5, "2007", 2007, "2008", 2008]}
    assert found["balcony"] == {"type": ["boolean"]}
    assert found["cellar"] == {"enum": [True, False, "yes", "no"]}
    assert found["new"] == {"enum": ["False", False, "True", True, "maybe"]}
    assert {key: found["since"][key] for key in ("format", "formatMinimum", "formatMaximum")} == {
        "format": "date",
        "formatMinimum": "2024-01-01",
        "formatMaximum": "2024-01-28",
    }
    assert found["seen"]["formatMaximum"] == max(TABLE["seen"]) + ":00"
    assert found["colour"] == {"enum": ["green", "red", None]}
    assert found["city"] == {"enum": ["Bonn", "Ulm", "Rom"]}
    assert found["price"] == {"type": ["number"], "minimum": 300, "maximum": 1200, "description": "without its unit"}
    assert found["pixels"]["minItems"] == found["pixels"]["maxItems"] == 3
    plain = models[False].input_schema()["properties"]
    assert "minimum" not in plain["size"]
    assert plain["share"]["minimum"] == min(TABLE["share"])
    assert plain["share"]["maximum"] == pytest.approx(max(TABLE["share"]), rel=1e-15)
    assert plain["rank"]["minimum"] == min(TABLE["rank"])


@pytest.mark.parametrize("clip", [False, True])
def test_training_rows_are_valid_and_predicted(models, clip):
    schema = models[clip].input_schema()
    rows = [{name: TABLE[name][row] for name in ROW} for row in range(ROWS)]
    for row in rows:
        assert valid(schema, {**row, "price": float(row["price"].strip("$").replace(",", ""))})
        assert not isinstance(strictly(models[clip], row), Exception)
    np.testing.assert_array_equal(models[clip].predict(TABLE, on_unseen="error"), models[clip].predict(TABLE))


@pytest.mark.parametrize("clip", [False, True])
@pytest.mark.parametrize("name", POOLS)
def test_a_value_is_valid_if_and_only_if_it_is_predicted(models, clip, name):
    schema = models[clip].input_schema()
    for value in POOLS[name]:
        row = {**ROW, "price": 300, name: value}
        found = strictly(models[clip], row)
        assert valid(schema, row) == (not isinstance(found, Exception)), (value, found)


@pytest.mark.parametrize("name", ROW)
def test_a_missing_column_is_valid_where_training_had_missing_values(models, name):
    row = {other: value for other, value in {**ROW, "price": 300}.items() if other != name}
    assert valid(models[True].input_schema(), row) == (not isinstance(strictly(models[True], row), Exception))


def test_random_rows_that_are_valid_are_predicted(models):
    draw = random.Random(0)
    counts = [0, 0]
    for clip, model in models.items():
        schema = model.input_schema()
        for _ in range(200):
            row = {**ROW, "price": 300}
            for name in draw.sample(list(POOLS), 2):
                row[name] = draw.choice(POOLS[name])
            found = not isinstance(strictly(model, row), Exception)
            assert valid(schema, row) == found, (clip, row)
            counts[found] += 1
    assert min(counts) > 50


def test_the_error_names_value_row_and_range(models):
    model = models[True]
    good = {**ROW, "price": 300}
    for change, words in (
        ({"size": 99.5}, f"the column 'size' has 99.5 in row 1, outside of its range in the training rows, {min(TABLE['size']):.17g} to"),
        ({"rooms": 5}, "the column 'rooms' has 5 in row 1, outside of its range in the training rows, 0 to 4"),
        ({"colour": "blue"}, "the column 'colour' has 'blue' in row 1, which no training row has"),
        ({"size": None}, "the column 'size' has a missing value in row 1, but no training row has one"),
        ({"year": None}, "the column 'year' has a missing value in row 1, but no training row has one"),
        (
            {"since": "2024-03-01"},
            "the column 'since' has 2024-03-01 in row 1, outside of its range in the training rows, 2024-01-01 to 2024-01-28",
        ),
        ({"pixels": [0.5, 9.0, 0.5]}, "the column 'pixels1' has 9 in row 1, outside of its range"),
    ):
        with pytest.raises(mlpkit.DataError, match=re.escape(words)):
            model.predict([good, {**good, **change}], on_unseen="error")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", mlpkit.UnseenCategoryWarning)
            assert model.predict([good, {**good, **change}]).shape == (2,)


def test_a_constant_column_keeps_its_value():
    table = {"a": [1.0, 2.0, 3.0], "on": [True, True, True], "y": [1.0, 2.0, 3.0]}
    spec = {"data": {"target": "y"}, "network": {"layers": [{"units": 1}]}, "loss": "mse", "training": {"epochs": 1}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", mlpkit.DataWarning)
        model = mlpkit.train({**spec, "preprocessing": {"clip_inputs": True}}, table)
    assert model.input_schema()["properties"]["on"] == {"enum": [True]}
    with pytest.raises(mlpkit.DataError, match="'on' has false in row 0, outside of its range in the training rows, true to true"):
        model.predict([{"a": 1.5, "on": False}], on_unseen="error")


def test_the_schema_of_a_model_of_an_array():
    x = RNG.normal(size=(20, 3))
    spec = {"preprocessing": {"clip_inputs": True}, "network": {"layers": [{"units": 1}]}, "loss": "mse", "training": {"epochs": 1}}
    model = mlpkit.train(spec, x, x[:, 0])
    schema = model.input_schema()
    assert (schema["type"], schema["minItems"], schema["maxItems"], len(schema["prefixItems"])) == ("array", 3, 3, 3)
    validator = jsonschema.Draft202012Validator(schema)
    assert all(map(validator.is_valid, x.tolist()))
    for row in ([1.0, 2.0], [99.0, 0.0, 0.0], ["x", 0.0, 0.0], [*x[0], 1.0]):
        assert not validator.is_valid(row)
        with pytest.raises(mlpkit.DataError):
            model.predict([row], on_unseen="error")
    assert model.predict(x, on_unseen="error").shape == (20,)
    with pytest.raises(mlpkit.DataError, match="outside of its range"):
        model.predict({"a": [99.0], "b": [0.0], "c": [0.0]}, on_unseen="error")


def test_a_model_of_embedded_categories_in_an_array_has_both_forms():
    rows = [[float(row % 3), float(row)] for row in range(12)]
    spec = {"preprocessing": {"columns": {"x0": "one_hot"}}, "data": {"inputs": ["x0", "x1"]}, "network": {"layers": [{"units": 1}]}}
    model = mlpkit.train({**spec, "loss": "mse", "training": {"epochs": 1}}, rows, [row[1] for row in rows])
    assert model.input_schema()["properties"]["x0"] == {"enum": ["0", 0, "1", 1, "2", 2]}


def test_all_predictions_take_it(models):
    row = [{**ROW, "price": 300, "colour": "blue"}]
    model = models[False]
    for predict in (model.predict, model.encode):
        with pytest.raises(mlpkit.DataError, match="no training row has"):
            predict(row, on_unseen="error")
    with pytest.raises(mlpkit.DataError, match="no training row has"):
        model.predict(row, parts=True, on_unseen="error")
    with pytest.raises(mlpkit.DataError, match="on_unseen is 'ignore'"):
        model.predict(row, on_unseen="ignore")


def test_probabilities_intervals_and_sets_take_it():
    table = {"a": [1.0, 2.0, 3.0, 4.0] * 20, "b": ["x", "y"] * 40, "y": ["u", "v"] * 40}
    spec = {"data": {"target": "y", "split": {"validation": 0.5}}, "network": {"layers": [{"activation": "softmax"}]}}
    spec |= {"loss": "categorical_crossentropy", "training": {"epochs": 1, "keep_residuals": True}}
    model = mlpkit.train(spec, table)
    number = mlpkit.train({**spec, "data": {**spec["data"], "target": "a"}, "loss": "mse", "network": {"layers": [{"units": 1}]}}, table)
    for predict in (model.predict_proba, model.predict_set):
        with pytest.raises(mlpkit.DataError, match="no training row has"):
            predict([{"a": 1.0, "b": "z"}], on_unseen="error")
    with pytest.raises(mlpkit.DataError, match="no training row has"):
        number.predict_interval([{"b": "z", "y": "u"}], on_unseen="error")


def test_an_untrained_model_has_no_schema():
    model = mlpkit.Model({"network": {"layers": [{"units": 1}]}, "loss": "mse"}, inputs=2)
    with pytest.raises(mlpkit.DataError, match="not been trained"):
        model.input_schema()
    assert model.predict([[1.0, 2.0]], on_unseen="error").shape == (1, 1)
