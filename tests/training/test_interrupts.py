"""Ctrl-C in Python: wherever it comes, the model stands between two steps, is whole, and goes on to the bits of an unbroken run."""

import contextlib
import random
import signal
import sys
import threading

import numpy as np
import pytest

import mlpkit
from mlpkit import threads
from mlpkit.plugin import base
from mlpkit.training.session import Session

RNG = np.random.default_rng(11)
X, Y = RNG.standard_normal((21, 3)), RNG.standard_normal(21)
SPECS = {
    "early stopping": {
        "data": {"split": {"validation": 0.3}},
        "network": {"layers": [{"units": 4, "activation": "tanh", "normalization": "batch", "dropout": 0.2}, {"units": 1}]},
        "training": {"epochs": 4, "batch_size": 4, "early_stopping": {"patience": 3}},
        "metrics": ["r2"],
    },
    "one batch": {"network": {"layers": [{"units": 3, "activation": "tanh"}, {"units": 1}]}, "training": {"epochs": 9, "batch_size": None}},
}


def spec(name):
    return {"seed": 2, "loss": "mse", "optimizer": "adam", **SPECS[name]}


@pytest.fixture(autouse=True)
def pythons_own_handler():
    """Ctrl-C means what it means where Python was started by hand."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


class Interrupting:
    """While it is entered, SIGINT comes at one of the calls and returns of functions of a run, counted from its begin.

    At none of them if `at` is None; `seen` is how many there are. Never before the call of a lock's `__exit__`, where Python itself
    handles no signal: the lock would stay taken.
    """

    def __init__(self, at=None):
        self.at, self.seen, self.begun = at, 0, False

    def __enter__(self):
        sys.setprofile(self)
        return self

    def __exit__(self, *_):
        sys.setprofile(None)

    def __call__(self, frame, event, argument):
        if event == "c_call" and argument.__name__ == "__exit__":
            return
        self.begun = self.begun or frame.f_code.co_qualname == "Runs._epochs"
        if (self.begun and frame.f_code.co_name != "__exit__") or frame.f_globals.get("__name__") != __name__:
            self.seen += self.begun
            if self.begun and self.seen == self.at:
                signal.raise_signal(signal.SIGINT)


def trained(spec, tmp_path, at):
    """Train with an interrupt, and go on if it came; the bytes of the file in the end, and whether it came."""
    try:
        with Interrupting(at):
            model = mlpkit.train(spec, X, Y)
    except mlpkit.TrainingInterrupted as error:
        model = error.model
        np.testing.assert_array_equal(np.isfinite(model.predict(X)), True)
        if model.training_state is None and not model.history:  # it came before anything was done
            model = mlpkit.train(spec, X, Y)
        elif model.training_state is None:  # it came after the last step
            assert len(model.history) == spec["training"]["epochs"]
        else:
            model.save(tmp_path / "part.h5", training_state=True)
            model = mlpkit.train(spec, X, Y, resume=tmp_path / "part.h5")
        model.save(tmp_path / "end.h5")
        return (tmp_path / "end.h5").read_bytes(), True
    model.save(tmp_path / "end.h5")
    return (tmp_path / "end.h5").read_bytes(), False


def looped(spec, tmp_path, at):
    """The same in a loop of one's own."""
    model = mlpkit.Model(spec, inputs=3, outputs=1)
    came = False
    try:
        with Interrupting(at):
            for epoch in mlpkit.epochs(model, X, Y):
                str(epoch.loss)
    except KeyboardInterrupt:
        came = True
        if model.training_state is not None:
            model.save(tmp_path / "part.h5", training_state=True)
            model = mlpkit.train(spec, X, Y, resume=tmp_path / "part.h5")
        elif len(model.history) < spec["training"]["epochs"]:  # it came before the first step
            assert not model.history
            list(mlpkit.epochs(model, X, Y))
    model.save(tmp_path / "end.h5")
    return (tmp_path / "end.h5").read_bytes(), came


