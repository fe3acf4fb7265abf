"""The parameters of `mlpkit.train` that see and steer a run, and that `mlpkit train` is a caller of it."""

import itertools
import json

import numpy as np
import pytest

import mlpkit
from mlpkit.cli import main
from mlpkit.model import train as training

RNG = np.random.default_rng(3)
X, Y = RNG.standard_normal((20, 3)), RNG.standard_normal(20)
SPEC = {
    "name": "watched",
    "seed": 1,
    "network": {"layers": [{"units": 4, "activation": "tanh", "dropout": 0.1}, {"units": 1}]},
    "loss": "mse",
    "optimizer": "adam",
    "training": {"epochs": 3, "batch_size": 8},
}


def after(steps):
    """A `stop` that lets so many steps be taken."""
    asked = itertools.count()
    return lambda: next(asked) == steps


def weights(model):
    return model.network.parameters.vector


@pytest.mark.parametrize("steps", [0, 1, 3, 5, 8])
def test_a_run_that_was_stopped_before_any_step_is_resumed_to_the_same_bits(steps, tmp_path):
    stopped = mlpkit.train(SPEC, X, Y, stop=after(steps))
    assert (len(stopped.history), stopped.training_state.step) == (steps // 3, steps)
    stopped.save(tmp_path / "part.h5", training_state=True)
    resumed = mlpkit.train(SPEC, X, Y, resume=tmp_path / "part.h5")
    np.testing.assert_array_equal(weights(resumed), weights(mlpkit.train(SPEC, X, Y)))
    assert resumed.training_state is None


def test_a_loop_of_ones_own_is_stopped_in_the_middle_of_an_epoch():
    model = mlpkit.Model(SPEC, inputs=3)
    assert [epoch.number for epoch in mlpkit.epochs(model, X, Y, stop=after(4))] == [1]
    assert model.training_state.step == 4
    assert [epoch.number for epoch in mlpkit.epochs(model, X, Y, resume=True)] == [2, 3]


def test_each_epoch_is_reported_when_it_is_finished():
    seen = []
    model = mlpkit.train(SPEC, X, Y, on_start=lambda start: seen.append(start), on_epoch=lambda epoch: seen.append(epoch))
    start, *epochs = seen
    assert epochs == list(model.history)
    assert start.model is model
    assert (len(start.data.train.inputs), start.data.validation, start.resumed_from) == (20, None, None)


def test_the_weights_may_be_set_before_the_first_step():
    seen = []

    def zeros(start):
        weights(start.model)[...] = 0.0

    mlpkit.train(SPEC, X, Y, on_start=zeros, stop=lambda: seen.append(1) or True)
    model = mlpkit.train(SPEC, X, Y, on_start=zeros, stop=lambda: True)
    assert not weights(model).any()
    assert seen == [1]


@pytest.mark.parametrize("name", ["stop", "on_start", "on_epoch"])
def test_an_object_that_is_no_function_is_refused_before_any_work(name):
    with pytest.raises(TypeError, match=f"{name} must be a function or None, not True"):
        mlpkit.train("no such file.json", **{name: True})


def test_a_loop_refuses_a_stop_that_is_no_function():
    with pytest.raises(TypeError, match="stop must be a function or None, not 5"):
        mlpkit.epochs(mlpkit.Model(SPEC, inputs=3), X, Y, stop=5)


def test_an_error_at_the_start_ends_the_run_before_anything_is_written(tmp_path):
    def refuse(start):
        raise LookupError("not these rows")

    with pytest.raises(LookupError, match="not these rows"):
        mlpkit.train(SPEC, X, Y, checkpoints=tmp_path / "kept", on_start=refuse)
    assert not (tmp_path / "kept").exists()


def test_an_error_after_an_epoch_ends_the_run_between_two_steps():
    kept = []

    def refuse(epoch):
        if epoch.number == 2:
            raise LookupError("that is enough")

    with pytest.raises(LookupError, match="that is enough"):
        mlpkit.train(SPEC, X, Y, on_start=lambda start: kept.append(start.model), on_epoch=refuse)
    (model,) = kept
    assert (len(model.history), model.training_state.step) == (2, 6)
    assert [epoch.number for epoch in mlpkit.epochs(model, X, Y, resume=True)] == [3]
    np.testing.assert_array_equal(weights(model), weights(mlpkit.train(SPEC, X, Y)))


def test_the_file_that_a_run_is_resumed_from_is_named(tmp_path):
    mlpkit.train({**SPEC, "training": {**SPEC["training"], "checkpoint": {}}}, X, Y, checkpoints=tmp_path / "kept", stop=after(4))
    seen = []
    model = mlpkit.train(SPEC, X, Y, resume=tmp_path / "kept", on_start=seen.append)
    assert (seen[0].model, seen[0].resumed_from) == (model, tmp_path / "kept" / "epoch-000001.h5")
    with pytest.raises(mlpkit.DataError, match="the data differ from those of the run"):
        mlpkit.train(SPEC, X + 1, Y, resume=tmp_path / "kept", on_start=seen.append)
    assert len(seen) == 1


def test_checkpoints_of_an_earlier_run_are_removed_if_asked(tmp_path):
    mlpkit.train(SPEC, X, Y, checkpoints=tmp_path)
    with pytest.raises(mlpkit.ModelFileError, match="has checkpoints of an earlier run"):
        mlpkit.train(SPEC, X, Y, checkpoints=tmp_path)
    with pytest.warns(UserWarning, match="removed [0-9]+ checkpoints? of an earlier run from"):
        mlpkit.train(SPEC, X, Y, checkpoints=tmp_path, replace_checkpoints=True)
    with pytest.warns(UserWarning, match="of an earlier run"):
        list(mlpkit.epochs(mlpkit.Model(SPEC, inputs=3), X, Y, checkpoints=tmp_path, replace_checkpoints=True))


def test_the_command_line_calls_train_and_nothing_else(tmp_path, monkeypatch, capsys):
    columns = {"a": X[:, 0].tolist(), "b": X[:, 1].tolist(), "y": Y.tolist()}
    rows = "\n".join(",".join(map(str, row)) for row in zip(*columns.values(), strict=True))
    (tmp_path / "data.csv").write_text(f"a,b,y\n{rows}\n")
    (tmp_path / "spec.json").write_text(json.dumps({**SPEC, "data": {"path": "data.csv", "target": "y"}}))
    monkeypatch.chdir(tmp_path)
    called, train = [], training.train
    monkeypatch.setattr(training, "train", lambda *rows, **options: called.append(options) or train(*rows, **options))
    assert main(["train", "spec.json", "-n"]) == 0
    assert main(["train", "spec.json"]) == 0
    assert [set(options) for options in called] == [
        {"resume", "start_from", "checkpoints", "replace_checkpoints", "stop", "on_start", "on_epoch"},
    ] * 2
    capsys.readouterr()
    model = mlpkit.train("spec.json")
    np.testing.assert_array_equal(weights(mlpkit.load("model.h5")), weights(model))
