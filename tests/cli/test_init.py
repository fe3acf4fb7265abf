"""`mlpkit init`: the specs it writes train well without changes."""

import json
from pathlib import Path

import numpy as np
import pytest

import mlpkit
from mlpkit.spec import Spec

from ..sampling import one_in

MODELS = Path(__file__).parents[2] / "models"


def test_the_four_commands_of_a_newcomer(folder, run):
    (folder / "penguins.csv").write_bytes((MODELS / "penguins" / "penguins.csv").read_bytes())
    assert run("init", "penguins.csv", "-t", "species").code == 0
    assert run("train", "spec.json", "-o", "model.h5", "--epochs", 40, "--set", "ensemble.members=3").code == 0
    measured = run("evaluate", "model.h5", "penguins.csv")
    assert measured.code == 0
    assert float(dict(line.split() for line in measured.out.split("\n\n")[0].splitlines())["accuracy"]) > 0.97
    done = run("predict", "model.h5", "penguins.csv", "--keep-columns", "-o", "-")
    assert done.code == 0
    assert len(done.out.splitlines()) == 345
    assert done.out.splitlines()[1].endswith(",Adelie")


def test_without_data_it_begins_with_xor(folder, run):
    done = run("init")
    assert done.code == 0
    assert done.err.splitlines()[-1] == "saved spec.json and mlpkit.schema.json; next: mlpkit train spec.json"
    assert run("train", "spec.json", "-q").code == 0
    np.testing.assert_array_equal(mlpkit.load("model.h5").predict([[0, 0], [0, 1], [1, 0], [1, 1]]), [0, 1, 1, 0])
    assert run("init", "--force").code == 0
    (folder / "xor.csv").write_text("mine")
    (folder / "spec.json").unlink()
    assert run("init").code == 2
    assert (folder / "xor.csv").read_text() == "mine"
    assert not (folder / "spec.json").exists()


@pytest.mark.parametrize(
    ("name", "target", "epochs", "metric", "least"),
    one_in(
        3,
        [("iris", "species", 40, "accuracy", 0.9), ("diabetes", "progression", 40, "r2", 0.3), ("digits", "digit", 15, "accuracy", 0.93)],
    ),
)
def test_its_specs_train_well(folder, run, name, target, epochs, metric, least):
    done = run("init", MODELS / name / f"{name}.csv", "-t", target, "-o", "spec.json", "--quality", "fast")
    assert done.code == 0
    trained = run("train", "spec.json", "--epochs", epochs, "--json", "-q")
    summary = json.loads(trained.out)
    assert summary["best"][metric] >= least  # on the validation rows


MADE = {
    "three classes of text": (lambda i: "abc"[i % 3], "categorical_crossentropy", "softmax"),
    "two classes of text": (lambda i: "ab"[i % 2], "binary_crossentropy", "sigmoid"),
    "true and false": (lambda i: ("true", "false")[i % 2], "binary_crossentropy", "sigmoid"),
    "zeros and ones": (lambda i: i % 2, "binary_crossentropy", "sigmoid"),
    "few whole numbers": (lambda i: i % 5, "categorical_crossentropy", "softmax"),
    "many whole numbers": (lambda i: i % 37, "mean_squared_error", "linear"),
    "numbers": (lambda i: i % 3 + 0.5, "mean_squared_error", "linear"),
}


@pytest.mark.parametrize("name", MADE)
def test_the_target_decides_the_task(folder, run, name):
    value, loss, activation = MADE[name]
    (folder / "data.csv").write_text("a,b,y\n" + "".join(f"{i * 7 % 11},{i * 3 % 13},{value(i)}\n" for i in range(100)))
    assert "target y (the last column)" in run("init", "data.csv", "--quality", "fast").err
    spec = Spec.read("spec.json").to_dict()
    found = spec["loss"]["type"] if isinstance(spec["loss"], dict) else spec["loss"]
    assert (found, spec["network"]["layers"][-1]["activation"]) == (loss, activation)
    assert run("train", "spec.json", "-q", "--epochs", 2).code == 0


def test_columns_that_cannot_be_used_are_left_out_and_named(folder, run):
    rows = [f"{i},n{i},2020-01-{i % 28 + 1:02d},same,7,,{'x' if i == 3 else ''},{i % 7},{'uv'[i % 2]}" for i in range(100)]
    (folder / "data.csv").write_text("row,name,day,text,number,empty,sparse,good,y\n" + "\n".join(rows))
    done = run("init", "data.csv", "--quality", "fast")
    spec = json.loads((folder / "spec.json").read_text())
    ignored = ["row", "name", "text", "number", "empty", "sparse"]
    assert spec["preprocessing"]["columns"] == dict.fromkeys(ignored, "ignore") | {"day": "date"}
    assert [line.split()[0] for line in done.err.splitlines() if line.split()[1:3] == ["left", "out"]] == ignored
    assert run("train", "spec.json", "-q", "--epochs", 2).code == 0


def test_nothing_to_learn_from(folder, run):
    (folder / "data.csv").write_text("row,y\n" + "".join(f"{i},{'uv'[i % 2]}\n" for i in range(100)))
    done = run("init", "data.csv")
    assert done.code == 2
    assert "no column can be used to predict 'y'" in done.err
    assert [path.name for path in folder.iterdir()] == ["data.csv"]


def test_rows_without_a_target_are_left_out_and_reported(folder, run):
    (folder / "data.csv").write_text("a,y\n" + "".join(f"{i * 7 % 11},{'uv'[i % 2] if i else ''}\n" for i in range(100)))
    done = run("init", "data.csv", "--quality", "fast")
    assert done.code == 0
    assert "left out 1 row without a target" in done.err
    assert json.loads((folder / "spec.json").read_text())["data"]["missing_target"] == "drop"
    done = run("train", "spec.json", "--epochs", 1)
    assert done.code == 0
    assert "1 without a target left out" in done.err


def test_paths_are_as_seen_from_the_spec(folder, run):
    (folder / "data").mkdir()
    (folder / "specs").mkdir()
    (folder / "data" / "d.csv").write_text("a,y\n" + "".join(f"{i * 7 % 11},{'uv'[i % 2]}\n" for i in range(100)))
    assert run("init", "data/d.csv", "-o", "specs/my.json", "--quality", "fast").code == 0
    spec = json.loads((folder / "specs" / "my.json").read_text())
    assert spec["data"]["path"] == "../data/d.csv"
    assert json.loads((folder / "specs" / "mlpkit.schema.json").read_text())["type"] == "object"
    assert run("train", "specs/my.json", "-q", "--epochs", 1).code == 0


def test_a_block_of_numbers_is_an_input(folder, run):
    rng = np.random.default_rng(0)
    pixels = rng.random((60, 16))
    np.savez(folder / "images.npz", pixels=pixels, label=(pixels.sum(axis=1) > 8).astype(int))
    assert run("init", "images.npz", "--quality", "fast").code == 0
    assert run("train", "spec.json", "-q", "--epochs", 2).code == 0


def test_to_stdout(folder, run):
    (folder / "d.csv").write_text("a,y\n" + "".join(f"{i * 7 % 11},{'uv'[i % 2]}\n" for i in range(30)))
    done = run("init", "d.csv", "-o", "-")
    assert json.loads(done.out)["data"]["path"] == "d.csv"
    assert [path.name for path in folder.iterdir()] == ["d.csv"]
