"""Threads change how fast a run is, not what it computes; and the runs of a process have one number of them."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import ClassVar

import numpy as np
import pytest

import mlpkit
from mlpkit import optimizers, threads
from mlpkit.errors import TrainingError
from mlpkit.plugin import REGISTRIES, is_elementwise
from mlpkit.threads import Share, chosen, in_parallel, may_be_split
from mlpkit.training import batch_plan, update

from .builtins import builtin, builtins

RNG = np.random.default_rng(3)
X, Y = RNG.standard_normal((60, 5)), RNG.standard_normal(60)


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch):
    """No number is set, and no run has begun."""
    assert not threads._process.runs
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
    size = None if getattr(optimizer, "full_batch", False) else 8
    spec = {"network": {"layers": layers}, "loss": "mse", "optimizer": optimizer, "training": {"epochs": 3, "batch_size": size}}
    model = mlpkit.train(spec, X, Y)
    return model.network.parameters.vector


@pytest.mark.parametrize("optimizer", [name for name, found in builtins("optimizers").items() if is_elementwise(found)])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_an_optimizer_in_pieces_moves_the_same_bits(optimizer, count, monkeypatch):
    optimizer = builtin("optimizers", optimizer)
    whole = trained(optimizer)
    for module, name, value in ((update, "MANY", 1), (update, "PIECE", 7), (batch_plan, "LARGE", 1)):
        monkeypatch.setattr(module, name, value)
    threads.use(count)
    np.testing.assert_array_equal(trained(optimizer), whole)


@pytest.mark.parametrize("activation", [info.full_name for info in mlpkit.plugins("activations") if info.full_name != "softmax"])
def test_an_activation_on_threads_gives_the_same_bits(activation, monkeypatch):
    whole = trained("adam", activation)
    for module, name, value in ((mlpkit.engine.layer_buffers, "MANY", 1), (batch_plan, "LARGE", 1)):
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

    assert [is_elementwise(cls()) for cls in (Clipped, Renamed, Doubled)] == [False, True, True]


def test_a_wrapper_is_elementwise_where_it_and_the_inner_rule_are():
    wrapped = [
        optimizers.Averaging(inner="adam"),
        optimizers.Clipping(inner="adam", value=1.0),
        optimizers.Clipping(inner="adam", norm=1.0),
        optimizers.Averaging(inner=optimizers.Clipping(inner="adam", norm=1.0)),
    ]
    assert [is_elementwise(optimizer) for optimizer in wrapped] == [True, True, False, False]


# -- how many


def test_use_takes_precedence_over_the_environment(monkeypatch):
    assert chosen() is None
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert chosen() == 3
    monkeypatch.setenv("MLPKIT_THREADS", "2")
    assert chosen() == 2
    threads.use(5)
    assert chosen() == Share(large=False, split=False).begin() == 5


def test_an_invalid_number_of_threads_is_an_error(monkeypatch):
    for text in ("two", "0", "-1", "1.5", "²"):
        monkeypatch.setenv("MLPKIT_THREADS", text)
        with pytest.raises(TrainingError, match="a number of threads of at least 1"):
            chosen()
    monkeypatch.delenv("MLPKIT_THREADS")
    monkeypatch.setenv("OMP_NUM_THREADS", "4,2")  # OpenMP's own form: for each level of nesting
    assert chosen() is None
    with pytest.raises(ValueError, match="at least 1"):
        threads.use(0)


@pytest.fixture
def told(monkeypatch):
    """Record the calls to the BLAS; on 8 cores, it has 6 threads at first."""
    numbers = [6]
    monkeypatch.setattr(threads, "thread_functions", lambda: (lambda: numbers[-1], numbers.append))
    monkeypatch.setattr(threads, "cores", lambda: 8)
    return numbers


def test_products_use_the_number_and_restore_the_old_one(told, monkeypatch):
    share = Share(large=True, split=True)
    assert share.begin() == 8
    with share.products():
        assert told == [6, 8]
    assert told == [6, 8, 6]
    share.close()
    monkeypatch.setattr(threads, "thread_functions", lambda: None)
    share = Share(large=True, split=True)
    share.begin()
    with share.products():
        assert told == [6, 8, 6]
    share.close()


def test_the_number_of_the_first_run_holds_until_the_last_one_ends(told):
    first, second, third = (Share(large=True, split=True) for _ in range(3))
    threads.use(3)
    assert first.begin() == 3
    threads.use(None)
    assert second.begin() == 3
    first.close()
    assert third.begin() == 3
    second.close()
    third.close()
    assert first.begin() == 8
    first.close()


def test_the_number_is_restored_after_the_last_product_in_any_order(told):
    first, second = Share(large=True, split=True), Share(large=False, split=True)
    first.begin(), second.begin()
    a, b = first.products(), second.products()
    a.__enter__()
    b.__enter__()
    a.__exit__(None, None, None)
    assert told == [6, 8]  # the second is at work still
    first.close()
    b.__exit__(None, None, None)
    second.close()
    assert told == [6, 8, 6]


def test_an_iterator_left_open_leaves_the_blas_alone_between_its_epochs(told, monkeypatch):
    monkeypatch.setattr(batch_plan, "LARGE", 1)
    monkeypatch.setattr(batch_plan, "may_be_split", lambda rows, shapes: True)
    loop = mlpkit.epochs(mlpkit.Model(LARGE_SPEC, inputs=5), X, Y)
    next(loop)
    assert told == [6, 8, 6]
    mlpkit.train(LARGE_SPEC, X, Y)
    assert told[-1] == 6
    loop.close()
    assert not threads._process.runs


def test_a_run_makes_no_file_and_reads_none_of_its_neighbours(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    (tmp_path / f"mlpkit-{os.getuid()}").mkdir()
    (tmp_path / f"mlpkit-{os.getuid()}" / "results.csv").write_text("mine")
    monkeypatch.setattr(batch_plan, "LARGE", 1)
    mlpkit.train(LARGE_SPEC, X, Y)
    assert [path.name for path in tmp_path.rglob("*")] == [f"mlpkit-{os.getuid()}", "results.csv"]


@pytest.mark.parametrize(
    ("groups", "files", "expected"),
    [
        ("0::/\n", {"cpu.max": "max 100000\n"}, 9),
        ("0::/\n", {"cpu.max": "250000 100000\n"}, 2),
        ("0::/\n", {"cpu.max": "50000 100000\n"}, 1),
        ("0::/a/b\n", {"a/b/cpu.max": "max 100000\n", "a/cpu.max": "300000 100000\n"}, 3),
        ("4:cpu,cpuacct:/job\n1:memory:/job\n", {"cpu/job/cpu.cfs_quota_us": "400000\n", "cpu/job/cpu.cfs_period_us": "100000\n"}, 4),
        ("4:cpu:/job\n", {"cpu/job/cpu.cfs_quota_us": "-1\n", "cpu/job/cpu.cfs_period_us": "100000\n"}, 9),
        ("4:cpu:/job\n", {"cpu/cpu.cfs_quota_us": "200000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 2),
        ("0::/\n", {"cpu.max": "many\n"}, 9),
        ("0::/\n", {}, 9),
        ("nonsense", {}, 9),
    ],
)
def test_the_quota_of_the_control_group_counts(groups, files, expected, tmp_path, monkeypatch):
    (tmp_path / "groups").write_text(groups)
    for name, text in files.items():
        (tmp_path / "root" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "root" / name).write_text(text)
    quota = threads._quota
    monkeypatch.setattr(threads, "_quota", lambda *_: quota(tmp_path / "groups", tmp_path / "root"))
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(9)), raising=False)
    assert threads.cores() == expected


def environment(**variables):
    path = os.pathsep.join([os.path.dirname(os.path.dirname(mlpkit.__file__)), os.environ.get("PYTHONPATH", "")])
    return {**os.environ, "PYTHONPATH": path, **variables}


LARGE_SPEC = {"network": {"layers": [{"units": 1}]}, "loss": "mse", "training": {"epochs": 3, "batch_size": 8}}


@pytest.fixture
def large(told, monkeypatch):
    """Every run counts as large."""
    monkeypatch.setattr(batch_plan, "LARGE", 1)
    monkeypatch.setattr(batch_plan, "may_be_split", lambda rows, shapes: True)


def test_a_run_has_the_number_that_it_began_with_to_its_end(told, large):
    for epoch in mlpkit.epochs(mlpkit.Model(LARGE_SPEC, inputs=5), X, Y):
        threads.use(epoch.number)
    assert told == [6, 8, 6, 8, 6, 8, 6]


def test_a_resumed_run_keeps_its_number_of_threads(told, large, tmp_path):
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
    assert told == [6, 3, 6, 3, 6, 3, 6]
    model = half()
    threads.use(2)
    with pytest.warns(UserWarning, match="began with 3 threads and is resumed with 2: the last bits may differ"):
        list(mlpkit.epochs(model, X, Y, resume=True))
    assert told[9:] == [2, 6, 2, 6]


def test_a_run_stores_the_number_that_it_really_had(told, large, tmp_path):
    threads.use(5)
    first = mlpkit.epochs(mlpkit.Model(LARGE_SPEC, inputs=5), X, Y)
    next(first)
    threads.use(2)
    model = mlpkit.Model(LARGE_SPEC, inputs=5)
    loop = mlpkit.epochs(model, X, Y)
    next(loop)
    assert model.training_state.threads == 5
    first.close()
    next(loop)
    assert model.training_state.threads == 5
    loop.close()


POOL = """
import hashlib, sys
from concurrent.futures import ThreadPoolExecutor
import numpy as np, mlpkit
from mlpkit import threads
rng = np.random.default_rng(0)
x, y = rng.standard_normal((500, 60)), rng.standard_normal(500)
layers = [{"units": 150, "activation": "tanh"}, {"units": 120, "activation": "tanh"}, {"units": 1}]
spec = {"network": {"layers": layers}, "loss": "mse", "training": {"epochs": 2, "batch_size": 250}}
def train(seed):
    return hashlib.sha256(mlpkit.train({**spec, "seed": seed}, x, y).network.parameters.vector).hexdigest()