@pytest.mark.parametrize("way", [trained, pytest.param(looped, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", ["early stopping", pytest.param("one batch", marks=pytest.mark.slow)])
@pytest.mark.parametrize("count", [6, pytest.param(60, marks=pytest.mark.slow)])
def test_an_interrupt_at_any_moment(count, name, way, tmp_path):
    with Interrupting() as counting:
        expected = mlpkit.train(spec(name), X, Y)
    expected.save(tmp_path / "unbroken.h5")
    expected = (tmp_path / "unbroken.h5").read_bytes()
    moments = random.Random(5).sample(range(1, counting.seen - 20), count)
    came = 0
    for at in moments:
        found, interrupted = way(spec(name), tmp_path, at)
        assert found == expected, at
        came += interrupted
    assert came >= 0.9 * count, "the moments are counted over a run, so that nearly all of them are met"


def test_the_handler_stands_only_while_a_step_runs():
    seen = []
    model = mlpkit.Model(spec("one batch"), inputs=3, outputs=1)
    for _ in mlpkit.epochs(model, X, Y):
        seen.append(signal.getsignal(signal.SIGINT))
    assert seen == [signal.default_int_handler] * 9
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_handler_of_ones_own_is_left_alone():
    heard = []

    def own(number, frame):
        heard.append(number)

    signal.signal(signal.SIGINT, own)

    class Counting(mlpkit.Elementwise):
        def function(self, z):
            heard.append(signal.getsignal(signal.SIGINT))
            return np.tanh(z)

        def derivative(self, z, y):
            return 1 - y * y

    layers = [{"units": 3, "activation": Counting()}, {"units": 1}]
    mlpkit.train({**spec("one batch"), "network": {"layers": layers}}, X, Y)
    assert heard
    assert set(heard) == {own}


def test_another_thread_trains_as_ever():
    found = []
    thread = threading.Thread(target=lambda: found.append(mlpkit.train(spec("one batch"), X, Y)))
    thread.start()
    thread.join()
    assert len(found[0].history) == 9


def test_the_second_interrupt_stops_in_the_middle_of_a_step():
    class Stuck(mlpkit.Elementwise):
        def function(self, z):
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
            return np.tanh(z)

        def derivative(self, z, y):
            return 1 - y * y

    layers = [{"units": 3, "activation": Stuck()}, {"units": 1}]
    model = mlpkit.Model({**spec("one batch"), "network": {"layers": layers}}, inputs=3, outputs=1)
    before = model.network.parameters.vector.copy()
    with pytest.raises(KeyboardInterrupt):
        list(mlpkit.epochs(model, X, Y))
    assert model.training_state is None
    np.testing.assert_array_equal(model.network.parameters.vector, before)


class Interrupted:
    """Raises SIGINT in the middle of a function, at one of its calls."""

    def __init__(self, function, at):
        self.function, self.at = function, at

    def __call__(self, *arguments, **options):
        self.at -= 1
        if not self.at:
            signal.raise_signal(signal.SIGINT)
        return self.function(*arguments, **options)


@pytest.mark.parametrize("at", [1, 2])
def test_the_blas_gets_its_number_back_when_the_interrupt_comes_as_it_is_set(at, monkeypatch):
    numbers = [7]
    set_to = Interrupted(numbers.append, at)
    monkeypatch.setattr(threads, "thread_functions", lambda: (lambda: numbers[-1], set_to))
    wide = {"network": {"layers": [{"units": 2048, "activation": "tanh"}, {"units": 1}]}}
    with pytest.raises(mlpkit.TrainingInterrupted) as caught:
        mlpkit.train({**spec("one batch"), **wide}, X, Y)
    assert len(caught.value.model.history) == at - 1
    assert len(numbers) == 3
    assert numbers[-1] == 7
    assert not threads._process.working


@pytest.mark.parametrize("options", [{"epochs": 1}, {"minutes": 1e-9}])
def test_a_checkpoint_is_finished_first(options, tmp_path, monkeypatch):
    save = mlpkit.Model.save

    def interrupted(model, path, **options):
        monkeypatch.setattr(base, "entry", Interrupted(base.entry, 1))  # where Pydantic makes an error of its own of what is raised
        monkeypatch.setattr(mlpkit.Model, "save", save)
        save(model, path, **options)

    monkeypatch.setattr(mlpkit.Model, "save", interrupted)
    checkpoint = {"training": {"epochs": 4, "batch_size": 4, "checkpoint": options}}
    with pytest.raises(mlpkit.TrainingInterrupted) as caught:
        mlpkit.train({**spec("one batch"), **checkpoint}, X, Y, checkpoints=tmp_path / "kept")
    assert len(list((tmp_path / "kept").iterdir())) == 1
    caught.value.model.save(tmp_path / "part.h5", training_state=True)
    resumed = mlpkit.train({**spec("one batch"), **checkpoint}, X, Y, resume=tmp_path / "part.h5", checkpoints=tmp_path / "anew")
    unbroken = mlpkit.train({**spec("one batch"), "training": {"epochs": 4, "batch_size": 4}}, X, Y)
    np.testing.assert_array_equal(resumed.network.parameters.vector, unbroken.network.parameters.vector)


@pytest.mark.parametrize("name", SPECS)
def test_an_interrupt_after_the_last_step_leaves_a_state_too(name, tmp_path, monkeypatch):
    unbroken = mlpkit.train(spec(name), X, Y)
    monkeypatch.setattr(Session, "preactivation_ranges", Interrupted(lambda network: {}, 1))
    with pytest.raises(mlpkit.TrainingInterrupted) as caught:
        mlpkit.train(spec(name), X, Y)
    caught.value.model.save(tmp_path / "part.h5", training_state=True)
    resumed = mlpkit.train(spec(name), X, Y, resume=tmp_path / "part.h5")
    assert resumed.history[-1].number == unbroken.history[-1].number
    np.testing.assert_array_equal(resumed.network.parameters.vector, unbroken.network.parameters.vector)


def test_an_interrupt_while_a_model_is_saved_is_one(tmp_path, monkeypatch):
    model = mlpkit.train(spec("one batch"), X, Y)
    monkeypatch.setattr(base, "entry", Interrupted(base.entry, 1))
    with pytest.raises(KeyboardInterrupt):
        model.save(tmp_path / "model.h5")


def test_an_interrupt_is_no_error_that_a_caller_catches_by_mistake():
    assert issubclass(mlpkit.TrainingInterrupted, KeyboardInterrupt)
    assert not issubclass(mlpkit.TrainingInterrupted, Exception)


def test_two_loops_over_one_model_are_an_error():
    model = mlpkit.Model(spec("one batch"), inputs=3, outputs=1)
    first = mlpkit.epochs(model, X, Y)
    second = mlpkit.epochs(model, X, Y)  # not begun
    next(first)
    with pytest.raises(mlpkit.TrainingError, match="is already being trained"):
        next(second)
    with pytest.raises(mlpkit.TrainingError, match=r"finish the other loop, or close\(\) its iterator"):
        mlpkit.epochs(model, X, Y)
    next(first)
    first.close()
    assert [epoch.number for epoch in model.history] == [1, 2]
    with contextlib.closing(mlpkit.epochs(model, X, Y)) as third:
        assert next(third).number == 3


def test_an_iterator_that_was_made_before_another_loop_trained_is_an_error():
    model = mlpkit.Model(spec("one batch"), inputs=3, outputs=1)
    first, second = mlpkit.epochs(model, X, Y), mlpkit.epochs(model, X, Y)
    list(first)
    with pytest.raises(mlpkit.TrainingError, match=r"has been trained since this loop was created\nhelp: .* again"):
        next(second)
    assert [epoch.number for epoch in model.history] == [*range(1, 10)]
    assert next(mlpkit.epochs(model, X, Y)).number == 10
