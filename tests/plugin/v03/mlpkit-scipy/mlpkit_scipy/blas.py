"""SciPy's BLAS on one thread: on several it adds long vectors up in another order, and the last bits are others."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path


@cache
def _openblas() -> tuple[Callable[[], int], Callable[[int], None]] | None:
    """Reads and sets the number of threads of the OpenBLAS that SciPy's wheels bring; None with another BLAS."""
    import scipy

    for folder in ("scipy.libs", "scipy/.dylibs"):
        for path in (Path(scipy.__file__).parents[1] / folder).glob("lib*openblas*"):
            for prefix in ("scipy_", ""):  # "" before SciPy 1.14
                with suppress(OSError, AttributeError):
                    library = ctypes.CDLL(str(path))
                    return getattr(library, f"{prefix}openblas_get_num_threads"), getattr(library, f"{prefix}openblas_set_num_threads")
    return None


@contextmanager
def one_thread() -> Iterator[None]:
    """SciPy's vectors on one thread, where its BLAS can be told. The passes over the rows are NumPy's, and keep theirs."""
    blas = _openblas()
    if blas is None:
        yield
        return
    get, set_to = blas
    before = get()
    set_to(1)
    try:
        yield
    finally:
        set_to(before)
