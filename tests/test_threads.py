"""Threads change how fast a run is, not what it computes; and several runs share the cores."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from typing import ClassVar

import numpy as np
import pytest

import mlpkit
from mlpkit import threads
from mlpkit.errors import TrainingError
from mlpkit.plugin import REGISTRIES, says
from mlpkit.threads import Neighbours, Share, chosen, in_parallel, may_be_split, products_on
from mlpkit.training import run, update

RNG = np.random.default_rng(3)
X, Y = RNG.standard_normal((60, 5)), RNG.standard_normal(60)


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    """No run of somebody else's counts, and nothing is set."""
    monkeypatch.setattr(threads.tempfile, "gettempdir", lambda: str(tmp_path))
    for name in threads.VARIABLES:
        monkeypatch.delenv(name, raising=False)
    yield
    threads.use(None)


@pytest.mark.parametrize("count", [1, 2, 3, 7])
@pytest.mark.parametrize("piece", [None, 1, 10, 1000])
def test_every_number_is_met_once(count, piece):
    met = np.zeros(100, int)

    def work(part):
        met[part] += 1

    in_parallel(work, len(met), count, piece)
    assert (met == 1).all()
    in_parallel(lambda part: met[part].fill(2), 2, count, piece)
    assert met.sum() == 102


def test_an_error_in_a_thread_is_not_lost():
    def work(part):
        if part.stop == 100:
            raise KeyError("in a thread")

    with pytest.raises(KeyError, match="in a thread"):
        in_parallel(work, 100, 2)


def test_a_thread_has_the_error_state_of_its_caller():
    states = []
    with np.errstate(over="raise", invalid="ignore"):
        in_parallel(lambda part: states.append(np.geterr()["over"]), 4, 4)
    assert states == ["raise"] * 4


def trained(optimizer, activation="tanh"):
    layers = [{"units": 9, "activation": activation, "dropout": 0.2}, {"units": 1}]
    spec = {"network": {"layers": layers}, "loss": "mse", "optimizer": optimizer, "training": {"epochs": 3, "batch_size": 8}}
    model = mlpkit.train(spec, X, Y)
    return model.network.parameters.vector


@pytest.mark.parametrize("optimizer", REGISTRIES["optimizers"].builtins)
@pytest.mark.parametrize("count", [1, 2, 3])
def test_an_optimizer_in_pieces_moves_the_same_bits(optimizer, count, monkeypatch):
    assert says(REGISTRIES["optimizers"].get(optimizer)(), "elementwise", "step")
    whole = trained(optimizer)
    for module, name, value in ((update, "MANY", 1), (update, "PIECE", 7), (run, "LARGE", 1)):
        monkeypatch.setattr(module, name, value)
    threads.use(count)
    np.testing.assert_array_equal(trained(optimizer), whole)


@pytest.mark.parametrize("activation", [info.full_name for info in mlpkit.plugins("activations") if info.full_name != "softmax"])
def test_an_activation_on_threads_gives_the_same_bits(activation, monkeypatch):
    whole = trained("adam", activation)
    for module, name, value in ((mlpkit.workspace, "MANY", 1), (run, "LARGE", 1)):
        monkeypatch.setattr(module, name, value)
    threads.use(2)
    np.testing.assert_array_equal(trained("adam", activation), whole)


def test_a_rule_of_ones_own_must_say_itself_that_it_is_elementwise():
    adam = REGISTRIES["optimizers"].get("adam")

    class Clipped(adam):
        def step(self, w, grad, *state, lr, t):
            grad /= max(1.0, float(np.linalg.norm(grad)))
            super().step(w, grad, *state, lr=lr, t=t)

    class Renamed(adam):
        pass

    class Doubled(adam):
        elementwise: ClassVar[bool] = True

        def step(self, w, grad, *state, lr, t):
            super().step(w, grad, *state, lr=2 * lr, t=t)

    assert [says(cls(), "elementwise", "step") for cls in (Clipped, Renamed, Doubled)] == [False, True, True]


# -- how many


def test_what_is_set_wins_over_the_environment(monkeypatch):
    assert chosen() is None
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert chosen() == 3
    monkeypatch.setenv("MLPKIT_THREADS", "2")
    assert chosen() == 2
    threads.use(5)
    assert chosen() == Share(large=False).count() == 5


def test_a_number_that_is_none_is_an_error(monkeypatch):
    for text in ("two", "0", "-1", "1.5", "²"):
        monkeypatch.setenv("MLPKIT_THREADS", text)
        with pytest.raises(TrainingError, match="give a number of threads from 1 on"):
            chosen()
    monkeypatch.delenv("MLPKIT_THREADS")
    monkeypatch.setenv("OMP_NUM_THREADS", "4,2")  # OpenMP's own form: for each level of nesting
    assert chosen() is None
    with pytest.raises(ValueError, match="at least 1"):
        threads.use(0)


def test_products_are_told_and_the_old_number_comes_back(monkeypatch):
    told = [4]
    monkeypatch.setattr(threads, "_openblas", lambda: (lambda: told[-1], told.append))
    with products_on(2):
        assert told == [4, 2]
    assert told == [4, 2, 4]
    monkeypatch.setattr(threads, "_openblas", lambda: None)
    with products_on(2):
        assert told == [4, 2, 4]