blas = threads.thread_functions()
before = blas and blas[0]()
found = set()
for repetition in range(3):
    with ThreadPoolExecutor(4) as pool:
        found.add(tuple(pool.map(train, range(4))))
found.add(tuple(map(train, range(4))))
print(len(found), before == (blas and blas[0]()))
"""


@pytest.mark.slow
def test_trainings_in_threads_of_one_process_give_the_bits_of_one_after_the_other():
    done = subprocess.run([sys.executable, "-c", POOL], env=environment(MLPKIT_THREADS="2"), capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "True"]


FORKED = """
import os, sys, threading, warnings
import numpy as np, mlpkit
from mlpkit.model.train import prepare_for
from mlpkit.training import batch_plan, update
warnings.simplefilter("ignore", DeprecationWarning)  # Python's own, of a fork beside threads
update.MANY, update.PIECE, batch_plan.LARGE = 1, 64, 1
rng = np.random.default_rng(0)
x, y = rng.standard_normal((400, 200)), rng.standard_normal(400)
layers = [{"units": 150, "activation": "tanh"}, {"units": 1}]
spec = {"network": {"layers": layers}, "loss": "mse", "training": {"epochs": 3, "batch_size": 200}}
def train():
    return mlpkit.train(spec, x, y).network.parameters.vector.tobytes()
