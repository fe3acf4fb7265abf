"""Soft targets on the command line: shares of votes in a CSV file, and one column of labels to evaluate on."""

import json

import numpy as np
import pytest

import mlpkit
from mlpkit.cli import main

RNG = np.random.default_rng(8)
X = RNG.standard_normal((40, 2)).round(3)
P = RNG.dirichlet(np.ones(3), 40).round(3)
CLASSES = ["cat", "dog", "fox"]
TARGET = ["p_cat", "p_dog", "p_fox"]


def write(name, header, *columns):
    lines = [",".join(header), *(",".join(map(str, row)) for row in zip(*columns, strict=True))]
    with open(name, "w") as file:
        file.write("\n".join(lines) + "\n")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write("votes.csv", ["a", "b", *TARGET], *X.T, *P.T)
    write("gold.csv", ["a", "b", "class"], *X.T, np.array(CLASSES)[P.argmax(axis=1)])
    whole = {
        "data": {"path": "votes.csv", "target": TARGET, "classes": CLASSES, "split": {"validation": 0.25}},
        "network": {"layers": [{"units": 4, "activation": "tanh"}, {"activation": "softmax", "bias_initializer": "prior"}]},
        "loss": "categorical_crossentropy",
        "training": {"epochs": 3, "batch_size": 8},
        "metrics": ["accuracy"],
    }
    (tmp_path / "spec.json").write_text(json.dumps(whole))
    return tmp_path


def train():
    assert main(["train", "spec.json", "-q"]) == 0
    return mlpkit.load("model.h5")


def test_a_spec_is_checked_with_its_data(capfd):
    assert main(["check", "spec.json"]) == 0
    out = capfd.readouterr().out
    assert "class (classification) of 3 classes: cat, dog, fox" in out
    assert "2 numbers: a, b" in out


def test_a_model_is_evaluated_on_votes_and_on_labels(capfd):
    model = train()
    capfd.readouterr()
    found = []
    for file in ("votes.csv", "gold.csv"):
        assert main(["evaluate", "model.h5", file, "--json"]) == 0
        found.append(json.loads(capfd.readouterr().out))
    shares = P / P.sum(axis=1, keepdims=True)
    assert found[0]["loss"] == pytest.approx(-(shares * np.log(model.predict_proba("votes.csv"))).sum(axis=1).mean(), rel=1e-5)
    assert found[0]["accuracy"] == found[1]["accuracy"]
    assert found[0]["report"] == found[1]["report"]
    assert found[0]["loss"] != found[1]["loss"]


def test_validation_rows_may_be_labels(capfd):
    assert main(["train", "spec.json", "-q", "-s", "data.split=null", "-s", "data.validation=gold.csv"]) == 0
    assert all("accuracy" in epoch.metrics for epoch in mlpkit.load("model.h5").history)
    assert main(["train", "spec.json", "-q", "-f", "-s", "data.path=gold.csv"]) != 0
    assert "no columns 'p_cat', 'p_dog', 'p_fox'" in capfd.readouterr().err


def test_predictions_are_in_a_column_called_class(capfd):
    model = train()
    capfd.readouterr()
    assert main(["predict", "model.h5", "votes.csv"]) == 0
    assert capfd.readouterr().out.split() == ["class", *model.predict("votes.csv")]
    assert main(["predict", "model.h5", "votes.csv", "--proba"]) == 0
    assert capfd.readouterr().out.splitlines()[0] == "class=cat,class=dog,class=fox"
    assert main(["predict", "model.h5", "gold.csv", "--keep-columns"]) == 0
    assert capfd.readouterr().out.splitlines()[0] == "a,b,class,predicted_class"
    assert main(["predict", "model.h5", "votes.csv", "--keep-columns"]) == 0
    assert capfd.readouterr().out.splitlines()[0] == "a,b,p_cat,p_dog,p_fox,class"


def test_predictions_can_be_evaluated_against(folder):
    train()
    assert main(["predict", "model.h5", "votes.csv", "--keep-columns", "-o", "predicted.csv"]) == 0
    lines = [line.split(",") for line in (folder / "predicted.csv").read_text().splitlines()]
    write("again.csv", ["a", "b", "class"], *zip(*((line[0], line[1], line[-1]) for line in lines[1:]), strict=True))
    assert main(["evaluate", "model.h5", "again.csv", "--fail-under", "accuracy=1"]) == 0


def test_info_shows_the_classes(capfd):
    train()
    capfd.readouterr()
    assert main(["info", "model.h5"]) == 0
    out = capfd.readouterr().out
    assert "cat, dog, fox" in out
    assert "classification" in out
    assert main(["info", "model.h5", "--verify"]) == 0


def test_errors_name_the_line_and_the_column(capfd):
    counts = P.copy()
    counts[2] = [4, 1, 0]
    write("votes.csv", ["a", "b", *TARGET], *X.T, *counts.T)
    assert main(["train", "spec.json", "-q"]) == 2
    err = capfd.readouterr().err
    assert "the probabilities 'p_cat', 'p_dog', 'p_fox' sum to 5 in line 4 of votes.csv, not to 1" in err
    assert "divide each row by its sum" in err
    assert main(["check", "spec.json", "-d", "gold.csv"]) != 0


def test_the_place_of_wrong_classes_is_shown(capfd, folder):
    assert main(["train", "spec.json", "-q", "-s", 'data.classes=["cat", "dog"]']) == 2
    assert "data.classes" in capfd.readouterr().err


def test_init_writes_a_spec_for_such_a_table(folder):
    assert main(["init", "votes.csv", "-o", "new.json"]) == 0
    assert json.loads((folder / "new.json").read_text())["data"]["target"] == "p_fox"
