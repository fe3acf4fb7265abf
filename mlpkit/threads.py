"""Threads: the number of threads of a run, and parallel execution of elementwise work.

The number is set by `use` (and `mlpkit train --threads`), else by the variable MLPKIT_THREADS, else by OMP_NUM_THREADS or
OPENBLAS_NUM_THREADS, else it is the number of cores available by affinity and the quota of the control group. A run with small matrix
products uses one thread unless a number is set, because a second thread would not speed it up. Programs that start several runs at
once should set the number for each.

The order of summation in a BLAS depends on the number of threads, which changes the last bits. A run therefore keeps its number of
threads to the end, also after it is resumed. NumPy's BLAS has one number for the whole process: the number of the first run applies
to all runs that begin before the last of them has ended.

A forked child trains like its parent. A fork while another thread of the parent trains is not safe with OpenBLAS: it stops its threads
at a fork, and a running product hangs. Fork between two epochs, or use spawn.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from contextvars import ContextVar, copy_context
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from mlpkit.errors import TrainingError
from mlpkit.numerics.openblas import thread_functions

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

LARGE = 2**20  # multiplications of a product from which on a second thread is faster
SPLIT = 2**18  # multiplications of a matrix product up to which OpenBLAS uses one thread only
LONG = 2**13  # elements of a matrix up to which OpenBLAS multiplies it with a vector in one thread
VARIABLES = ("MLPKIT_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")

_used: int | None = None
_alone: ContextVar[bool] = ContextVar("alone", default=False)


def use(count: int | None) -> None:
    """Set the number of threads of all later runs in this process. None restores the default.

    Raises
    ------
    ValueError
        `count` is not at least 1.
    """
    global _used
    if count is not None and count < 1:
        raise ValueError(f"threads must be at least 1, not {count}")
    _used = count


def chosen() -> int | None:
    """Return the number of threads that was set, or None.

    Raises
    ------
    TrainingError
        The variable MLPKIT_THREADS is not a number.
    """
    if _alone.get() or _used is not None:
        return 1 if _alone.get() else _used
    for name in VARIABLES:
        if text := os.environ.get(name):
            if text.isascii() and text.isdigit() and int(text):
                return int(text)
            if name == VARIABLES[0]:
                raise TrainingError(f"the variable {name} is {text!r}", help="set it to a number of threads of at least 1, or unset it")
    return None


@contextmanager
def one_thread() -> Iterator[None]:
    """Return a context in which 1 is the chosen number of threads, as in a worker process."""
    token = _alone.set(True)
    try:
        yield
    finally:
        _alone.reset(token)


def cores() -> int:
    """Return the number of cores that this process may use, limited by its affinity and the quota of its control group."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, int(min(allowed, _quota(Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")))))


def _quota(groups: Path, root: Path) -> float:
    """Return the number of processors that the control groups of this process allow; infinity without a limit.

    Parameters
    ----------
    groups : Path
        File in which Linux lists the control groups of a process.
    root : Path
        Folder with the files of the groups: ``cpu.max`` in version 2, ``cpu.cfs_quota_us`` in version 1.
    """
    found = float("inf")
    with suppress(OSError, ValueError):
        for line in groups.read_text().splitlines():
            _, controllers, name = line.split(":", 2)
            if controllers and "cpu" not in controllers.split(","):
                continue
            folder = root / (controllers and "cpu") / name.lstrip("/")
            for group in (folder, *folder.parents):
                found = min(found, _quota_of(group))
                if group in (root, root / "cpu"):
                    break
    return found


def _quota_of(group: Path) -> float:
    """Return the number of processors that one control group allows."""
    for names in (("cpu.max",), ("cpu.cfs_quota_us", "cpu.cfs_period_us")):
        with suppress(OSError, ValueError, ZeroDivisionError):
            quota, period = " ".join((group / name).read_text() for name in names).split()
            return float("inf") if quota == "max" or int(quota) <= 0 else int(quota) / int(period)
    return float("inf")


# -- matrix products