expected = train()
loop = mlpkit.epochs(mlpkit.Model(spec, inputs=200), x, y)
next(loop)  # a run of the parent goes on
model, begun, forked = mlpkit.Model(spec, inputs=200), threading.Event(), threading.Event()
def wait():  # before a step, and so in no product: what OpenBLAS locks in one is locked in the child for ever
    begun.set()
    return not forked.wait()
beside = threading.Thread(target=lambda: list(model.epochs(prepare_for(model, x, y, resume=False), wait)))
beside.start()
begun.wait()
codes = []
for number in range(8):
    child = os.fork()
    if not child:
        os._exit(0 if train() == expected else 3)
    codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
forked.set()
beside.join()
loop.close()
print(codes)
"""


@pytest.mark.slow
def test_a_forked_child_trains_though_its_parent_has_threads():
    done = subprocess.run([sys.executable, "-c", FORKED], env=environment(MLPKIT_THREADS="2"), capture_output=True, text=True, timeout=600)
    assert done.stdout.strip() == str([0] * 8), done.stderr


def test_small_products_are_left_alone():
    assert not may_be_split(32, [(64, 64), (64, 10)])
    assert may_be_split(65, [(64, 64)])  # a product of more than 2^18
    assert may_be_split(2, [(100, 100)])  # a matrix of more than 2^13 and a vector
    assert may_be_split(10_000, [(2, 1)])


@pytest.mark.slow
def test_the_bits_are_those_of_one_thread_if_products_would_be_split():
    """OpenBLAS left alone would use several, and its kernels for Haswell then give other bits for this network."""
    code = """
import sys, hashlib, numpy as np, mlpkit
rng = np.random.default_rng(0)
x, y = rng.standard_normal((400, 200)), rng.standard_normal(400)
layers = [{"units": 90, "activation": "tanh"}, {"units": 1}]
spec = {"network": {"layers": layers}, "loss": "mse", "training": {"epochs": 2, "batch_size": 200}}
print(hashlib.sha256(mlpkit.train(spec, x, y).network.parameters.vector).hexdigest())
"""
    found = set()
    for count in ("1", "2", "3"):
        variables = environment(OPENBLAS_NUM_THREADS=count, MLPKIT_THREADS="1", OPENBLAS_CORETYPE="Haswell")
        found.add(subprocess.run([sys.executable, "-c", code], env=variables, capture_output=True, check=True).stdout)
    assert len(found) == 1


def test_the_blas_of_another_package_has_a_number_for_a_time(monkeypatch):
    numbers = [2]
    monkeypatch.setattr(threads, "thread_functions", {"scipy": (lambda: numbers[-1], numbers.append), "other": None}.__getitem__)
    with pytest.raises(ValueError, match="within"), threads.blas_threads("scipy", 1):
        raise ValueError("within")
    assert numbers == [2, 1, 2]
    with threads.blas_threads("other", 1):
        assert numbers == [2, 1, 2]
