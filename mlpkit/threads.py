"""Threads: how many of the processor's cores a run uses, so that it is fast alone and does not fight with its neighbours.

A matrix product of less than a million multiplications is as fast on one thread, so a run whose products are all smaller
uses one. A larger run uses every core that the process may use, divided by the number of such runs of one user on the
machine: two processes with two threads each on two cores take more than twice as long as with one (measured). `use`,
or the variable MLPKIT_THREADS, sets the number instead; OMP_NUM_THREADS and OPENBLAS_NUM_THREADS are kept to as well.

A BLAS adds in another order on another number of threads, which changes the last bits. So a run has the number that it
began with to its end, and a run that is resumed has it too.
"""

from __future__ import annotations

import ctypes
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from contextvars import copy_context
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

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
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


# -- matrix products


@cache
def _openblas() -> tuple[Callable[[], int], Callable[[int], None]] | None:
    """Reads and sets the number of threads of the OpenBLAS that NumPy's wheels bring; None with another BLAS."""
    for folder in ("numpy.libs", "numpy/.dylibs"):
        for path in (Path(np.__file__).parents[1] / folder).glob("libscipy_openblas*"):
            for ending in ("64_", ""):
                with suppress(OSError, AttributeError):
                    library = ctypes.CDLL(str(path))
                    return getattr(library, f"scipy_openblas_get_num_threads{ending}"), getattr(
                        library, f"scipy_openblas_set_num_threads{ending}"
                    )
    return None


@contextmanager
def products_on(count: int) -> Iterator[None]:
    """Matrix products on so many threads, where NumPy's BLAS can be told."""
    blas = _openblas()
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
    """Whether OpenBLAS, left alone, would use several threads for batches of `rows` rows and weights of some shapes."""
    return any(rows * inputs * units > SPLIT or max(rows, inputs) * max(inputs, units) > LONG for inputs, units in shapes)


# -- side by side


class Share:
    """The threads of one run.

    Parameters
    ----------
    large : bool
        Whether a second thread pays.
    """

    def __init__(self, large: bool) -> None:
        self.large = large
        self.neighbours: Neighbours | None = None

    def count(self) -> int:
        """How many there are for a run that begins now: those that somebody has set, or its share of the cores."""
        if self.large and self.neighbours is None:
            self.neighbours = Neighbours()
        if (count := chosen()) is not None:
            return count
        return 1 if self.neighbours is None else max(1, cores() // (1 + self.neighbours.count()))

    def close(self) -> None:
        """Leave the cores to the others."""
        if self.neighbours is not None:
            self.neighbours.close()
            self.neighbours = None


class Neighbours:
    """The large runs of one user on this machine. Each keeps a lock on a file as long as it is; a dead process has none.

    Where files cannot be locked, a run knows of no other.
    """

    def __init__(self) -> None:
        self.folder = Path(tempfile.gettempdir()) / f"mlpkit-{_user()}"
        self.name = f"{os.getpid()}-{time.monotonic_ns()}"
        self.descriptor: int | None = None
        with suppress(OSError, ImportError):
            self.folder.mkdir(mode=0o700, exist_ok=True)
            if self.folder.stat().st_uid == _user():
                self.descriptor = _locked(self.folder / self.name, os.O_CREAT | os.O_EXCL)

    def count(self) -> int:
        """How many there are besides this one."""
        if self.descriptor is not None:
            with suppress(OSError):
                return sum(_is_alive(path) for path in self.folder.iterdir() if path.name != self.name)
        return 0

    def close(self) -> None:
        """Be none of them any more."""
        if self.descriptor is not None:
            os.close(self.descriptor)
            self.descriptor = None
            with suppress(OSError):
                (self.folder / self.name).unlink()


def _user() -> int:
    return os.getuid() if hasattr(os, "getuid") else 0


def _locked(path: Path, flags: int = 0) -> int:
    """The descriptor of a file that this process has locked; BlockingIOError when another one has."""
    import fcntl

    descriptor = os.open(path, os.O_RDWR | flags, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _is_alive(path: Path) -> bool:
    """Whether a run has a lock on its file; the file of one that has died is removed."""
    try:
        descriptor = _locked(path)
    except BlockingIOError:
        return True
    except OSError:
        return False
    path.unlink(missing_ok=True)
    os.close(descriptor)
    return False