HOLD = """
import sys, time
from mlpkit import threads
threads.tempfile.gettempdir = lambda: sys.argv[1]
held = threads.Neighbours()
print(held.count(), flush=True)
time.sleep(600)
"""


def test_runs_share_the_cores_and_a_dead_one_has_none(tmp_path, monkeypatch):
    monkeypatch.setattr(threads, "cores", lambda: 8)
    assert Share(large=False).count() == 1
    share = Share(large=True)
    assert share.count() == 8
    path = os.pathsep.join([os.path.dirname(os.path.dirname(mlpkit.__file__)), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path}
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as other:
        assert other.stdout.readline() == b"1\n"  # it sees this process's run
        assert share.count() == 4
        other.kill()
        other.wait()
        assert share.count() == 8
    (folder,) = tmp_path.iterdir()
    assert len(list(folder.iterdir())) == 1  # what the dead one left is gone
    share.close()
    assert list(folder.iterdir()) == []
    assert share.count() == 8  # it can be asked again
    share.close()


LARGE_SPEC = {"network": {"layers": [{"units": 1}]}, "loss": "mse", "training": {"epochs": 3, "batch_size": 8}}


@pytest.fixture
def told(monkeypatch):
    """The numbers of threads that the epochs of runs have their products on, which count as large; on 8 cores."""
    counts = []

    @contextmanager
    def products_on(count):
        counts.append(count)
        yield

    for name, value in (("LARGE", 1), ("products_on", products_on), ("may_be_split", lambda rows, shapes: True)):
        monkeypatch.setattr(run, name, value)
    monkeypatch.setattr(threads, "cores", lambda: 8)
    return counts


def test_a_run_has_the_number_that_it_began_with_to_its_end(told):
    beside = None
    for _ in mlpkit.epochs(mlpkit.Model(LARGE_SPEC, inputs=5), X, Y):
        beside = beside or Neighbours()
    assert told == [8, 8, 8]
    mlpkit.train(LARGE_SPEC, X, Y)
    assert told[3:] == [4, 4, 4]
    beside.close()


def test_a_run_goes_on_with_the_number_that_it_began_with(told, tmp_path):
    def half():
        threads.use(3)
        model = mlpkit.Model(LARGE_SPEC, inputs=5)
        next(mlpkit.epochs(model, X, Y))
        model.save(tmp_path / "half.h5", training_state=True)
        threads.use(None)
        return mlpkit.load(tmp_path / "half.h5")

    model = half()
    assert model.training_state.threads == 3
    list(mlpkit.epochs(model, X, Y, resume=True))
    assert told == [3, 3, 3]
    model = half()
    threads.use(2)
    with pytest.warns(UserWarning, match="began with 3 threads and goes on with 2: the last bits may differ"):
        list(mlpkit.epochs(model, X, Y, resume=True))
    assert told[4:] == [2, 2]


def test_small_products_are_left_alone():
    assert not may_be_split(32, [(64, 64), (64, 10)])
    assert may_be_split(65, [(64, 64)])  # a product of more than 2^18
    assert may_be_split(2, [(100, 100)])  # a matrix of more than 2^13 and a vector
    assert may_be_split(10_000, [(2, 1)])


def test_the_bits_are_those_of_one_thread_where_the_products_would_be_split():
    """OpenBLAS left alone would use several, and its kernels for Haswell then give other bits for this network."""
    code = """
import sys, hashlib, numpy as np, mlpkit
rng = np.random.default_rng(0)
x, y = rng.standard_normal((400, 200)), rng.standard_normal(400)
layers = [{"units": 90, "activation": "tanh"}, {"units": 1}]
spec = {"network": {"layers": layers}, "loss": "mse", "training": {"epochs": 2, "batch_size": 200}}
print(hashlib.sha256(mlpkit.train(spec, x, y).network.parameters.vector).hexdigest())
"""
    path = os.pathsep.join([os.path.dirname(os.path.dirname(mlpkit.__file__)), os.environ.get("PYTHONPATH", "")])
    found = set()
    for count in ("1", "2", "3"):
        environment = {**os.environ, "PYTHONPATH": path, "OPENBLAS_NUM_THREADS": count, "MLPKIT_THREADS": "1"}
        environment |= {"OPENBLAS_CORETYPE": "Haswell"}
        found.add(subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True).stdout)
    assert len(found) == 1


def test_a_run_leaves_no_trace(tmp_path, monkeypatch):
    monkeypatch.setattr(run, "LARGE", 1)
    seen = []
    spec = {"network": {"layers": [{"units": 1}]}, "loss": "mse", "training": {"epochs": 3}}
    for _ in mlpkit.epochs(mlpkit.Model(spec, inputs=5), X, Y):
        seen += [len(list(folder.iterdir())) for folder in tmp_path.iterdir()]
    assert seen == [1, 1, 1]
    (folder,) = tmp_path.iterdir()
    assert list(folder.iterdir()) == []


def test_where_files_cannot_be_locked_a_run_is_alone(tmp_path, monkeypatch):
    def refuse(*arguments):
        raise ImportError("no fcntl")

    monkeypatch.setattr(threads, "_locked", refuse)
    neighbours = Neighbours()
    assert neighbours.count() == 0
    neighbours.close()
    monkeypatch.setattr(threads.tempfile, "gettempdir", lambda: str(tmp_path / "missing"))
    neighbours = Neighbours()
    assert neighbours.count() == 0
    neighbours.close()
