"""Matrix product of the OpenBLAS that NumPy has loaded, for calls from C."""

from __future__ import annotations

import ctypes
from typing import NamedTuple

import numpy as np

from mlpkit.numerics.openblas import openblas


class Gemm(NamedTuple):
    """Address of cblas_sgemm or cblas_dgemm; `wide` is True if its integers have 64 bits."""

    address: int
    wide: bool


def gemm(dtype: np.dtype[np.floating]) -> Gemm | None:
    """Return the matrix product for float32 or float64; None if NumPy has another BLAS than OpenBLAS in its wheels."""
    blas = openblas()
    if blas is None:
        return None
    function = blas.function("cblas_sgemm" if dtype == np.float32 else "cblas_dgemm")
    return Gemm(ctypes.cast(function, ctypes.c_void_p).value or 0, blas.ending == "64_")
