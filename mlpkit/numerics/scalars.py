"""Scalars: numbers as arrays without dimensions, made once for each dtype.

NumPy combines a small array with one of them in half of the time that a Python float takes it.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from mlpkit.numerics.arrays import Array

ZERO = {dtype: np.zeros((), dtype) for dtype in map(np.dtype, ("float32", "float64"))}
ONE = {dtype: np.ones((), dtype) for dtype in map(np.dtype, ("float32", "float64"))}


@lru_cache(maxsize=256)
def scalar(value: float, dtype: np.dtype[np.floating]) -> Array:
    """A number that comes again in each step, such as a rate; not to be written to."""
    made = np.array(value, dtype)
    made.flags.writeable = False
    return made
