"""Blocks of rows of a CSV file: bytes with the offsets of their fields. A plain block is split at once.

A block is plain if each row has as many fields as the header, and quotes enclose whole fields. Any other block is read row by row
with Python's csv module, which also finds the line of an error.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlpkit.data.csv.fields import BEHIND, Fields
from mlpkit.data.csv.numbers import BEFORE, Bytes, Flags, Places
from mlpkit.numerics.blocks import row_blocks

BYTES = 2**16  # bytes compared at a time: the result fits in the cache
_LINE_END, _RETURN, _QUOTE = b'\n\r"'
_SPACES = np.array([chr(byte).isspace() if byte < 128 else False for byte in range(256)])  # the ASCII characters that str.strip removes
_LAST_SPACE = ord(" ")
OTHER_SPACES = re.compile("[\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]")


class Block(NamedTuple):
    """Rows of a file.

    Attributes
    ----------
    data : array of bytes
    starts, ends : array of int, shape (columns, rows)
        Offsets of the fields, without surrounding spaces.
    lines : array of int, shape (rows,)
        Number of the first line of each row.
    pointed : array of bool, shape (columns, rows), or None
        True for fields that are numbers with a point, in a file with decimal commas.
    """

    data: Bytes
    starts: Places
    ends: Places
    lines: NDArray[np.int64]
    pointed: Flags | None = None

    def part(self, rows: slice | Flags) -> Block:
        """Return some of the rows."""
        pointed = None if self.pointed is None else self.pointed[:, rows]
        return Block(self.data, self.starts[:, rows], self.ends[:, rows], self.lines[rows], pointed)

    def column(self, index: int) -> Fields:
        """Return the fields of one column."""
        pointed = None if self.pointed is None else self.pointed[index]
        return Fields(self.data, self.starts[index], self.ends[index], pointed)


def split_plain(raw: bytes, separator: str, columns: int, line: int) -> tuple[Block, int] | None:
    """Split complete lines at once; return their block and the number of the last line, or None if they are not plain.

    Parameters
    ----------
    raw : bytes
    separator : str
    columns : int
    line : int
        Number of lines of the file before them.
    """
    if not _may_be_plain(raw, separator):
        return None
    data = _padded(raw if raw.endswith(b"\n") else raw + b"\n")
    found = _marks(data, ord(separator), quoted=b'"' in raw)
    if found is None:
        return None
    marks, last, line_ends = found
    starts, ends = np.empty((2, len(marks)), dtype=np.int32)
    starts[0], starts[1:], ends[:] = BEFORE, marks[:-1], marks
    starts[1:] += 1
    if b"\r" in raw:
        ends[last] -= data[marks[last] - 1] == _RETURN
    lines = np.concatenate([[line], line + line_ends[:-1]]) + 1
    counts = np.diff(last, prepend=-1)
    if (counts != columns).any():
        blank = (counts == 1) & (starts[last] == ends[last])
        if (counts[~blank] != columns).any():
            return None
        kept = np.repeat(~blank, counts)
        starts, ends, lines = starts[kept], ends[kept], lines[~blank]
    if b'"' in raw:
        quoted = data[starts] == _QUOTE
        starts += quoted
        ends -= quoted
    _strip(data, starts, ends)
    return Block(data, _by_column(starts, columns), _by_column(ends, columns), lines), line + int(line_ends[-1])


def _marks(data: Bytes, separator: int, *, quoted: bool) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]] | None:
    """Return the offsets of the field ends, the indices of those that end a row, and the number of lines up to each row's end.

    Returns None if the quotes are irregular.
    """
    found = np.zeros(len(data), dtype=bool)
    for part in row_blocks(len(data) - BEHIND, BYTES):
        for byte in (separator, _LINE_END, *([_QUOTE] if quoted else [])):
            found[part] |= data[part] == byte
    marks = np.flatnonzero(found)
    kinds = data[marks]
    if not quoted:
        last = np.flatnonzero(kinds == _LINE_END)
        return marks, last, np.arange(1, len(last) + 1)
    quotes = kinds == _QUOTE
    if not _are_regular(data, marks[quotes], separator):
        return None
    free = ~quotes & (np.cumsum(quotes) % 2 == 0)
    last = np.flatnonzero(kinds[free] == _LINE_END)
    return marks[free], last, np.cumsum(kinds == _LINE_END)[free][last]


def _are_regular(data: Bytes, quotes: NDArray[np.intp], separator: int) -> bool:
    """Return True if each opening quote is the first byte of a field, each closing quote is the last, and no quotes are escaped."""
    before, behind = data[quotes[::2] - 1], data[quotes[1::2] + 1]
    opens = (before == separator) | (before == _LINE_END) | (quotes[::2] == BEFORE)
    closes = (behind == separator) | (behind == _LINE_END) | (behind == _RETURN)
    return len(quotes) % 2 == 0 and bool(opens.all() and closes.all())


def block_of(rows: Sequence[tuple[int, list[str]]]) -> Block:
    """Return a block of rows that were read one by one, each with its line."""
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


def _may_be_plain(raw: bytes, separator: str) -> bool:
    """Return True if the bytes may be a plain block. Quotes and the number of separators are checked later."""
    if b"\0" in raw or not separator.isascii() or separator in '"\r\n':
        return False
    if b"\r" in raw and raw.count(b"\r") != raw.count(b"\r\n"):
        return False
    if raw.isascii():
        return True
    try:
        return OTHER_SPACES.search(raw.decode()) is None
    except UnicodeDecodeError:
        return False


def _strip(data: Bytes, starts: Places, ends: Places) -> None:
    """Move the offsets past leading and trailing spaces, in place."""
    left = np.flatnonzero(data.take(starts) <= _LAST_SPACE)
    while len(left):
        left = left[_SPACES[data[starts[left]]] & (starts[left] < ends[left])]
        starts[left] += 1
    left = np.flatnonzero(data.take(ends - 1) <= _LAST_SPACE)
    while len(left):
        left = left[_SPACES[data[ends[left] - 1]] & (starts[left] < ends[left])]
        ends[left] -= 1
