"""Batches of rows on disk: each row once per epoch, an order that depends only on the generator, a reader thread that ends."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import tracemalloc
from contextlib import suppress
from itertools import chain

import h5py
import numpy as np
import pytest

import mlpkit
from mlpkit.data.batches import batches_of
from mlpkit.data.disk import stream, table
from mlpkit.preprocessing.prepare import prepare
from mlpkit.spec import Spec

ROWS, SIZE = 1003, 10
DATA = {"in_memory": False, "target": "y", "inputs": ["x", "row"], "weight": "w"}
SPEC = {
    "data": DATA,
    "network": {"layers": [{"units": 3, "activation": "tanh"}, {"units": 1}]},
    "loss": "mse",
    "preprocessing": "none",
    "training": {"epochs": 3, "batch_size": SIZE},
}


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """Rows that know their number, in blocks of 12 and chunks of 60."""
    path = tmp_path_factory.mktemp("rows") / "rows.h5"
    with h5py.File(path, "w") as file:
        file["row"] = np.arange(ROWS, dtype=np.float32)
        file["y"] = file["w"] = np.arange(ROWS) + 1.0
        file["x"] = np.random.default_rng(0).standard_normal((ROWS, 3)).astype(np.float32)
    return path


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(table, "BLOCK", 12 * 16)
    monkeypatch.setattr(stream, "CHUNK", 65 * 16)


def batches(path, shuffle=True, **data):
    prepared = prepare(Spec.model_validate({**SPEC, "data": {**DATA, **data}}), path)
    return batches_of(prepared.train, SIZE, shuffle), prepared


def rows_of(found):
    """The numbers of the rows in batches; inputs, targets and weights must belong together."""
    numbers = []
    for inputs, targets, weights in found:
        np.testing.assert_array_equal(inputs[:, 3] + 1, targets[:, 0])
        np.testing.assert_allclose(weights / weights[0], targets[:, 0] / targets[0, 0], rtol=1e-5)
        numbers.append(inputs[:, 3].astype(int).tolist())
    return numbers


@pytest.mark.parametrize("split", [None, {"validation": 0.4}], ids=["all", "split"])
def test_every_row_comes_once_and_batches_are_whole(path, split):
    found, prepared = batches(path, split=split)
    rng = np.random.default_rng(3)
    epochs = []
    for _ in range(2):
        found.shuffle(rng)
        epochs.append(rows_of(found.after(0)))
        assert {len(batch) for batch in epochs[-1][:-1]} == {SIZE}
        assert len(epochs[-1]) == -(-len(prepared.train.inputs) // SIZE)
        assert sorted(chain(*epochs[-1])) == sorted(prepared.train.inputs[:][:, 3].astype(int).tolist())
    assert epochs[0] != epochs[1]
    assert len({row // 12 for row in epochs[0][0]}) > 2  # a batch is not of one place of the file


def test_the_order_follows_from_the_generator_alone_and_has_any_rest(path):
    found, _ = batches(path)
    found.shuffle(np.random.default_rng(3))
    whole = rows_of(found.after(0))
    other, _ = batches(path)
    other.shuffle(np.random.default_rng(7))
    other.shuffle(np.random.default_rng(3))
    for done in (1, 5, 6, 7, 59, 60, 61, len(whole) - 1, len(whole)):
        assert rows_of(other.after(done)) == whole[done:], done


def test_rows_that_are_not_shuffled_come_in_order(path):
    for split in (None, {"validation": 0.4}):
        found, prepared = batches(path, shuffle=False, split=split)
        assert list(chain(*rows_of(found.after(0)))) == prepared.train.inputs[:][:, 3].astype(int).tolist()


def test_a_batch_of_all_rows(path):
    found = batches_of(prepare(Spec.model_validate(SPEC), path).train, ROWS, True)
    assert rows_of(found.after(0)) == [list(range(ROWS))]


def test_chunks_are_read_into_the_same_buffers(path):
    found, _ = batches(path)
    before = [buffer.ctypes.data for buffer in found.buffers]
    assert [len(buffer) for buffer in found.buffers] == [60, 60]
    inputs = {batch[0].ctypes.data for batch in found.after(0)}
    assert len(inputs) == 1
    assert [buffer.ctypes.data for buffer in found.buffers] == before


# -- the reader's thread


def readers():
    return [thread for thread in threading.enumerate() if thread.name.startswith("mlpkit-reader")]


def test_the_reader_ends_with_the_batches(path):
    found, _ = batches(path)
    for _ in found.after(0):
        assert len(readers()) == 1
    assert readers() == []
    some = found.after(0)
    next(some)
    some.close()
    assert readers() == []


class Stopped(BaseException):
    pass


def test_the_reader_ends_when_a_run_is_stopped_or_interrupted(path):
    def interrupt():
        raise Stopped

    for stop in (lambda: True, interrupt):
        prepared = prepare(Spec.model_validate(SPEC), path)
        model = mlpkit.Model.for_data(Spec.model_validate(SPEC), prepared)
        with suppress(Stopped):
            list(model.epochs(prepared, stop=stop))
        assert readers() == []
        assert model.training_state is not None


def test_errors_of_the_reader_thread_are_raised_where_the_rows_are_used(tmp_path, monkeypatch):
    x = np.random.default_rng(0).standard_normal((ROWS, 4)).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    model = mlpkit.Model({**SPEC, "data": {"in_memory": False}}, inputs=4)
    loop = mlpkit.epochs(model, np.load(tmp_path / "x.npy", mmap_mode="r"), x[:, :1])
    next(loop)
    with (tmp_path / "x.npy").open("r+b") as file:
        file.truncate(2000)
    with pytest.raises(mlpkit.DataError, match=r"x\.npy was cut short while its rows were in use"):
        next(loop)
    assert readers() == []


def run(code, *arguments):
    path = os.pathsep.join(filter(None, [os.path.dirname(os.path.dirname(mlpkit.__file__)), os.environ.get("PYTHONPATH")]))
    environment = {**os.environ, "PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-W", "error", "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment, check=False)


START = """
import sys, mlpkit, numpy as np
spec = {"data": {"in_memory": False}, "network": {"layers": [{"units": 3}, {"units": 1}]}, "loss": "mse"}
model = mlpkit.Model({**spec, "training": {"epochs": 10**6}}, inputs=50)
loop = mlpkit.epochs(model, np.load(sys.argv[1], mmap_mode="r"), np.load(sys.argv[2]))
"""


def mapped(folder, parts):
    """A file of so many MB, and one of targets."""
    x = np.lib.format.open_memmap(folder / "x.npy", "w+", np.float32, (parts * 5000, 50))
    part = np.random.default_rng(0).standard_normal((5000, 50), np.float32)
    for start in range(0, len(x), len(part)):
        x[start : start + len(part)] = part
    x.flush()
    np.save(folder / "y.npy", np.tile(part[:, 0], parts))
    return folder / "x.npy", folder / "y.npy"


def test_an_interpreter_that_ends_in_the_middle_of_an_epoch_does_not_hang(tmp_path):
    code = START + "import threading, time\nthreading.Thread(target=list, args=(loop,), daemon=True).start()\ntime.sleep(0.3)"
    done = run(code, *mapped(tmp_path, 1))
    assert done.returncode == 0, done.stderr


def test_memory_does_not_grow_with_the_rows(tmp_path, monkeypatch):
    monkeypatch.setattr("mlpkit.preprocessing.running_statistics.SAMPLE", 10**4)
    monkeypatch.setattr(stream, "CHUNK", 10**5)
    monkeypatch.setattr(table, "BLOCK", 10**5)
    peaks = []
    for parts in (8, 32):
        x, y = mapped(tmp_path, parts)
        tracemalloc.start()
        try:
            spec = {**SPEC, "data": {"in_memory": False, "split": {"validation": 0.1}}, "training": {"batch_size": 400}}
            model = mlpkit.Model(spec, inputs=50)
            next(mlpkit.epochs(model, np.load(x, mmap_mode="r"), np.load(y)))
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
    assert peaks[0] < 6e6  # of 8 MB
    assert peaks[1] - peaks[0] < 24 * 5000 * 150  # of 200 bytes that each row has more: its number, target, place in the split


@pytest.mark.slow
def test_a_process_trains_within_half_of_the_size_of_the_data(tmp_path):
    code = """
