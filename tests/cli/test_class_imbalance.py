"""`mlpkit init` on targets with a rare class: the drafted spec finds it, and says what was set."""

import json
import warnings

import numpy as np
import pytest

import mlpkit
from mlpkit.cli.draft import draft
from mlpkit.data.readers import read_table
from mlpkit.spec.presets import expanded

OLD = {"metrics": ["accuracy", "log_loss"]}
NEW = ["average_precision", "balanced_accuracy", "f1", "accuracy", "log_loss"]
SMALL = {  # in place of the preset's, to train quickly
    "layers": [{"units": 32, "activation": "relu", "dropout": 0.1}, {"activation": "sigmoid", "bias_initializer": "prior"}],
    "embeddings": [],
    "input_scale": False,
}


def made(seed, rows=3000, every=50):
    """Inputs and a rare class that two numbers with noise tell apart from the others, but not well."""
    rng = np.random.default_rng(seed)
    rare = np.arange(rows) % every == 0
    x = rng.standard_normal((rows, 5))
    x[rare, :2] += 1.2
    return x, rare


def write(path, x, labels):
    header = [*(f"x{column}" for column in range(x.shape[1])), "y"]
    lines = [",".join([*(f"{value:.4g}" for value in row), str(label)]) for row, label in zip(x, labels, strict=True)]
    path.write_text("\n".join([",".join(header), *lines]) + "\n")


def drafted(path, quality="fast"):
    return draft(read_table(path), "y", str(path), "m", quality=quality)


def figures(spec, x, rare):
    model = mlpkit.train({**spec, "metrics": NEW, "training": {"epochs": 12, "batch_size": 64}, "network": SMALL})
    found = model.evaluate(x, rare)
    return found["f1"], found["balanced_accuracy"], model.report(x, rare).classes.recall[1]


@pytest.mark.parametrize(("rows", "threshold"), [pytest.param(6000, "f1", marks=pytest.mark.slow), (1500, 0.1)])
def test_a_class_of_one_row_in_fifty_is_predicted(tmp_path, rows, threshold):
    before, after = [], []
    for seed in range(4):
        write(tmp_path / "t.csv", *made(seed, rows))
        spec = drafted(tmp_path / "t.csv").spec
        assert spec["decision"] == {"threshold": threshold}
        old = {key: value for key, value in spec.items() if key != "decision"} | OLD
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for found, each in ((before, old), (after, spec)):
                found.append(figures(each, *made(100 + seed, 5_000)))
    old, new = np.mean(before, axis=0), np.mean(after, axis=0)
    assert old[2] < 0.05  # nearly all rows are of the other class
    assert new[2] > 0.2
    assert min(recall for *_, recall in after) > 0.1
    assert new[0] > old[0] + 0.1
    assert new[1] > old[1] + 0.08


LABELS = {
    "texts": (("no", "yes"), "yes", "'yes'"),
    "texts whose first one is rare": (("no", "high"), "high", "'high'"),
    "numbers": ((0, 1), 1, "1"),
    "numbers whose first one is rare": ((2, 1), 1, "1"),
    "true and false as texts": (("true", "false"), "false", "'false'"),
}


@pytest.mark.parametrize(("labels", "positive", "shown"), LABELS.values(), ids=LABELS)
def test_the_rarer_class_is_the_positive_one(folder, run, labels, positive, shown):
    x, rare = made(0, 3000)
    write(folder / "t.csv", x, [labels[int(each)] for each in rare])
    done = run("init", "t.csv")
    assert done.code == 0
    spec = json.loads((folder / "spec.json").read_text())
    assert spec["data"]["positive"] == positive
    assert (spec["metrics"], spec["decision"]) == (NEW, {"threshold": "f1"})
    assert expanded(spec)["training"]["early_stopping"] == {"patience": None}  # of the losses, not of the first metric
    first = f"positive class {shown} (2 % of the rows): average_precision is the first metric, because accuracy is 0.98 if {shown} is never"
    assert f"{first} predicted\n" in done.err
    assert f"{shown} is predicted if its probability is above the threshold that has the best F1 score on the validation rows" in done.err
    assert 'to undo both, remove decision and set "metrics": ["accuracy", "log_loss"]\n' in done.err


def test_the_positive_class_may_be_a_boolean(folder, run):
    x, rare = made(0, 1200)
    np.savez(folder / "t.npz", x=x, y=~rare)
    done = run("init", "t.npz", "-t", "y", "--quality", "fast")
    assert "positive class false (2 % of the rows)" in done.err
    assert json.loads((folder / "spec.json").read_text())["data"]["positive"] is False
    assert run("train", "spec.json", "--epochs", 1).code == 0
    assert mlpkit.load("model.h5").classes.tolist() == [True, False]


