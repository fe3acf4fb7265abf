"""Search: trials in a store, of which the best is what `train` makes of its spec; ended early, resumed, and side by side."""

from __future__ import annotations

import importlib
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import mlpkit
from mlpkit.tuning import search as module
from mlpkit.tuning.study import Study, rungs

from ..sampling import one_in

EPOCHS = 18
UNITS = {"search": {"low": 2, "high": 32, "log": True}}


def stopping(monitor):
    return {"epochs": EPOCHS, "early_stopping": {"patience": 3, "monitor": monitor}}


def data(rows=150):
    rng = np.random.default_rng(1)
    x = rng.normal(size=(rows, 3))
    return {"a": x[:, 0], "b": x[:, 1], "c": x[:, 2], "y": np.where(x[:, 0] * x[:, 1] > 0, "yes", "no")}


def spec(**keys):
    base = {
        "data": {"target": "y", "split": {"validation": 0.3}},
        "network": {"layers": [{"units": UNITS, "activation": "tanh"}, {"activation": "softmax"}]},
        "loss": "categorical_crossentropy",
        "optimizer": {"type": "adam", "learning_rate": {"search": {"low": 1e-4, "high": 0.3, "log": True}}},
        "metrics": ["accuracy"],
        "training": {"epochs": EPOCHS, "batch_size": {"search": {"choice": [16, None]}}},
        "seed": 4,
    }
    return base | keys


def scores(found):
    return [(trial.number, trial.state, trial.score, trial.values) for trial in found.trials]


def test_the_best_trial_is_what_train_makes_of_its_spec(tmp_path):
    seen = []
    options = {"trials": 7, "workers": 1}
    found = mlpkit.search(spec(), data(), **options, store=tmp_path / "a.journal", on_trial=lambda trial, so_far: seen.append(trial))
    assert [trial.number for trial in found.trials] == list(range(7))
    assert seen == list(found.trials)
    best = found.best
    assert best.score == min(trial.score for trial in found.trials if trial.state == "complete")
    model = mlpkit.train(found.spec, data())
    assert model.history[-1].validation_loss == best.score
    columns = found.table
    assert [len(column) for column in columns.values()] == [7] * len(columns)
    assert found.to_dict()["score"] == {"validation_loss": best.score}
    again = mlpkit.search(spec(), data(), **options, store=tmp_path / "b.journal")
    assert scores(again) == scores(found)


def test_trials_that_are_not_promising_are_ended_early(tmp_path):
    assert rungs(18) == [2, 6]
    assert rungs(100) == [11, 33]
    assert rungs(1) == []
    found = mlpkit.search(spec(), data(), trials=14, store=tmp_path / "a.journal", workers=1)
    ended = [trial for trial in found.trials if trial.state == "pruned"]
    assert {trial.epochs for trial in ended} <= {2, 6}
    assert {trial.epochs for trial in found.trials if trial.state == "complete"} == {EPOCHS}
    assert sum(trial.epochs for trial in found.trials) < 0.6 * 14 * EPOCHS
    whole = mlpkit.search(spec(), data(), trials=3, store=tmp_path / "b.journal", workers=1, prune=False)
    assert [trial.state for trial in whole.trials] == ["complete"] * 3


def test_a_metric_that_is_better_when_higher(tmp_path):
    training = {"epochs": EPOCHS, "early_stopping": {"monitor": "accuracy", "patience": None}}
    found = mlpkit.search(spec(training=training), data(), trials=6, store=tmp_path / "a.journal", workers=1)
    assert found.score_name == "accuracy"
    model = mlpkit.train(found.spec, data())
    assert found.shown(found.best.score) == max(epoch.metrics["accuracy"] for epoch in model.history)


def test_the_store_is_gone_on_with(tmp_path):
    store = tmp_path / "a.journal"
    first = mlpkit.search(spec(), data(), trials=2, store=store, workers=1)
    both = mlpkit.search(spec(), data(), trials=5, store=store, workers=1)
    assert scores(both)[:2] == scores(first)
    assert scores(both) == scores(mlpkit.search(spec(), data(), trials=5, store=tmp_path / "b.journal", workers=1))
    called = []
    assert scores(mlpkit.search(spec(), data(), trials=5, store=store, on_trial=lambda *_: called.append(0))) == scores(both)
    assert called == []
    with pytest.raises(mlpkit.SpecError, match="the trials of another spec"):
        mlpkit.search(spec(seed=5), data(), trials=9, store=store)


