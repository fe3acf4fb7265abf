"""Arrays are read in parallel, each to its end; an error in one stops all."""

from __future__ import annotations

import hashlib
import os

import numpy as np
import pytest

from mlpkit.errors import Corrupt, ModelFileError
from mlpkit.modelfile import arrays as arrays_module
from mlpkit.modelfile.arrays import Reading, share
from mlpkit.modelfile.hdf5.extent import Extent
from mlpkit.modelfile.hdf5.source import Source
from mlpkit.modelfile.manifest import StoredObject


class Fake:
    """So many bytes, of which one turn is read at a time; or an error at some byte."""

    def __init__(self, left: int, log: list[int], fails_at: int = -1) -> None:
        self.left, self.log, self.fails_at = left, log, fails_at

    def go_on(self, size: int) -> None:
        self.log.append(self.left)
        if self.left == self.fails_at:
            raise ModelFileError("the disk is broken")
        self.left = max(0, self.left - size)


@pytest.fixture(autouse=True)
def small_turns(monkeypatch):
    monkeypatch.setattr(arrays_module, "PIECE", 8)
    monkeypatch.setattr(arrays_module, "TURN", 16)


def test_the_array_with_the_most_bytes_left_is_continued():
    log: list[int] = []
    share([Fake(20, log), Fake(70, log), Fake(40, log), Fake(0, log)], 1)
    assert log == sorted(log, reverse=True) == [70, 54, 40, 38, 24, 22, 20, 8, 6, 4, 0]


@pytest.mark.parametrize("count", [1, 2, 5])
def test_all_are_read_to_their_ends(count):
    readings = [Fake(size, []) for size in (1, 16, 500, 3000, 0)]
    share(readings, count)
    assert [one.left for one in readings] == [0] * 5
    share([], count)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_an_error_in_one_ends_all(count):
    readings = [Fake(2 * 10**6, [], fails_at=2 * 10**6), Fake(10**6, [])]
    with pytest.raises(ModelFileError, match="the disk is broken"):
        share(readings, count)
    assert readings[1].left > 0


def stored(array: np.ndarray, role: str = "tensor") -> StoredObject:
    digest = hashlib.sha256(array.tobytes()).hexdigest()
    path = "/tensors/a/b" if role == "tensor" else "/history/loss"
    return StoredObject(path=path, role=role, dtype=array.dtype.name, shape=list(array.shape), bytes=array.nbytes, sha256=digest)


@pytest.mark.parametrize("size", [1, 2, 5, 16, 17, 40])
@pytest.mark.parametrize("in_place", [True, False])
def test_arrays_read_in_turns_equal_the_saved_ones(size, in_place):
    array = np.arange(size, dtype=np.float32)
    source, into = Source(b"before" + array.tobytes() + b"behind"), None if in_place else np.empty_like(array)
    one = Reading(source, Extent("<f4", array.shape, 6, array.nbytes), stored(array), into)
    share([one], 2)
    one.finish()
    assert in_place or np.array_equal(into, array)


@pytest.mark.parametrize("byte", [0, 8, 16, 75])
def test_a_changed_byte_in_any_turn_is_found(byte):
    array = np.arange(19, dtype=np.float32)
    data = bytearray(array.tobytes())
    data[byte] ^= 1
    one = Reading(Source(bytes(data)), Extent("<f4", array.shape, 0, array.nbytes), stored(array), None)
    share([one], 1)
    with pytest.raises(Corrupt, match="its SHA-256 does not match"):
        one.finish()


@pytest.mark.parametrize("place", [0, 3, 4, 18])
def test_infinity_in_any_turn_is_found(place):
    array = np.zeros(19, np.float32)
    array[place] = np.inf
    one = Reading(Source(array.tobytes()), Extent("<f4", array.shape, 0, array.nbytes), stored(array), None)
    share([one], 1)
    with pytest.raises(ModelFileError, match="NaN or infinity"):
        one.finish()


def test_as_many_threads_as_processors(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {1, 4, 5}, raising=False)
    assert arrays_module.threads() == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert arrays_module.threads() == 1
