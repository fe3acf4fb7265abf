"""Public data files in their dialects: init detects the dialect and writes it to the spec, and every command uses it."""

import io
import json
import random
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import mlpkit

from ..sampling import one_in

RNG = random.Random(0)
KINDS = ("Iris-setosa", "Iris-virginica")
TABLE = [(round(RNG.gauss(5 + (row % 2), 0.3), 1), round(RNG.gauss(3, 1), 1), KINDS[row % 2]) for row in range(60)]


def text(header="a,b,kind\n", separator=",", decimal="."):
    rows = (separator.join(map(str, row)) for row in TABLE)
    return header + "".join(f"{row}\n".replace(".", decimal) for row in rows)


def index(names, first):
    return names + "".join(f"{first(number)},{a},{b},{kind}\n" for number, (a, b, kind) in enumerate(TABLE))


PUBLISHED = {  # what init writes into the spec's data, and what it says
    "iris.data": (text("").encode(), {"header": False, "target": "x2"}),
    "german.csv": (text("a;b;kind\n", ";", ",").encode("cp1252"), {"decimal": ",", "separator": ";", "target": "kind"}),
    "without.csv": (text("", ";", ",").encode(), {"header": False, "decimal": ",", "separator": ";", "target": "x2"}),
    "excel.csv": (text("größe\tb\tkind\n", "\t").encode("utf-16"), {"encoding": "utf-16", "separator": "\t", "target": "kind"}),
    "windows.csv": (text("größe,b,kind\n").encode("cp1252"), {"encoding": "cp1252", "target": "kind"}),
    "pandas.csv": (index(",a,b,kind\n", str).encode(), {"target": "kind"}),
    "r.csv": (index('"",a,b,kind\n', lambda number: f'"r{number}"').encode(), {"target": "kind"}),
    "shuffled.csv": (index(",a,b,kind\n", lambda number: number * 7 % 61).encode(), {"target": "kind"}),
    "table.csv": (index("a,b,kind\n", lambda number: f'"{number}"').encode(), {"target": "kind"}),
    "old.csv": (text().replace("\n", "\r").encode(), {"target": "kind"}),
    "sep.csv": (("sep=;\n" + text("a;b;kind\n", ";")).encode(), {"separator": ";", "target": "kind"}),
    "padded.csv": (text("a,b,kind,\n").replace("a\n", "a,\n").encode(), {"target": "kind"}),
}


@pytest.mark.parametrize("name", one_in(4, PUBLISHED))
def test_public_data_sets_are_drafted_trained_and_used(tmp_path, monkeypatch, run, name):
    monkeypatch.chdir(tmp_path)
    content, expected = PUBLISHED[name]
    Path(name).write_bytes(content)
    done = run("init", name, "--quality", "fast")
    assert done.code == 0, done.err
    data = json.loads(Path("spec.json").read_text())["data"]
    assert {key: value for key, value in data.items() if key not in ("path", "split")} == expected
    for key in expected.keys() - {"target"}:
        assert key in done.err
    assert "2 input columns" in done.err
    assert run("check", "spec.json").code == 0
    assert run("train", "spec.json", "--set", "training.epochs=3").code == 0
    predicted = run("predict", "model.h5", name)
    assert (predicted.code, predicted.out.count("\n")) == (0, 61)
    assert run("evaluate", "model.h5", name).code == 0
    model = mlpkit.load("model.h5")
    assert model.predict(name).tolist() == predicted.out.splitlines()[1:]
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(content)))
    assert model.predict("-").tolist() == predicted.out.splitlines()[1:]


def test_validation_files_are_read_with_the_options_of_the_spec(tmp_path, monkeypatch, run):
    monkeypatch.chdir(tmp_path)
    Path("t.csv").write_text(text("", ";", ","))
    assert run("init", "t.csv", "--quality", "fast").code == 0
    spec = json.loads(Path("spec.json").read_text())
    del spec["data"]["split"]
    spec["data"]["validation"] = "v.csv"
    Path("spec.json").write_text(json.dumps(spec))
    Path("v.csv").write_text(text("", ";", ","))
    done = run("train", "spec.json", "--epochs", "2", "--set", "training.early_stopping=null")
    assert "60 for training, 60 for validation" in done.err


def test_a_spec_of_names_in_the_place_of_a_row_is_refused(tmp_path, monkeypatch, run):
    monkeypatch.chdir(tmp_path)
    Path("iris.data").write_text(text(""))
    spec = {"data": {"path": "iris.data", "target": "Iris-setosa"}, "network": {"layers": [{"activation": "softmax"}]}}
    Path("spec.json").write_text(json.dumps({**spec, "loss": "categorical_crossentropy"}))
    done = run("train", "spec.json")
    assert (done.code, '"header": false' in done.err) == (2, True)


def test_an_unnamed_column_is_an_input_only_if_the_spec_names_it(tmp_path, monkeypatch, run):
    monkeypatch.chdir(tmp_path)
    Path("t.csv").write_text(PUBLISHED["pandas.csv"][0].decode())
    layers = {"layers": [{"units": 1, "activation": "sigmoid"}]}
    spec = {"data": {"path": "t.csv", "target": "kind"}, "network": layers, "loss": "binary_crossentropy", "training": {"epochs": 1}}
    assert mlpkit.train(spec).input_encoder.order == ("a", "b")
    spec["data"]["inputs"] = ["unnamed", "a"]
    assert mlpkit.train(spec).input_encoder.order == ("unnamed", "a")
    model = mlpkit.train({**spec, "data": {"path": "t.csv", "target": "kind"}})
    model.save("model.h5")
    assert run("predict", "model.h5", "t.csv", "--keep-columns").out.splitlines()[0] == "unnamed,a,b,kind,predicted_kind"
