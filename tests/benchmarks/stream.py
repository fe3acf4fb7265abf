"""Epochs over rows that stay on disk, in a process that may use half of their size, against the same epochs in memory.

Each side is a process of its own, which trains an epoch when it is told to, so that the sides take turns. What is on disk
was just written, so that it mostly comes from the system's cache; one side has it dropped from there before each epoch.
All sides must come to about the same loss.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from .pairing import Row, pair

WIDTH, CLASSES, BLOCK = 100, 10, 50_000
SPEC = {
    "network": {"layers": [{"units": 64, "activation": "relu"}, {"units": CLASSES, "activation": "softmax"}]},
    "loss": "categorical_crossentropy",
    "optimizer": "adam",
    "training": {"epochs": 10**6, "batch_size": 128},
}
SIDES = {  # by name: the file, whether its rows are in memory, whether the file is dropped from the system's cache
    "memory": ("x.h5", True, False),
    "HDF5": ("x.h5", False, False),
    "chunked HDF5": ("chunked.h5", False, False),
    ".npy": ("x.npy", False, False),
    ".npy, not in the cache": ("x.npy", False, True),
}
GOALS = {"HDF5": 0.7, ".npy": 0.7}


def rows(quick: bool) -> list[Row]:
    """The time of an epoch, and the peak of the memory against the size of the data."""
    count, rounds = (500_000, 3) if quick else (2_500_000, 5)
    size = count * WIDTH * 4 / 1e6
    found = []
    with tempfile.TemporaryDirectory(prefix="mlpkit-", dir=os.environ.get("MLPKIT_BENCH_DATA")) as folder:
        write(Path(folder), count)
        sides = {name: Side(name, folder) for name in SIDES}
        for name, side in list(sides.items())[1:]:
            peers = {"in memory": (sides["memory"].epoch, GOALS.get(name))}
            found += pair(f"an epoch of {size:,.0f} MB from {name}", side.epoch, peers, "s", rounds)
            found.append(Row(f"peak memory, {name}", "the data", "MB", side.peak, size, size / side.peak, 2.0 if not quick else None))
        for side in sides.values():
            np.testing.assert_allclose(side.losses[rounds], sides["memory"].losses[rounds], rtol=0.05, err_msg=side.name)
            side.close()
    return found


def write(folder: Path, count: int) -> None:
    """The same rows as NPY and as HDF5, with classes that a linear teacher gives them."""
    import h5py

    rng = np.random.default_rng(0)
    teacher = rng.standard_normal((WIDTH, CLASSES))
    matrix = np.lib.format.open_memmap(folder / "x.npy", "w+", np.float32, (count, WIDTH))
    with h5py.File(folder / "x.h5", "w") as plain, h5py.File(folder / "chunked.h5", "w") as chunked:
        files = [(plain, plain.create_dataset("x", (count, WIDTH), "f4"))]
        files.append((chunked, chunked.create_dataset("x", (count, WIDTH), "f4", chunks=(1000, WIDTH))))
        classes = np.empty(count, np.int64)
        for start in range(0, count, BLOCK):
            part = slice(start, start + BLOCK)
            x = rng.standard_normal((BLOCK, WIDTH), np.float32) * 3 + 1
            classes[part] = (x @ teacher).argmax(axis=1)
            matrix[part] = x
            for _, dataset in files:
                dataset[part] = x
        for file, _ in files:
            file["y"] = classes
    matrix.flush()
    np.save(folder / "y.npy", classes)


class Side:
    """A process that trains an epoch whenever it is told to."""

    def __init__(self, name: str, folder: str) -> None:
        self.name, self.losses, self.peak = name, [], 0.0
        command = [sys.executable, "-m", "tests.benchmarks.stream", name, folder]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def epoch(self) -> float:
        """The seconds that an epoch takes."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        told = json.loads(self.process.stdout.readline())
        self.losses.append(told["loss"])
        self.peak = told["peak"]
        return float(told["seconds"])

    def close(self) -> None:
        self.process.communicate()


def serve(name: str, folder: Path) -> None:
    """Train an epoch for each line on stdin, and tell of it in a line of JSON."""
    import h5py  # noqa: F401  # what is imported is not the data

    import mlpkit

    file, in_memory, dropped = SIDES[name]
    spec = {**SPEC, "data": {"target": "y", "in_memory": in_memory}}
    if not in_memory:
        np.ones((256, 256), np.float32) @ np.ones((256, 256), np.float32)  # for which the BLAS takes its buffers, for ever
        limit((folder / "x.npy").stat().st_size // 2)
    model = mlpkit.Model(spec, inputs=WIDTH, outputs=CLASSES)
    if file.endswith(".npy"):
        loop = mlpkit.epochs(model, np.load(folder / file, mmap_mode="r"), np.load(folder / "y.npy"))
    else:
        loop = mlpkit.epochs(model, folder / file)
    for _ in sys.stdin:
        if dropped:
            with open(folder / file, "rb") as stream:
                os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        epoch = next(loop)
        peak = memory("VmHWM") / 1e6  # getrusage would tell of the parent's, which had it before
        print(json.dumps({"seconds": epoch.seconds, "loss": epoch.loss, "peak": peak}), flush=True)


def limit(size: int) -> None:
    """Let the process allocate so many bytes more than it has by now; what is beyond that is a MemoryError."""
    most = memory("VmData") + size
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))


def memory(name: str) -> int:
    """Bytes that Linux knows of this process under a name."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status[name].split()[0]) * 1024


if __name__ == "__main__":
    serve(sys.argv[1], Path(sys.argv[2]))
