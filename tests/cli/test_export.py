"""`mlpkit export`: the suffix is the format, and a file that differs from the model is not written."""

import json
import shutil
import sys
from pathlib import Path

import onnx
import pytest

import mlpkit
from mlpkit.export.comparison import TOLERANCES
from mlpkit.export.formats import FORMATS

ROOT = Path(__file__).parents[2]
PENGUINS = ROOT / "models" / "penguins"
PLUGIN = """
import numpy as np
from mlpkit import Elementwise

class Bent(Elementwise):
    def function(self, z):
        return abs(z)

    def derivative(self, z, y):
        return np.sign(z)
"""
METHOD = """
    def onnx(self, op, z):
        return abs(z)
"""


@pytest.fixture
def penguins(folder):
    for name in ("model.h5", "penguins.csv"):
        shutil.copy(PENGUINS / name, folder)
    return folder


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_model_is_exported_and_compared(suffix, run, penguins):
    done = run("export", "model.h5", "-o", f"model{suffix}", "--verify", "penguins.csv")
    assert done.code == 0, done.err
    assert done.out.startswith("344 rows: largest difference ")
    assert done.out.endswith(", 0 different labels\n")
    assert done.err == f"saved model{suffix}: {FORMATS[suffix].name}\n"
    if suffix == ".onnx":
        assert onnx.load("model.onnx").graph.name == "penguins"


@pytest.mark.parametrize("suffix", FORMATS)
def test_the_suffix_is_the_format(suffix, run, penguins):
    done = run("export", "model.h5", "-o", f"model{suffix.upper()}")
    assert done.code == 0, done.err
    assert done.err == f"saved model{suffix.upper()}: {FORMATS[suffix].name}\n"
    assert (penguins / f"model{suffix.upper()}").stat().st_size > 1000


@pytest.mark.parametrize(("name", "problem"), [("model.pt", "its suffix .pt is that of no format"), ("model", "it has no suffix")])
def test_another_suffix_is_an_error_that_lists_the_known_ones(name, problem, run, penguins):
    done = run("export", "model.h5", "-o", name)
    assert done.code == 2
    assert problem in done.err
    assert "give a name that ends with .onnx (ONNX), .c (C), .py (Python)" in done.err


def test_a_file_is_not_overwritten_without_force(run, penguins):
    (penguins / "model.onnx").write_text("mine")
    done = run("export", "model.h5", "-o", "model.onnx")
    assert (done.code, (penguins / "model.onnx").read_text()) == (2, "mine")
    assert "--force overwrites it" in done.err
    assert run("export", "model.h5", "-o", "model.onnx", "--force").code == 0


def test_a_difference_is_an_error_and_nothing_is_written(run, penguins, monkeypatch):
    monkeypatch.setitem(TOLERANCES, "float32", 1e-12)
    done = run("export", "model.h5", "-o", "model.onnx", "--verify", "penguins.csv")
    assert done.code == 1
    assert "error: model.onnx is not written: it would differ from the model" in done.err
    assert "344 rows: largest difference " in done.out
    assert not (penguins / "model.onnx").exists()


def test_rows_that_do_not_fit_are_an_error_and_nothing_is_written(run, penguins):
    (penguins / "other.csv").write_text("a,b\n1,2\n")
    for data, problem in (("other.csv", "there are no columns"), ("nothing.csv", "nothing.csv")):
        done = run("export", "model.h5", "-o", "model.onnx", "--verify", data)
        assert done.code == 2
        assert problem in done.err
    assert not (penguins / "model.onnx").exists()


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize(("value", "problem"), [("long", "holds numbers"), ("inf", "not finite"), ("1e300", "too large")])
def test_rows_that_the_model_refuses_are_named(suffix, value, problem, run, penguins):
    lines = (penguins / "penguins.csv").read_text().splitlines()
    (penguins / "wrong.csv").write_text("\n".join([*lines[:2], lines[2].replace("39.5", value), lines[3]]))
    done = run("export", "model.h5", "-o", f"out{suffix}", "--verify", "wrong.csv")
    assert (done.code, problem in done.err, "--> wrong.csv:3" in done.err) == (2, True, True), done.err
    assert "the model was trained on numbers in this column" in done.err or value != "long"
    assert not (penguins / f"out{suffix}").exists()


@pytest.mark.parametrize(
    ("suffix", "text", "problem"),
    [(".c", "a\0b", "line 1 of odd.jsonl: 'a\\x00b' has a NUL, at which"), (".onnx", "\ud800", "'\\ud800' has half of a surrogate pair")],
)
def test_a_text_that_the_format_cannot_hold_is_an_error(suffix, text, problem, run, penguins):
    (penguins / "odd.jsonl").write_text(json.dumps({"island": text}))
    done = run("export", "model.h5", "-o", f"out{suffix}", "--verify", "odd.jsonl")
    assert (done.code, problem in done.err) == (2, True), done.err
    assert not (penguins / f"out{suffix}").exists()


