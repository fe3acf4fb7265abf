"""Test the changes between start and resume that are allowed, and those that are detected and named."""

import shutil
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest

import mlpkit
from mlpkit.modelfile import reader, writer
from mlpkit.spec import Spec

from ...sampling import one_in


@pytest.mark.parametrize("epochs", [3, 5])
def test_the_number_of_epochs_may_be_raised(table, spec_with, saved, epochs, tmp_path):
    def spec(number):
        return spec_with(optimizer="adam", training__epochs=number, training__checkpoint={"folder": str(tmp_path / "points")})

    first = mlpkit.train(spec(2), table)
    assert len(first.history) == 2
    longer = mlpkit.train(spec(epochs), table, resume=tmp_path / "points")
    shutil.rmtree(tmp_path / "points")
    assert saved(longer, tmp_path / "longer.h5") == saved(mlpkit.train(spec(epochs), table), tmp_path / "unbroken.h5")


def test_patience_may_be_raised(table, spec_with, saved, tmp_path):
    def spec(patience):
        stopping = {"patience": patience}
        return spec_with(training__epochs=30, training__early_stopping=stopping, training__checkpoint={"folder": str(tmp_path / "points")})

    first = mlpkit.train(spec(1), table)
    longer = mlpkit.train(spec(4), table, resume=tmp_path / "points")
    assert len(first.history) < len(longer.history) < 30
    shutil.rmtree(tmp_path / "points")
    assert saved(longer, tmp_path / "longer.h5") == saved(mlpkit.train(spec(4), table), tmp_path / "unbroken.h5")


