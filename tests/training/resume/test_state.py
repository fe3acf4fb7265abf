"""The state of a run in its file, in the model and in the caller's own loop."""

import copy
import os
import pickle
import subprocess
import sys
from typing import ClassVar

import numpy as np
import pytest

import mlpkit
from mlpkit.optimizers import SGD
from mlpkit.training import session
from mlpkit.training.parameter_order import to_file_order
from mlpkit.training.state import Place


def test_a_finished_model_has_no_state_and_a_loaded_checkpoint_is_a_model(table, spec_with, run_until, tmp_path):
    model = run_until(spec_with(), 6, tmp_path / "part.h5")
    assert model.training_state.place == Place(1, 2)
    assert str(model.training_state.place) == "1 epoch and 2 steps"
    loaded = mlpkit.load(tmp_path / "part.h5")
    assert loaded.training_state.place == Place(1, 2)
    np.testing.assert_array_equal(loaded.predict(table), model.predict(table))
    loaded.save(tmp_path / "plain.h5")
    assert mlpkit.load(tmp_path / "plain.h5").training_state is None
    loaded.save(tmp_path / "again.h5", training_state=True)
    assert (tmp_path / "again.h5").read_bytes() == (tmp_path / "part.h5").read_bytes()
    finished = mlpkit.train(spec_with(), table)
    assert finished.training_state is None
    with pytest.raises(mlpkit.TrainingError, match=r"no run that could be resumed\n.*inside the loop"):
        finished.save(tmp_path / "finished.h5", training_state=True)
    assert not (tmp_path / "finished.h5").exists()


def test_the_file_predicts_best_and_the_state_has_the_weights_of_the_moment(table, spec_with, fitted, tmp_path):
    spec = spec_with(seed=8, training__epochs=6, training__early_stopping={"patience": 6})
    model, seen = fitted(spec), []
    for epoch in mlpkit.epochs(model, table):
        seen.append((epoch.validation_loss, model.network.parameters.vector.copy()))
        model.save(tmp_path / "now.h5", training_state=True)
        loaded = mlpkit.load(tmp_path / "now.h5")
        np.testing.assert_array_equal(loaded.network.parameters.vector, min(seen, key=lambda pair: pair[0])[1])
        np.testing.assert_array_equal(
            loaded.training_state.arrays["loop/parameters"], to_file_order(loaded.network.parameters, seen[-1][1])
        )
        np.testing.assert_array_equal(model.network.parameters.vector, seen[-1][1])
    assert min(range(6), key=lambda index: seen[index][0]) < 5, "the run must end on weights that are not the best"


@pytest.mark.parametrize("when", ["in the loop", "after a break", "in the same model"])
def test_the_callers_own_loop_goes_on(table, spec_with, saved, fitted, when, tmp_path):
    expected = saved(mlpkit.train(spec_with(), table), tmp_path / "unbroken.h5")
    model = fitted(spec_with())
    for epoch in mlpkit.epochs(model, table):
        if epoch.number == 2:
            if when == "in the loop":
                model.save(tmp_path / "part.h5", training_state=True)
            break
    if when == "after a break":
        model.save(tmp_path / "part.h5", training_state=True)
    if when != "in the same model":
        model = mlpkit.load(tmp_path / "part.h5")
    assert [epoch.number for epoch in mlpkit.epochs(model, table, resume=True)] == [3]
    assert saved(model, tmp_path / "resumed.h5") == expected


def test_an_exception_between_two_steps_leaves_a_state_and_one_within_a_step_leaves_none(table, spec_with, fitted, tmp_path):
    class Failing(SGD):
        calls: ClassVar[list] = []

        def step(self, w, grad, *state, lr, t):
            self.calls.append(t)
            if len(self.calls) == 6:
                raise KeyboardInterrupt
            super().step(w, grad, *state, lr=lr, t=t)

    model = fitted(spec_with(optimizer=Failing()))
    with pytest.raises(KeyboardInterrupt):
        for _ in mlpkit.epochs(model, table):
            pass
    assert model.training_state is None
    with pytest.raises(mlpkit.TrainingError, match="no run that could be resumed"):
        model.save(tmp_path / "torn.h5", training_state=True)
    model = fitted(spec_with())
    loop = mlpkit.epochs(model, table)
    next(loop)
    with pytest.raises(KeyError):
        loop.throw(KeyError())
    assert model.training_state.place == Place(1, 0)


def test_a_further_run_of_a_trained_model_goes_on_too(table, spec_with, saved, fitted, tmp_path):
    """It keeps the preprocessing that the first run fitted on other rows."""
    more = table.assign(a=table["a"] * 3 + 1)
    files = []
    for broken in (False, True):
        model = mlpkit.train(spec_with(), table)
        for epoch in mlpkit.epochs(model, more):
            if broken and epoch.number == 4:
                break
        if broken:
            assert model.training_state.place == Place(4, 0)
            model.save(tmp_path / "part.h5", training_state=True)
            model = mlpkit.load(tmp_path / "part.h5")
            assert [epoch.number for epoch in mlpkit.epochs(model, more, resume=True)] == [5, 6]
        files.append(saved(model, tmp_path / "model.h5"))
    assert files[0] == files[1]


