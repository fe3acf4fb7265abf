"""Export as C: one C99 file, compiled without a warning, predicts as the model does."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import warnings

import numpy as np
import pytest

import mlpkit
from mlpkit.data.frames import as_table
from mlpkit.data.sources import read_source
from mlpkit.export.c.writer import c_text
from mlpkit.export.comparison import compare, own_predictions
from mlpkit.export.formats import FORMATS
from mlpkit.export.python.writer import python_text

from ..modelfile.models import CHOICES, FORMS, SHIPPED
from ..sampling import one_in
from ..training.test_random_specs import random_case
from .c_program import SANITIZED, Program, arguments, build

TOLERANCES = {"float32": 5e-6, "float64": 1e-12}
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


def scores_of(model, rows):
    """The values of `out`: probabilities, or numbers."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", mlpkit.UnseenCategoryWarning)
        return model.predict(rows).reshape(len(rows), -1) if model.target_encoder.task == "regression" else model.predict_proba(rows)


def labels_of(model, rows):
    """The numbers that `predict` returns: indices of classes, or 0."""
    if model.classes is None:
        return np.zeros(len(rows), int)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", mlpkit.UnseenCategoryWarning)
        known = model.classes.tolist()
        return np.array([known.index(label) for label in model.predict(rows).tolist()])


def tolerance_of(model):
    return TOLERANCES[model.spec.dtype]


@pytest.mark.parametrize("name", one_in(6, NAMES))
def test_the_program_predicts_as_the_model_does(name, cases, tmp_path):
    path, rows, _ = cases[name]
    model = mlpkit.load(path)
    found, scores = Program(build(tmp_path, c_text(model)), model).rows(rows)
    np.testing.assert_array_equal(found, labels_of(model, rows))
    expected = scores_of(model, rows)
    np.testing.assert_allclose(scores, expected, rtol=tolerance_of(model), atol=tolerance_of(model))


def test_a_model_of_float64_in_float32(cases, tmp_path):
    path, rows, _ = cases["learned float64"]
    model = mlpkit.load(path)
    text = c_text(model, "float32")
    assert "typedef float REAL;" in text
    _, scores = Program(build(tmp_path, text), model).rows(rows)
    np.testing.assert_allclose(scores, scores_of(model, rows), rtol=1e-5)
    with pytest.raises(mlpkit.DataError, match="'float16'"):
        c_text(model, "float16")


@pytest.mark.parametrize("name", one_in(2, ["penguins", "averaged classes"]))
def test_a_thousand_odd_rows(name, cases, tmp_path):
    """Missing values, unseen levels, infinities and huge numbers: the same prediction, or -1 where the model raises an error."""
    path, rows, _ = cases[name]
    model, rng = mlpkit.load(path), np.random.default_rng(5)
    program = Program(build(tmp_path, c_text(model)), model)
    numeric = [column for column in model.input_encoder.columns if column.kind == "number" and column.width == 1 and not column.notation]
    odd = []
    for row in (dict(rows[index]) for index in rng.integers(0, len(rows), 1000)):
        for column in model.input_encoder.columns:
            if column.kind == "category" and rng.random() < 0.2:
                row[column.name] = [None, "unseen", "", "NA", "é" * 50][rng.integers(5)]
        for column in numeric:
            if rng.random() < 0.1:
                row[column.name] = [None, np.inf, -np.inf, 1e300, -1e30, 0.0, -0.0][rng.integers(7)]
        odd.append(row)
    refused = 0
    for row in odd:
        result, scores = program(*arguments(model, row))
        try:
            label, expected = labels_of(model, [row])[0], scores_of(model, [row])[0]
        except mlpkit.DataError:
            assert result == -1
            assert (scores == -7).all()
            refused += 1
            continue
        assert result == label
        np.testing.assert_allclose(scores, expected, rtol=tolerance_of(model), atol=tolerance_of(model))
    assert 20 < refused < 900


def test_a_boolean_is_true_or_false_or_missing(cases, tmp_path):
    path, rows, _ = cases["classes"]
    model = mlpkit.load(path)
    program = Program(build(tmp_path, c_text(model)), model)
    numbers, texts = arguments(model, rows[1])
    place = next(place for place in range(len(numbers)) if numbers[place] == float(rows[1]["wet"]))
    for value in (0.0, 1.0, float("nan"), 2.0, 0.5, -1.0, 1e300):
        numbers[place] = value
        row = rows[1] | {"wet": value}
        with contextlib.suppress(mlpkit.DataError):
            np.testing.assert_allclose(program(numbers, texts)[1], scores_of(model, [row])[0], rtol=1e-12)
            continue
        assert program(numbers, texts)[0] == -1, value


