"""Rows: what is done to a matrix row by row, without an allocation and in the form that NumPy is fast at.

NumPy's own reductions over the last axis are slow where that axis is short, and the units of a last layer are few; and
its maximum of a matrix and a number takes three times as long as that of a matrix and a row.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from mlpkit.plugin import Array

SMALL = 2048  # numbers in a matrix up to which a row has no advantage over one number
FEW = 8  # rows up to which a reduction is as fast as anything
NARROW = 32  # columns up to which a matrix is turned to reduce it (512 x 10: 7 times as fast), and from which a row pays


def row_max(array: Array, scratch: Array, out: Array) -> None:
    """Fill `out`, shape (rows,), with the maximum of each row of `array`, shape (rows, columns).

    `scratch` is a contiguous array of the same shape, whose numbers are lost.
    """
    rows, columns = array.shape
    if columns > NARROW or rows < FEW:
        np.maximum.reduce(array, axis=1, out=out)
        return
    turned = scratch.reshape(columns, rows)
    turned[...] = array.T
    np.maximum.reduce(turned, axis=0, out=out)


def row_sum(array: Array, out: Array) -> None:
    """Fill `out`, shape (rows,), with the sum of each row of `array`, shape (rows, columns): a product with ones."""
    array.dot(_row(1.0, array.shape[1], array.dtype), out)


def at_least(array: Array, lowest: Array, out: Array) -> None:
    """Fill `out` with the larger of each number of a matrix and `lowest`, shape (); NaN stays NaN."""
    if array.size > SMALL and array.shape[1] >= NARROW:
        lowest = _row(float(lowest), array.shape[1], array.dtype)
    np.maximum(array, lowest, out=out)


@lru_cache(maxsize=64)
def _row(value: float, columns: int, dtype: np.dtype[np.floating]) -> Array:
    row = np.full(columns, value, dtype)
    row.flags.writeable = False
    return row
