"""The last line of a training run: the score, the baselines on the same rows, and what to try."""

import json
import os
import re
import signal
from types import SimpleNamespace

import numpy as np
import pytest

import mlpkit
from mlpkit.cli import final_score
from mlpkit.cli.final_score import _to_try, score_text
from mlpkit.training import baselines
from mlpkit.training.epoch import Epoch
from mlpkit.training.history import History

ENOUGH = ("-s", "training.epochs=300")
KEYS = {
    "metric", "weighted", "part", "rows", "rows_of_part", "model", "constant", "linear", "constant_prediction",
    "linear_rows", "training_rows", "skipped", "advice",
}  # fmt: skip


def last(done):
    assert done.code == 0, done.err
    return done.err.splitlines()[-1]


def test_the_last_line_has_the_score_and_the_baselines(project, run):
    line = last(run("train", "spec.json"))
    score = mlpkit.load("model.h5").history[-1].metrics["accuracy"]
    assert line.startswith(f"accuracy {score:.4g} on 15 validation rows; majority 0.3333, linear 1; a linear model is better: the loss was")
    shown = mlpkit.baselines("spec.json").scores
    assert (shown["constant"]["accuracy"], shown["linear"]["accuracy"]) == (pytest.approx(1 / 3), 1.0)


def test_a_score_of_the_training_rows_says_so(project, run):
    line = last(run("train", "spec.json", *ENOUGH, "-s", "data.split=null"))
    assert re.match(r"accuracy \S+ on the 60 rows it was trained on; majority 0.3333, linear 1", line)


def test_the_default_metric_of_the_task(project, run):
    numbers = ("data.target=height", 'network.layers=[{"activation": "linear"}]', "loss=mse", "metrics=[]")
    changes = [part for setting in numbers for part in ("-s", setting)]
    done = run("train", "spec.json", "-d", "shapes.csv", *changes, "--json")
    assert done.code == 0, done.err
    score = json.loads(done.out)["score"]
    assert (score["metric"], score["constant_prediction"]) == ("rmse", "mean")
    assert last(done).startswith(f"rmse {score['model']:.4g} on 15 validation rows; mean {score['constant']:.4g}, linear ")


def test_the_bar_is_followed_by_the_same_line(project, run):
    plain, bar = (last(run("train", "spec.json", *ENOUGH, "--force", "--progress", style)) for style in ("plain", "bar"))
    assert bar == plain


def test_json_has_the_figures_as_keys(project, run):
    done = run("train", "spec.json", "--json")
    score = json.loads(done.out)["score"]
    assert set(score) == KEYS
    assert (score["part"], score["rows"], score["rows_of_part"], score["linear_rows"], score["skipped"]) == ("validation", 15, 15, 45, {})
    assert score["model"] == json.loads(done.out)["last"]["accuracy"]
    assert last(done).startswith(f"accuracy {score['model']:.4g} on 15 validation rows")


def test_records_have_the_figures_as_keys(project, run):
    done = run("train", "spec.json", "--progress", "json", "--json")
    records = [json.loads(line) for line in done.err.splitlines()]
    scores = [record["score"] for record in records if "score" in record]
    assert scores == [json.loads(done.out)["score"]]


@pytest.mark.parametrize(("options", "count"), [((), 0), (("--json",), 1), (("--progress", "json"), 0)])
def test_quiet_computes_nothing_that_is_not_shown(project, run, monkeypatch, options, count):
    calls, compute = [], baselines.score_baselines
    monkeypatch.setattr(baselines, "score_baselines", lambda *given: calls.append(1) or compute(*given))
    done = run("train", "spec.json", "-q", *options)
    assert done.code == 0
    assert len(calls) == count
    assert "majority" not in done.err.replace('"majority"', "")


def test_the_model_has_the_same_bytes_with_and_without(project, run, monkeypatch):
    dropout = ("-s", "network.layers.0.dropout=0.3")
    assert run("train", "spec.json", *dropout, "-o", "with.h5").code == 0
    monkeypatch.setattr(baselines, "score_baselines", None)  # it cannot be called
    assert run("train", "spec.json", "-q", *dropout, "-o", "without.h5").code == 0
    assert (project / "with.h5").read_bytes() == (project / "without.h5").read_bytes()
    monkeypatch.undo()
    before = np.random.get_state()[1].tolist()  # noqa: NPY002
    mlpkit.baselines(project / "spec.json")
    assert np.random.get_state()[1].tolist() == before  # noqa: NPY002


def test_a_failing_baseline_ends_no_run(project, run, monkeypatch):
    def fail(*given):
        raise np.linalg.LinAlgError("Singular\nmatrix\x1b")

    monkeypatch.setattr(baselines, "score_baselines", fail)
    done = run("train", "spec.json", "--json")
    assert last(done) == "no score beside baselines: LinAlgError: Singular\\nmatrix\\x1b"
    assert json.loads(done.out)["score"] == {"error": "LinAlgError: Singular\\nmatrix\\x1b"}
    assert (project / "model.h5").exists()


def test_a_baseline_that_is_left_out_has_a_reason(project, run, monkeypatch):
    monkeypatch.setattr(baselines, "MOST_COLUMNS", 3)
    done = run("train", "spec.json", "--json")
    score = json.loads(done.out)["score"]
    assert (score["linear"], score["linear_rows"]) == (None, 0)
    assert f"majority 0.3333, no linear model: {score['skipped']['linear']}" in last(done)


