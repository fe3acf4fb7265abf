"""The model file against other ways to keep arrays: load everything, open by memory map, save.

mlpkit verifies the structure and the SHA-256 of every array when it loads, and reads back and flushes to the disk when it
saves; the peers do neither. A large model is loaded in a process of its own each time, as it is in life: a loop would
measure how well memory is used again. Files are in the page cache.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .pairing import Row, Run, pair, timed
from .storages import STORAGES, Arrays, Storage


class Size(NamedTuple):
    """A network, two tensors a layer, and what mlpkit aims at when it loads it: the ratio by peer."""

    layers: int
    units: int
    rounds: int
    goals: dict[str, float]


VERIFIED = {"safetensors": 1 / 1.1}  # from 50 MB on
SIZES = {
    "400 MB, 20 tensors": Size(10, 3200, 7, VERIFIED),
    "400 MB, 100 tensors": Size(50, 1414, 7, VERIFIED),
    "50 MB, 10 tensors": Size(5, 1581, 15, VERIFIED),
    "180 kB, 100 tensors": Size(50, 30, 101, {}),
    "100 kB, 6 tensors": Size(3, 90, 201, {"h5py": 1.0}),
}
QUICK = ("50 MB, 10 tensors", "100 kB, 6 tensors")
LARGE = 2**22  # bytes from which a load has a process of its own
MAP_GOAL = {"the goal": (lambda: 1e-3, 1.0)}  # seconds up to 100 tensors


def rows(quick: bool) -> list[Row]:
    """A row for each size, deed and peer."""
    return [row for name, size in SIZES.items() if not quick or name in QUICK for row in compared(name, size)]


def compared(name: str, size: Size) -> list[Row]:
    """The rows of one size, after every way has given back what was saved."""
    arrays = arrays_of(size.layers, size.units)
    with tempfile.TemporaryDirectory() as folder:
        paths = {peer: str(Path(folder) / f"{number}.bin") for number, peer in enumerate(STORAGES)}
        saves = {peer: bound(way.save, paths[peer], arrays) for peer, way in STORAGES.items()}
        found = paired(f"save, {name}", saves, {}, min(size.rounds, 15))
        check(paths, arrays)
        wrap = in_a_child if sum(array.nbytes for array in arrays.values()) > LARGE else bound
        loads = {peer: wrap(way.load, paths[peer]) for peer, way in STORAGES.items()}
        found += paired(f"load, verified, {name}", loads, size.goals, size.rounds)
        maps = {peer: bound(way.map, paths[peer]) for peer, way in STORAGES.items() if way.map}
        return [*found, *paired(f"open by memory map, {name}", maps, {}, 51, MAP_GOAL)]


def paired(
    what: str, runs: dict[str, Run], goals: dict[str, float], rounds: int, more: dict[str, tuple[Run, float | None]] | None = None
) -> list[Row]:
    peers = {peer: (run, goals.get(peer)) for peer, run in runs.items() if peer != "mlpkit"}
    return pair(what, runs["mlpkit"], {**peers, **(more or {})}, "ms", rounds, 1e3)


def arrays_of(layers: int, units: int) -> Arrays:
    rng = np.random.default_rng(0)
    made = {}
    for index in range(layers):
        made[f"layers.{index}.weight"] = rng.standard_normal((units, units), np.float32)
        made[f"layers.{index}.bias"] = rng.standard_normal(units, np.float32)
    return made


def check(paths: dict[str, str], arrays: Arrays) -> None:
    """Raise AssertionError unless every way gives back what was saved."""
    for peer, way in STORAGES.items():
        same(way, way.load(paths[peer]), arrays)
    same(STORAGES["mlpkit"], dict(STORAGES["mlpkit"].map(paths["mlpkit"])), arrays)


def same(way: Storage, found: Arrays, arrays: Arrays) -> None:
    kept = {name: array for name, array in found.items() if "/" not in name}  # mlpkit gives what else a model has as well
    assert kept.keys() == arrays.keys(), way
    assert all(np.array_equal(kept[name], array) for name, array in arrays.items()), way


def bound(function: Callable[..., object], *arguments: object) -> Run:
    """A run whose result is thrown away after the time was taken."""
    return lambda: figure(function, *arguments)


def figure(function: Callable[..., object], *arguments: object) -> float:
    kept: list[object] = []
    return timed(lambda: kept.append(function(*arguments)))


def in_a_child(function: Callable[..., object], *arguments: object) -> Run:
    """A run in a process that has imported everything but loaded nothing."""

    def run() -> float:
        read_end, write_end = os.pipe()
        child = os.fork()
        if child == 0:
            os.write(write_end, repr(figure(function, *arguments)).encode())
            os._exit(0)
        os.close(write_end)
        with os.fdopen(read_end) as pipe:
            spent = float(pipe.read())
        os.waitpid(child, 0)
        return spent

    return run
