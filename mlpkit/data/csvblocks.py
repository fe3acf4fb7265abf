"""Blocks of rows of a CSV file: bytes with the places of their fields, all rows of a block found at once where they are plain.

A plain block has no quotes and as many separators in each line as the header. Every other is left to Python's csv module, row by
row, which also knows what is wrong in which line.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlpkit.data.decimals import BEFORE, Bytes, Places
from mlpkit.data.fields import BEHIND, Fields

_LINE_END, _RETURN = b"\n\r"
_SPACES = np.array([chr(byte).isspace() if byte < 128 else False for byte in range(256)])  # those of ASCII that str.strip takes away
_OTHER_SPACES = re.compile("[" + "".join(letter for letter in map(chr, range(128, 0x10000)) if letter.isspace()) + "]")


class Block(NamedTuple):
    """Some rows of a file.

    Attributes
    ----------
    data : array of bytes
    starts, ends : array of int, shape (columns, rows)
        Where the fields are, without the spaces around them.
    lines : array of int, shape (rows,)
        The line of the file that each row begins in.
    """

    data: Bytes
    starts: Places
    ends: Places
    lines: NDArray[np.int64]

    def part(self, rows: slice) -> Block:
        """Some of the rows."""
        return Block(self.data, self.starts[:, rows], self.ends[:, rows], self.lines[rows])

    def column(self, index: int) -> Fields:
        """The fields of one column."""
        return Fields(self.data, self.starts[index], self.ends[index])


def split_plain(raw: bytes, separator: str, columns: int, line: int) -> Block | None:
    """The rows of whole lines, all at once; None when they are not plain.

    Parameters
    ----------
    raw : bytes
    separator : str
    columns : int
    line : int
        The number of lines of the file before them.
    """
    if not _is_plain(raw, separator):
        return None
    data = _padded(raw if raw.endswith(b"\n") else raw + b"\n")
    inside = data[BEFORE : len(data) - BEHIND]
    marks = np.flatnonzero((inside == ord(separator)) | (inside == _LINE_END)) + BEFORE
    last = np.flatnonzero(data[marks] == _LINE_END)  # of each line
    starts, ends = np.empty((2, len(marks)), dtype=np.int32)
    starts[0], starts[1:], ends[:] = BEFORE, marks[:-1] + 1, marks
    ends[last] -= data[marks[last] - 1] == _RETURN
    counts = np.diff(last, prepend=-1)
    lines = np.arange(line + 1, line + 1 + len(counts))
    if (counts != columns).any():
        blank = (counts == 1) & (starts[last] == ends[last])
        if (counts[~blank] != columns).any():
            return None
        there = np.repeat(~blank, counts)
        starts, ends, lines = starts[there], ends[there], lines[~blank]
    if (ends - starts).max(initial=0) > csv.field_size_limit():
        return None
    _strip(data, starts, ends)
    return Block(data, _by_column(starts, columns), _by_column(ends, columns), lines)


def block_of(rows: Sequence[tuple[int, list[str]]]) -> Block:
    """A block of rows that were read one by one, each with its line."""
    lines, values = zip(*rows, strict=True)
    data = _padded("\0".join([*map(str.strip, chain.from_iterable(values)), ""]).encode())
    ends = (np.flatnonzero(data[BEFORE : len(data) - BEHIND] == 0) + BEFORE).astype(np.int32)
    starts = np.concatenate([np.array([BEFORE], np.int32), ends[:-1] + 1])
    columns = len(values[0])
    return Block(data, _by_column(starts, columns), _by_column(ends, columns), np.array(lines, np.int64))


def _by_column(places: Places, columns: int) -> Places:
    return np.ascontiguousarray(places.reshape(-1, columns).T)


def _padded(raw: bytes) -> Bytes:
    return np.frombuffer(b"".join([bytes(BEFORE), raw, bytes(BEHIND)]), np.uint8)


def _is_plain(raw: bytes, separator: str) -> bool:
    """Whether there is nothing that needs a second look, but for the number of separators."""
    if b'"' in raw or b"\0" in raw or not separator.isascii() or separator in '"\r\n':
        return False
    if b"\r" in raw and raw.count(b"\r") != raw.count(b"\r\n"):
        return False
    if raw.isascii():
        return True
    try:
        return _OTHER_SPACES.search(raw.decode()) is None
    except UnicodeDecodeError:
        return False


def _strip(data: Bytes, starts: Places, ends: Places) -> None:
    """Move the places past the spaces, in place."""
    left = np.flatnonzero(_SPACES[data[starts]] & (starts < ends))
    while len(left):
        starts[left] += 1
        left = left[_SPACES[data[starts[left]]] & (starts[left] < ends[left])]
    left = np.flatnonzero(_SPACES[data[ends - 1]] & (starts < ends))
    while len(left):
        ends[left] -= 1
        left = left[_SPACES[data[ends[left] - 1]] & (starts[left] < ends[left])]