def test_a_sample_of_the_rows_is_named(project, run, monkeypatch):
    monkeypatch.setattr(baselines, "MOST_MEASURED", 9)
    assert " on 9 of 15 validation rows; " in last(run("train", "spec.json"))
    assert " on 9 of the 60 rows it was trained on; " in last(run("train", "spec.json", "-s", "data.split=null", "--force"))


def test_a_linear_model_of_a_sample_says_so(project, run, monkeypatch):
    monkeypatch.setattr(baselines, "MOST_FITTED", 30)
    assert re.search(r", linear \S+ \(fitted on 30 of 45 rows\)(;|$)", last(run("train", "spec.json")))


def test_a_metric_without_a_value_is_undefined(project, run):
    score = json.loads(run("train", "spec.json", "--json").out)["score"] | {"constant": None, "advice": None}
    assert score_text(score).endswith(f"; majority undefined, linear {score['linear']:.4g}")


def test_an_interrupted_run_has_no_score_and_the_resumed_one_has(project, run, monkeypatch):
    monkeypatch.setattr("mlpkit.progress.display.Progress.show", lambda self, epoch: os.kill(os.getpid(), signal.SIGTERM))
    stopped = run("train", "spec.json", "--json")
    assert stopped.code == 143
    assert "score" not in json.loads(stopped.out)
    assert "majority" not in stopped.err
    monkeypatch.undo()
    os.chdir(project)
    resumed = run("train", "spec.json", "--resume", "model.h5", "-o", "second.h5")
    assert last(resumed) == last(run("train", "spec.json", "-o", "whole.h5"))


def test_weighted_scores_are_named(project, run):
    settings = ("-s", "data.weight=id", "-s", "training.weighted_metrics=true", "-s", "preprocessing.columns={}")
    text = (project / "shapes.csv").read_text().replace("k0", "1")
    (project / "shapes.csv").write_text(text)
    assert last(run("train", "spec.json", *settings)).startswith("weighted accuracy ")


# -- advice


def model(losses, validation=None, epochs=None, stopping=False):
    """A model with a history of these losses."""
    checked = [None] * len(losses) if validation is None else validation
    history = History()
    for number, (loss, other) in enumerate(zip(losses, checked, strict=True), 1):
        history.append(Epoch(number, loss, other, {}, 0.1, 0.0))
    early = mlpkit.Spec.model_validate(SPEC | {"training": {"epochs": epochs or 99, "early_stopping": {"patience": 3}}})
    plain = mlpkit.Spec.model_validate(SPEC | {"training": {"epochs": epochs or len(losses)}})
    found = SimpleNamespace(history=history, spec=early if stopping else plain)
    found.members = (found,)
    return found


SPEC = {"network": {"layers": [{"units": 2, "activation": "tanh"}, {"units": 1, "activation": "linear"}]}, "loss": "mse"}
LEVEL = [1.0, *[0.5] * 29]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (model([1.0]), "the loss was still falling, try more epochs"),
        (model([1.0, 0.9, 0.8]), "the loss was still falling, try more epochs"),
        (model([1.0, 0.9, 0.8], [1.0, 0.9, 0.85]), "the loss was still falling, try more epochs"),
        (model(LEVEL), ""),
        (model([-1.0, *[-5.0] * 29]), ""),  # a log-likelihood
        (model([1.0, 1.1, 1.2]), "the loss did not fall, try a lower learning rate"),
        (model([1.0, 0.5, 0.1], [1.0, 1.0, 1.4]), "the validation loss is far above the training loss, try more rows"),
        (model([1.0, 1.5, 1.5, 1.5], [1.0, 1.5, 1.5, 1.5], stopping=True), "the best epoch was 1 of 4, try a lower learning rate"),
        (model([1.0, 0.5, 0.2], [1.0, 1.5, 1.5], epochs=3, stopping=True), "the best epoch was 1 of 3, try a lower learning rate"),
        (model([1.0], [1.0], epochs=1, stopping=True), "the loss was still falling, try more epochs"),
        (model([1.0, *[0.5] * 29], [1.0, *[0.5] * 29], stopping=True), "the best epoch was 2 of 30, try a lower learning rate"),
    ],
)
def test_advice_follows_from_the_losses(given, expected):
    assert _to_try(given).startswith(expected)
    assert bool(_to_try(given)) == bool(expected)


@pytest.mark.parametrize(
    ("metric", "scores", "expected"),
    [
        ("accuracy", {"model": 0.9, "constant": 0.6, "linear": 0.8}, None),
        ("accuracy", {"model": 0.6, "constant": 0.6, "linear": 0.8}, "no better than always predicting the majority: check"),
        ("accuracy", {"model": 0.7, "constant": 0.6, "linear": 0.8}, "a linear model is better: try a larger network"),
        ("accuracy", {"model": 0.8, "constant": 0.6, "linear": 0.8}, "a linear model is as good"),
        ("rmse", {"model": 0.2, "constant": 0.6, "linear": 0.3}, None),
        ("rmse", {"model": 0.7, "constant": 0.6, "linear": 0.8}, "no better than"),
        ("loss", {"model": 0.5, "constant": 0.6, "linear": 0.4}, "a linear model is better"),
        ("rmse", {"model": 0.2, "constant": float("nan"), "linear": float("nan")}, None),
    ],
)
def test_advice_is_given_only_if_a_baseline_is_as_good(metric, scores, expected):
    found = final_score._advice(model(LEVEL), metric, "majority", scores)
    assert found is None if expected is None else found.startswith(expected)
