"""Export as Python: one file that needs NumPy alone predicts as the model does."""

from __future__ import annotations

import contextlib
import datetime
import decimal
import json
import re
import subprocess
import sys
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest

import mlpkit
from mlpkit.export.python.writer import python_text

from ..modelfile.models import CHOICES, FORMS, ROOT, SHIPPED, mixed_columns, mixed_targets
from ..sampling import one_in
from .test_c import labels_of, scores_of

NAMES = [
    *SHIPPED,
    "deep",
    "shortcut",
    "notations",
    *FORMS,
    "learned float32",
    "learned float64",
    *(f"choices {n}" for n in range(len(CHOICES))),
]
TOLERANCES = {"float32": 5e-6, "float64": 1e-12}


def imported(model):
    """The names of the exported file, executed."""
    names = {"__name__": "model"}
    exec(compile(python_text(model), "model.py", "exec"), names)
    return names


@pytest.mark.parametrize("name", one_in(3, NAMES))
def test_the_program_predicts_as_the_model_does(name, cases):
    path, rows, source = cases[name]
    model = mlpkit.load(path)
    program, tolerance = imported(model), TOLERANCES[model.spec.dtype]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", mlpkit.UnseenCategoryWarning)
        expected = model.predict(rows)
    for given in (rows, *([source] if isinstance(source, dict) else [])):
        found = program["predict"](given)
        assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
        if model.classes is not None or expected.dtype.kind in "bi":
            np.testing.assert_array_equal(found, expected)
            np.testing.assert_allclose(program["predict_proba"](given), scores_of(model, rows), rtol=tolerance, atol=tolerance)
        else:
            np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)
    if model.classes is not None:
        assert program["CLASSES"] == model.classes.tolist()
        assert [program["CLASSES"].index(label) for label in found.tolist()] == labels_of(model, rows).tolist()


@pytest.fixture(scope="module")
def penguins():
    model = mlpkit.load(ROOT / "models" / "penguins" / "model.h5")
    return model, imported(model)


@pytest.mark.parametrize("frame", [pd.read_csv, pl.read_csv], ids=["pandas", "polars"])
def test_a_data_frame(frame, penguins):
    model, program = penguins
    table = frame(ROOT / "models" / "penguins" / "penguins.csv", **({"null_values": "NA"} if frame is pl.read_csv else {}))
    np.testing.assert_array_equal(program["predict"](table), model.predict(table))
    np.testing.assert_allclose(program["predict_proba"](table), model.predict_proba(table), atol=5e-6)


def test_a_row_that_lacks_a_name_and_an_array_by_position(penguins):
    model, program = penguins
    rows = [{"bill_length_mm": 50.0, "year": 2007.0, "sex": np.nan, "island": "Atlantis"}]
    with pytest.warns(mlpkit.UnseenCategoryWarning):
        expected = model.predict_proba(rows)
    np.testing.assert_allclose(program["predict_proba"](rows), expected, atol=5e-6)
    xor = mlpkit.load(ROOT / "models" / "xor" / "model.h5")
    array = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    np.testing.assert_array_equal(imported(xor)["predict"](array), xor.predict(array))
    assert imported(xor)["predict"]([]).shape == (0,)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ({"island": ["Dream"]}, "no column 'bill_length_mm'"),
        ([[1, 2, 3]], "list of dictionaries with the names 'island'"),
        ([{"bill_length_mm": "long"}], "'bill_length_mm' has 'long', which is not a number"),
        ([{"bill_length_mm": float("inf")}], "'bill_length_mm' has an infinite value"),
        ([{"bill_length_mm": 1e300}], "too large"),
    ],
)
def test_rows_that_do_not_fit(rows, message, penguins):
    model, program = penguins
    with pytest.raises(ValueError, match=message):
        program["predict"](rows)
    with pytest.raises(mlpkit.DataError):
        model.predict(rows)


VALUES = [
    *(None, "", " ", "NA", "nan", "inf", float("inf"), float("nan"), 1e308, -1e308, 10.0**30, 3, 3.0, 2008.0, True, False, np.True_),
    *("1", "0", "2", " 1", "1e3", "1_000", "0x10", "1e400", "yes", " Yes", "$5", "5 kg", "€ 1.234,50", "Dream", "dream", "a\0b", "\ud800"),
    *({}, {"a": 1}, [], [1, 2, 3], b"1", 1j, decimal.Decimal("1.5"), datetime.date(2020, 1, 2), datetime.datetime(2020, 1, 2, 3, 4, 5, 6)),
    *("2020-01-02", "2020-1-2", "2020-01", "2020/01/02", "2020.01.02", "2020-01/02", "20200102", "2020-W01-1", "2020-02-30", "2020-13-02"),
    *(
        "2020-01-02T3:04",
        "2020-01-02 03:04:05.1234567 +02:30",
        "2020-01-02T03:04:60-0330",
        "2020-01-02T24:00",
        "2020-01-02T03",
        "0000-01-01",
    ),
    *("9999-12-31T23:59:59.999999Z", "9999-12-31T23:00-02:00", "0001-01-01T00:00+14:00", "1890-05-06T07:08:09.25+00:53:28"),
]


@pytest.mark.slow
def test_a_single_odd_value_is_refused_or_predicted_as_by_the_model(cases):
    path, rows, _ = cases["classes"]
    model = mlpkit.load(path)
    program = imported(model)
    for name in rows[1]:
        for value in VALUES:
            row, expected, found = [rows[1] | {name: value}], None, None
            with warnings.catch_warnings(), contextlib.suppress(mlpkit.DataError):
                warnings.simplefilter("ignore", mlpkit.UnseenCategoryWarning)
                expected = model.predict_proba(row)
            with contextlib.suppress(ValueError):
                found = program["predict_proba"](row)
            assert (found is None) == (expected is None), (name, value)
            if expected is not None:
                np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12, err_msg=f"{name} {value!r}")


