"""`mlpkit search`: the best spec, its model and a table are written, and a spec with a search is checked at its ends."""

import csv
import io
import json
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import mlpkit

PENGUINS = Path(__file__).parents[2] / "models" / "penguins"
UNITS = {"search": {"low": 4, "high": 16}}
pytestmark = pytest.mark.filterwarnings("ignore::mlpkit.UnseenCategoryWarning")


@pytest.fixture
def penguins(folder):
    spec = json.loads((PENGUINS / "spec.json").read_text())
    spec["training"]["epochs"] = 9
    spec["network"]["layers"][0]["units"] = UNITS
    (folder / "spec.json").write_text(json.dumps(spec))
    shutil.copy(PENGUINS / "penguins.csv", folder)
    return folder


def test_the_best_spec_its_model_and_the_trials_are_written(run, penguins):
    setting = 'optimizer.learning_rate={"search": {"low": 0.001, "high": 0.1, "log": true}}'
    done = run("search", "spec.json", "--trials", "4", "--workers", "1", "--set", setting, "--json")
    assert done.code == 0, done.err
    best = json.loads((penguins / "best.json").read_text())
    assert 4 <= best["network"]["layers"][0]["units"] <= 16
    model = mlpkit.load("best.h5")
    assert model.metadata["search"] == json.loads(done.out)
    assert (model.get_weights()["layers.0.weight"] == mlpkit.train("best.json").get_weights()["layers.0.weight"]).all()
    rows = list(csv.DictReader((penguins / "best.csv").read_text().splitlines()))
    assert [row["trial"] for row in rows] == ["0", "1", "2", "3"]
    assert done.err.count("\ntrial ") + done.err.startswith("trial ") == 4
    done = run("search", "spec.json", "--trials", "4", "--set", setting)
    assert (done.code, "best.h5 exists; --force overwrites it" in done.err) == (2, True)
    done = run("search", "spec.json", "--trials", "5", "--workers", "1", "--set", setting, "--force")
    assert "trial 4 (5 of 5)" in done.err
    assert "trial 3 (" not in done.err


def test_settings_alone_may_have_the_search(run, penguins):
    setting = 'network.layers.0.units={"search": {"low": 4, "high": 16}}'
    shutil.copy(PENGUINS / "spec.json", "plain.json")
    done = run("search", "plain.json", "--trials", "1", "--set", setting, "--set", "training.epochs=2", "--workers", "1")
    assert done.code == 0, done.err
    done = run("search", "plain.json", "--trials", "1", "--force")
    assert (done.code, "the spec has nothing to search" in done.err) == (2, True)


def test_check_tells_the_search_and_checks_its_ends(run, penguins):
    done = run("check", "spec.json")
    assert (done.code, done.out) == (0, "spec.json is valid at all ends of its search: network.layers[0].units: 4 to 16\n")
    text = (penguins / "spec.json").read_text().replace('"low": 4', '"low": 0')
    (penguins / "spec.json").write_text(text)
    done = run("check", "spec.json")
    assert done.code == 2
    assert "should be greater than or equal to 1, not 0" in done.err
    assert "(network.layers[0].units)" in done.err


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["-o", "best.csv"], "written as HDF5"),
        (["--trials", "0"], "--trials"),
        (["--store", "best.h5"], "is written as an output"),
        (["--store", "penguins.csv"], "penguins.csv is an input of the command"),
        (["-o", "penguins.h5", "--force"], "penguins.csv is an input of the command"),
    ],
)
def test_wrong_arguments(arguments, problem, run, penguins):
    done = run("search", "spec.json", *arguments)
    assert (done.code, problem in done.err) == (2, True), done.err
    assert sorted(path.name for path in penguins.iterdir()) == ["penguins.csv", "spec.json"]


def test_a_store_in_a_folder_that_does_not_exist(run, penguins):
    done = run("search", "spec.json", "--store", "none/a")
    assert (done.code, done.err.splitlines()[0]) == (1, "error: cannot write none/a: its folder does not exist")


def test_data_of_stdin_are_read_once(run, penguins, monkeypatch):
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO((penguins / "penguins.csv").read_bytes())))
    done = run("search", "spec.json", "-d", "-", "--trials", "2", "--workers", "1")
    assert done.code == 0, done.err
    assert mlpkit.load("best.h5").evaluate("penguins.csv")["accuracy"] > 0.5
    assert "cannot both come from stdin" in run("search", "-", "-d", "-").err


def test_a_missing_engine_is_an_error_before_a_trial(run, penguins):
    done = run("search", "spec.json", "--trials", "2", "--workers", "1", "--set", "training.engine=nope")
    assert (done.code, done.out) == (3, "")
    assert "unknown engine 'nope'" in done.err
    assert "(training.engine)" in done.err
    assert "trial" not in done.err
    assert not (penguins / "search.journal").exists()