def test_a_text_that_is_no_valid_unicode_is_an_unseen_category_in_c(run, penguins):
    (penguins / "odd.jsonl").write_text(json.dumps({"island": "\ud800"}))
    done = run("export", "model.h5", "-o", "out.c", "--verify", "odd.jsonl")
    assert done.code == 0, done.err


def test_a_missing_compiler_is_named_and_nothing_is_written(run, penguins, monkeypatch):
    monkeypatch.setenv("PATH", "")
    done = run("export", "model.h5", "-o", "model.c", "--verify", "penguins.csv")
    assert done.code == 2
    assert "there is no C compiler" in done.err
    assert not (penguins / "model.c").exists()


@pytest.mark.parametrize("suffix", [".c", ".py"])
def test_a_plugin_has_no_counterpart_in_a_program(suffix, run, folder):
    (folder / "bent.py").write_text(PLUGIN)
    (folder / "rows.csv").write_text("x,y\n" + "\n".join(f"{number},{number * 2}" for number in range(20)))
    spec = {"data": {"path": "rows.csv", "target": "y"}, "network": {"layers": [{"units": 3, "activation": "bent"}, {}]}, "loss": "mse"}
    (folder / "spec.json").write_text(json.dumps(spec | {"training": {"epochs": 1}}))
    assert run("train", "spec.json", "-c", "bent.py", "-o", "model.h5").code == 0
    done = run("export", "model.h5", "-c", "bent.py", "-o", f"model{suffix}")
    assert done.code == 3
    assert "network.layers[0]: the activation 'bent' of your own class" in done.err
    assert "has no counterpart in the exported program" in done.err


@pytest.mark.parametrize(("package", "help"), [("onnx.helper", 'pip install "mlpkit[onnx]"'), ("onnxruntime", "pip install onnxruntime")])
def test_a_missing_package_is_named_and_nothing_is_written(package, help, run, penguins, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    done = run("export", "model.h5", "-o", "model.onnx", "--verify", "penguins.csv")
    assert done.code == 2
    assert help in done.err
    assert not (penguins / "model.onnx").exists()


def test_a_plugin_needs_a_method(run, folder):
    (folder / "bent.py").write_text(PLUGIN)
    (folder / "rows.csv").write_text("x,y\n" + "\n".join(f"{number},{number * 2}" for number in range(20)))
    spec = {"data": {"path": "rows.csv", "target": "y"}, "network": {"layers": [{"units": 3, "activation": "bent"}, {}]}, "loss": "mse"}
    (folder / "spec.json").write_text(json.dumps(spec | {"training": {"epochs": 1}}))
    assert run("train", "spec.json", "-c", "bent.py", "-o", "model.h5").code == 0
    done = run("export", "model.h5", "-c", "bent.py", "-o", "model.onnx")
    assert done.code == 3
    assert "the activation 'bent' of your own class" in done.err
    assert "has no method onnx, so a model with it cannot be exported to ONNX" in done.err
    assert not (folder / "model.onnx").exists()
    (folder / "bent.py").write_text(PLUGIN + METHOD)
    done = run("export", "model.h5", "-c", "bent.py", "-o", "model.onnx", "--verify", "rows.csv")
    assert done.code == 0, done.err
    assert "20 rows: largest difference" in done.out


def test_a_model_that_was_not_trained(run, folder):
    mlpkit.Model({"network": {"layers": [{"units": 1}]}, "loss": "mse", "data": {"target": "y"}}, inputs=2).save("new.h5")
    done = run("export", "new.h5", "-o", "new.onnx")
    assert done.code == 2
    assert "has not been trained" in done.err


@pytest.mark.slow
@pytest.mark.parametrize(("suffix", "quality"), [(".onnx", "fast"), (".onnx", "good"), (".onnx", "best"), (".c", "good"), (".py", "good")])
@pytest.mark.parametrize(("name", "target"), [("penguins", "species"), ("diabetes", "progression")])
def test_specs_of_init_at_every_quality(suffix, quality, name, target, run, folder):
    data = ROOT / "models" / name / f"{name}.csv"
    done = run("init", data, "--target", target, "--quality", quality, "-o", "spec.json")
    assert done.code == 0, done.err
    assert run("train", "spec.json", "--set", "training.epochs=3", "-o", "model.h5").code == 0
    done = run("export", "model.h5", "-o", f"model{suffix}", "--verify", data)
    assert done.code == 0, done.err
