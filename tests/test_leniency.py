"""Test unambiguous input that was refused: no rows, whole numbers with an exponent, true and false as numbers."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

import mlpkit
from mlpkit import Optimizer, Spec
from mlpkit.cli import main
from mlpkit.data.readers import read_table
from mlpkit.errors import DataError
from mlpkit.spec.csv_options import MISSING

from .sampling import one_in
from .schemas import spec_validator

SIGMOID = [{"units": 1, "activation": "sigmoid"}]
TABLE = {"x": np.arange(8.0), "c": ["u", "v"] * 4}


def model(rows, y, layers, loss, **rest):
    return mlpkit.train({"network": {"layers": layers}, "loss": loss, "training": {"epochs": 1}, **rest}, rows, y)


@pytest.mark.parametrize("none", [[], (), np.array([])], ids=repr)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_no_rows_have_no_predictions(none, dtype):
    of_array = model(np.arange(8.0)[:, None], ["a", "b"] * 4, SIGMOID, "binary_crossentropy", dtype=dtype)
    of_table = model(TABLE, ["a", "b"] * 4, SIGMOID, "binary_crossentropy", dtype=dtype)
    numbers = model(TABLE, np.arange(8.0), [{}], "mean_squared_error", dtype=dtype)
    several = model(np.arange(24.0).reshape(8, 3), np.arange(16.0).reshape(8, 2), [{}], "mean_squared_error", dtype=dtype)
    for made, rows in ((of_array, np.zeros((2, 1))), (of_table, {"x": [1.0], "c": ["u"]}), (numbers, TABLE), (several, np.zeros((2, 3)))):
        some, nothing = made.predict(rows), made.predict(none)
        assert (nothing.dtype, nothing.shape) == (some.dtype, (0, *some.shape[1:]))
        if made.classes is not None:
            some, nothing = made.predict_proba(rows), made.predict_proba(none)
            assert (nothing.dtype, nothing.shape) == (some.dtype, (0, *some.shape[1:]))
    assert mlpkit.Model(of_array.spec, 1).predict(none).shape == (0, 1)
    assert of_table.predict(pd.DataFrame({"x": [], "c": []})).shape == (0,)
    assert of_table.predict({"x": [], "c": []}).shape == (0,)


def test_no_rows_cannot_be_trained_on_or_evaluated():
    with pytest.raises(DataError):
        model([], [], SIGMOID, "binary_crossentropy")
    with pytest.raises(DataError):
        model(TABLE, ["a", "b"] * 4, SIGMOID, "binary_crossentropy").evaluate([], [])


WHOLE = {
    "training": {
        "epochs": 1e1,
        "batch_size": 1.6e1,
        "early_stopping": {"patience": 5e0, "monitor": "training_loss"},
        "checkpoint": {"keep": 3e0},
    },
    "network": {"inputs": 2e0, "layers": [{"units": 8e0, "activation": "tanh"}, {"units": 1.0}]},
    "seed": 1e3,
    "data": {"split": {"validation": 0.5, "seed": 2e0}},
    "optimizer": {"type": "adam", "learning_rate": {"type": "step", "initial": 1, "every": 1e1, "gamma": 0.5}},
}


def specs():
    base = {"network": {"layers": [{}]}, "loss": "mean_squared_error"}
    for key, value in WHOLE.items():
        yield {**base, key: value}


@pytest.mark.parametrize("spec", one_in(2, specs()), ids=WHOLE)
def test_a_whole_number_is_an_integer_wherever_the_schema_says_so(spec):
    text = json.dumps(spec)
    assert "e" in text or ".0" in text
    spec_validator().validate(json.loads(text))
    read, given = Spec.from_json(text), Spec.model_validate(spec)
    assert read == given
    assert not [
        found for found in floats(read.to_dict()) if found[1].is_integer() and found[0] in ("epochs", "units", "every", "seed", "inputs")
    ]


def floats(value, key=""):
    if isinstance(value, dict):
        return [found for name, part in value.items() for found in floats(part, name)]
    if isinstance(value, list):
        return [found for part in value for found in floats(part, key)]
    return [(key, value)] if isinstance(value, float) else []


class Counting(Optimizer):
    """An optimizer with options of every kind that has integers."""

    count: int = 1
    maybe: int | None = None
    many: tuple[int, ...] = ()
    rate: float = 0.5
    either: int | float = 1
    flag: bool = False

    def step(self, w, grad, *state, lr, t):
        """Nothing."""


def test_options_of_plugins_are_read_in_the_same_way():
    made = Counting.model_validate({"count": 1e3, "maybe": 2.0, "many": [1e1, 2], "rate": 1.0, "either": 2.0})
    assert [type(value) for value in (made.count, made.maybe, made.rate, made.either)] == [int, int, float, float]
    assert (made.count, made.maybe, made.many) == (1000, 2, (10, 2))
    assert [type(value) for value in made.many] == [int, int]
    for wrong in ({"count": 1.5}, {"count": True}, {"count": "1"}, {"flag": 1.0}, {"count": float("inf")}):
        with pytest.raises(ValueError, match="validation error"):
            Counting.model_validate(wrong)


@pytest.mark.parametrize("value", [2.5, "10", True, None])
def test_other_numbers_of_epochs_are_none(value):
    with pytest.raises(mlpkit.SpecError, match=r"training\.epochs|epochs"):
        Spec.model_validate({"network": {"layers": [{}]}, "loss": "mean_squared_error", "training": {"epochs": value}})


def test_the_command_line_takes_it_too(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.csv").write_text("x,y\n1,2\n3,4\n5,6\n")
    spec = {"data": {"path": "t.csv", "target": "y"}, "network": {"layers": [{}]}, "loss": "mean_squared_error"}
    (tmp_path / "spec.json").write_text(json.dumps(spec))
    assert main(["train", "spec.json", "--set", "training.epochs=1e0"]) == 0
    assert "trained after 1 epoch" in capsys.readouterr().err


FLAGS = {"small": ("true", "false"), "pandas": ("True", "False"), "digits": ("1", "0"), "floats": ("1.0", "0.0")}


@pytest.mark.parametrize("written", FLAGS)
@pytest.mark.parametrize("trained", FLAGS)
def test_true_and_false_are_one_and_zero_however_they_are_written(tmp_path, trained, written):
    def rows(words):
        return "flag,y\n" + "".join(f"{words[row % 2]},{'ab'[row % 2]}\n" for row in range(8))

    (tmp_path / "train.csv").write_text(rows(FLAGS[trained]))
    (tmp_path / "other.csv").write_text(rows(FLAGS[written]) + ",a\n")
    made = model(tmp_path / "train.csv", None, SIGMOID, "binary_crossentropy", data={"target": "y"})
    expected = made.predict_proba(tmp_path / "train.csv")
    with pytest.warns(mlpkit.UnseenCategoryWarning, match="'flag'"):  # of the gap
        found = made.predict_proba(tmp_path / "other.csv")
    np.testing.assert_array_equal(found[:8], expected)


def test_the_missing_marks_of_pandas_are_missing(tmp_path):
    from pandas._libs.parsers import STR_NA_VALUES

    assert set(MISSING) >= {*STR_NA_VALUES, "NaT", "na", "\\N"}
    (tmp_path / "t.csv").write_text("a;b\n" + "".join(f"{text};x\n" for text in MISSING))
    assert read_table(tmp_path / "t.csv", header=True)["a"].tolist() == [None] * len(MISSING)
