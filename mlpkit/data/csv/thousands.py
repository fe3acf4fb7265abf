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
    total = np.zeros(len(data) + 1, dtype=np.int64)
    np.cumsum(marks, out=total[1:])
    places = np.flatnonzero(marks)
    wrong = np.zeros(len(data) + 1, dtype=np.int64)
    wrong[places[~_between_groups(data, places, mark, ord(decimal))] + 1] = 1
    wrong[1:] |= ~(_DIGITS[data] | _SIGNS[data] | marks | (data == ord(decimal)))
    np.cumsum(wrong, out=wrong)
    chosen = np.flatnonzero((total[ends] > total[starts]) & (wrong[ends] == wrong[starts]))
    chosen = chosen[_begins_well(data, starts[chosen], mark)]
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


def _between_groups(data: Bytes, places: NDArray[np.intp], mark: int, decimal: int) -> NDArray[np.bool_]:
    """Return True for separators with a digit before, three digits behind, and no fourth one."""
    digits = [_DIGITS[data[places + step]] for step in (-1, 1, 2, 3)]
    return np.asarray(np.logical_and.reduce(digits) & ~_DIGITS[data[places + GROUP + 1]])


def _begins_well(data: Bytes, starts: NDArray[np.int32], mark: int) -> NDArray[np.bool_]:
    """Return True for numbers of one to three digits, after a sign, before the first separator."""
    at = starts + _SIGNS[data[starts]]
    found = np.zeros(len(starts), dtype=bool)
    for digits in range(1, GROUP + 1):
        whole = np.logical_and.reduce([_DIGITS[data[at + step]] for step in range(digits)])
        found |= whole & (data[at + digits] == mark)
    return found
