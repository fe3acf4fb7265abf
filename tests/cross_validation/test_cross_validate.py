"""Cross-validation: folds as a loop over `train` makes them, the same here and in worker processes, and nothing of a row is learned."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import numpy as np
import pytest

import mlpkit
from mlpkit.cross_validation import runs as parallel
from mlpkit.preprocessing.raw_rows import read_rows
from mlpkit.preprocessing.row_split import cut
from mlpkit.spec import Spec
from mlpkit.spec.ensemble import member_seed

MODELS = Path(__file__).parents[2] / "models"
LAYERS = [{"units": 6, "activation": "tanh"}]


def classes(rows=120, **keys):
    """A spec and a table with two classes, a group and a time."""
    rng = np.random.default_rng(4)
    a, b = rng.normal(size=(2, rows))
    columns = {
        "a": a,
        "b": np.where(np.arange(rows) % 11 == 0, np.nan, b),
        "color": np.array(["red", "green", None], object)[np.arange(rows) % 3],
        "patient": np.arange(rows) // 6,
        "day": np.arange(rows)[::-1],
        "y": np.where(a + 0.3 * rng.normal(size=rows) > 0, "yes", "no"),
    }
    network = {"layers": [*LAYERS, {"activation": "softmax"}]}
    data = {"target": "y", "inputs": ["a", "b", "color"]}
    return {"data": data, "network": network, "loss": "categorical_crossentropy", "training": {"epochs": 6}} | keys, columns


def taken(columns, rows):
    return {name: values[rows] for name, values in columns.items()}


def test_folds_are_those_of_a_loop_over_train():
    spec, columns = classes(metrics=["accuracy"], seed=3)
    found = mlpkit.cross_validate(spec, columns, folds=4)
    read = read_rows(Spec.model_validate(spec), columns, None, None)
    folds, _ = cut(Spec.model_validate(spec), read, 4, 3, 2)
    assert sorted(np.concatenate([fold.validation for fold in folds]).tolist()) == list(range(120))
    probabilities = np.full((120, 2), np.nan)
    for number, fold in enumerate(folds):
        model = mlpkit.train(spec | {"seed": member_seed(3, number)}, taken(columns, fold.training))
        part = taken(columns, fold.validation)
        assert found.folds[number].figures == model.evaluate(part)
        assert (found.folds[number].training, found.folds[number].held_out, found.folds[number].epochs) == (90, 30, 6)
        assert (found.predictions["fold"][fold.validation] == number).all()
        probabilities[fold.validation] = model.predict_proba(part)
    np.testing.assert_array_equal(np.column_stack([found.predictions["y=no"], found.predictions["y=yes"]]), probabilities)
    np.testing.assert_array_equal(found.predictions["predicted_y"], np.array(["no", "yes"])[probabilities.argmax(axis=1)])
    mean, spread = found.figures["accuracy"]
    values = [fold.figures["accuracy"] for fold in found.folds]
    assert (mean, spread) == (np.mean(values), pytest.approx(np.std(values, ddof=1)))


def test_classes_keep_their_shares_and_repeats_have_other_folds():
    spec, columns = classes()
    found = mlpkit.cross_validate(spec, columns, folds=3, repeats=2)
    assert [(fold.repeat, fold.fold) for fold in found.folds] == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]
    shares = [np.mean(columns["y"][found.predictions["fold"] == fold] == "yes") for fold in range(3)]
    assert max(shares) - min(shares) < 0.03
    once = mlpkit.cross_validate(spec, columns, folds=3)
    assert once.folds == found.folds[:3]
    assert found.folds[3].figures != found.folds[0].figures
    np.testing.assert_array_equal(found.predictions["predicted_y"], once.predictions["predicted_y"])
    assert not np.array_equal(found.predictions["y=yes"], once.predictions["y=yes"])


def test_groups_stay_together_and_times_are_predicted_from_earlier_ones():
    spec, columns = classes()
    found = mlpkit.cross_validate(spec, columns, folds=4, group="patient")
    folds = found.predictions["fold"]
    assert all(len(set(folds[columns["patient"] == patient])) == 1 for patient in range(20))
    assert set(folds) == {0, 1, 2, 3}
    timed = mlpkit.cross_validate(spec, columns, folds=3, time="day")
    folds = timed.predictions["fold"]
    assert (folds[columns["day"] < 60] == -1).all()
    assert np.isnan(timed.predictions["y=yes"][folds == -1]).all()
    assert {value is None for value in timed.predictions["predicted_y"][folds == -1]} == {True}
    assert [fold.training for fold in timed.folds] == [60, 80, 100]
    assert columns["day"][folds == 0].max() < columns["day"][folds == 1].min()


def test_the_column_of_groups_is_no_input_and_early_stopping_does_not_see_the_fold():
    spec, columns = classes()
    del spec["data"]["inputs"]
    spec["data"]["split"] = {"validation": 0.25, "group": "patient"}
    spec["training"] = {"epochs": 6, "early_stopping": {"patience": 2}}
    columns = {name: columns[name] for name in ("a", "patient", "y")}
    starts = []
    found = mlpkit.cross_validate(spec, columns, folds=4, on_start=lambda own, count: starts.append((own, count)))
    own, count = starts[0]
    assert (own.data.inputs, count) == (("a",), 4)
    assert own.data.split.validation == 0.25
    folds = cut(Spec.model_validate(spec), read_rows(Spec.model_validate(spec), columns, None, None), 4, 0, 2)[0]
    model = mlpkit.train(spec | {"seed": member_seed(0, 0)}, taken(columns, folds[0].training))
    assert found.folds[0].figures == model.evaluate(taken(columns, folds[0].validation))
    assert model.history[0].validation_loss is not None


def test_worker_processes_have_the_same_results(monkeypatch):
    spec, columns = classes(ensemble={"members": 2})
    here, seen = [mlpkit.cross_validate(spec, columns, folds=3)], []
    monkeypatch.setattr(parallel, "worth_processes", lambda *_: True)
    monkeypatch.setattr(parallel, "cores", lambda: 2)
    monkeypatch.setattr(parallel, "chosen", lambda: None)
    there = mlpkit.cross_validate(spec, columns, folds=3, on_epoch=lambda epoch: seen.append((epoch.member, epoch.number)))
    assert there.folds == here[0].folds
    for name, values in here[0].predictions.items():
        np.testing.assert_array_equal(np.asarray(there.predictions[name]), np.asarray(values))
    assert {member for member, _ in seen} == {0, 1, 2}


def test_numbers_weights_and_several_targets():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 3))
    y = np.column_stack([x.sum(axis=1), x[:, 0]])
    spec = {"network": {"layers": [*LAYERS, {}]}, "loss": "mse", "training": {"epochs": 5}}
    found = mlpkit.cross_validate(spec, x, y, folds=3, weights=np.where(np.arange(60) < 6, 0, 1.0))
    assert found.predictions["row"].tolist() == list(range(6, 60))  # rows of weight 0 are left out
    assert {"y0", "y1", "predicted_y0", "predicted_y1"} <= set(found.predictions)
    assert np.isfinite(found.predictions["predicted_y0"]).all()
    assert "rmse" in str(found)


def test_rows_keep_their_numbers_in_the_data():
    spec, columns = classes()
    columns["y"] = np.where(np.arange(120) == 50, None, columns["y"].astype(object))
    spec["data"] |= {"split": {"hash": "patient", "test": 0.3}, "missing_target": "drop"}
    found = mlpkit.cross_validate(spec, columns, folds=3)
    rows = found.predictions["row"]
    assert 50 not in rows
    assert len(rows) < 100
    assert found.predictions["y"].tolist() == columns["y"][rows].tolist()
    tested = {int(columns["patient"][row]) for row in set(range(120)) - set(rows.tolist()) - {50}}
    assert tested.isdisjoint(columns["patient"][rows].tolist())


def test_a_class_of_one_row_is_left_out_where_it_is_held_out():
    spec, columns = classes()
    columns["y"] = columns["y"].astype(object)
    columns["y"][7] = "rare"
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = mlpkit.cross_validate(spec, columns, folds=3)
    assert any("1 validation row left out, whose class is not in the training rows" in str(each.message) for each in caught)
    assert len(found.folds) == 3
    assert found.predictions["y=rare"][7] == 0.0


@pytest.mark.parametrize(
    ("keys", "options", "message"),
    [
        ({}, {"folds": 1}, "folds is 1"),
        ({}, {"repeats": 1.5}, "repeats is 1.5"),
        ({}, {"folds": 121}, "120 rows cannot be cut into 121 folds"),
        ({}, {"group": "patient", "time": "day"}, "cannot be combined"),
        ({}, {"group": "doctor"}, "doctor"),
        ({}, {"group": "patient", "folds": 21}, "20 groups"),
        ({}, {"time": "day", "repeats": 2}, "the same in each repeat"),
        ({"data": {"target": "y", "validation": "other.csv"}}, {}, "takes its validation rows from the training rows"),
        ({"data": {"target": "y", "split": {"column": "part"}}}, {}, "chooses the rows itself"),
        ({"data": {"target": "y", "split": {"time": "day", "validation": 0.2}}}, {"group": "patient"}, "splits its rows by 'day' already"),
        ({"data": {"target": "y", "split": {"hash": "patient", "test": 0.2}}}, {"time": "day"}, "splits its rows by 'patient' already"),
        ({"data": {"target": "y", "split": {"test": 0.2}}}, {"group": "patient"}, "the test rows of the spec are not chosen by 'patient'"),
    ],
)
def test_misfits_are_refused_before_training(keys, options, message):
    spec, columns = classes(**keys)
    with pytest.raises((mlpkit.SpecError, mlpkit.DataError), match=re.escape(message)):
        mlpkit.cross_validate(spec, columns, **options, on_epoch=lambda epoch: pytest.fail("it has trained"))


def test_ctrl_c_keeps_the_finished_folds():
    spec, columns = classes()

    def interrupt(epoch):
        if epoch.member == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        mlpkit.cross_validate(spec, columns, folds=4, on_epoch=interrupt)
    assert [fold.fold for fold in caught.value.result.folds] == [0, 1]
    assert caught.value.result.runs == 4


@pytest.mark.parametrize("processes", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_an_error_names_the_fold(processes, monkeypatch):
    x = np.random.default_rng(0).normal(size=(40, 2)) * 1e3
    spec = {"network": {"layers": [*LAYERS, {}]}, "loss": "mse", "optimizer": {"type": "sgd", "learning_rate": 1e30}}
    monkeypatch.setattr(parallel, "worth_processes", lambda *_: processes > 1)
    monkeypatch.setattr(parallel, "cores", lambda: 2)
    monkeypatch.setattr(parallel, "chosen", lambda: None)
    with pytest.raises(mlpkit.TrainingError, match=r"fold \d: "):
        mlpkit.cross_validate(spec, x, x[:, 0], folds=2)


@pytest.mark.filterwarnings("ignore::mlpkit.UnseenCategoryWarning")
def test_the_guide_runs(monkeypatch, capsys):
    monkeypatch.chdir(MODELS.parent)
    section = (MODELS / "README.md").read_text("utf-8").partition("## Cross-validate")[2].partition("\n## ")[0]
    (block,) = re.findall(r"^<!-- python -->\n```python\n(.*?)^```$", section, re.M | re.S)
    exec(compile(block, "models/README.md", "exec"), {})
    (table,) = re.findall(r"^fold  rows.*?(?=```)", section, re.M | re.S)
    assert table in capsys.readouterr().out