def test_the_days_of_two_centuries_and_the_ends_of_the_calendar(tmp_path):
    days = np.datetime64("1850-01-01") + np.arange(0, 73_000, 61)
    times = [f"{n % 24:02d}:{n % 60:02d}:{n % 59:02d}.{7919 * n % 1_000_000:06d}" for n in range(len(days))]
    texts = [f"{day}T{time}" for day, time in zip(days, times, strict=True)]
    texts += ["0001-01-01", "9999-12-31T23:59", "1900-02-28", "1900-03-01", "2000-02-29", "1969-12-31T12:00", "1970-01-01"]
    columns = {"when": texts, "y": np.sin(np.arange(len(texts)))}
    spec = {"data": {"target": "y"}, "preprocessing": {"columns": {"when": "date"}}, "dtype": "float64", "loss": "mse"}
    model = mlpkit.train({**spec, "network": {"layers": [{"units": 8, "activation": "tanh"}, {}]}, "training": {"epochs": 3}}, columns)
    assert "weekday" in model.input_encoder.columns[0].parts
    rows = [{"when": text} for text in texts]
    program = Program(build(tmp_path, c_text(model)), model)
    _, scores = program.rows(rows)
    np.testing.assert_allclose(scores, scores_of(model, rows), rtol=1e-12, atol=1e-12)
    for outside in (-719163.0, 2932897.0, 1e300, float("inf")):
        assert program([outside], [])[0] == -1


@pytest.mark.filterwarnings("ignore::mlpkit.DataWarning")
@pytest.mark.parametrize("block", [0, *(pytest.param(block, marks=pytest.mark.slow) for block in range(1, 10))])
def test_random_models_in_c_and_python(block, tmp_path):
    """Ten random models, with all activations, losses and options of layers: the programs predict as the model does."""
    compared = 0
    for seed in range(10 * block, 10 * block + 10):
        spec, x, y = random_case(seed)
        try:
            model = mlpkit.train(spec, x, y)
        except (mlpkit.SpecError, mlpkit.DataError, mlpkit.TrainingError):
            continue
        rows = (
            [dict(zip(x, row, strict=True)) for row in zip(*x.values(), strict=True)] if isinstance(x, dict) else [{"x": row} for row in x]
        )
        expected, tolerance = scores_of(model, rows), TOLERANCES[model.spec.dtype]
        folder = tmp_path / str(seed)
        folder.mkdir()
        found, scores = Program(build(folder, c_text(model), options=("-O0",)), model).rows(rows)
        np.testing.assert_array_equal(found, labels_of(model, rows))
        names = {"__name__": "model"}
        exec(compile(python_text(model), "model.py", "exec"), names)
        regression = model.target_encoder.task == "regression"
        own = names["predict"](rows).reshape(len(rows), -1) if regression else names["predict_proba"](rows)
        for given in (scores, own):
            np.testing.assert_allclose(given, expected, rtol=tolerance, atol=tolerance, err_msg=f"seed {seed}")
        compared += 1
    assert compared >= 4


