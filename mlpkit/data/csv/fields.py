"""Fields of a column, stored as offsets into a buffer of bytes. Numbers are read without creating Python strings.

A buffer is a block of a file. Texts are compared as bytes, eight at a time. A categorical column then creates one string per
category and buffer, not one per row.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from mlpkit.data.csv.numbers import Bytes, Flags, Places, Vector, Words, gather, read_decimals

Codes: TypeAlias = NDArray[np.intp]  # integer code of each row's text

BEHIND = 64  # bytes after the last text; columns with longer texts are coded in Python
FEW = 128  # Python reads fewer rows than this faster one by one; blocks of very wide tables have few
_FACTOR = np.uint64(0x9E3779B97F4A7C15)  # 2**64 divided by the golden ratio (multiplicative hashing: products differ in their upper bits)
_BUCKETS = 16  # bits of a bucket's index


@dataclass(frozen=True)
class Fields:
    """Texts between offsets of a buffer, with `BEFORE` bytes before the first text and `BEHIND` bytes after the last.

    Attributes
    ----------
    data : array of bytes
        UTF-8 without NUL.
    starts, ends : array of int, shape (rows,)
    pointed : array of bool, shape (rows,), or None
        True for texts that look like numbers but are not read as numbers; None if there are none.
    """

    data: Bytes
    starts: Places
    ends: Places
    pointed: Flags | None = None

    def __len__(self) -> int:
        return len(self.starts)

    def texts(self) -> list[str]:
        """Return the text of each row."""
        if len(self) < FEW:
            return [self.text(row) for row in range(len(self))]
        data = self.data.tobytes()
        return [data[start:end].decode() for start, end in zip(self.starts.tolist(), self.ends.tolist(), strict=True)]

    def text(self, row: int) -> str:
        """Return the text of one row."""
        return self.data[self.starts[row] : self.ends[row]].tobytes().decode()

    def rows_with(self, text: str) -> NDArray[np.intp]:
        """Return the rows that have a text."""
        wanted = text.encode()
        rows = np.flatnonzero(self.ends - self.starts == len(wanted))
        for index, byte in enumerate(wanted):
            rows = rows[self.data[self.starts[rows] + index] == byte]
        return rows

    def numbers(self, missing: Collection[str]) -> tuple[Vector, Flags]:
        """Return the texts as numbers, NaN for missing values, and a boolean array of texts that are not numbers."""
        values, unknown = self._numbers(missing)
        if self.pointed is not None:
            pointed = self.pointed.copy()
            for text in missing:
                pointed[self.rows_with(text)] = False
            unknown = unknown | pointed
        return values, unknown

    def _numbers(self, missing: Collection[str]) -> tuple[Vector, Flags]:
        if len(self) < FEW:
            known = [np.nan if text in missing else _float(text) for text in self.texts()]
            return np.array(known, dtype=np.float64), np.array([value is None for value in known])
        values, unknown = read_decimals(self.data, self.starts, self.ends)
        rows = np.flatnonzero(unknown)
        if len(rows):
            codes, texts = self.coded if len(rows) == len(self) else Fields(self.data, self.starts[rows], self.ends[rows]).coded
            found = [np.nan if text in missing else _float(text) for text in texts]
            unknown[rows] = np.array([value is None for value in found])[codes]
            values[rows] = np.array(found, dtype=np.float64)[codes]  # None becomes NaN
        for text in missing:
            if (value := _float(text)) is not None and value == value:
                values[self.rows_with(text)] = np.nan
        return values, unknown

    @cached_property
    def coded(self) -> tuple[Codes, list[str]]:
        """Integer code of each row's text, and the texts by code, in the order of their first rows."""
        longest = int((self.ends - self.starts).max(initial=0))
        if longest > BEHIND or len(self) < FEW:
            number_of: dict[str, int] = {}
            codes = [number_of.setdefault(text, len(number_of)) for text in self.texts()]
            return np.array(codes, dtype=np.intp), list(number_of)
        owners = _owners(self._words(max(1, -(-longest // 8))))
        first = owners == np.arange(len(owners))
        return (np.cumsum(first) - 1)[owners], [self.text(row) for row in np.flatnonzero(first).tolist()]

    def _words(self, count: int) -> list[Words]:
        """Return the texts as `count` integers of eight bytes each, padded with zeros."""
        lengths = self.ends - self.starts
        words = gather(self.data, self.starts, count)
        used = [np.minimum(np.maximum(8 * (lengths - 8 * index), 0), 64).astype(np.uint64) for index in range(count)]
        return [word & ~(np.uint64(2**64 - 1) << bits) for word, bits in zip(words, used, strict=True)]


def _float(text: str) -> float | None:
    """Return the number that a text stands for, or None. 1_000, which only Python reads as a number, gives None."""
    try:
        return None if "_" in text else float(text)
    except ValueError:
        return None


def _owners(words: list[Words]) -> Codes:
    """Return, for each row, the first row that has the same words.

    Each round hashes the remaining rows into buckets and resolves the rows that equal the first row of their bucket.
    """
    owners = np.empty(len(words[0]), dtype=np.intp)
    left = np.arange(len(owners))
    first = np.empty(2**_BUCKETS, dtype=np.intp)
    mixed = words[0] * _FACTOR
    for word in words[1:]:
        mixed = ((mixed ^ (mixed >> np.uint64(32))) + word) * _FACTOR
    while len(left):
        bucket = mixed[left] >> np.uint64(64 - _BUCKETS)
        first[bucket[::-1]] = left[::-1]  # reversed, so that the first row of a bucket is written last
        owner = first[bucket]
        same = np.logical_and.reduce([word[left] == word[owner] for word in words])
        owners[left[same]] = owner[same]
        left = left[~same]
        mixed[left] *= _FACTOR
    return owners
