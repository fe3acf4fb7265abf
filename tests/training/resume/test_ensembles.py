"""An ensemble that is stopped anywhere, or trained by any number of processes, ends with the same file, byte for byte."""

import itertools
import signal

import numpy as np
import pytest

import mlpkit
from mlpkit.errors import DataError, SpecError
from mlpkit.model import member_workers
from mlpkit.training.checkpoints import checkpoints_in

from ...sampling import one_in

ENSEMBLE = {"members": 3, "folds": "rotate"}


@pytest.fixture
def spec(spec_with):
    """An ensemble of three members, each with 4 steps in each of 2 epochs: 24 rows in five folds."""
    return spec_with(ensemble=ENSEMBLE, data={"target": "y", "weight": "w"}, training__epochs=2)


@pytest.fixture
def in_processes(monkeypatch):
    """Let two worker processes train the members, however little there is to do."""
    monkeypatch.setattr(member_workers, "WORTH", 0)
    monkeypatch.setattr(member_workers, "cores", lambda: 2)


@pytest.fixture(params=["here", pytest.param("in processes", marks=pytest.mark.slow)])
def place(request):
    if request.param == "in processes":
        request.getfixturevalue("in_processes")
    return request.param


@pytest.fixture
def then_here(monkeypatch):
    """Let this process train the members from now on."""
    return lambda: monkeypatch.setattr(member_workers, "cores", lambda: 1)


@pytest.mark.parametrize("steps", one_in(3, [[0], [1], [4], [7], [8], [9], [13], [16], [23], [3, 2, 9, 1]]), ids=str)
def test_stopped_after_any_step_of_any_member(spec, steps, tmp_path, assert_goes_on):
    assert_goes_on(spec, steps, tmp_path)


@pytest.mark.parametrize("optimizer", one_in(4, ["schedule_free_adamw", "sgd", {"type": "adam", "amsgrad": True}, "lbfgs"]), ids=str)
def test_with_other_optimizers(spec, optimizer, tmp_path, assert_goes_on):
    minimizes = optimizer == "lbfgs"
    steady = {"dropout": 0.0, "normalization": None} if minimizes else {}
    for layer in spec["network"]["layers"][:2]:
        layer |= steady
    spec["optimizer"] = optimizer
    spec["training"]["batch_size"] = None if minimizes else 5
    for steps in [3] if minimizes else [6, 11]:
        assert_goes_on(spec, [steps], tmp_path)


@pytest.mark.slow
def test_processes_train_the_same_bytes_and_so_does_a_run_that_begins_in_one_place_and_goes_on_in_the_other(
    spec, table, saved, tmp_path, request, run_until
):
    expected = saved(mlpkit.train(spec, table), tmp_path / "here.h5")
    run_until(spec, 11, tmp_path / "part.h5")
    request.getfixturevalue("in_processes")
    epochs = []
    model = mlpkit.train(spec, table, on_epoch=epochs.append)
    assert saved(model, tmp_path / "processes.h5") == expected
    assert sorted((epoch.member, epoch.number) for epoch in epochs) == [(member, number) for member in range(3) for number in (1, 2)]
    assert saved(mlpkit.train(spec, table, resume=tmp_path / "part.h5"), tmp_path / "resumed.h5") == expected


@pytest.mark.slow
def test_processes_that_are_stopped_keep_all_states(spec, table, saved, tmp_path, in_processes, then_here):
    spec["training"] |= {"epochs": 600, "early_stopping": {"patience": 600}}
    epochs = []
    model = mlpkit.train(spec, table, stop=lambda: len(epochs) > 20, on_epoch=epochs.append)
    assert model.training_state is not None
    assert sum(len(member.history) for member in model.members) >= 20
    assert not model.members[2].history or model.members[0].history
    model.save(tmp_path / "part.h5", training_state=True)
    then_here()
    resumed = mlpkit.train(spec, table, resume=tmp_path / "part.h5")
    assert saved(resumed, tmp_path / "resumed.h5") == saved(mlpkit.train(spec, table), tmp_path / "whole.h5")


def test_an_exception_of_on_epoch_keeps_all_states(spec, table, tmp_path, place, then_here):
    spec["training"]["epochs"] = 200
    starts = []

    def fail(epoch):
        if epoch.number == 3:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        mlpkit.train(spec, table, on_start=starts.append, on_epoch=fail)
    then_here()
    model = starts[0].model
    model.save(tmp_path / "part.h5", training_state=True)
    assert mlpkit.train(spec, table, resume=tmp_path / "part.h5").get_weights().keys() == model.get_weights().keys()


