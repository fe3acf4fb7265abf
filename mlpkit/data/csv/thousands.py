"""Removal of separators of thousands from the numbers of a block's bytes, so that the rest of the reader handles one notation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mlpkit.data.csv.numbers import Bytes
from mlpkit.data.csv.splitter import Block

GROUP = 3  # digits between two separators
_DIGITS = np.isin(np.arange(256), list(b"0123456789"))
_SIGNS = np.isin(np.arange(256), list(b"+-"))


def without_thousands(block: Block, separator: str, decimal: str) -> Block:
    """Return the block with numbers such as 1,234,567.5 without their separators; others, such as 12,34, are left as they are."""
    data, mark = block.data, ord(separator)
    marks = data == mark
    if not marks.any():
        return block
    shape = block.starts.shape
    starts, ends = block.starts.ravel(), block.ends.ravel()
    begins = np.zeros(len(data), dtype=bool)
    begins[starts[starts < len(data)]] = True
    points = data == ord(decimal)
    wrong = ~(_DIGITS[data] | marks | points | (_SIGNS[data] & begins))
    places = np.flatnonzero(marks)
    wrong[places[~_between_groups(data, places, mark, begins)]] = True
    total, bad, decimals = (_counts(each) for each in (marks, wrong, points))
    fit = (total[ends] > total[starts]) & (bad[ends] == bad[starts]) & (decimals[ends] - decimals[starts] <= 1)
    chosen = np.flatnonzero(fit)
    if not len(chosen):
        return block
    first, last = starts[chosen].astype(np.int64), ends[chosen].astype(np.int64)
    lengths = last - first
    bytes_of = np.repeat(first - np.concatenate([[0], lengths.cumsum()[:-1]]), lengths) + np.arange(lengths.sum())
    kept = bytes_of[~marks[bytes_of]]
    moved = kept + np.repeat(total[last], lengths)[~marks[bytes_of]] - total[kept + 1]  # to the right, by the separators behind
    changed: Bytes = data.copy()
    changed[moved] = data[kept]
    new = block.starts.ravel().copy()
    new[chosen] += (total[last] - total[first]).astype(new.dtype)
    return block._replace(data=changed, starts=new.reshape(shape))


def _counts(chosen: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the number of chosen bytes before each byte, and before the end."""
    found = np.zeros(len(chosen) + 1, dtype=np.int64)
    np.cumsum(chosen, out=found[1:])
    return found


def _between_groups(data: Bytes, places: NDArray[np.intp], mark: int, begins: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return True for separators with three digits behind, no fourth one, and digits before them.

    These are three after another separator, or the first one to three of a field, after a sign.
    """
    behind = np.logical_and.reduce([_DIGITS[data[places + step]] for step in range(1, GROUP + 1)])
    behind &= ~_DIGITS[data[places + GROUP + 1]]
    right = np.zeros(len(places), dtype=bool)
    digits = np.ones(len(places), dtype=bool)
    for count in range(1, GROUP + 1):
        digits &= (places >= count) & _DIGITS[data[places - count]]
        right |= digits & (begins[places - count] | ((places > count) & begins[places - count - 1] & _SIGNS[data[places - count - 1]]))
    right |= digits & (places > GROUP) & (data[places - GROUP - 1] == mark)
    return np.asarray(behind & right)