def test_train_and_evaluate_report_it(folder, run):
    x, rare = made(0, 6000)
    write(folder / "t.csv", x, np.where(rare, "yes", "no"))
    assert run("init", "t.csv", "--quality", "fast").code == 0
    done = run("train", "spec.json", "--epochs", 4, "--json")
    score, line = json.loads(done.out)["score"], done.err.splitlines()[-1]
    assert line.startswith(f"average_precision {score['model']:.4g} on 1,200 validation rows; majority 0.02, linear ")
    found = score["with_threshold"]
    assert list(found) == ["balanced_accuracy", "f1", "accuracy"]
    assert (
        f"; with the threshold {score['threshold']:.4g}: balanced_accuracy {found['balanced_accuracy']:.4g}, f1 {found['f1']:.4g}" in line
    )
    done = run("evaluate", "model.h5", "t.csv")
    assert all(text in done.out for text in ("average_precision ", "balanced_accuracy ", "target / predicted    no  yes"))
    assert run("predict", "model.h5", "t.csv", "-o", "p.csv").code == 0
    assert (folder / "p.csv").read_text().splitlines().count("yes") > 10


def test_with_few_rows_of_a_class_the_threshold_is_a_number(folder, run):
    x, rare = made(0, 150)
    write(folder / "t.csv", x, np.where(rare, "yes", "no"))
    done = run("init", "t.csv", "--quality", "fast")
    assert "above 0.1, because fewer than 20 validation rows have it (1): too few to choose a threshold; to undo" in done.err
    spec = json.loads((folder / "spec.json").read_text())
    assert (spec["data"]["positive"], spec["decision"], spec["metrics"]) == ("yes", {"threshold": 0.1}, NEW)
    done = run("train", "spec.json", "--epochs", 3)
    assert done.code == 0
    assert "; with the threshold 0.1: balanced_accuracy " in done.err.splitlines()[-1]
    assert mlpkit.load("model.h5").target_encoder.threshold == 0.1


def test_validation_rows_without_the_positive_class_are_named(folder, run):
    lines = [f"{row * 7 % 11},p{row // 10},{'ill' if row // 10 == 3 else 'well'}" for row in range(300)]
    (folder / "t.csv").write_text("\n".join(["a,patient,y", *lines]) + "\n")
    text = "no validation row has 'ill': average_precision and f1 are undefined there; more rows or another split may help"
    assert text in run("init", "t.csv", "--quality", "fast").err
    done = run("train", "spec.json", "--epochs", 1)
    assert done.code == 0
    assert "average_precision undefined on 60 validation rows" in done.err.splitlines()[-1]


@pytest.mark.parametrize("rows", [12, 25])
def test_tiny_tables_train(folder, run, rows):
    x, _ = made(0, rows)
    write(folder / "t.csv", x, ["yes" if row == 3 else "no" for row in range(rows)])
    assert run("init", "t.csv", "--quality", "fast").code == 0
    assert json.loads((folder / "spec.json").read_text())["decision"] == {"threshold": round((0.5 / rows) ** 0.5, 2)}
    assert run("train", "spec.json", "--epochs", 2).code == 0


def test_of_several_classes_balanced_accuracy_is_the_first_metric(folder, run):
    x, _ = made(0, 600)
    write(folder / "t.csv", x, ["rare" if row % 30 == 0 else "ab"[row % 2] for row in range(600)])
    done = run("init", "t.csv", "--quality", "fast")
    assert "the rarest class is 'rare' (3.3 % of the rows): balanced_accuracy is the first metric, because all classes count" in done.err
    assert 'to undo that, set "metrics": ["accuracy", "log_loss"]\n' in done.err
    spec = json.loads((folder / "spec.json").read_text())
    assert spec["metrics"] == ["balanced_accuracy", "accuracy", "log_loss"]
    assert "decision" not in spec
    assert "positive" not in spec["data"]
    assert "balanced_accuracy " in run("train", "spec.json", "--epochs", 2).err.splitlines()[-1]


BALANCED = {
    "two equal ones": lambda row: row % 2,
    "one in five": lambda row: row % 5 == 0,
    "three": lambda row: "abc"[row % 3],
    "one of three with 14 %": lambda row: "c" if row % 7 == 0 else "ab"[row % 2],
}


@pytest.mark.parametrize("label", BALANCED.values(), ids=BALANCED)
def test_nothing_changes_without_a_rare_class(tmp_path, label):
    x, _ = made(0, 210)
    write(tmp_path / "t.csv", x, [label(row) for row in range(210)])
    found = drafted(tmp_path / "t.csv")
    task = "binary" if found.target.startswith("2 ") else "classes"
    assert json.dumps(found.spec) == json.dumps(
        {
            "name": "m",
            "seed": 0,
            "data": {"path": str(tmp_path / "t.csv"), "target": "y", "split": {"validation": 0.2}},
            "preset": f"fast-{task}-2",
            "metrics": ["accuracy", "log_loss"],
        }
    )
    assert found.notes == []
    output, loss = ("sigmoid", "binary_crossentropy") if task == "binary" else ("softmax", "categorical_crossentropy")
    whole = expanded(found.spec)
    assert (whole["network"]["layers"][-1]["activation"], whole["loss"]) == (output, loss)
    assert not {"decision", "ensemble"} & set(whole)


def test_numbers_have_no_rare_class(tmp_path):
    x, _ = made(0, 210)
    write(tmp_path / "t.csv", x, [0.5 + row % 40 for row in range(210)])
    assert drafted(tmp_path / "t.csv").spec["metrics"] == ["rmse", "r2"]
