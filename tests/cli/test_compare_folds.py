"""`mlpkit compare` of tables that `mlpkit cv --scores` has written."""

from __future__ import annotations

import json

import numpy as np
import pytest

import mlpkit


def spec(units):
    layers = [{"units": units, "activation": "tanh"}, {"activation": "softmax"}]
    network = {"network": {"layers": layers}, "loss": "categorical_crossentropy", "training": {"epochs": 2}}
    return {"data": {"target": "y", "path": "t.csv"}, "seed": 3, **network}


@pytest.fixture
def tables(folder, run):
    rng = np.random.default_rng(0)
    rows = "".join(f"{a:.3f},{b:.3f},{'no' if a > b else 'yes'}\n" for a, b in rng.normal(size=(60, 2)))
    (folder / "t.csv").write_text(f"a,b,y\n{rows}")
    for units in (2, 8):
        (folder / f"{units}.json").write_text(json.dumps(spec(units)))
        done = run("cv", f"{units}.json", "-k", "3", "--scores", f"{units}.csv", "-q")
        assert done.code == 0, done.err
    return folder


def test_the_command_compares_tables(tables, run):
    done = run("compare", "2.csv", "8.csv")
    assert done.code == 0, done.err
    results = {f"{units}.csv": mlpkit.cross_validate(f"{units}.json", folds=3) for units in (2, 8)}
    expected = mlpkit.compare_folds(results)
    assert done.out == f"{expected}\n"
    assert json.loads(run("compare", "2.csv", "8.csv", "--json").out) == expected.to_dict()
    assert json.loads(run("compare", "2.csv", "8.csv", "--metric", "accuracy", "--json").out)["models"][0]["scores"].keys() == {"accuracy"}
    assert len(set(results["2.csv"].table["digest"])) == 3


WRONG = {
    "rows": (["compare", "2.csv", "t.csv"], "t.csv is no table of a cross-validation: it has no column 'repeat'"),
    "weights": (["compare", "2.csv", "8.csv", "--weighted"], "no rows to weight"),
    "a page": (["compare", "2.csv", "8.csv", "-o", "c.html"], "a comparison of tables is written as"),
    "another table": (["cv", "2.json", "--scores", "x.tsv"], "a table is written as CSV"),
    "another suffix": (["cv", "2.json", "--scores", "x.json"], "a table is written as CSV"),
    "the data": (["cv", "2.json", "--scores", "t.csv", "--force"], "is an input"),
}


@pytest.mark.parametrize(("arguments", "message"), WRONG.values(), ids=WRONG)
def test_wrong_arguments(arguments, message, tables, run):
    done = run(*arguments)
    assert done.code != 0
    assert message in " ".join(done.err.split())
