"""StoredTable: named columns that stay on disk and are read in blocks of rows.

It has the methods of Table that select rows and columns, so that splits and targets need no separate code.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpkit.data.coded_column import CodedColumn, CodedTexts
from mlpkit.data.columns import Column
from mlpkit.data.disk.block_reader import Bytes, Extent, unreadable
from mlpkit.data.table import Rows, Table, UnusableColumn, data_error, missing_columns
from mlpkit.data.written_numbers import AnyNotation
from mlpkit.errors import DataError
from mlpkit.text.column_names import unique

BLOCK = 2**19  # bytes read at once: fits in a core's cache, and is enough for sequential disk reads
BLOCKS = 8  # blocks of a Table; creating a Table takes as long as reading a few blocks
CODES = 2**14  # codes of texts that are read at once
TEXT = 64  # least bytes that a text takes in memory
Span = tuple[int, int]  # first row, and last row + 1


@dataclass(frozen=True)
class StoredColumn:
    """Numeric column, stored in some of the bytes of each row of an extent.

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
class StoredTexts:
    """Column of texts, which only libhdf5 can read; or their codes, by which `dataset` has the texts."""

    dataset: Any
    path: str
    codes: StoredColumn | None = None

    def select(self, table: StoredTable) -> CodedColumn:
        """Return the codes of all rows of a table, with their texts."""
        assert self.codes is not None
        codes, start = np.empty(table.rows, np.intp), 0
        for [part] in table.blocks([(0, table.rows)], [self.codes], CODES):
            codes[start : start + len(part)] = part[:, 0]
            start += len(part)
        return CodedColumn(CodedTexts(codes, self.dataset, ordered=table.index is None))

    def read(self, rows: slice) -> NDArray[Any]:
        """Return some of the rows as an object array."""
        try:
            found: NDArray[Any] = self.dataset[rows]
        except (OSError, RuntimeError, ValueError, TypeError, KeyError) as error:
            raise unreadable(self.path, error) from error
        return found


