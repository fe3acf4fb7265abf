"""Rows: what is done to a matrix row by row, without an allocation and in the form that NumPy is fast at.

NumPy's own reductions over the last axis are slow where that axis is short, and the units of a last layer are few; and
its maximum of a matrix and a number takes three times as long as that of a matrix and a row.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import DTypeLike

from mlpkit.numerics.arrays import Array

TINY = 64  # numbers in a matrix up to which it is compared with one number as fast as with a matrix
SMALL = 4096  # numbers in a matrix up to which it is compared with a matrix
FEW = 8  # rows up to which a reduction is as fast as anything
NARROW = 32  # columns up to which a matrix is turned to reduce it (512 x 10: 7 times as fast), and from which a row pays


def row_max(array: Array, scratch: Array, out: Array) -> None:
    """Fill `out`, shape (rows,), with the maximum of each row of `array`, shape (rows, columns).

    `scratch` is an array of the same shape and order, whose numbers are lost.
    """
    rows, columns = array.shape
    by_columns = array.strides[0] < array.strides[1]
    if by_columns or columns > NARROW or rows < FEW:
        np.maximum.reduce(array, axis=1, out=out)
        return
    turned = scratch.reshape(columns, rows)
    turned[...] = array.T
    np.maximum.reduce(turned, axis=0, out=out)


def row_sum(array: Array, out: Array) -> None:
    """Fill `out`, shape (rows,), with the sum of each row of `array`, shape (rows, columns): a product with ones."""
    if array.strides[0] < array.strides[1]:  # some rows of columns that stand together would be copied for the product
        np.add.reduce(array, axis=1, out=out)
    else:
        array.dot(row_of(1.0, array.shape[1], array.dtype), out)


def with_rows(ufunc: np.ufunc, array: Array, of_row: Array, out: Array) -> None:
    """Fill `out` with what a function of two numbers makes of each number of a matrix and the one of its row, shape (rows,)."""
    if array.strides[0] < array.strides[1]:  # column by column: some rows of them would be copied to be broadcast
        for column, filled in zip(array.T, out.T, strict=True):
            ufunc(column, of_row, filled)
    else:
        ufunc(array, of_row[:, None], out)


def at_least(array: Array, lowest: Array, out: Array) -> None:
    """Fill `out` with the larger of each number of a matrix and `lowest`, shape (); NaN stays NaN."""
    if array.size <= TINY:
        np.maximum(array, lowest, out=out)
        return
    if array.strides[0] < array.strides[1]:  # columns stand together
        array, out = array.T, out.T
    rows, columns = array.shape
    if array.size <= SMALL:
        lowest = row_of(float(lowest), array.size, array.dtype).reshape(rows, columns)
    elif columns >= NARROW:
        lowest = row_of(float(lowest), columns, array.dtype)
    np.maximum(array, lowest, out=out)


@lru_cache(maxsize=64)
def row_of(value: float, columns: int, dtype: np.dtype[np.floating]) -> Array:
    """A row of one number, which is made once and cannot be written to."""
    row = np.full(columns, value, dtype)
    row.flags.writeable = False
    return row


def augmentable(rows: int, columns: int, dtype: DTypeLike) -> Array:
    """Zeros of shape (rows, columns) with a last column of ones, whose weight is a bias."""
    made: Array = np.zeros((rows, columns + 1), dtype)
    made[:, columns] = 1.0
    return made


def augment(array: Array) -> Array:
    """A copy of an array of shape (rows, columns) with a last column of ones."""
    rows, columns = array.shape
    made = augmentable(rows, columns, array.dtype)
    made[:, :-1] = array
    return made