@contextmanager
def blas_threads(package: str, count: int) -> Iterator[None]:
    """Return a context in which the BLAS of a package uses `count` threads in the whole process. Another BLAS is not affected.

    Parameters
    ----------
    package : str
        Package whose wheels include their own OpenBLAS, such as "scipy". The number of NumPy's is set by the runs.
    count : int
    """
    blas = thread_functions(package)
    if blas is None:
        yield
        return
    get, set_to = blas
    before = get()
    set_to(count)
    try:
        yield
    finally:
        set_to(before)


class Share:
    """Threads of one run.

    Parameters
    ----------
    large : bool
        True if a second thread speeds up the run.
    split : bool
        True if the BLAS would use several threads by default.
    """

    def __init__(self, large: bool, split: bool) -> None:
        self.large, self.split = large, split

    def begin(self, again: int | None = None) -> int:
        """Return the number of threads of a run that begins.

        Parameters
        ----------
        again : int, optional
            Number of threads before the run was resumed, used unless another number was set.
        """
        wanted = chosen() or again or (cores() if self.large else 1)
        return _process.begin(self, wanted) if self.large or self.split else wanted

    def products(self) -> AbstractContextManager[None]:
        """Return a context in which matrix products use the threads of the run. Not needed without `split`."""
        return _process.products()

    def close(self) -> None:
        """End the run, so that a later run may set another number."""
        _process.end(self)


class _Process:
    """State of all runs of this process: their common number of threads, and how many of them are computing."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.runs: set[Share] = set()  # active runs
        self.number = 1
        self.working = 0
        self.before = 0  # number to restore when no run is computing

    def begin(self, run: Share, wanted: int) -> int:
        with self.lock:
            if not self.runs:
                self.number = wanted
            self.runs.add(run)
            return self.number

    def end(self, run: Share) -> None:
        with self.lock:
            self.runs.discard(run)

    @contextmanager
    def products(self) -> Iterator[None]:
        blas = thread_functions()
        if blas is None:
            yield
            return
        get, set_to = blas
        with self.lock:
            self.working += 1
            if self.working == 1:
                self.before = get()
                set_to(self.number)
        try:
            yield
        finally:
            with self.lock:
                self.working -= 1
                if not self.working:
                    set_to(self.before)

    def after_fork(self) -> None:
        """Reset the state in a forked child, which has neither the parent's threads nor its runs; a lock may be held forever."""
        self.lock = threading.Lock()
        self.runs.clear()
        working, self.working = self.working, 0
        if working and (blas := thread_functions()) is not None:
            blas[1](self.before)


_process = _Process()


# -- elementwise work


@cache
def _pool(count: int) -> ThreadPoolExecutor:
    from concurrent.futures import ThreadPoolExecutor

    return ThreadPoolExecutor(count, thread_name_prefix="mlpkit")


def in_parallel(function: Callable[[slice], None], size: int, count: int, piece: int | None = None) -> None:
    """Call a function with slices that cover `size` elements, in `count` parallel shares.

    Parameters
    ----------
    function : callable
        Function that spends its time in NumPy, which releases Python's lock.
    size, count : int
    piece : int, optional
        Maximum length of a slice, so that it fits in a core's cache; by default the whole share.
    """
    if count == 1:
        _work(function, range(size), piece)
        return
    from concurrent.futures import wait

    shares = [range(size * number // count, size * (number + 1) // count) for number in range(count)]
    others = [
        _pool(count - 1).submit(copy_context().run, _work, function, share, piece) for share in shares[1:]
    ]  # copies NumPy's error state
    try:
        _work(function, shares[0], piece)
    finally:
        wait(others)
    for other in others:
        other.result()


def _work(function: Callable[[slice], None], share: range, piece: int | None) -> None:
    length = piece or len(share) or 1
    for start in share[::length]:
        function(slice(start, min(start + length, share.stop)))


def may_be_split(rows: int, shapes: Iterable[tuple[int, int]]) -> bool:
    """Return True if OpenBLAS by default uses several threads for batches of `rows` rows and weights of these shapes."""
    return any(rows * inputs * units > SPLIT or max(rows, inputs) * max(inputs, units) > LONG for inputs, units in shapes)


def _after_fork() -> None:
    _pool.cache_clear()  # the child does not have the threads of the parent's pool
    _process.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
