"""`mlpkit cv`: the scores of `cross_validate`, its predictions as a file, and a model of all rows."""

import csv
import io
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import mlpkit

PENGUINS = Path(__file__).parents[2] / "models" / "penguins"
pytestmark = pytest.mark.filterwarnings("ignore::mlpkit.UnseenCategoryWarning")


@pytest.fixture
def penguins(folder):
    spec = json.loads((PENGUINS / "spec.json").read_text())
    spec["training"]["epochs"] = 4
    (folder / "spec.json").write_text(json.dumps(spec))
    shutil.copy(PENGUINS / "penguins.csv", folder)
    return folder


def test_scores_and_files(run, penguins):
    done = run("cv", "spec.json", "-k", "3", "-p", "oof.csv", "-o", "model.h5", "--progress", "none")
    assert done.code == 0, done.err
    found = mlpkit.cross_validate("spec.json", folds=3)
    assert done.out == f"{found}\n"
    rows = list(csv.DictReader((penguins / "oof.csv").read_text().splitlines()))
    assert [row["predicted_species"] for row in rows] == found.predictions["predicted_species"].tolist()
    assert [float(row["species=Gentoo"]) for row in rows] == found.predictions["species=Gentoo"].tolist()
    assert "saved oof.csv: 344 rows" in done.err
    model = mlpkit.load("model.h5")
    assert model.metadata["cross_validation"] == found.to_dict()
    assert (model.get_weights()["layers.0.weight"] == mlpkit.train("spec.json").get_weights()["layers.0.weight"]).all()


def test_json_and_an_ensemble(run, penguins):
    done = run("cv", "spec.json", "-k", "3", "--json", "-o", "model.h5", "--ensemble", "-q")
    assert done.code == 0, done.err
    assert set(json.loads(done.out)) == {"scores", "folds", "runs"}
    assert len(mlpkit.load("model.h5").members) == 3


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--ensemble"], "it needs --output MODEL"),
        (["-k", "1"], "--folds"),
        (["-o", "model.csv"], "written as HDF5"),
        (["-p", "oof.xlsx"], "cannot be written"),
        (["--group", "nobody"], "nobody"),
        (["-p", "penguins.csv"], "is an input"),
    ],
)
def test_wrong_arguments(arguments, problem, run, penguins):
    done = run("cv", "spec.json", *arguments)
    assert (done.code, problem in done.err) == (2, True), done.err
    assert sorted(path.name for path in penguins.iterdir()) == ["penguins.csv", "spec.json"]


def test_a_part_is_evaluated_and_the_command_says_that_rows_were_trained_on(run, penguins):
    spec = json.loads((penguins / "spec.json").read_text())
    spec["data"]["split"]["test"] = 0.25
    (penguins / "spec.json").write_text(json.dumps(spec))
    done = run("train", "spec.json", "-o", "model.h5")
    assert ", 86 for testing" in done.err
    done = run("evaluate", "model.h5", "penguins.csv", "--json")
    assert "the model was trained on rows of penguins.csv: --part test or validation scores others" in done.err
    for part in ("training", "validation", "test"):
        done = run("evaluate", "model.h5", "penguins.csv", "--part", part, "--json")
        assert "trained on rows" not in done.err
        assert json.loads(done.out)["accuracy"] == mlpkit.load("model.h5").evaluate("penguins.csv", part=part)["accuracy"]


@pytest.mark.slow
@pytest.mark.parametrize("command", ["cv", "search"])
def test_ctrl_c_ends_workers_and_loses_nothing(command, penguins):
    """The first signal ends the running trainings; what is finished is shown or in the store, and no process and no lock is left."""
    spec = json.loads((penguins / "spec.json").read_text())
    spec["training"] = {"epochs": 20_000}
    spec["network"]["layers"][0]["units"] = {"search": {"low": 4, "high": 64}} if command == "search" else 64
    (penguins / "spec.json").write_text(json.dumps(spec))
    options = ["--workers", "2"] if command == "search" else ["--progress", "json"]
    program = [sys.executable, "-m", "mlpkit", command, "spec.json", *options]
    run = subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "MLPKIT_THREADS": "2"})
    if command == "cv":
        run.stderr.readline()  # an epoch
    else:
        while not ((penguins / "best.journal").exists() and b"network.layers" in (penguins / "best.journal").read_bytes()):  # a trial
            assert run.poll() is None
    run.send_signal(signal.SIGINT)
    err = run.communicate()[1]
    assert run.returncode == 130, err
    assert ("of 5 folds are finished" if command == "cv" else "0 of 50 trials are in best.journal; the same command goes on") in err
    assert sorted(path.name for path in penguins.iterdir()) == sorted(
        ["penguins.csv", "spec.json", *(["best.journal"] if command == "search" else [])]
    )


def test_data_of_stdin_are_read_once(run, penguins, monkeypatch):
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO((penguins / "penguins.csv").read_bytes())))
    done = run("cv", "spec.json", "-d", "-", "-k", "2", "-o", "model.h5")
    assert done.code == 0, done.err
    weights = mlpkit.train("spec.json").get_weights()
    assert (mlpkit.load("model.h5").get_weights()["layers.0.weight"] == weights["layers.0.weight"]).all()


@pytest.mark.parametrize("options", [[], ["--ensemble"]])
def test_the_model_of_folds_by_a_column_can_be_loaded(options, run, penguins):
    own = ("data.split=null", "training.early_stopping=null", "preprocessing.columns.year=ignore")
    settings = [part for text in own for part in ("--set", text)]
    done = run("cv", "spec.json", *settings, "--group", "year", "-k", "3", "-o", "model.h5", *options)
    assert done.code == 0, done.err
    model = mlpkit.load("model.h5")
    assert "year" not in model.encoders[0].order
    assert model.evaluate("penguins.csv")["accuracy"] > 0.5
