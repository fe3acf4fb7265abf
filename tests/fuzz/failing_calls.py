"""A process in which every system call of a save fails in turn: `LD_PRELOAD=faults.so python -m tests.fuzz.failing_calls faults.so`.

It saves with the first call failing, then with the second, until a save comes through with none, and looks each time at
what is there: the old model or the new one, no temporary file, and an error of mlpkit's when it failed. The process
itself must live. The library is made from faults.c, which says what a call is.
"""

from __future__ import annotations

import ctypes
import errno
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # before numpy comes

import mlpkit
from mlpkit.errors import ModelFileError

SHORT = 0  # writes come short, in place of an error
ERRORS = (SHORT, errno.ENOSPC, errno.EIO, errno.EINTR, errno.EACCES, errno.EDQUOT)
TARGETS = ("a file", "no file", "a link to a file", "a link to no file")
SPEC = {"network": {"layers": [{"units": 2, "activation": "relu"}]}, "loss": "mean_squared_error", "optimizer": "sgd"}
NOTICED = ("write", "fsync", "close", "rename", "chmod")  # a save must not come through when one of these failed
MOST_CALLS = 1000


class Save(NamedTuple):
    """One save with a fault: what failed, and what is there afterwards."""

    target: str
    error: int
    sticky: bool
    call: str
    message: str | None  # of the error, None when it came through
    before: int | None  # the number of the model that is on the disk
    wanted: int
    found: int | None
    others: list[str]
    is_link: bool

    def problem(self) -> str:
        """Return the faults; empty if there are none."""
        if self.others:
            return f"these files are left: {self.others}"
        if self.is_link != self.target.startswith("a link"):
            return "a link was replaced by a file"
        if self.message is None:
            return self._problem_of_a_success()
        if not self.call:
            return "it failed though no call did"
        if "is written" in self.message:
            return "" if self.found == self.wanted else f"it says that it is written, but model {self.found} is there"
        return "" if self.found == self.before else f"it failed, but model {self.found} is there, not {self.before}"

    def _problem_of_a_success(self) -> str:
        if self.found != self.wanted:
            return f"it came through, but model {self.found} is there"
        unnoticed = self.call in NOTICED and self.error not in (SHORT, errno.EINTR)
        return f"nobody noticed that {self.call} failed" if unnoticed else ""


class Faults:
    """The library that is preloaded into this process."""

    def __init__(self, path: str) -> None:
        self.library = ctypes.CDLL(path)
        self.library.faults_last.restype = ctypes.c_char_p

    def arm(self, folder: Path, number: int, error: int, sticky: bool) -> None:
        """From now on, the call with a number that touches the folder fails; all behind it too when `sticky`."""
        self.library.faults_arm(os.fsencode(folder), number, error, int(sticky))

    def end(self) -> str:
        """The name of the call that failed last; empty when none did."""
        self.library.faults_end()
        return self.library.faults_last().decode()


def main() -> int:
    """Try all faults; exit code 1 when anything is wrong."""
    faults, calls, problems = Faults(sys.argv[1]), Counter[str](), 0
    with tempfile.TemporaryDirectory() as folder:
        for save in saves(faults, Path(os.path.realpath(folder))):
            calls[save.call] += 1
            if save.problem():
                problems += 1
                print(f"{save.problem()}: {save}")
    failing = ", ".join(f"{name} {count}" for name, count in sorted(calls.items()))
    print(f"{calls.total()} saves, {problems} problems; failing were {failing}")
    return 1 if problems else 0


def saves(faults: Faults, folder: Path) -> Iterator[Save]:
    """A save with each call failing, for each error and target, and one with none."""
    for target in TARGETS:
        for error in ERRORS:
            for sticky in (False, True):
                if sticky and error == errno.EINTR:
                    continue  # a call that is interrupted is made again, for ever
                for number in range(1, MOST_CALLS):
                    save = attempt(faults, folder, number, target, error, sticky)
                    yield save
                    if not save.call:
                        break
                else:
                    raise RuntimeError("there is no end of system calls")


def attempt(faults: Faults, folder: Path, number: int, target: str, error: int, sticky: bool) -> Save:
    """Save with a call failing."""
    path, before = prepared(folder, target, number)
    model, message = numbered(number + 1), None
    faults.arm(folder, number, error, sticky)
    try:
        model.save(path)
    except ModelFileError as problem:
        message = problem.message
    finally:
        call = faults.end()
    others = sorted(set(os.listdir(folder)) - {"model.h5", "link.h5"})
    return Save(target, error, sticky, call, message, before, number + 1, stored(folder), others, (folder / "link.h5").is_symlink())


def prepared(folder: Path, target: str, number: int) -> tuple[Path, int | None]:
    """The path to save to, and the number of the model that is there already."""
    for name in os.listdir(folder):
        (folder / name).unlink()
    if not target.endswith("no file"):
        numbered(number).save(folder / "model.h5")
    if target.startswith("a link"):
        (folder / "link.h5").symlink_to(folder / "model.h5")
        return folder / "link.h5", stored(folder)
    return folder / "model.h5", stored(folder)


def numbered(number: int) -> mlpkit.Model:
    """A model with a number in all its weights."""
    model = mlpkit.Model(SPEC, inputs=2, outputs=2)
    model.network.parameters.vector[:] = number
    return model


def stored(folder: Path) -> int | None:
    """The number of the model that is there."""
    if not (folder / "model.h5").exists():
        return None
    return int(mlpkit.load(folder / "model.h5").network.parameters.vector[0])


if __name__ == "__main__":
    raise SystemExit(main())
