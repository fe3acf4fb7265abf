"""OpenBLAS in the wheels of NumPy and SciPy, by the addresses of its functions."""

from __future__ import annotations

import ctypes
import importlib
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

PREFIXES, ENDINGS = ("scipy_", ""), ("64_", "")  # of names; "" before NumPy 1.26 and SciPy 1.14


class OpenBLAS(NamedTuple):
    """Library that a package has loaded.

    Attributes
    ----------
    library : ctypes.CDLL
    prefix, ending : str
        Of the names of its functions. With the ending "64_", integers have 64 bits.
    """

    library: ctypes.CDLL
    prefix: str
    ending: str

    def function(self, name: str) -> Any:
        """Return a function by its usual name, such as "cblas_dgemm"."""
        return getattr(self.library, f"{self.prefix}{name}{self.ending}")


@cache
def openblas(package: str = "numpy") -> OpenBLAS | None:
    """Return the OpenBLAS in a package's wheels; None with another BLAS."""
    site = Path(str(importlib.import_module(package).__file__)).parents[1]
    for folder in (f"{package}.libs", f"{package}/.dylibs"):
        for path in (site / folder).glob("lib*openblas*"):
            with suppress(OSError):
                library = ctypes.CDLL(str(path))
                for prefix, ending in product(PREFIXES, ENDINGS):
                    if hasattr(library, f"{prefix}openblas_get_num_threads{ending}"):
                        return OpenBLAS(library, prefix, ending)
    return None


@cache
def thread_functions(package: str = "numpy") -> tuple[Callable[[], int], Callable[[int], None]] | None:
    """Return functions that get and set the number of threads of a package's OpenBLAS; None with another BLAS."""
    blas = openblas(package)
    return None if blas is None else (blas.function("openblas_get_num_threads"), blas.function("openblas_set_num_threads"))
