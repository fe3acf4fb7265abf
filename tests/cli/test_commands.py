"""Each command on valid input: its output, its messages, and agreement with the Python API."""

import csv
import io
import json
import os
import stat
from pathlib import Path

import numpy as np
import pytest

import mlpkit
from mlpkit.model.inspection import inspect
from mlpkit.plugin import REGISTRIES


def table(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_train_saves_the_same_model_as_python(project, run):
    done = run("train", "spec.json")
    assert done.code == 0
    assert done.out == ""
    assert done.err.splitlines()[-2] == "saved model.h5; next: mlpkit evaluate model.h5 DATA"
    expected, found = mlpkit.train("spec.json"), mlpkit.load("model.h5")
    np.testing.assert_array_equal(found.network.parameters.vector, expected.network.parameters.vector)
    assert [epoch.loss for epoch in found.history] == [epoch.loss for epoch in expected.history]


def test_train_changes_the_spec_by_options(project, run):
    settings = [
        "-s",
        "training.batch_size=8",
        "-s",
        "name=other",
        "-s",
        "optimizer=sgd",
        "-s",
        "network.layers[0].activation.negative_slope=0.3",
    ]
    text = (project / "spec.json").read_text().replace("relu", "leaky_relu")
    (project / "spec.json").write_text(text)
    assert run("train", "spec.json", "-o", "new.h5", "--epochs", 2, "--seed", 7, *settings).code == 0
    spec = inspect("new.h5")["spec"]
    assert (spec["training"]["epochs"], spec["training"]["batch_size"], spec["seed"], spec["name"]) == (2, 8, 7, "other")
    assert spec["optimizer"] == {"type": "sgd", "learning_rate": 0.01, "momentum": 0.0, "nesterov": False}
    assert spec["network"]["layers"][0]["activation"] == {"type": "leaky_relu", "negative_slope": 0.3}
    assert (project / "spec.json").read_text() == text


def test_train_takes_other_data_relative_to_the_working_directory(project, run, shapes):
    (project / "specs").mkdir()
    (project / "spec.json").rename(project / "specs" / "spec.json")
    (project / "shapes.csv").unlink()
    (project / "other.csv").write_text(shapes(33))
    done = run("train", "specs/spec.json", "-d", "other.csv", "--json", "-q")
    assert done.code == 0
    summary = json.loads(done.out)
    assert (summary["training_rows"], summary["validation_rows"]) == (25, 8)
    assert (summary["epochs"], summary["interrupted"], summary["model"]) == (3, False, "model.h5")


def test_train_does_not_overwrite_unasked(trained, run):
    before = (trained / "model.h5").read_bytes()
    done = run("train", "spec.json", "--seed", 3)
    assert (done.code, (trained / "model.h5").read_bytes()) == (2, before)
    assert "model.h5 exists; --force overwrites it" in done.err
    assert run("train", "spec.json", "--seed", 3, "--force").code == 0
    assert (trained / "model.h5").read_bytes() != before


def test_train_restores_and_names_the_best_epoch(project, run):
    early = '{"epochs": 60, "early_stopping": {"monitor": "accuracy", "patience": 3}}'
    done = run("train", "spec.json", "--json", "-s", f"training={early}")
    summary, history = json.loads(done.out), mlpkit.load("model.h5").history
    most = max(epoch.metrics["accuracy"] for epoch in history)
    first = next(epoch.number for epoch in history if epoch.metrics["accuracy"] == most)
    best = min((epoch for epoch in history if epoch.metrics["accuracy"] == most), key=lambda epoch: epoch.validation_loss)
    assert (summary["best"]["epoch"], len(history)) == (best.number, first + 3)
    assert f"stopped early after {len(history)} epochs; the weights are those of the best, epoch {best.number}: " in done.err


def test_a_dry_run_reports_and_writes_nothing(project, run):
    before = sorted(os.listdir())
    done = run("train", "spec.json", "-n")
    assert (done.code, sorted(os.listdir())) == (0, before)
    assert "45 for training, 15 for validation" in done.out
    parameters = len(mlpkit.train("spec.json").network.parameters)
    assert f"{parameters} parameters" in done.out
    assert json.loads(run("train", "spec.json", "-n", "--json").out)["parameters"] == parameters


def test_check_shows_shapes_and_fills_defaults(project, run):
    assert run("check", "spec.json").out.startswith("spec.json is valid\nrows ")
    filled = run("check", "spec.json", "--fill")
    assert json.loads(filled.out) == mlpkit.Spec.read("spec.json").to_dict()
    (project / "filled.json").write_text(filled.out)
    assert mlpkit.Spec.read("filled.json") == mlpkit.Spec.read("spec.json")


def test_check_warns_if_the_data_do_not_exist(project, run):
    (project / "shapes.csv").unlink()
    done = run("check", "spec.json")
    assert (done.code, done.out) == (0, "spec.json is valid\n")
    assert "warning: the data were not checked: shapes.csv does not exist" in done.err


def test_evaluate_agrees_with_python(trained, run):
    expected = mlpkit.load("model.h5").evaluate("shapes.csv")
    found = json.loads(run("evaluate", "model.h5", "shapes.csv", "--json").out)
    assert found.pop("report").keys() == {"classes", "confusion_matrix"}
    assert found == pytest.approx(expected, rel=1e-12)
    figures, _, _ = run("evaluate", "model.h5", "shapes.csv", "--metric", "log_loss").out.split("\n\n")
    lines = dict(line.split() for line in figures.splitlines())
    assert lines.keys() == {"loss", "log_loss"}
    assert float(lines["loss"]) == pytest.approx(expected["loss"], rel=1e-5)


@pytest.mark.parametrize(
    ("bounds", "code", "words"),
    [
        (["accuracy=0"], 0, []),
        (["accuracy=1.1"], 4, ["accuracy is", "under 1.1"]),
        (["loss=1e9", "log_loss=1e9"], 0, []),
        (["loss=0", "accuracy=0"], 4, ["loss is", "over 0"]),
        (["log_loss=0"], 4, ["log_loss is", "over 0"]),
        (["mlpkit:log_loss=0"], 4, ["log_loss is", "over 0"]),
        (["acuracy=0.5"], 3, ["did you mean 'accuracy'"]),
        (["rmse=0.5"], 2, ["rmse"]),
    ],
)
def test_evaluate_fails_under_a_bound(trained, run, bounds, code, words):
    done = run("evaluate", "model.h5", "shapes.csv", *(part for bound in bounds for part in ("--fail-under", bound)))
    assert done.code == code
    for word in words:
        assert word in done.err


# -- predict


def test_predict_writes_a_line_per_row(trained, run):
    expected = mlpkit.load("model.h5").predict("shapes.csv").tolist()
    for size in (1, 7, 60, 1000):
        done = run("predict", "model.h5", "shapes.csv", "--batch-size", size)
        assert (done.code, done.err) == (0, "")
        assert [row["shape"] for row in table(done.out)] == expected


def test_predict_keeps_columns_as_they_were_written(trained, run):
    done = run("predict", "model.h5", "shapes.csv", "--keep-columns")
    lines = (trained / "shapes.csv").read_text().splitlines()
    assert [line.rpartition(",")[0] for line in done.out.splitlines()] == lines
    assert done.out.splitlines()[0] == lines[0] + ",predicted_shape"
    assert "NA" in done.out


def test_predict_probabilities(trained, run):
    rows = table(run("predict", "model.h5", "shapes.csv", "--proba").out)
    assert list(rows[0]) == ["shape=bar", "shape=box", "shape=disc"]
    found = np.array([[float(value) for value in row.values()] for row in rows])
    np.testing.assert_array_equal(found, mlpkit.load("model.h5").predict_proba("shapes.csv"))


def test_predict_as_json_lines(trained, run):
    done = run("predict", "model.h5", "shapes.csv", "--keep-columns", "-o", "out.jsonl")
    assert (done.code, done.out, done.err) == (0, "", "saved out.jsonl: 60 predictions\n")
    rows = [json.loads(line) for line in (trained / "out.jsonl").read_text().splitlines()]
    raw = table((trained / "shapes.csv").read_text())
    assert [row["width"] for row in rows] == [None if row["width"] == "NA" else float(row["width"]) for row in raw]
    assert [row["id"] for row in rows] == [row["id"] for row in raw]
    assert [row["predicted_shape"] for row in rows] == mlpkit.load("model.h5").predict("shapes.csv").tolist()


READER = """import mlpkit

class Plugin(mlpkit.Reader):
    def open(self, source):
        raise PermissionError(13, "Permission denied", source.path)
"""


def test_a_failure_to_read_is_not_one_to_write(trained, run, install):
    install("dist-listing", "listing", READER, group="readers")
    (trained / "rows.listing").write_text("")
    done = run("predict", "model.h5", "rows.listing", "-o", "out.csv")
    assert (done.code, done.out) == (2, "")
    assert "rows.listing cannot be read: Permission denied" in done.err
    assert "out.csv" not in done.err
    assert not (trained / "out.csv").exists()


def test_predict_as_an_array(trained, run):
    assert run("predict", "model.h5", "shapes.csv", "-o", "out.npy", "--batch-size", 7).code == 0
    np.testing.assert_array_equal(np.load("out.npy"), mlpkit.load("model.h5").predict("shapes.csv"))
    assert run("predict", "model.h5", "shapes.csv", "--proba", "--format", "npy", "-o", "out.bin").code == 0
    np.testing.assert_array_equal(np.load("out.bin"), mlpkit.load("model.h5").predict_proba("shapes.csv"))


def test_predict_takes_columns_in_any_order_and_more_of_them(trained, run):
    rows = table((trained / "shapes.csv").read_text())
    lines = ["extra,colour,height,id,width", *(f"x,{row['colour']},{row['height']},{row['id']},{row['width']}" for row in rows)]
    (trained / "other.csv").write_text("\n".join(lines))
    assert run("predict", "model.h5", "other.csv").out == run("predict", "model.h5", "shapes.csv").out


def test_predict_needs_every_column_and_leaves_no_half_file(trained, run):
    rows = (trained / "shapes.csv").read_text().splitlines()
    (trained / "narrow.csv").write_text("\n".join(row.partition(",")[2].partition(",")[2] for row in rows))
    (trained / "broken.csv").write_text("\n".join([*rows, "k,wide,1,red,bar"]))
    (trained / "out.csv").write_text("old")
    before = sorted(os.listdir())
    for name, words in {"narrow.csv": "no column 'width'", "broken.csv": "line 62 of broken.csv has 'wide'"}.items():
        done = run("predict", "model.h5", name, "-o", "out.csv", "--batch-size", 10, "--force")
        assert done.code == 2
        assert words in done.err
        assert (trained / "out.csv").read_text() == "old"
        assert sorted(os.listdir()) == before


def test_predict_never_overwrites_its_inputs(trained, run):
    for path in ("model.h5", "shapes.csv"):
        before = (trained / path).read_bytes()
        assert run("predict", "model.h5", "shapes.csv", "-o", path).code == 2
        assert (trained / path).read_bytes() == before


def test_predict_keeps_the_mode_of_a_file(trained, run):
    (trained / "out.csv").touch()
    (trained / "out.csv").chmod(0o640)
    refused = run("predict", "model.h5", "shapes.csv", "-o", "out.csv")
    assert refused.code == 2
    assert "out.csv exists; --force overwrites it" in refused.err
    assert run("predict", "model.h5", "shapes.csv", "-o", "out.csv", "-f").code == 0
    assert stat.S_IMODE((trained / "out.csv").stat().st_mode) == 0o640


def test_unseen_categories_are_warnings_and_not_one_per_batch(trained, run):
    (trained / "new.csv").write_text((trained / "shapes.csv").read_text().replace("green", "pink"))
    done = run("predict", "model.h5", "new.csv", "--batch-size", 5, "-q")
    assert done.code == 0
    assert len(done.out.splitlines()) == 61
    assert all(line.startswith("warning: ") and "'pink' in 'colour'" in line for line in done.err.splitlines())
    assert len(done.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("targets", "spec", "expected"),
    [
        ({"y": [1.5, 2.5, 3.0] * 10}, {"loss": "mse"}, float),
        ({"y": [1, 0, 1] * 10}, {"loss": "bce", "last": "sigmoid"}, int),
        ({"y": [True, False, False] * 10}, {"loss": "bce", "last": "sigmoid"}, str),
        ({"y": [1.5, 2.5, 3.0] * 10, "z": [4, 5, 6] * 10}, {"loss": "mse"}, float),
    ],
)
def test_every_kind_of_target_is_written_as_it_was_given(folder, run, targets, spec, expected):
    x = np.linspace(-1, 1, 30)
    rows = zip(x, *targets.values(), strict=True)
    (folder / "data.csv").write_text("\n".join([",".join(["x", *targets]), *(",".join(map(str, row)) for row in rows)]))
    layers = [{"units": 4, "activation": "tanh"}, {"activation": spec.get("last", "linear")}]
    data = {"path": "data.csv", "target": list(targets)}
    text = {"data": data, "network": {"layers": layers}, "loss": spec["loss"], "training": {"epochs": 2}}
    (folder / "spec.json").write_text(json.dumps(text))
    assert run("train", "spec.json", "-q").code == 0
    rows = table(run("predict", "model.h5", "data.csv").out)
    assert list(rows[0]) == list(targets)
    found = np.array([[expected(value) for value in row.values()] for row in rows])
    np.testing.assert_array_equal(found.squeeze(), mlpkit.load("model.h5").predict("data.csv"))


# -- info, plugins, doctor


def test_info_shows_the_contents_of_a_model(trained, run):
    text = run("info", "model.h5").out
    facts = dict(line.split("  ", 1) for line in text.splitlines() if "  " in line.strip())
    assert facts["classes"].strip() == "3: bar, box, disc"
    assert "-> 4 relu -> 3 softmax" in facts["network"]
    assert facts["history"].strip().startswith("3 epochs, the last:  loss ")
    found = json.loads(run("info", "model.h5", "--json").out)
    assert found == inspect("model.h5")
    assert found["manifest_sha256"] in text
    assert json.loads(run("info", "model.h5", "--spec").out) == mlpkit.load("model.h5").spec.to_dict()


LATER = """
from typing import Annotated
from mlpkit import Elementwise, Since

class Lean(Elementwise):
    slope: float = 2.0
    shift: Annotated[float, Since("2")] = 0.0

    def function(self, z):
        return z * self.slope + self.shift

    def derivative(self, z, y):
        return self.slope + 0 * z
"""


def test_the_spec_is_shown_with_the_later_options_that_the_file_leaves_out(project, run):
    (project / "lean.py").write_text(LATER)
    try:
        assert run("train", "spec.json", "-s", "network.layers.0.activation=lean", "-c", "lean.py", "-q").code == 0
        shown = json.loads(run("info", "model.h5", "--spec", "-c", "lean.py").out)
        assert shown["network"]["layers"][0]["activation"] == {"type": "lean", "slope": 2.0, "shift": 0.0}
        assert inspect("model.h5")["spec"]["network"]["layers"][0]["activation"] == {"type": "lean", "slope": 2.0}
        assert shown["training"].keys() >= {"keep_state", "weighted_metrics"}
    finally:
        REGISTRIES["activations"]._own.pop("lean", None)


WAVE = """
from mlpkit import Elementwise

class Wave(Elementwise):
    def function(self, z):
        return z + 1

    def derivative(self, z, y):
        return 0 * z + 1
"""


def test_info_shows_the_limits_of_columns(project, run):
    numbers = 'preprocessing.numbers={"type": "robust", "clip": "smooth"}'
    column = 'preprocessing.columns.width={"type": "bins", "clip": 2}'
    assert run("train", "spec.json", "-s", numbers, "-s", column, "-q").code == 0
    lines = [" ".join(line.split()) for line in run("info", "model.h5").out.splitlines()]
    assert "height number, robust, clipped smoothly" in lines
    assert "width number, bins, clipped at 2.0" in lines
    columns = {column["name"]: column for column in json.loads(run("info", "model.h5", "--json").out)["preprocessing"]["inputs"]["columns"]}
    assert (columns["height"]["clip"], columns["width"]["clip"]) == ("smooth", 2)


def test_info_needs_no_plugin(project, run):
    (project / "own.py").write_text(WAVE)
    try:
        assert run("train", "spec.json", "-s", "network.layers.0.activation=wave", "-c", "own.py", "-q").code == 0
        with_code = run("predict", "model.h5", "shapes.csv", "-c", "own.py")
    finally:
        REGISTRIES["activations"]._own.clear()
    assert "wave (user code, own.py)" in run("info", "model.h5").out
    without = run("predict", "model.h5", "shapes.csv")
    assert (with_code.code, without.code) == (0, 3)
    assert "trained with 'wave', which is not installed" in without.err
    assert "--code own.py" in without.err


def test_plugins_are_listed_with_their_source(run):
    every = json.loads(run("plugins", "list", "--json").out)
    assert [(plugin["group"], plugin["full_name"]) for plugin in every] == [(info.kind, info.full_name) for info in mlpkit.plugins()]
    losses = run("plugins", "list", "--group", "losses").out.splitlines()
    assert losses[0] == "losses"
    assert [line.split()[0] for line in losses[1:]] == [info.full_name for info in mlpkit.plugins("losses")]
    assert "fused with sigmoid" in run("plugins", "list", "-g", "losses", "-v").out


@pytest.mark.parametrize(
    "info",
    [pytest.param(info, marks=pytest.mark.slow if number % 6 else ()) for number, info in enumerate(mlpkit.plugins())],
    ids=lambda info: f"{info.kind}-{info.name}",
)
def test_every_plugin_is_shown_with_its_options(run, info):
    done = run("plugins", "show", info.full_name, "-g", info.kind, "--json")
    (found,) = json.loads(done.out)
    plugin = REGISTRIES[info.kind].get(info.full_name)
    assert [option["name"] for option in found["options"]] == list(plugin.model_fields)
    assert {option["name"] for option in found["options"] if option["required"]} == {
        name for name, field in plugin.model_fields.items() if field.is_required()
    }
    text = run("plugins", "show", info.full_name, "-g", info.kind).out
    assert all(word in text for word in (info.full_name, info.target, *plugin.model_fields))


def test_a_name_of_two_kinds_is_shown_for_both(run):
    assert [found["group"] for found in json.loads(run("plugins", "show", "constant", "--json").out)] == ["initializers", "schedules"]
    (alias,) = json.loads(run("plugins", "show", "bce", "--json").out)
    assert (alias["name"], alias["aliases"]) == ("binary_crossentropy", ["bce"])


def test_doctor_tells_versions(run):
    found = json.loads(run("doctor", "--json").out)
    assert found["versions"]["mlpkit"] == mlpkit.__version__
    assert found["versions"]["numpy"] == np.__version__
    assert {"python", "pydantic", "typer", "h5py"} <= found["versions"].keys()
    assert len(found["plugins"]) == len(mlpkit.plugins())
    text = run("doctor").out
    assert np.__version__ in text
    assert "blas" in text


DOWN = """
import mlpkit

class Down(mlpkit.Minimizer):
    def minimize(self, w, problem, *, lr, t):
        loss, grad = problem(w)
        w -= lr * grad
        return t == 4
"""


@pytest.mark.parametrize("early", [None, {"patience": 50}])
def test_a_run_that_converged_is_not_stopped_early(project, run, early):
    (project / "own.py").write_text(DOWN)
    training = json.dumps({"epochs": 60, "early_stopping": early, "checkpoint": {}})
    train = ["train", "spec.json", "-c", "own.py", "-s", "optimizer=down", "-s", f"training={training}"]
    try:
        done = run(*train)
        again = run(*train, "--resume", "model.checkpoints", "-f")
    finally:
        REGISTRIES["optimizers"]._own.clear()
    assert (done.code, again.code) == (0, 0), done.err
    assert "\ntrained after 4 epochs: the optimizer converged" in done.err
    assert "\nthe run was complete after 4 epochs: the optimizer converged" in again.err
    assert ("; the weights are those of the best, epoch " in done.err) == (early is not None)
    assert not any(word in done.err + again.err for word in ("stopped early", "patience", "goes on"))


def test_a_run_whose_time_is_spent_has_not_converged(project, run):
    training = json.dumps({"epochs": 60, "time_budget": 1e-9, "checkpoint": {}})
    train = ["train", "spec.json", "-s", f"training={training}"]
    done, again = run(*train), run(*train, "--resume", "model.checkpoints", "-f")
    assert (done.code, again.code) == (0, 0), done.err + again.err
    assert "\ntrained after 1 epoch: the time budget is spent\n" in done.err
    assert "\nthe run was complete after 1 epoch: the time budget is spent\n" in again.err


def test_a_metric_with_options_is_measured_as_the_model_has_it(project, run):
    (project / "own.py").write_text(
        "import mlpkit\nclass Sure(mlpkit.Metric):\n    higher_is_better = True\n    task = 'classification'\n    limit: float\n"
        "    def compute(self, outputs, targets, weights): return float((outputs.max(1) > self.limit).mean())\n"
    )
    metrics = 'metrics=[{"type": "sure", "limit": 0.4}]'
    assert run("train", "spec.json", "-c", "own.py", "-s", metrics, "-q").code == 0
    for options in (("--fail-under", "sure=0.1"), ("--metric", "sure"), ("--metric", "accuracy", "--fail-under", "sure=0.1")):
        done = run("evaluate", "model.h5", "shapes.csv", "-c", "own.py", *options)
        assert (done.code, "sure" in done.out) == (0, True), done.err
    assert run("train", "spec.json", "-q", "-f").code == 0
    done = run("evaluate", "model.h5", "shapes.csv", "-c", "own.py", "--fail-under", "sure=0.1")
    assert (done.code, "internal error" in done.err) == (2, False)
    assert "error: sure needs options: limit" in done.err


def test_predict_writes_all_that_a_loss_predicts(folder, run):
    x = np.linspace(-2, 2, 60)
    np.savetxt("wave.csv", np.column_stack([x, 3 * np.sin(x)]), delimiter=",", header="x,y", comments="")
    spec = {
        "data": {"path": "wave.csv", "target": "y"},
        "network": {"layers": [{"units": 8, "activation": "tanh"}, {}]},
        "loss": "gaussian_nll",
        "training": {"epochs": 5},
    }
    Path("wave.json").write_text(json.dumps(spec))
    assert run("train", "wave.json", "-o", "wave.h5").code == 0
    done = run("predict", "wave.h5", "wave.csv", "--parts")
    assert done.out.splitlines()[0] == "y.mean,y.deviation"
    parts = mlpkit.load("wave.h5").predict("wave.csv", parts=True)
    np.testing.assert_allclose(np.loadtxt(done.out.splitlines()[1:], delimiter=","), np.column_stack(list(parts.values())), rtol=1e-5)
    assert run("predict", "wave.h5", "wave.csv").out.splitlines()[0] == "y"
    both = run("predict", "wave.h5", "wave.csv", "--parts", "--proba")
    assert both.code == 2
    assert "use one of them" in both.err
