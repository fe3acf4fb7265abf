"""Conversion of decimal commas to decimal points in a block's bytes, so that the rest of the reader handles one notation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mlpkit.data.csv.numbers import Bytes
from mlpkit.data.csv.splitter import Block

_COMMA, _POINT = b",."
_DIGITS = np.isin(np.arange(256), list(b"0123456789"))
_OF_NUMBERS = _DIGITS | np.isin(np.arange(256), list(b"+-eE,."))


def with_points(block: Block) -> Block:
    """Return the block with the comma of each number replaced by a point, and with a flag for numbers that already have a point.

    The flagged fields are not read as numbers, because 1.234 may mean 1234.
    """
    data = block.data
    commas, points = data == _COMMA, data == _POINT
    if not (commas.any() or points.any()):
        return block
    starts, ends = block.starts, block.ends
    numeric = (_count(~_OF_NUMBERS[data], starts, ends) == 0) & (_count(_DIGITS[data], starts, ends) > 0)
    pointed = numeric & (_count(points, starts, ends) > 0)
    with_comma = numeric & ~pointed & (_count(commas, starts, ends) == 1)
    first, last = starts[with_comma], ends[with_comma]
    order = np.argsort(first)
    first, last = first[order], last[order]
    places = np.flatnonzero(commas)
    owner = np.searchsorted(first, places, "right") - 1
    inside = (owner >= 0) & (places < last[owner]) if len(first) else np.zeros(len(places), dtype=bool)
    changed: Bytes = data.copy()
    changed[places[inside]] = _POINT
    return block._replace(data=changed, pointed=pointed)


def _count(flags: NDArray[np.bool_], starts: NDArray[np.int32], ends: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return the number of flagged bytes of each field."""
    total = np.zeros(len(flags) + 1, dtype=np.int32)
    np.cumsum(flags, out=total[1:])
    return np.asarray(total[ends] - total[starts])
