"""`mlpkit predict --interval`."""

import csv
import io
import json

import numpy as np
import pytest

import mlpkit

KEEP = ["-s", "training.keep_residuals=true"]


def predicted(done):
    assert done.code == 0, done.err
    return list(csv.DictReader(io.StringIO(done.out)))


def test_numbers_have_two_ends(project, run):
    settings = {
        "network.layers": '[{"units": 4, "activation": "tanh"}, {}]',
        "loss": "mse",
        "metrics": "[]",
        "data.target": "width",
        "data.missing_target": "drop",
    }
    numbers = [word for key, value in settings.items() for word in ("-s", f"{key}={value}")]
    assert run("train", "spec.json", *KEEP, *numbers, "-q").code == 0
    rows = predicted(run("predict", "model.h5", "shapes.csv", "--interval", "0.8"))
    assert list(rows[0]) == ["width", "width.lower", "width.upper"]
    lower, upper = mlpkit.load("model.h5").predict_interval("shapes.csv", 0.8)
    np.testing.assert_allclose([float(row["width.lower"]) for row in rows], lower, rtol=1e-6)
    np.testing.assert_allclose([float(row["width.upper"]) for row in rows], upper, rtol=1e-6)
    kept = predicted(run("predict", "model.h5", "shapes.csv", "--interval", "0.8", "--keep-columns"))
    assert {"width", "predicted_width", "predicted_width.lower"} <= kept[0].keys()


@pytest.mark.parametrize("quality", ["fast", "good"])
def test_the_spec_of_init_keeps_what_intervals_need(project, run, quality):
    assert run("init", "shapes.csv", "-t", "width", "-o", "numbers.json", "--quality", quality).code == 0
    assert run("train", "numbers.json", "--epochs", "2", "-s", "network.layers.0.units=4", "-o", "numbers.h5", "-q").code == 0
    rows = predicted(run("predict", "numbers.h5", "shapes.csv", "--interval", "0.8"))
    assert list(rows[0]) == ["width", "width.lower", "width.upper"]
    assert all(float(row["width.lower"]) <= float(row["width"]) <= float(row["width.upper"]) for row in rows)


def test_classes_have_sets(project, run):
    assert run("train", "spec.json", *KEEP, "-q").code == 0
    rows = predicted(run("predict", "model.h5", "shapes.csv", "--interval", "0.9"))
    assert list(rows[0]) == ["shape", "shape=bar", "shape=box", "shape=disc"]
    assert {row[f"shape={row['shape']}"].lower() for row in rows} == {"true"}
    record = json.loads(run("predict", "model.h5", "shapes.csv", "--interval", "0.9", "--format", "jsonl").out.splitlines()[0])
    assert isinstance(record["shape=bar"], bool)


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--interval", "90"], 2, "is not between 0 and 1"),
        (["--interval", "0.9", "--proba"], 2, "does not go with"),
        (["--interval", "0.9", "--threshold", "0.4"], 2, "does not go with"),
        (["--interval", "0.9"], 2, "keeps no errors of held-out rows"),
    ],
)
def test_other_options_beside_it_are_refused(project, run, options, code, words):
    assert run("train", "spec.json", "-q").code == 0
    done = run("predict", "model.h5", "shapes.csv", *options)
    assert (done.code, done.out) == (code, "")
    assert words in " ".join(done.err.split())


def test_too_few_rows_are_named(project, run):
    assert run("train", "spec.json", *KEEP, "-q").code == 0
    done = run("predict", "model.h5", "shapes.csv", "--interval", "0.99")
    assert done.code == 2
    assert "a level of 0.99 needs 99 held-out rows" in done.err
    assert "Traceback" not in done.err


def test_keeping_needs_validation_rows(project, run):
    done = run("train", "spec.json", *KEEP, "-s", "data.split=null", "-q")
    assert done.code == 2
    assert "training.keep_residuals" in done.err