@pytest.fixture
def sigint():
    """The handler of an interactive program: a process in the background of a shell ignores SIGINT."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_keeps_all_states(spec, table, saved, tmp_path, place, then_here, sigint):
    spec["training"] |= {"epochs": 100, "early_stopping": {"patience": 100}}
    with pytest.raises(mlpkit.TrainingInterrupted) as error:
        mlpkit.train(spec, table, on_epoch=lambda epoch: signal.raise_signal(signal.SIGINT) if epoch.number == 3 else None)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    then_here()
    error.value.model.save(tmp_path / "part.h5", training_state=True)
    resumed = mlpkit.train(spec, table, resume=tmp_path / "part.h5")
    assert saved(resumed, tmp_path / "resumed.h5") == saved(mlpkit.train(spec, table), tmp_path / "whole.h5")


def test_checkpoints_hold_finished_and_unfinished_members(spec, table, saved, tmp_path, place, then_here):
    spec["training"] |= {"checkpoint": {"epochs": 1, "keep": 100}}
    expected = saved(mlpkit.train(spec, table, checkpoints=tmp_path / "c"), tmp_path / "whole.h5")
    then_here()
    found = checkpoints_in(tmp_path / "c")
    assert [path.name for _, path in found] == [f"epoch-{number:06}.h5" for number in range(1, 7)]
    for _, path in found:
        states = mlpkit.load(path).training_state.members
        assert sum(0 if state is None else state.epoch for state in states) == int(path.stem[-6:])
    for number, (_, path) in enumerate(found):
        folder = tmp_path / f"again{number}"
        resumed = mlpkit.train(spec, table, resume=path, checkpoints=folder)
        assert saved(resumed, tmp_path / "resumed.h5") == expected
    assert mlpkit.load(found[-1][1]).get_weights().keys() == mlpkit.load(tmp_path / "whole.h5").get_weights().keys()


@pytest.mark.slow
def test_checkpoints_within_an_epoch(spec, table, saved, tmp_path, monkeypatch):
    import mlpkit.training.member_checkpoints as module

    clock = itertools.count(step=40)
    make = module.MemberCheckpoints.__init__
    monkeypatch.setattr(
        module.MemberCheckpoints, "__init__", lambda self, options, place, save: make(self, options, place, save, lambda: next(clock))
    )
    spec["training"] |= {"checkpoint": {"minutes": 1, "keep": 100}}
    expected = saved(mlpkit.train(spec, table, checkpoints=tmp_path / "c"), tmp_path / "whole.h5")
    names = [path.name for _, path in checkpoints_in(tmp_path / "c")]
    assert any("step" in name for name in names)
    for number, (_, path) in enumerate(checkpoints_in(tmp_path / "c")[::8]):
        resumed = mlpkit.train(spec, table, resume=path, checkpoints=tmp_path / f"again{number}")
        assert saved(resumed, tmp_path / "resumed.h5") == expected


def test_more_epochs_after_a_stop(spec, table, saved, tmp_path, run_until):
    longer = {**spec, "training": {**spec["training"], "epochs": 3}, "optimizer": "adam"}
    shorter = {**spec, "optimizer": "adam"}
    run_until(shorter, 12, tmp_path / "part.h5")  # in the middle of the second member
    resumed = saved(mlpkit.train(longer, table, resume=tmp_path / "part.h5"), tmp_path / "resumed.h5")
    assert resumed == saved(mlpkit.train(longer, table), tmp_path / "whole.h5")


def test_a_finished_run_keeps_its_state_if_the_spec_asks_for_it(spec, table, saved, tmp_path):
    spec["optimizer"] = "adam"
    assert mlpkit.train(spec, table).training_state is None
    spec["training"]["keep_state"] = True
    model = mlpkit.train(spec, table)
    model.save(tmp_path / "kept.h5")
    spec["training"] |= {"epochs": 4, "keep_state": False}
    resumed = mlpkit.train(spec, table, resume=tmp_path / "kept.h5")
    assert saved(resumed, tmp_path / "resumed.h5") == saved(mlpkit.train(spec, table), tmp_path / "whole.h5")


def test_other_rows_and_another_spec_are_refused(spec, table, tmp_path, run_until):
    run_until(spec, 11, tmp_path / "part.h5")
    changed = table.assign(a=table["a"] + 1e-3)
    with pytest.raises(DataError, match="the data differ"):
        mlpkit.train(spec, changed, resume=tmp_path / "part.h5")
    with pytest.raises(SpecError, match=r"ensemble.members: 'members' is 4, but the run to resume has 3"):
        mlpkit.train({**spec, "ensemble": {"members": 4, "folds": "rotate"}}, table, resume=tmp_path / "part.h5")
    with pytest.raises(SpecError, match="ensemble: 'ensemble' is null"):
        mlpkit.train({**spec, "ensemble": None, "data": {**spec["data"], "split": {"validation": 0.2}}}, table, resume=tmp_path / "part.h5")


def test_a_loop_of_the_caller_can_be_left_and_gone_on_with(spec, table, saved, tmp_path):
    expected = saved(mlpkit.train(spec, table), tmp_path / "whole.h5")
    model = mlpkit.Model(mlpkit.Spec.model_validate(spec), 4, 1)
    for epoch in mlpkit.epochs(model, table):
        assert (epoch.member, epoch.number) == (0, 1)
        model.save(tmp_path / "inside.h5", training_state=True)
        break
    assert saved(mlpkit.train(spec, table, resume=tmp_path / "inside.h5"), tmp_path / "resumed.h5") == expected
    rest = [(epoch.member, epoch.number) for epoch in mlpkit.epochs(model, table, resume=True)]
    assert rest == [(0, 2), (1, 1), (1, 2), (2, 1), (2, 2)]
    assert saved(model, tmp_path / "left.h5") == expected


def test_a_finished_ensemble_can_be_trained_further(spec, table):
    model = mlpkit.train(spec, table)
    before = model.get_weights()
    assert len(list(mlpkit.epochs(model, table))) == 6
    assert [len(member.history) for member in model.members] == [4, 4, 4]
    assert any((before[name] != array).any() for name, array in model.get_weights().items())


def test_a_prediction_of_an_unfinished_ensemble_leaves_out_members_without_an_epoch(spec, table, tmp_path, run_until):
    model = run_until(spec, 14, tmp_path / "part.h5")
    assert [len(member.history) for member in model.members] == [2, 1, 0]
    expected = np.mean([member.predict(table) for member in model.members[:2]], axis=0)
    np.testing.assert_allclose(model.predict(table), expected, rtol=1e-12)
    np.testing.assert_allclose(mlpkit.load(tmp_path / "part.h5").predict(table), expected, rtol=1e-12)