def test_without_resume_a_new_run_begins(table, spec_with, run_until, tmp_path):
    model = run_until(spec_with(), 6, tmp_path / "part.h5")
    loop = mlpkit.epochs(model, table)
    assert next(loop).number == 2
    assert model.training_state.done == 1
    loop.close()


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))], ids=["deepcopy", "pickle"])
def test_copies_in_the_middle_of_a_run_and_after_it(table, spec_with, saved, fitted, copied, tmp_path):
    expected = saved(mlpkit.train(spec_with(), table), tmp_path / "unbroken.h5")
    model = fitted(spec_with())
    for _ in mlpkit.epochs(model, table):
        other = copied(model)
        assert other.training_state is None
        np.testing.assert_array_equal(other.predict(table), model.predict(table))
        break
    other = copied(model)
    list(mlpkit.epochs(other, table, resume=True))
    assert saved(other, tmp_path / "copy.h5") == expected
    assert model.training_state.place == Place(1, 0)


def test_a_model_with_no_state_does_not_go_on(table, spec_with, tmp_path):
    model = mlpkit.train(spec_with(), table)
    with pytest.raises(mlpkit.TrainingError, match="no training state to resume from"):
        mlpkit.epochs(model, table, resume=True)
    model.save(tmp_path / "model.h5")
    with pytest.raises(mlpkit.ModelFileError, match=r"model\.h5: the model is finished.*\n.*mlpkit\.epochs"):
        mlpkit.train(spec_with(), table, resume=tmp_path / "model.h5")
    with pytest.raises(mlpkit.ModelFileError, match=r"none\.h5"):
        mlpkit.train(spec_with(), table, resume=tmp_path / "none.h5")


def test_an_interpreter_that_ends_in_the_middle_of_a_loop_is_quiet():
    code = """
import mlpkit, numpy as np
training = {"early_stopping": {"monitor": "training_loss"}}
model = mlpkit.Model({"network": {"layers": [{"units": 1}]}, "loss": "mse", "training": training}, inputs=2)
loop = mlpkit.epochs(model, np.arange(8.0).reshape(4, 2), np.arange(4.0))
next(loop)
classes = {"layers": [{"units": 2, "activation": "softmax"}]}
model = mlpkit.Model({"network": classes, "loss": "categorical_crossentropy", "training": training}, inputs=2)
other = mlpkit.epochs(model, np.arange(8.0).reshape(4, 2), np.array([0, 1, 0, 1]))
next(other)
__builtins__.kept = other  # what is left when modules are gone
"""
    path = os.pathsep.join(filter(None, [os.path.dirname(os.path.dirname(mlpkit.__file__)), os.environ.get("PYTHONPATH")]))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": path})
    assert done.stderr == ""


def test_a_path_is_not_taken_for_true(table, spec_with):
    with pytest.raises(TypeError, match=r"resume must be True or False, not 'part\.h5': load the file"):
        mlpkit.epochs(mlpkit.Model(spec_with(), inputs=4), table, resume="part.h5")


def test_the_state_of_a_run_makes_a_file_newer_and_a_copy_without_it_does_not(table, spec_with, run_until, tmp_path):
    """mlpkit 0.3 would misread such a state, and refuses the schema."""
    run_until(spec_with(), 3, tmp_path / "part.h5")
    model = mlpkit.load(tmp_path / "part.h5")
    model.save(tmp_path / "again.h5", training_state=True)
    model.save(tmp_path / "model.h5")
    found = [mlpkit.inspect(tmp_path / name) for name in ("part.h5", "again.h5", "model.h5")]
    assert [(each["container"], each["spec_schema"]) for each in found] == [("1.4", 4), ("1.4", 4), ("1.3", 3)]
    assert found[0]["spec"] == found[2]["spec"]


def test_an_interrupt_before_an_epoch_is_in_the_history_leaves_no_state(table, spec_with, fitted):
    """A file of it could not be resumed: an epoch of its history would be missing."""
    model = fitted(spec_with())
    epochs = mlpkit.epochs(model, table)
    next(epochs)

    def interrupted(epoch):
        raise KeyboardInterrupt

    model._runs.session.run.record = interrupted
    with pytest.raises(KeyboardInterrupt):
        next(epochs)
    assert (len(model.history), model.training_state) == (1, None)


def test_an_interrupt_while_a_run_is_brought_back_leaves_it_where_it_stood(table, spec_with, run_until, saved, monkeypatch, tmp_path):
    expected = saved(mlpkit.train(spec_with(), table), tmp_path / "unbroken.h5")
    run_until(spec_with(), 6, tmp_path / "part.h5")
    model = mlpkit.load(tmp_path / "part.h5")
    restore = session.restore

    def interrupted(run, state, history):
        restore(run, state, history)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(session, "restore", interrupted)
        with pytest.raises(KeyboardInterrupt):
            next(mlpkit.epochs(model, table, resume=True))
    assert model.training_state.place == Place(1, 2)
    for _ in mlpkit.epochs(model, table, resume=True):
        pass
    model.spec = mlpkit.train(spec_with(), table).spec
    assert saved(model, tmp_path / "resumed.h5") == expected