@pytest.mark.slow
def test_two_workers_lose_and_repeat_no_trial(tmp_path):
    found = mlpkit.search(spec(), data(), trials=10, store=tmp_path / "a.journal", workers=2)
    assert [trial.number for trial in found.trials] == list(range(10))
    assert len({str(trial.values) for trial in found.trials}) == 10
    for trial in found.trials[:3]:
        if trial.state == "complete":
            assert mlpkit.train(found.space.filled(trial.values), data()).history[-1].validation_loss == trial.score


def test_the_encoding_is_searched_too(tmp_path):
    own = spec(preprocessing={"numbers": {"search": {"choice": ["standardize", "quantile", "robust"]}}})
    found = mlpkit.search(own, data(), trials=6, store=tmp_path / "a.journal", workers=1)
    assert mlpkit.train(found.spec, data()).history[-1].validation_loss == found.best.score
    assert len({trial.values["preprocessing.numbers"] for trial in found.trials}) > 1


def test_an_ensemble_is_searched_by_its_first_member(tmp_path):
    own = spec(ensemble={"members": 3, "folds": "rotate"})
    own["data"] = {"target": "y"}
    found = mlpkit.search(own, data(), trials=3, store=tmp_path / "a.journal", workers=1)
    model = mlpkit.train(found.spec, data())
    assert model.members[0].history[-1].validation_loss == found.best.score


def test_trials_that_diverge_fail_and_the_search_goes_on(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 2))
    own = {
        "data": {"split": {"validation": 0.3}},
        "network": {"layers": [{"units": 4, "activation": "relu"}, {}]},
        "loss": "mse",
        "optimizer": {"type": "sgd", "learning_rate": {"search": {"choice": [1e30, 0.01]}}},
        "training": {"epochs": 4},
    }
    found = mlpkit.search(own, x, x[:, 0], trials=8, store=tmp_path / "a.journal", workers=1)
    failed = [trial for trial in found.trials if trial.state == "failed"]
    assert failed
    assert all(trial.problem == "the loss became NaN or infinite" for trial in failed)
    assert found.best.values == {"optimizer.learning_rate": 0.01}
    own["optimizer"]["learning_rate"] = {"search": {"low": 1e29, "high": 1e30}}
    none = mlpkit.search(own, x, x[:, 0], trials=2, store=tmp_path / "b.journal", workers=1)
    with pytest.raises(mlpkit.DataError, match="no trial has come to its end: the loss became NaN"):
        none.best  # noqa: B018 - it raises


def test_ctrl_c_keeps_the_finished_trials(tmp_path):
    def interrupt(trial, so_far):
        if trial.number == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        mlpkit.search(spec(), data(), trials=9, store=tmp_path / "a.journal", workers=1, on_trial=interrupt)
    assert [trial.number for trial in caught.value.result.trials] == [0, 1, 2]
    assert len(mlpkit.search(spec(), data(), trials=5, store=tmp_path / "a.journal", workers=1).trials) == 5


KILLED = """
import json, os, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import mlpkit
from mlpkit.training.run import Run
from tests.tuning.test_search import data, spec
done = []
mlpkit.search(spec(), data(), trials=9, store=sys.argv[2], workers=1, on_trial=lambda *_: done.append(0) or (len(done) == 3 and patch()))
"""


@pytest.mark.slow
def test_a_killed_search_loses_its_running_trial_alone(tmp_path):
    code = KILLED.replace("done = []", "done = []\ndef patch():\n    Run.next_epoch = lambda self: os._exit(9)")
    root = str(Path(__file__).parents[2])
    done = subprocess.run([sys.executable, "-c", code, root, str(tmp_path / "a.journal")], capture_output=True, text=True)
    assert done.returncode == 9, done.stderr
    found = mlpkit.search(spec(), data(), trials=6, store=tmp_path / "a.journal", workers=1)
    assert [trial.number for trial in found.trials] == [0, 1, 2, 4, 5, 6]


