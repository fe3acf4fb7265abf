"""Columns on disk: numbers, numbers that are made of other values, and texts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mlpkit.data.coded_column import CodedColumn, CodedTexts, Codes, Text
from mlpkit.data.disk.block_reader import Bytes, Extent, unreadable

MOST_TEXTS = 2**20  # different texts of a column, which are in memory


@dataclass(frozen=True)
class StoredColumn:
    """Column of numbers or dates, stored in some of the bytes of each row of an extent.

    Attributes
    ----------
    extent : Extent
    at : int
        Offset of the column in the bytes of a row.
    dtype : numpy.dtype
    width : int
        Number of values per row.
    """

    extent: Extent
    at: int
    dtype: np.dtype[Any]
    width: int = 1

    def view(self, raw: Bytes, rows: int) -> NDArray[Any]:
        """Return the column, shape (rows, width), as a view of the bytes of rows of its extent."""
        strides = self.extent.record, self.dtype.itemsize
        return np.ndarray((rows, self.width), self.dtype, raw.data, self.at, strides)

    def followed_by(self, other: StoredColumn) -> bool:
        """Return True if another column begins where this one ends, so that both can be read as one."""
        ends = self.at + self.width * self.dtype.itemsize
        return (self.extent, self.dtype, ends) == (other.extent, other.dtype, other.at)


@dataclass(frozen=True)
class ConvertedColumn:
    """Numbers that are made of the values of a stored column, such as the numbers of its texts or the parts of its dates.

    Attributes
    ----------
    stored : StoredColumn
    convert : callable
        Returns the numbers, shape (rows, width), of stored values, shape (rows,).
    width : int
    """

    stored: StoredColumn
    convert: Callable[[NDArray[Any]], NDArray[np.float64]]
    width: int

    @property
    def extent(self) -> Extent:
        """Rows that the column is read from."""
        return self.stored.extent

    def view(self, raw: Bytes, rows: int) -> NDArray[np.float64]:
        """Return the numbers, shape (rows, width), of the bytes of rows of the extent."""
        return self.convert(self.stored.view(raw, rows)[:, 0])


Readable: TypeAlias = "StoredColumn | ConvertedColumn"


@dataclass(frozen=True)
class StoredTexts:
    """Column of texts, which only libhdf5 can read."""

    dataset: Any
    path: str

    def read(self, rows: slice) -> NDArray[Any]:
        """Return some of the rows as an object array."""
        try:
            found: NDArray[Any] = self.dataset[rows]
        except (OSError, RuntimeError, ValueError, TypeError, KeyError) as error:
            raise unreadable(self.path, error) from error
        return found


@dataclass(frozen=True)
class StoredCodes:
    """Column of texts whose codes are on disk.

    Attributes
    ----------
    texts : sequence of str or None
        Texts by code. The code NaN is that of the first one.
    codes : StoredColumn
    ordered : bool
        True if the texts are in the order of their first rows, and each is used.
    """

    texts: Sequence[Text]
    codes: StoredColumn
    ordered: bool = True

    def indices(self, stored: NDArray[Any]) -> Codes:
        """Return the indices of the texts of stored codes."""
        codes: Codes = np.nan_to_num(stored, nan=0.0).astype(np.intp)
        return codes

    def column(self, stored: NDArray[Any]) -> CodedColumn:
        """Return the texts of rows with the given codes."""
        codes = self.indices(stored)
        if len(self.texts) <= len(codes):
            used = np.flatnonzero(np.bincount(codes, minlength=len(self.texts)))
            rank = np.empty(len(self.texts), np.intp)
            rank[used] = np.arange(len(used))
            codes = rank[codes]
        else:
            used, codes = np.unique(codes, return_inverse=True)
        return CodedColumn(CodedTexts(codes, [self.texts[code] for code in used.tolist()]))


def stripes(columns: Sequence[Readable]) -> list[Readable]:
    """Return the columns with adjacent ones joined, so that a matrix is read as one column."""
    joined: list[Readable] = []
    for column in columns:
        last = joined[-1] if joined else None
        if isinstance(last, StoredColumn) and isinstance(column, StoredColumn) and last.followed_by(column):
            joined.pop()
            column = StoredColumn(last.extent, last.at, last.dtype, last.width + column.width)
        joined.append(column)
    return joined
