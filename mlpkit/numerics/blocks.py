"""Blocks of rows, so that temporary arrays with one value per row do not grow with the batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

BLOCK = 2048  # rows: one float64 per row is 16 kB, which fits in the L1 cache
CELLS = 8192  # elements of a temporary array that fits in the L1 cache


def row_blocks(rows: int, block: int = BLOCK) -> Iterator[slice]:
    """Yield slices of at most `block` rows that cover `rows` rows in order."""
    for start in range(0, rows, block):
        yield slice(start, min(start + block, rows))


def cell_blocks(array: Any) -> Iterator[slice]:
    """Yield slices of rows of a matrix, or of a vector, that hold about `CELLS` elements each and cover it in order."""
    return row_blocks(len(array), max(1, CELLS // array.shape[1]) if array.ndim > 1 else CELLS)


def blocks(*arrays: Any) -> Sequence[tuple[Any, ...]]:
    """Return views of at most `BLOCK` rows of each array, or the arrays themselves if they have no more rows."""
    rows = len(arrays[0])
    if rows <= BLOCK:
        return (arrays,)
    return [tuple(array[part] for array in arrays) for part in row_blocks(rows)]


def step_blocks(lr: Any, *arrays: Any) -> Iterator[tuple[Any, ...]]:
    """Yield the learning rate of a block, a number or an array, and the views of about `CELLS` elements of arrays of one shape.

    A step that works by them needs temporary arrays of one block only, and reads each array from memory once.
    """
    for part in cell_blocks(arrays[0]):
        yield (lr[part] if isinstance(lr, np.ndarray) else lr, *[array[part] for array in arrays])
