"""`mlpkit compare`: a table, JSON or a page."""

import json
import subprocess

import pytest

import mlpkit


@pytest.fixture(autouse=True)
def few_replicates(monkeypatch):
    monkeypatch.setattr("mlpkit.report.comparison.REPLICATES", 60)


@pytest.fixture
def models(trained, run):
    assert run("train", "spec.json", "-o", "b.h5", "--epochs", 20, "-q").code == 0
    return trained


def test_the_table_is_that_of_python(models, run):
    done = run("compare", "model.h5", "b.h5", "shapes.csv")
    found = mlpkit.compare(["model.h5", "b.h5"], "shapes.csv")
    assert (done.code, done.err, done.out) == (0, "", f"{found}\n")
    assert done.out.startswith("60 rows; differences from model.h5 by a paired bootstrap: better or worse if p < 0.05\n")
    assert run("compare", "model.h5", "b.h5", "shapes.csv", "-o", "x.txt").err == "saved x.txt\n"
    assert (models / "x.txt").read_text("utf-8") == done.out


def test_json_and_pages(models, run):
    found = json.loads(run("compare", "model.h5", "b.h5", "model.h5", "shapes.csv", "--json", "--metric", "accuracy", "--seed", 2).out)
    assert [each["model"] for each in found["models"]] == ["model.h5", "b.h5", "model.h5 (2)"]
    expected = mlpkit.compare(["model.h5", "b.h5", "model.h5"], "shapes.csv", metrics=["accuracy"], seed=2)
    assert found == json.loads(json.dumps(expected.to_dict()))
    assert run("compare", "model.h5", "b.h5", "shapes.csv", "-o", "x.html").code == 0
    assert "Learning curves" in (models / "x.html").read_text("utf-8")


def test_undefined_scores_have_no_difference(models, run):
    (models / "one.csv").write_text("\n".join((models / "shapes.csv").read_text().splitlines()[:2]))
    done = run("compare", "model.h5", "b.h5", "one.csv", "--metric", "roc_auc")
    assert done.code == 0
    assert "+nan" not in done.out
    first, second = (line.split() for line in done.out.splitlines()[-2:])
    assert (first, second) == (["roc_auc", "model.h5", "nan"], ["b.h5", "nan"])


@pytest.mark.slow
def test_rows_come_from_stdin_too(trained, start):
    process = start("compare", "model.h5", "model.h5", "-", "--json", stdin=subprocess.PIPE)
    out, err = process.communicate((trained / "shapes.csv").read_bytes(), timeout=600)
    assert (process.returncode, err, json.loads(out)["rows"]) == (0, b"", 60)


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["model.h5"], "two or more"),
        (["model.h5", "shapes.csv"], "two or more"),
        (["model.h5", "missing.h5", "shapes.csv"], "missing.h5"),
        (["model.h5", "model.h5", "missing.csv"], "missing.csv"),
        (
            ["model.h5", "model.h5", "shapes.csv", "-o", "x.csv"],
            "is written as HTML (.html), JSON (.json), text (.txt)",
        ),
        (["model.h5", "model.h5", "shapes.csv", "--metric", "rmse"], "do not fit the task"),
        (["model.h5", "model.h5", "shapes.csv", "--weighted"], "no sample weights"),
        (["model.h5", "model.h5", "empty.csv"], "no rows"),
        (["model.h5", "model.h5", "wrong.csv"], "--> wrong.csv:3"),
    ],
)
def test_errors_are_clear(trained, run, argv, words):
    (trained / "empty.csv").write_text("width,height,colour,shape\n")
    (trained / "wrong.csv").write_text("width,height,colour,shape\n1,1,red,box\nwide,1,red,box\n")
    done = run("compare", *argv)
    assert done.code != 0
    assert words in done.err
    assert "Traceback" not in done.err
    assert not done.out
