"""Threads: the number that a run has, and work that is shared out to them.

The number is what `use` (and `mlpkit train --threads`) sets, else the variable MLPKIT_THREADS, else OMP_NUM_THREADS or
OPENBLAS_NUM_THREADS, else the cores that this process may use by its affinity and the quota of its control group. A run
whose products are all small uses one thread unless one of them says otherwise: a second one does not pay there.
Whoever starts several runs at once sets the number for each of them.

A BLAS adds in another order on another number of threads, which changes the last bits. So a run has the number that it
began with to its end, and a run that is resumed has it too. NumPy's BLAS has one number for the whole process: the
number of the first run holds for the runs that begin beside it, until the last of them has ended.

A forked child trains as its parent does. A fork while another thread of the parent trains is not safe with OpenBLAS, which
ends its threads at a fork: the product that they were at hangs. Fork between two epochs, or spawn.
"""

from __future__ import annotations

import ctypes
import importlib
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from contextvars import copy_context
from functools import cache
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

from mlpkit.errors import TrainingError

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

LARGE = 2**20  # multiplications in a product from which a second thread pays
SPLIT = 2**18  # multiplications in a product of two matrices up to which OpenBLAS uses one thread, however many it has
LONG = 2**13  # numbers in what is multiplied with a vector, up to which it does too
VARIABLES = ("MLPKIT_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")

_used: int | None = None


def use(count: int | None) -> None:
    """Train with so many threads from now on in this process; None: as the environment says, or as many as pay.

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
    """The number that somebody has set; None when nobody has.

    Raises
    ------
    TrainingError
        A variable is not a number.
    """
    if _used is not None:
        return _used
    for name in VARIABLES:
        if text := os.environ.get(name):
            if text.isascii() and text.isdigit() and int(text):
                return int(text)
            if name == VARIABLES[0]:
                raise TrainingError(f"the variable {name} is {text!r}", help="give a number of threads from 1 on, or unset it")
    return None


def cores() -> int:
    """Return the cores that this process may use: those of its affinity, and no more than its control group's quota pays for."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, int(min(allowed, _quota(Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")))))


def _quota(groups: Path, root: Path) -> float:
    """Return the processors that the control groups of this process allow, infinity without a limit.

    Parameters
    ----------
    groups : Path
        The file in which Linux lists the groups of a process.
    root : Path
        The folder in which their files stand: ``cpu.max`` in version 2, ``cpu.cfs_quota_us`` in version 1.
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
    """Return the processors that one control group allows."""
    for names in (("cpu.max",), ("cpu.cfs_quota_us", "cpu.cfs_period_us")):
        with suppress(OSError, ValueError, ZeroDivisionError):
            quota, period = " ".join((group / name).read_text() for name in names).split()
            return float("inf") if quota == "max" or int(quota) <= 0 else int(quota) / int(period)
    return float("inf")


# -- matrix products


@cache
def _openblas(package: str = "numpy") -> tuple[Callable[[], int], Callable[[int], None]] | None:
    """Return what reads and what sets the number of threads of the OpenBLAS that a package's wheels bring; None with another BLAS."""
    site = Path(str(importlib.import_module(package).__file__)).parents[1]
    for folder in (f"{package}.libs", f"{package}/.dylibs"):
        for path in (site / folder).glob("lib*openblas*"):
            for prefix, ending in product(("scipy_", ""), ("64_", "")):  # "" before NumPy 1.26 and SciPy 1.14
                with suppress(OSError, AttributeError):
                    library = ctypes.CDLL(str(path))
                    names = (f"{prefix}openblas_{act}_num_threads{ending}" for act in ("get", "set"))
                    get, set_to = (getattr(library, name) for name in names)
                    return get, set_to
    return None


@contextmanager
def blas_threads(package: str, count: int) -> Iterator[None]:
    """Return a context in which the BLAS of a package uses so many threads, for the whole process; no effect on another BLAS.

    Parameters
    ----------
    package : str
        A package whose wheels bring an OpenBLAS of their own: "scipy". That of NumPy is set by the runs.
    count : int
    """
    blas = _openblas(package)
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
    """The threads of one run.

    Parameters
    ----------
    large : bool
        Whether a second thread pays.
    split : bool
        Whether the BLAS, left alone, would share out its products.
    """

    def __init__(self, large: bool, split: bool) -> None:
        self.large, self.split = large, split

    def begin(self, again: int | None = None) -> int:
        """Return the number of threads of a run that begins.

        Parameters
        ----------
        again : int, optional
            The number of a run that goes on, which holds unless somebody has set another one.
        """
        wanted = chosen() or again or (cores() if self.large else 1)
        return _process.begin(self, wanted) if self.large or self.split else wanted

    def products(self) -> AbstractContextManager[None]:
        """Return a context in which the matrix products are on the threads of the run; of no use without `split`."""
        return _process.products()

    def close(self) -> None:
        """Let the number go, which another run may then set."""
        _process.end(self)


class _Process:
    """The number of threads that all runs of this process have their products on, and how many are at work just now."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.runs: set[Share] = set()  # those that have begun and not ended
        self.number = 1
        self.working = 0
        self.before = 0  # what the BLAS is set back to when none is at work

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
        blas = _openblas()
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
        """Begin anew in a forked child: the threads and the runs of its parent are not there, and a lock may be held for ever."""
        self.lock = threading.Lock()
        self.runs.clear()
        working, self.working = self.working, 0
        if working and (blas := _openblas()) is not None:
            blas[1](self.before)


_process = _Process()


# -- what works on each number by itself


@cache
def _pool(count: int) -> ThreadPoolExecutor:
    from concurrent.futures import ThreadPoolExecutor

    return ThreadPoolExecutor(count, thread_name_prefix="mlpkit")


def in_parallel(function: Callable[[slice], None], size: int, count: int, piece: int | None = None) -> None:
    """Call a function with slices that cover `size` numbers: `count` shares of them side by side.

    Parameters
    ----------
    function : callable
        Spends its time in NumPy, which lets other threads work meanwhile.
    size, count : int
    piece : int, optional
        The most numbers in a slice, so that they stay in a core's cache; a share when left out.
    """
    if count == 1:
        _work(function, range(size), piece)
        return
    from concurrent.futures import wait

    shares = [range(size * number // count, size * (number + 1) // count) for number in range(count)]
    others = [_pool(count - 1).submit(copy_context().run, _work, function, share, piece) for share in shares[1:]]  # NumPy's error state
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
    """Return whether OpenBLAS, left alone, would use several threads for batches of `rows` rows and weights of some shapes."""
    return any(rows * inputs * units > SPLIT or max(rows, inputs) * max(inputs, units) > LONG for inputs, units in shapes)


def _after_fork() -> None:
    _pool.cache_clear()  # the threads of the parent's pool are not in the child
    _process.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