@pytest.mark.slow
@pytest.mark.parametrize("name", ["penguins", "learned float32", "averaged classes", "quantiles"])
def test_sanitizers_find_nothing(name, cases, tmp_path):
    path, rows, _ = cases[name]
    model = mlpkit.load(path)
    calls = []
    for row in rows[:60]:
        numbers, texts = arguments(model, row)
        values = ", ".join("NAN" if value != value else repr(float(value)) for value in numbers) or "0"
        quoted = ", ".join("NULL" if text is None else json.dumps(text, ensure_ascii=False) for text in texts) or "NULL"
        calls.append(f"{{ double numbers[] = {{{values}}}; const char *texts[] = {{{quoted}}}; sum += predict(numbers, texts, out); }}")
    main = (
        "#include <math.h>\n#include <stdio.h>\nint predict(const double *numbers, const char **texts, double *out);\n"
        f"int main(void) {{ static double out[{len(scores_of(model, rows[:1])[0])}]; int sum = 0; "
        + "\n".join(calls)
        + ' printf("%d\\n", sum); return 0; }\n'
    )
    program = build(tmp_path, c_text(model), options=SANITIZED, main=main)
    done = subprocess.run([program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == labels_of(model, rows[:60]).sum()


def test_names_from_a_stranger_stay_text(tmp_path):
    """Names and categories that would end a comment or a text of C, or begin an escape."""
    evil = ["*/ int evil; /*", '"; int evil; "', "\\", "??/", "%s\n", "é\u2028", "a\tb", "\\u0041", "'"]
    columns = {name: [float(row) for row in range(18)] for name in evil}
    columns["word"] = [evil[row % 9] for row in range(18)]
    columns["*/y"] = [f"{evil[row % 3]}" for row in range(18)]
    layers = [{"units": 4, "activation": "tanh"}, {"activation": "softmax"}]
    spec = {"name": "*/ evil", "data": {"target": "*/y"}, "network": {"layers": layers}, "loss": "categorical_crossentropy"}
    model = mlpkit.train({**spec, "training": {"epochs": 3}}, columns)
    text = c_text(model)
    program = Program(build(tmp_path, text), model)
    assert program.classes == [str(label) for label in model.classes]
    rows = [{name: values[row] for name, values in columns.items()} for row in range(18)]
    found, scores = program.rows(rows)
    np.testing.assert_array_equal(found, labels_of(model, rows))
    np.testing.assert_allclose(scores, scores_of(model, rows), atol=5e-6)
    assert text.isascii()


def test_a_category_with_a_nul_is_refused():
    columns = {"word": ["a\0b", "c"] * 10, "y": [1.0, 2.0] * 10}
    model = mlpkit.train({"data": {"target": "y"}, "network": {"layers": [{}]}, "loss": "mse", "training": {"epochs": 1}}, columns)
    with pytest.raises(mlpkit.DataError, match="NUL"):
        c_text(model)


def test_a_plugin_has_no_counterpart():
    class Bent(mlpkit.Elementwise):
        """A plugin of the user."""

        def function(self, z):
            return abs(z)

        def derivative(self, z, y):
            return np.sign(z)

    layers = [{"units": 2, "activation": Bent()}, {}]
    columns = {"x": np.arange(20.0), "y": np.arange(20.0)}
    model = mlpkit.train({"data": {"target": "y"}, "network": {"layers": layers}, "loss": "mse", "training": {"epochs": 1}}, columns)
    with pytest.raises(mlpkit.PluginError, match=re.escape("network.layers[0]: the activation 'bent'")):
        c_text(model)


def test_a_model_that_was_not_trained_is_refused():
    with pytest.raises(mlpkit.DataError, match="has not been trained"):
        c_text(mlpkit.Model({"network": {"layers": [{"units": 1}]}, "loss": "mse", "data": {"target": "y"}}, inputs=2))


def test_nothing_but_the_standard_library_is_included(cases):
    text = c_text(mlpkit.load(cases["averaged classes"][0]))
    assert set(re.findall(r"#include <(.*?)>", text)) == {"math.h", "stddef.h", "string.h"}
    assert not re.search(r"\b(malloc|free|printf|setlocale|strtod|atof)\b", text)


def test_the_file_is_written_whole_and_not_over_another(cases, tmp_path):
    model = mlpkit.load(cases["iris"][0])
    mlpkit.to_c(model, tmp_path / "model.c")
    assert (tmp_path / "model.c").read_text() == c_text(model)
    with pytest.raises(mlpkit.ModelFileError, match="exists"):
        mlpkit.to_c(model, tmp_path / "model.c", replace=False)


def test_a_model_of_many_inputs_is_no_less_precise(tmp_path):
    """Sums of thousands of products, one after the other in float32, would be off by more than the comparison accepts."""
    rows = np.random.default_rng(0).random((8, 10_000))
    spec = {"network": {"layers": [{}]}, "loss": "mse", "preprocessing": {"numbers": "none", "target": "none"}, "training": {"epochs": 1}}
    model = mlpkit.train(spec, rows, np.arange(8.0))
    model.set_weights({"layers.0.weight": np.full((10_000, 1), 1e-3)})
    (tmp_path / "model.c").write_text(c_text(model))
    found = FORMATS[".c"].predict(tmp_path / "model.c", model, as_table(rows)).scores[:, 0]
    np.testing.assert_allclose(found - model.get_weights()["layers.0.bias"], rows.sum(axis=1) / 1e3, rtol=1e-6)


@pytest.mark.parametrize("name", one_in(6, NAMES))
def test_the_comparison_of_the_command_line_agrees(name, cases, tmp_path):
    """Rows of a table, with words for true and false and written numbers, through both programs."""
    path, _, source = cases[name]
    model = mlpkit.load(path)
    table = as_table(source) if isinstance(source, dict) else read_source(model.spec, source, model.input_encoder.order)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", mlpkit.UnseenCategoryWarning)
        for suffix in (".c", ".py"):
            FORMATS[suffix].write(model, tmp_path / f"model{suffix}")
            found = compare(model, own_predictions(model, table), FORMATS[suffix].predict(tmp_path / f"model{suffix}", model, table))
            assert not found.labels
            assert found.largest <= tolerance_of(model)