@pytest.mark.parametrize(
    "rows",
    [
        {"x": [[1.0, 2.0], [3.0, 4.0]], "block": [[1, 2], [3, 4]]},
        {"x": np.ones((1, 2)), "block": np.ones((2, 2))},
        {"x": [1.0, 2.0], "block": [[1, 2, 3, 4]]},
        {"x": 3.0, "block": [1, 2]},
    ],
)
def test_columns_with_other_values_in_a_row_are_refused(rows):
    """Values of a row are not taken for rows."""
    rng = np.random.default_rng(0)
    columns = {"x": rng.normal(size=20), "block": rng.normal(size=(20, 2)), "y": rng.normal(size=20)}
    model = mlpkit.train({"data": {"target": "y"}, "network": {"layers": [{}]}, "loss": "mse", "training": {"epochs": 1}}, columns)
    with pytest.raises(mlpkit.DataError):
        model.predict(rows)
    with pytest.raises(ValueError, match="needs values of shape"):
        imported(model)["predict"](rows)


def test_categories_of_float32_have_the_text_that_they_have_in_the_model():
    levels = np.array([0.1, 1.5, 3.0], np.float32)
    columns = {"level": levels[np.arange(30) % 3], "y": np.arange(30.0) % 3}
    spec = {"data": {"target": "y"}, "preprocessing": {"columns": {"level": "one_hot"}}, "network": {"layers": [{}]}, "loss": "mse"}
    model = mlpkit.train({**spec, "training": {"epochs": 20}}, columns)
    rows = [{"level": level} for level in levels]
    np.testing.assert_allclose(imported(model)["predict"](rows), model.predict(rows), atol=5e-6)


@pytest.mark.parametrize("rows", [None, 3, "rows.csv", [1], iter([{}]), [{}, 1]])
def test_no_table_is_refused(rows, penguins):
    with pytest.raises(ValueError, match="give a list of dictionaries"):
        penguins[1]["predict"](rows)


def test_a_missing_value_that_training_did_not_allow():
    model = mlpkit.load(ROOT / "models" / "xor-classic" / "model.h5")
    with pytest.raises(ValueError, match="missing, but the training rows had none"):
        imported(model)["predict"]([{"a": 1, "b": None}])
    with pytest.raises(ValueError, match="predicts numbers"):
        imported(model)["predict_proba"]([{"a": 1, "b": 0}])


def test_it_needs_numpy_alone_and_runs_from_another_folder(cases, tmp_path):
    path, rows, _ = cases["averaged decision"]
    model = mlpkit.load(path)
    mlpkit.to_python(model, tmp_path / "my_model.py")
    (tmp_path / "rows.json").write_text(json.dumps(rows), encoding="utf-8")
    code = (
        "import sys, json, my_model; rows = json.load(open('rows.json', encoding='utf-8')); "
        "print(json.dumps([my_model.predict(rows).tolist(), sorted({name.partition('.')[0] for name in sys.modules} & "
        "{'mlpkit', 'pydantic', 'h5py', 'typer', 'scipy', 'pandas'})]))"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    labels, others = json.loads(done.stdout)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", mlpkit.UnseenCategoryWarning)
        assert labels == model.predict(rows).tolist()
    assert others == []


def test_names_from_a_stranger_stay_text(tmp_path):
    evil = ['"""', "'''", "\\", "{x}", "\n__import__('os')", "\ud800", "%s"]
    columns = {name: [float(row) for row in range(14)] for name in evil[:5]}
    columns["word"] = [[*evil[:5], evil[6], "plain"][row % 7] for row in range(14)]
    columns["target"] = [evil[row % 5] for row in range(14)]
    layers = [{"units": 4, "activation": "tanh"}, {"activation": "softmax"}]
    spec = {"name": '"""', "data": {"target": "target"}, "network": {"layers": layers}, "loss": "categorical_crossentropy"}
    model = mlpkit.train({**spec, "training": {"epochs": 3}}, columns)
    program = imported(model)
    assert program["MODEL"]["name"] == '"""'
    np.testing.assert_array_equal(program["predict"](columns), model.predict(columns))


def test_the_file_is_the_same_each_time_and_names_no_package(cases):
    model = mlpkit.load(cases["learned float32"][0])
    text = python_text(model)
    assert text == python_text(mlpkit.load(cases["learned float32"][0]))
    assert "mlpkit" not in re.sub(r'"""Pred.*?"""', "", text, flags=re.DOTALL)


def test_a_plugin_has_no_counterpart():
    class Loss(mlpkit.Loss):
        """A loss that defines its predictions."""

        outputs_per_target = 2

        def value_and_grad(self, outputs, targets, losses, grad):
            losses[:] = ((outputs[:, ::2] - targets) ** 2).mean(axis=1)
            grad[:] = 0
            grad[:, ::2] = 2 * (outputs[:, ::2] - targets)

        def predictions(self, outputs, center, scale):
            return {"": outputs[:, ::2] * scale + center}

    columns = mixed_columns() | {"mass": mixed_targets()["mass"]}
    spec = {"data": {"target": "mass", "inputs": ["length", "year"]}, "network": {"layers": [{}]}, "loss": Loss()}
    model = mlpkit.train({**spec, "training": {"epochs": 1}}, columns)
    with pytest.raises(mlpkit.PluginError, match=r"^loss: the loss .* has no counterpart"):
        python_text(model)