import resource
from pathlib import Path
def memory(name):
    return int(dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())[name].split()[0]) * 1024
import numpy as np, mlpkit
np.ones((256, 256)) @ np.ones((256, 256))
before = memory("VmHWM")
most = memory("VmData") + 150 * 10**6
resource.setrlimit(resource.RLIMIT_DATA, (most, most))
"""
    files = mapped(tmp_path, 300)
    done = run(code + START + "next(loop)\nprint((memory('VmHWM') - before) / 1e6)", *files)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 150
    in_memory = run(code + START.replace("False", "True") + "next(loop)", *files)
    assert in_memory.returncode != 0
    assert 'set "in_memory" in "data" to false' in in_memory.stderr


@pytest.mark.parametrize(("rows", "size"), [(1001, 10), (61, 10), (121, 10), (11, 10), (1003, 10), (60, 10), (10, 10)])
def test_a_last_row_of_its_own_joins_the_batch_before_it_where_that_is_asked_for(path, rows, size, monkeypatch):
    """Also where it would be a chunk of its own: a chunk has 60 rows."""
    prepared = prepare(Spec.model_validate({**SPEC, "data": {**DATA, "weight": None}}), path)
    data = prepared.train
    monkeypatch.setattr(type(data.inputs), "__len__", lambda self: rows)
    bounds = [bound for bound in data.inputs.runs() if bound < rows]
    monkeypatch.setattr(type(data.inputs), "runs", lambda self: np.array([*bounds, rows]))
    found = batches_of(data, size, True, join=True)
    found.shuffle(np.random.default_rng(3))
    whole = [inputs[:, 3].astype(int).tolist() for inputs, _, _ in found.after(0)]
    assert sorted(chain(*whole)) == list(range(rows))
    assert len(whole) == len(found)
    joined = rows > size and rows % size == 1
    assert [len(batch) for batch in whole[:-1]] == [size] * (len(whole) - 1)
    assert len(whole[-1]) == (size + 1 if joined else rows % size or size)
    for done in range(1, len(whole) + 1):
        assert [inputs[:, 3].astype(int).tolist() for inputs, _, _ in found.after(done)] == whole[done:]