def test_a_complete_run_goes_on_to_itself(table, spec_with, saved, tmp_path):
    spec = spec_with(training__checkpoint={"folder": str(tmp_path / "points")})
    first = mlpkit.train(spec, table)
    again = mlpkit.train(spec, table, resume=tmp_path / "points")
    assert saved(again, tmp_path / "again.h5") == saved(first, tmp_path / "first.h5")


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "other"},
        {"data__path": "elsewhere.csv", "data__format": "csv", "data__separator": ";"},
        {"training__checkpoint": {"keep": 1}},
        {"training__early_stopping": {"patience": 50}},
        {"network__inputs": 4},
        {"$schema": "./mlpkit.schema.json"},
    ],
    ids=lambda changes: "-".join(changes),
)
def test_allowed_changes(table, spec_with, run_until, changes, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run_until(spec_with(), 6, tmp_path / "part.h5")
    model = mlpkit.train(spec_with(**changes), table, resume=tmp_path / "part.h5")
    np.testing.assert_array_equal(model.network.parameters.vector, mlpkit.train(spec_with(), table).network.parameters.vector)
    assert model.spec == Spec.model_validate(spec_with(**changes)).with_widths(4, 1)


@pytest.mark.parametrize(
    ("changes", "path", "words"),
    [
        ({"seed": 4}, "seed", r"is 4, .* has 3"),
        ({"dtype": "float64"}, "dtype", r'is "float64", .* has "float32"'),
        ({"optimizer": "sgd"}, "optimizer", r'is {"type": "sgd", .* has {"type": "adam"'),
        ({"optimizer__beta1": 0.5}, "optimizer.beta1", r"is 0.5, .* has 0.9"),
        ({"optimizer__learning_rate": 0.1}, "optimizer.learning_rate", r'is 0.1, .* has {"type": "cosine"'),
        ({"optimizer__learning_rate__initial": 0.1}, "optimizer.learning_rate.initial", r"is 0.1, .* has 0.3"),
        ({"training__batch_size": 6}, "training.batch_size", "is 6, .* has 5"),
        ({"training__shuffle": False}, "training.shuffle", "is false, .* has true"),
        ({"training__early_stopping": None}, "training.early_stopping", 'is null, .* has {"monitor"'),
        ({"training__early_stopping": {"min_delta": 0.1}}, "training.early_stopping.min_delta", r"is 0.1, .* has 0.0"),
        ({"training__epochs": 1}, "training.epochs", "is 1, but the run is already in epoch 2"),
        ({"metrics": []}, "metrics", r'is \[\], .* has \["r2"\]'),
        ({"loss": "mae"}, "loss", "mean_absolute_error"),
        ({"data__split": {"validation": 0.5}}, "data.split.validation", "is 0.5, .* has 0.25"),
        ({"preprocessing": {"numbers": "none"}}, "preprocessing.numbers", 'is "none"'),
        ({"network__layers": [{"units": 1}]}, "network.layers", "is "),
        ({"network__layers__2__units": 2}, "network.layers[2].units", "is 2, .* has 1"),
        ({"network__inputs": 7}, "network.inputs", "is 7, .* has 4"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_changed_spec_is_named(table, spec_with, run_until, changes, path, words, tmp_path):
    run_until(spec_with(), 6, tmp_path / "part.h5")
    with pytest.raises(mlpkit.SpecError, match=words) as caught:
        mlpkit.train(spec_with(**changes), table, resume=tmp_path / "part.h5")
    (problem,) = caught.value.problems
    assert problem.path == path
    assert "resume" in problem.help


def test_every_change_is_named_at_once(table, spec_with, run_until, tmp_path):
    run_until(spec_with(), 6, tmp_path / "part.h5")
    other = spec_with(seed=4, training__batch_size=6, network__layers=spec_with()["network"]["layers"][1:])
    with pytest.raises(mlpkit.SpecError) as caught:
        mlpkit.train(other, table, resume=tmp_path / "part.h5")
    assert {problem.path for problem in caught.value.problems} == {"seed", "training.batch_size", "network.layers"}


def changed(column, row, value):
    def change(table):
        table = table.copy()
        table.loc[row, column] = value
        return table

    return change


DATA = [  # what becomes of the table, and words of the error; without a split, so that every row trains
    (changed("a", 3, 0.123), r"the column 'a' is not the same in the training rows"),
    (changed("c", 5, "z"), r"the column 'c' is not the same in the training rows"),
    (lambda table: table.assign(a=table["a"] * 2), r"the column 'a' is not the same"),
    (lambda table: table.assign(a=table["a"] * 2, b=table["b"] + 4), r"the columns 'a', 'b' are not the same"),
    (lambda table: table.assign(c=table["c"].map({"x": "v", "y": "w"})), r"the column 'c' is not the same"),
    (changed("y", 0, 9.0), r"the targets of the training rows are not the same"),
    (lambda table: table.assign(y=table["y"] * 2), r"the targets of the training rows are not the same"),
    (changed("w", 0, 1.9), r".*; the weights of the training rows are not the same"),
    (lambda table: pd.concat([table, table[:1]], ignore_index=True), r"the training rows: 24 then, 25 now"),
    (lambda table: table[::-1], r"the columns 'a', 'b', 'c' are not the same in the training rows; the targets"),
    (lambda table: table.assign(d=1.0 * np.arange(24)), r"the column 'd' is new"),
    (lambda table: table.drop(columns="b"), r"the column 'b' is missing now"),
    (lambda table: table.rename(columns={"b": "e"}), r"the column 'b' is missing now; the column 'e' is new"),
    (lambda table: table[["b", "a", "c", "y", "w"]], r"the columns are in another order"),
]


@pytest.mark.parametrize(("change", "words"), one_in(4, DATA), ids=range(len(DATA)))
def test_changed_data_are_named(table, spec_with, run_until, change, words, tmp_path):
    spec = spec_with(data__split=None, training__early_stopping=None)
    run_until(spec, 6, tmp_path / "part.h5")
    with pytest.raises(mlpkit.DataError, match=rf"differ from those of the run: {words}") as caught:
        mlpkit.train(spec, change(table), resume=tmp_path / "part.h5")
    assert "start a new run without resume" in caught.value.help


def test_changed_validation_rows_and_weights_are_named(table, spec_with, fitted, tmp_path):
    spec = spec_with(data={"target": "y", "inputs": ["a", "b", "c"]}, training__early_stopping=None, metrics=[])
    train, held_out = table[:18], table[18:]
    model = fitted(spec, train, held_out)
    for _ in mlpkit.epochs(model, train, validation=held_out):
        break
    model.save(tmp_path / "part.h5", training_state=True)
    cases = [
        ({"validation": held_out[:-1]}, "the validation rows: 6 then, 5 now"),
        ({"validation": held_out.assign(a=1.5)}, "the column 'a' is not the same in the validation rows"),
        ({"validation": None}, "the validation rows: 6 then, none now"),
        ({"validation": held_out, "weights": np.arange(1, 19)}, "the training rows had no weights, and have weights now"),
    ]
    for given, words in cases:
        with pytest.raises(mlpkit.DataError, match=words):
            mlpkit.train(spec, train, resume=tmp_path / "part.h5", **given)
    assert len(mlpkit.train(spec, train, validation=held_out, resume=tmp_path / "part.h5").history) == 3


class LinearDecay(mlpkit.Schedule):
    """A linear decay in steps of whole epochs."""

    once_per_epoch: ClassVar[bool] = True

    def at(self, progress):
        return 0.1 * (1.0 - progress.fraction) + 0.01


def test_a_schedule_that_depends_on_the_number_of_epochs_is_warned_of(table, spec_with, run_until, tmp_path):
    run_until(spec_with(), 6, tmp_path / "cosine.h5")
    with pytest.warns(UserWarning, match=r"the schedule 'cosine' gives other learning rates .* 4 epochs .* the 3 "):
        mlpkit.train(spec_with(training__epochs=4), table, resume=tmp_path / "cosine.h5")
    stepwise = {"type": "step", "initial": 0.1, "every": 1}
    run_until(spec_with(optimizer__learning_rate=stepwise), 6, tmp_path / "step.h5")
    mlpkit.train(spec_with(optimizer__learning_rate=stepwise, training__epochs=4), table, resume=tmp_path / "step.h5")
    plateau = {"type": "reduce_on_plateau", "initial": 0.1, "monitor": "loss"}
    run_until(spec_with(optimizer__learning_rate=plateau), 6, tmp_path / "plateau.h5")
    mlpkit.train(spec_with(optimizer__learning_rate=plateau, training__epochs=4), table, resume=tmp_path / "plateau.h5")
    run_until(spec_with(optimizer__learning_rate=LinearDecay()), 6, tmp_path / "linear.h5")
    with pytest.warns(UserWarning, match=r"the schedule '.*' gives other learning rates .* 4 epochs .* the 3 "):
        mlpkit.train(spec_with(optimizer__learning_rate=LinearDecay(), training__epochs=4), table, resume=tmp_path / "linear.h5")
    run_until(spec_with(), 0, tmp_path / "nothing.h5")
    mlpkit.train(spec_with(training__epochs=4), table, resume=tmp_path / "nothing.h5")


def rewritten(source, target, change):
    """A copy of a file with something changed in its contents, digests and all."""
    contents = reader.read(source)
    change(contents)
    writer.write(target, contents)
    return target


def test_another_version_of_a_package_is_warned_of(table, spec_with, run_until, tmp_path):
    run_until(spec_with(), 6, tmp_path / "part.h5")
    old = rewritten(tmp_path / "part.h5", tmp_path / "old.h5", lambda contents: contents.training["versions"].update(numpy="1.0"))
    with pytest.warns(UserWarning, match=r"differ in the last bits .*: numpy 1\.0 then, "):
        mlpkit.train(spec_with(), table, resume=old)


HOSTILE = [
    lambda contents: contents.training.pop("epoch"),
    lambda contents: contents.training.update(step="5"),
    lambda contents: contents.training.update(step=-1),
    lambda contents: contents.training.update(step=2**60),
    lambda contents: contents.training.update(epoch=7),
    lambda contents: contents.training.update(steps_per_epoch=0),
    lambda contents: contents.training.update(best=[]),
    lambda contents: contents.training.update(arrays={}),
    lambda contents: contents.training["data"].update(columns=[]),
    lambda contents: contents.training["data"].update(training=None),
    lambda contents: contents.training["versions"].update(numpy=2),
    lambda contents: contents.state.pop("optimizer/mean"),
    lambda contents: contents.state.pop("loop/parameters"),
    lambda contents: contents.state.update({"optimizer/mean": np.zeros(3, "f4")}),
    lambda contents: contents.state.update({"loop/loss": np.zeros(())}),
    lambda contents: contents.state.update({"rng/shuffle": np.zeros(6, "u8")}),
    lambda contents: contents.state.update({"rng/dropout": np.array([1, 1, 1, 1, 7, 1], "u8")}),
    lambda contents: contents.state.update({"rng/dropout": np.array([1, 1, 1, 1, 1, 2**40], "u8")}),
    lambda contents: contents.state.clear(),
]


@pytest.mark.parametrize("number", range(len(HOSTILE)))
def test_a_state_that_is_not_valid_is_refused_when_it_is_read(spec_with, run_until, number, tmp_path):
    run_until(spec_with(), 6, tmp_path / "part.h5")
    before = reader.read(tmp_path / "part.h5").training
    bad = rewritten(tmp_path / "part.h5", tmp_path / "bad.h5", HOSTILE[number])
    if reader.read(bad).training == {**before, "arrays": {}}:
        mlpkit.load(bad)  # an unknown key is passed over
        return
    with pytest.raises(mlpkit.ModelFileError, match=r"bad\.h5: the training state in it"):
        mlpkit.load(bad)


def test_a_state_of_other_steps_is_refused(table, spec_with, run_until, tmp_path):
    run_until(spec_with(), 6, tmp_path / "part.h5")
    bad = rewritten(tmp_path / "part.h5", tmp_path / "bad.h5", lambda contents: contents.training.update(steps_per_epoch=5))
    with pytest.raises(mlpkit.ModelFileError, match="5 steps per epoch, but these rows have 4"):
        mlpkit.train(spec_with(), table, resume=bad)
