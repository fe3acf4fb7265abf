"""`python -m tests.fuzz.kill --kills 2000`: processes that save models are killed, and a whole model must be there each time.

A child saves one model after the other onto one path; the number of each stands in every one of its weights. It notes
in shared memory how far it is, so that what must be on the disk is known when it dies: the model before, the new one,
or, while one takes the other's place, either.
"""

from __future__ import annotations

import argparse
import mmap
import os
import random
import re
import signal
import struct
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # before numpy comes: a process with threads should not be forked

import mlpkit

MAKING, WRITING, FLUSHING, REPLACING, FINISHING = range(5)
PHASES = ("making the file in memory", "writing", "flushing", "replacing the old file", "flushing the folder")
SPEC = {"network": {"layers": [{"units": 1000, "activation": "relu"}]}, "loss": "mean_squared_error", "optimizer": "sgd"}
INPUTS = 1000
STATE = struct.Struct("Q")  # of the machine's own form: its eight bytes are written at once
MOST_MISSED = 2  # phases that no kill may have come in
LONGEST = (0.0, 0.0001, 0.001, 0.005)  # seconds that a killer waits at most in the phase that it aims at


class Progress:
    """Progress of a child in shared memory: the model that it saves, and the phase."""

    def __init__(self) -> None:
        self.memory = mmap.mmap(-1, STATE.size)

    def tell(self, turn: int, phase: int) -> None:
        STATE.pack_into(self.memory, 0, turn * len(PHASES) + phase)

    def seen(self) -> tuple[int, int]:
        """The number of the model and the phase."""
        return divmod(STATE.unpack_from(self.memory)[0], len(PHASES))


def main() -> int:
    """The command line; exit code 1 when a model was lost, or kills came in too few of the phases."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.kill", description="Kill processes that save models.")
    parser.add_argument("--kills", type=int, default=100, help="how many")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        met = kill_often(Path(folder) / "model.h5", options.kills, random.Random(options.seed))
    for (phase, found, left), count in sorted(met.items()):
        print(f"{count:6} while {PHASES[phase]}: the {found} model is there, {left} temporary files")
    missed = set(range(len(PHASES))) - {phase for phase, _, _ in met}
    print(f"{met.total()} kills, a whole model each time" + "".join(f"; none while {PHASES[phase]}" for phase in missed))
    return 1 if len(missed) > MOST_MISSED else 0


def kill_often(path: Path, kills: int, rng: random.Random) -> Counter[tuple[int, str, int]]:
    """Kill children that save onto a path; how often each phase, model and number of temporary files was met.

    Raises
    ------
    AssertionError
        What is there is not what must be there.
    """
    model, progress = mlpkit.Model(SPEC, inputs=INPUTS, outputs=1000), Progress()
    save(model, path, 0)
    met: Counter[tuple[int, str, int]] = Counter()
    for _ in range(kills):
        turn = stored_turn(path)
        pid = child(lambda turn=turn: save_for_ever(model, path, turn + 1, progress), progress, turn)
        met[kill(pid, path, progress, rng)] += 1
    return met


def child(job: Callable[[], Any], progress: Progress, turn: int) -> int:
    """A process that does a job; its number."""
    progress.tell(turn, FINISHING)
    pid = os.fork()
    if pid == 0:
        try:
            job()
        finally:
            sys.excepthook(*sys.exc_info())
            os._exit(1)
    return pid


def save(model: mlpkit.Model, path: Path, turn: int) -> None:
    """Save a model whose weights are all its number."""
    model.network.parameters.vector[:] = turn
    model.save(path)


def save_for_ever(model: mlpkit.Model, path: Path, turn: int, progress: Progress) -> None:
    """Save models, and tell how far each is."""
    now = [turn]
    for name, before, after in (("open", WRITING, WRITING), ("fsync", FLUSHING, REPLACING), ("replace", REPLACING, FINISHING)):
        setattr(os, name, telling(getattr(os, name), progress, now, before, after))
    while True:
        progress.tell(now[0], MAKING)
        save(model, path, now[0])
        now[0] += 1


def telling(function: Callable[..., Any], progress: Progress, now: list[int], before: int, after: int) -> Callable[..., Any]:
    """A function of `os` that tells the phase; what comes once the new file is in its place belongs to the last one."""

    def called(*arguments: Any, **options: Any) -> Any:
        turn, phase = progress.seen()
        if phase == FINISHING and turn == now[0]:
            return function(*arguments, **options)
        progress.tell(now[0], before)
        result = function(*arguments, **options)
        progress.tell(now[0], after)
        return result

    return called


def kill(pid: int, path: Path, progress: Progress, rng: random.Random) -> tuple[int, str, int]:
    """Kill a child somewhere in a phase that is drawn, and look at what is there."""
    aim, saves = rng.randrange(len(PHASES)), rng.randrange(1, 3)
    first = progress.seen()[0]
    while progress.seen() < (first + saves, aim):
        if os.waitpid(pid, os.WNOHANG)[0]:
            raise AssertionError("the child ended by itself")
    moment = time.monotonic() + rng.uniform(0, rng.choice(LONGEST))
    while time.monotonic() < moment:
        pass
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    turn, phase = progress.seen()
    found = stored_turn(path)
    possible = {MAKING: {turn - 1}, WRITING: {turn - 1}, FLUSHING: {turn - 1}, REPLACING: {turn - 1, turn}, FINISHING: {turn}}
    if found not in possible[phase]:
        raise AssertionError(f"model {found} is there, killed while {PHASES[phase]} of {turn}")
    left = temporary_files(path, pid)
    if left > (phase in (WRITING, FLUSHING, REPLACING)):
        raise AssertionError(f"{left} temporary files, killed while {PHASES[phase]}")
    return phase, "new" if found == turn else "old", left


def stored_turn(path: Path) -> int:
    """The number of the model that is on the disk, all of whose weights must say it."""
    vector = mlpkit.load(path).network.parameters.vector
    if not (vector == vector[0]).all():
        raise AssertionError("a model of two halves")
    return int(vector[0])


def temporary_files(path: Path, pid: int) -> int:
    """Delete the temporary files that a child left and return their number; no other file may be there."""
    others = [name for name in os.listdir(path.parent) if name != path.name]
    for name in others:
        if not re.fullmatch(rf"\.{re.escape(path.name)}\.{pid}-[0-9a-f]+\.tmp", name):
            raise AssertionError(f"a file that nobody expects: {name}")
        (path.parent / name).unlink()
    return len(others)


if __name__ == "__main__":
    raise SystemExit(main())