@pytest.mark.parametrize(
    ("keys", "options", "message"),
    [
        ({"data": {"target": "y"}}, {}, "compares specs by their validation rows"),
        ({}, {"trials": 0}, "trials is 0"),
        ({}, {"trials": 2.5}, "trials is 2.5"),
        ({}, {"workers": 0}, "workers is 0"),
        ({"loss": {"search": {"choice": ["categorical_crossentropy", "mse"]}}}, {}, "validation losses of different functions"),
        ({"training": stopping("training_loss")}, {}, "by rows that they are not trained on"),
        (
            {"training": stopping({"search": {"choice": ["accuracy", "validation_loss"]}})},
            {},
            "different scores: accuracy, validation_loss",
        ),
        ({}, {"store": "nowhere/a.journal"}, "the store nowhere/a.journal cannot be used"),
        ({}, {"store": "database://x"}, "cannot be used"),
    ],
)
def test_misfits_are_refused(keys, options, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises((mlpkit.SpecError, mlpkit.DataError), match=re.escape(message)):
        mlpkit.search(spec(**keys), data(), **{"store": "a.journal", **options})


def test_losses_are_compared_by_a_metric(tmp_path):
    own = spec(loss={"search": {"choice": ["categorical_crossentropy", "mse"]}}, training=stopping("accuracy"))
    found = mlpkit.search(own, data(), trials=3, store=tmp_path / "a.journal", workers=1, prune=False)
    assert found.score_name == "accuracy"
    assert str(found) == f"3 trials, 0 ended early; best accuracy {found.shown(found.best.score):.6g} in trial {found.best.number}"


def test_a_database_whose_tables_are_just_made_is_tried_again(tmp_path, monkeypatch):
    monkeypatch.setattr("mlpkit.tuning.study.PAUSES", (0.0, 0.0))
    optuna = importlib.import_module("optuna")
    create, calls = optuna.create_study, []

    def first_fails(**options):
        calls.append(0)
        if len(calls) == 1:
            raise RuntimeError("duplicate key value")
        return create(**options)

    monkeypatch.setattr(optuna, "create_study", first_fails)
    assert len(mlpkit.search(spec(), data(), trials=1, store=f"sqlite:///{tmp_path / 'a.db'}", workers=1).trials) == 1
    assert len(calls) == 3  # the trial opens the store too


def test_a_missing_package_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(mlpkit.DataError, match="needs Optuna") as caught:
        mlpkit.search(spec(), data(), store=tmp_path / "a.journal")
    assert "mlpkit[search]" in caught.value.help


def test_data_are_prepared_once(tmp_path, monkeypatch):
    calls = []
    prepare = module.prepare
    monkeypatch.setattr(module, "prepare", lambda *args, **keys: calls.append(0) or prepare(*args, **keys))
    mlpkit.search(spec(), data(), trials=4, store=tmp_path / "a.journal", workers=1)
    assert len(calls) == 1


@pytest.mark.parametrize("kept", one_in(3, [5, 0, 1000, -40, -1]))
def test_a_store_that_was_cut_short_is_gone_on_with(kept, tmp_path):
    store = tmp_path / "a.journal"
    mlpkit.search(spec(), data(), trials=2, store=store, workers=1)
    whole = store.read_bytes()
    store.write_bytes(whole[:kept])
    for trials in (3, 4):  # what was appended to it can be read
        assert len(mlpkit.search(spec(), data(), trials=trials, store=store, workers=1).trials) == trials
    assert store.read_bytes().startswith(whole[: whole.rfind(b"\n", 0, kept) + 1])


@pytest.mark.parametrize("content", [b"a,b\n1,2\n", b'{"network": 1}', b"\x89HDF\r\n"])
def test_a_file_with_other_content_is_no_store(content, tmp_path):
    store = tmp_path / "own"
    store.write_bytes(content)
    with pytest.raises(mlpkit.DataError, match="own cannot be used: it is not the journal of a search"):
        mlpkit.search(spec(), data(), trials=2, store=store, workers=1)
    assert store.read_bytes() == content


def test_a_store_is_read_by_optuna(tmp_path):
    import optuna

    found = mlpkit.search(spec(), data(), trials=3, store=tmp_path / "a.journal", workers=1)
    storage = Study(str(tmp_path / "a.journal"), found.space, 4, prune=True, epochs=EPOCHS).study._storage
    trials = optuna.load_study(study_name="mlpkit", storage=storage).trials
    name = "network.layers[0].units"
    assert [trial.params[name] for trial in trials] == [trial.values[name] for trial in found.trials]


@pytest.mark.filterwarnings("ignore::mlpkit.UnseenCategoryWarning")
@pytest.mark.slow
def test_the_guide_runs(monkeypatch, capsys, tmp_path):
    models = Path(__file__).parents[2] / "models"
    section = (models / "README.md").read_text("utf-8").partition("## Search the options of a spec")[2].partition("\n## ")[0]
    (block,) = re.findall(r"^<!-- python -->\n```python\n(.*?)^```$", section, re.M | re.S)
    monkeypatch.chdir(tmp_path)
    shutil.copytree(models / "penguins", "models/penguins")
    exec(compile(block, "models/README.md", "exec"), {})
    assert "network.layers[0].units" in capsys.readouterr().out
