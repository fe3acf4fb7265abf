"""Figures of `evaluate`, `check` and `train`: weighting, units and number of rows."""

import json

import numpy as np
import pytest

import mlpkit

REGRESSION = {
    "data": {"path": "t.csv", "target": "y", "split": {"validation": 0.25}},
    "network": {"layers": [{"units": 3, "activation": "tanh"}, {}]},
    "loss": "mean_squared_error",
    "training": {"epochs": 2},
    "metrics": ["rmse"],
}


@pytest.fixture
def trainable(folder):
    """Write a table with weights, gaps and a flag, and a spec; gives a function that changes and writes the spec."""
    rng = np.random.default_rng(0)
    lines = ["a,kind,flag,note,w,y"]
    for row in range(60):
        lines.append(f"{rng.normal():.3f},{'pqr'[row % 3]},{row % 2 == 0},n{row},{1 + row % 4},{'' if row == 7 else rng.normal(50, 20):.6}")
    (folder / "t.csv").write_text("\n".join(lines) + "\n")

    def write(loss="mean_squared_error", **data):
        spec = REGRESSION | {"data": {**REGRESSION["data"], **data}, "loss": loss, "preprocessing": {"columns": {"note": "ignore"}}}
        (folder / "spec.json").write_text(json.dumps(spec))
        return folder

    return write


def test_train_lists_the_kinds_of_inputs_and_the_columns_left_out(trainable, run):
    trainable(weight="w", missing_target="drop")
    for command in (("train", "spec.json", "-n"), ("check", "spec.json")):
        out = run(*command).out
        lines = [line.strip() for line in out.splitlines()]
        assert "1 number: a" in lines
        assert "1 flag: flag" in lines
        assert "1 category: kind" in lines
        assert 'left out by "ignore" in the spec: note' in lines
        assert any(line.endswith("1 without a target left out") for line in lines)


def test_weighted_figures_are_named_so(trainable, run):
    trainable(weight="w", missing_target="drop")
    done = run("train", "spec.json", "--progress", "plain")
    assert "loss and validation_loss are weighted; metrics are not" in done.err
    [line] = [line for line in done.err.splitlines() if line.startswith("epoch 2/2")]
    assert " weighted loss " in line
    assert " weighted validation_loss " in line
    assert " weighted rmse " not in line
    assert " rmse " in line
    assert "  weighted loss " in run("info", "model.h5").out
    assert "  weighted rmse " not in run("info", "model.h5").out
    plain, weighted = (run("evaluate", "model.h5", "t.csv", *more) for more in ((), ("--weighted",)))
    assert "weighted" not in plain.out
    assert all(line.startswith("weighted ") for line in weighted.out.splitlines())
    assert json.loads(run("evaluate", "model.h5", "t.csv", "--weighted", "--json").out)["weighted"] is True
    assert "weighted rmse is" in run("evaluate", "model.h5", "t.csv", "--weighted", "--fail-under", "rmse=0").err
    done = run("train", "spec.json", "--force", "--set", "training.weighted_metrics=true", "--progress", "plain")
    assert "loss and validation_loss, and the metrics, are weighted" in done.err
    assert "weighted rmse" in done.err


def test_evaluate_needs_no_weights_and_counts_rows_without_a_target(trainable, run):
    folder = trainable(weight="w", missing_target="drop")
    run("train", "spec.json", "-q")
    text = (folder / "t.csv").read_text().splitlines()
    (folder / "bare.csv").write_text("\n".join(",".join(line.split(",")[:4] + line.split(",")[5:]) for line in text) + "\n")
    one, other = run("evaluate", "model.h5", "t.csv"), run("evaluate", "model.h5", "bare.csv")
    assert one.out == other.out
    assert one.code == 0
    assert "1 row without a target left out" in one.err
    done = run("evaluate", "model.h5", "bare.csv", "--weighted")
    assert done.code == 2
    assert "no sample weights" in done.err


def test_the_units_of_a_regression_loss_are_shown(trainable, run):
    for loss in ("mean_squared_error", "mean_absolute_error"):
        trainable(loss, missing_target="drop")
        run("train", "spec.json", "--force", "-q")
        words = f"in units of the standardized target: 1 is {mlpkit.load('model.h5').target_encoder.scale[0]:.4g} of y"
        assert words in run("train", "spec.json", "--force").err
        out = run("evaluate", "model.h5", "t.csv").out
        assert out.splitlines()[0].endswith(f"({words})")
        assert "(" not in out.splitlines()[1]


def test_a_figure_without_a_value_is_null(trainable, run):
    folder = trainable(missing_target="drop")
    run("train", "spec.json", "-q")
    (folder / "one.csv").write_text("\n".join((folder / "t.csv").read_text().splitlines()[:2]) + "\n")
    done = run("evaluate", "model.h5", "one.csv", "--json", "--metric", "r2")
    assert json.loads(done.out)["r2"] is None
    assert "r2 cannot be computed" in done.err
    assert run("evaluate", "model.h5", "one.csv", "--fail-under", "r2=0").code == 4


def test_warnings_come_once_for_a_file_in_batches(trainable, run):
    folder = trainable(missing_target="drop")
    run("train", "spec.json", "-q")
    text = (folder / "t.csv").read_text().splitlines()
    (folder / "new.csv").write_text("\n".join([text[0], *("," + line.split(",", 1)[1] for line in text[1:])]) + "\n")
    done = run("predict", "model.h5", "new.csv", "--batch-size", 7, "-q")
    assert done.code == 0
    assert len(done.err.splitlines()) == 1
    assert "'a' has values that were not seen in training" in done.err


def test_probabilities_that_are_written_sum_to_one(folder, run):
    x = np.random.default_rng(1).normal(size=(50, 2))
    spec = {"network": {"layers": [{"activation": "softmax"}]}, "loss": "categorical_crossentropy", "training": {"epochs": 1}}
    mlpkit.train(spec, {"a": x[:, 0], "b": x[:, 1]}, np.arange(50) % 3).save("m.h5")
    np.savetxt("x.csv", x, delimiter=",", header="a,b", comments="")
    rows = [list(map(float, line.split(","))) for line in run("predict", "m.h5", "x.csv", "--proba").out.splitlines()[1:]]
    np.testing.assert_allclose(np.sum(rows, axis=1), 1, rtol=1e-15)


def test_a_bound_on_a_metric_that_needs_options_is_an_error(folder, run):
    (folder / "own.py").write_text(
        """
import numpy as np
from mlpkit import Metric

class Within(Metric):
    \"\"\"Share of the rows within a distance.\"\"\"

    higher_is_better = True
    task = "regression"
    distance: float

    def compute(self, outputs, targets, weights):
        return float(np.average((np.abs(outputs - targets) <= self.distance).all(axis=1), weights=weights))
"""
    )
    x = np.arange(20.0)
    mlpkit.train({"network": {"layers": [{}]}, "loss": "mse", "training": {"epochs": 1}}, {"a": x}, {"y": x}).save("m.h5")
    np.savetxt("t.csv", np.column_stack([x, x]), delimiter=",", header="a,y", comments="")
    done = run("evaluate", "m.h5", "t.csv", "-c", "own.py", "--fail-under", "within=0.5")
    assert done.code == 2
    assert "within needs options: distance" in done.err