@dataclass(frozen=True)
class StoredTable:
    """Ordered, named columns in a file.

    Attributes
    ----------
    columns : mapping of str to StoredColumn, StoredTexts or UnusableColumn
    source : str
        Path of the file, for error messages.
    named : bool
        True if the user named the columns, as for a `Table`.
    stored : int
        Number of rows of the file.
    index : array of int, sorted, or None
        Rows of the file that belong to the table; None for all.
    units : mapping of str to Notation or Words
        As for a `Table`.
    shards : tuple of (tuple of str, array of int), or None
        Files that the rows come from, and the first row of each.
    text_file : bool
        True for texts of text files.
    """

    columns: Mapping[str, StoredColumn | StoredTexts | UnusableColumn]
    source: str
    named: bool
    stored: int
    index: Rows | None = None
    units: Mapping[str, AnyNotation] = field(default_factory=dict)
    shards: tuple[tuple[str, ...], Rows] | None = None
    text_file: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "columns", dict(zip(unique(list(self.columns)), self.columns.values(), strict=True)))

    @property
    def rows(self) -> int:
        """Number of rows of the table."""
        return self.stored if self.index is None else len(self.index)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns, in order."""
        return tuple(self.columns)

    def __contains__(self, name: object) -> bool:
        return name in self.columns

    def numbers(self, names: Sequence[str]) -> list[StoredColumn]:
        """Return some of the columns. Raise DataError if one does not exist, or holds texts or dates."""
        self._check(names)
        found = []
        for name in names:
            column = self.columns[name]
            if not isinstance(column, StoredColumn) or column.dtype.kind not in "biuf":
                message = f"the input {name!r} of {self.source} is not numeric, and only numeric columns can stay on disk"
                help = f'leave it out: "preprocessing": {{"columns": {{"{name}": "ignore"}}}}; or set "in_memory" to true'
                raise data_error(message, self.source, help=help)
            found.append(column)
        return found

    def take(self, rows: Rows) -> StoredTable:
        """Return a table with some of the rows, in order."""
        index = rows if self.index is None else self.index[rows]
        return replace(self, index=index)

    def separated(self) -> StoredTable:
        """Return the table with a column x0, x1 and so on for each value of a column x of several values per row."""
        columns: dict[str, StoredColumn | StoredTexts | UnusableColumn] = {}
        for name, column in self.columns.items():
            if isinstance(column, StoredColumn) and column.width > 1:
                size = column.dtype.itemsize
                single = (StoredColumn(column.extent, column.at + index * size, column.dtype) for index in range(column.width))
                columns |= {f"{name}{index}": one for index, one in enumerate(single)}
            else:
                columns[name] = column
        return replace(self, columns=columns)

    def with_units(self, units: Mapping[str, AnyNotation]) -> StoredTable:
        """Return the table with the notations of columns, in place of those that it has."""
        return replace(self, units=units)

    def select(self, names: Sequence[str]) -> Table:
        """Read some of the columns into memory. Raise DataError that names those that do not exist."""
        self._check(names)
        columns: dict[str, Any] = {}
        start = 0
        of_texts = {name: column for name in names if isinstance(column := self.columns[name], StoredTexts) and column.codes is not None}
        others = [name for name in names if name not in of_texts]
        for block in self.tables([(0, self.rows)], others) if others else ():
            for name, values in block.columns.items():
                if not start:
                    columns[name] = np.empty((self.rows, *values.shape[1:]), values.dtype)
                columns[name][start : start + block.rows] = values
            start += block.rows
        columns |= {name: column.select(self) for name, column in of_texts.items()}
        numbers = np.arange(self.rows, dtype=np.int32) if self.index is None and self.rows < 2**31 else self.index
        return self._in_memory({name: columns[name] for name in names}, numbers).with_units(self.units)

    def _in_memory(self, columns: Mapping[str, Any], numbers: NDArray[Any] | None) -> Table:
        """Return columns of some of the rows as a table that knows the file of each row."""
        table = Table(columns, source=self.source, named=self.named, numbers=numbers, text_file=self.text_file)
        table.by_line = False
        if self.shards is not None:
            table.files, table.starts = self.shards
        return table

    def _check(self, names: Sequence[str]) -> None:
        if missing := [name for name in names if name not in self.columns]:
            raise missing_columns(missing, self.names, self.source)
        for name in names:
            if isinstance(column := self.columns[name], UnusableColumn):
                raise DataError(column.error.message, help=column.error.help, problems=column.error.problems) from column.error

    def head(self, names: Sequence[str]) -> Table:
        """Return the first row of some of the columns, which shows their types and widths."""
        return self.take(np.zeros(1, np.intp)).select(names)

    # -- blocks

    def step(self, names: Sequence[str]) -> int:
        """Return the number of rows in a block of some of the columns."""
        found = [self.columns[name] for name in names]
        extents = {column.extent for column in found if isinstance(column, StoredColumn)}
        texts = TEXT * sum(isinstance(column, StoredTexts) for column in found)
        return max(1, BLOCK // max(1, texts + sum(extent.record for extent in extents)))

    def runs(self, names: Sequence[str]) -> NDArray[np.intp]:
        """Return the first row of the table in each block of the file, and the number of rows at the end."""
        step = self.step(names)
        edges = np.append(np.arange(0, self.stored, step), self.stored)
        return edges if self.index is None else np.unique(np.searchsorted(self.index, edges))

    def places(self, spans: Sequence[Span], step: int) -> Iterator[tuple[Span, slice | Rows]]:
        """Yield the blocks of the file that contain rows of the given spans of the table.

        Each item has the first row and last row + 1 in the file, and the indices of the table's rows among them.
        """
        for first, last in spans:
            while first < last:
                start = first if self.index is None else int(self.index[first])
                edge = start - start % step + step
                end = min(edge, last) if self.index is None else first + int(np.searchsorted(self.index[first:last], edge))
                if self.index is None:
                    yield (start, end), slice(None)
                else:
                    stop = int(self.index[end - 1]) + 1
                    yield (start, stop), slice(None) if stop - start == end - first else self.index[first:end] - start
                first = end

    def blocks(self, spans: Sequence[Span], columns: Sequence[StoredColumn], step: int) -> Iterator[list[NDArray[Any]]]:
        """Yield the rows of spans of the table, at most `step` at a time, each column as an array of shape (rows, width).

        The arrays are valid until the next block is requested.
        """
        longest = max((last - first for first, last in spans), default=0)
        size = min(step, longest) if self.index is None else step
        buffers = {extent: np.empty(size * extent.record, np.uint8) for extent in dict.fromkeys(column.extent for column in columns)}
        for (start, stop), chosen in self.places(spans, step):
            for extent, buffer in buffers.items():
                extent.read(start, stop, buffer[: (stop - start) * extent.record])
            yield [column.view(buffers[column.extent], stop - start)[chosen] for column in columns]

    def tables(self, spans: Sequence[Span], names: Sequence[str]) -> Iterator[Table]:
        """Yield the rows of spans as tables that own their data, text columns included."""
        found = [column for name in names if isinstance(column := self.columns[name], StoredColumn)]
        step = BLOCKS * self.step(names)
        blocks = self.blocks(spans, found, step)
        for (start, stop), chosen in self.places(spans, step):
            numbers = iter(next(blocks) if found else ())
            columns: dict[str, Column] = {}
            for name in names:
                column = self.columns[name]
                if isinstance(column, StoredTexts):
                    columns[name] = column.read(slice(start, stop))[chosen]
                elif isinstance(column, StoredColumn):
                    columns[name] = next(numbers).copy()
            yield self._in_memory(columns, np.arange(start, stop)[chosen])


def stripes(columns: Sequence[StoredColumn]) -> list[StoredColumn]:
    """Return the columns with adjacent ones joined, so that a matrix is read as one column."""
    joined: list[StoredColumn] = []
    for column in columns:
        if joined and joined[-1].followed_by(column):
            last = joined.pop()
            column = StoredColumn(last.extent, last.at, last.dtype, last.width + column.width)
        joined.append(column)
    return joined
