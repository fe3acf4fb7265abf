"""Blocks of rows: what needs a temporary value per row works in blocks, so that the temporary does not grow with the batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

BLOCK = 2048  # rows: one float64 per row is 16 kB, which stays in the first-level cache


def row_blocks(rows: int, block: int = BLOCK) -> Iterator[slice]:
    """Slices of at most `block` rows that cover `rows` rows in order."""
    for start in range(0, rows, block):
        yield slice(start, min(start + block, rows))


def blocks(*arrays: Any) -> Sequence[tuple[Any, ...]]:
    """Views of at most `BLOCK` rows of each array; the arrays themselves where they have no more rows."""
    rows = len(arrays[0])
    if rows <= BLOCK:
        return (arrays,)
    return [tuple(array[part] for array in arrays) for part in row_blocks(rows)]
