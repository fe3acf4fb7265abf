"""StoredTable: named columns that stay on disk and are read in blocks of rows.

It has the methods of Table that select rows and columns, so that splits and targets need no separate code.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mlpkit.data.coded_column import CodedColumn, CodedTexts
from mlpkit.data.disk.columns import Readable, StoredCodes, StoredColumn, StoredTexts
from mlpkit.data.table import Rows, Table, UnusableColumn, data_error, missing_columns
from mlpkit.data.written_numbers import AnyNotation
from mlpkit.errors import DataError
from mlpkit.text.column_names import unique

BLOCK = 2**19  # bytes read at once: fits in a core's cache, and is enough for sequential disk reads
BLOCKS = 8  # blocks of a Table; creating a Table takes as long as reading a few blocks
TEXT = 64  # least bytes that a text takes in memory
Span = tuple[int, int]  # first row, and last row + 1
AnyColumn: TypeAlias = StoredColumn | StoredCodes | StoredTexts | UnusableColumn


@dataclass(frozen=True)
class StoredTable:
    """Ordered, named columns in a file.

    Attributes
    ----------
    columns : mapping of str to StoredColumn, StoredCodes, StoredTexts or UnusableColumn
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
    declared : mapping of str to bool
        As for a `Table`.
    """

    columns: Mapping[str, AnyColumn]
    source: str
    named: bool
    stored: int
    index: Rows | None = None
    units: Mapping[str, AnyNotation] = field(default_factory=dict)
    shards: tuple[tuple[str, ...], Rows] | None = None
    text_file: bool = False
    declared: Mapping[str, bool] = field(default_factory=dict)

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

    @property
    def texts(self) -> tuple[str, ...]:
        """Names of the columns of texts."""
        return tuple(name for name, column in self.columns.items() if isinstance(column, (StoredCodes, StoredTexts)))

    def __contains__(self, name: object) -> bool:
        return name in self.columns

    def numbers(self, names: Sequence[str]) -> list[StoredColumn]:
        """Return some of the columns. Raise DataError if one does not exist, or holds texts or dates."""
        self.check(names)
        found = []
        for name in names:
            column = self.columns[name]
            if not isinstance(column, StoredColumn) or column.dtype.kind not in "biuf":
                holds = "texts" if not isinstance(column, StoredColumn) else "dates" if column.dtype.kind == "M" else str(column.dtype)
                message = f"the input {name!r} of {self.source} holds {holds}, which cannot be read from disk as numbers"
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
        columns: dict[str, AnyColumn] = {}
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
        self.check(names)
        columns: dict[str, Any] = {}
        start = 0
        coded = {name: column for name in names if isinstance(column := self.columns[name], StoredCodes)}
        others = [name for name in names if name not in coded]
        for block in self.tables([(0, self.rows)], others) if others else ():
            for name, values in block.columns.items():
                if not start:
                    columns[name] = np.empty((self.rows, *values.shape[1:]), values.dtype)
                columns[name][start : start + block.rows] = values
            start += block.rows
        columns |= {name: self._texts(column) for name, column in coded.items()}
        numbers = np.arange(self.rows, dtype=np.int32) if self.index is None and self.rows < 2**31 else self.index
        return self.in_memory({name: columns[name] for name in names}, numbers).with_units(self.units)

    def _texts(self, column: StoredCodes) -> CodedColumn:
        """Return the texts of all rows of a column."""
        codes, start = np.empty(self.rows, np.int32), 0  # half of the memory of indices
        for [part] in self.blocks([(0, self.rows)], [column.codes], max(1, BLOCK // column.codes.extent.record)):
            codes[start : start + len(part)] = column.indices(part[:, 0])
            start += len(part)
        whole = self.index is None and column.ordered
        return CodedColumn(CodedTexts(codes, column.texts, ordered=True)) if whole else column.column(codes)

    def in_memory(self, columns: Mapping[str, Any], numbers: NDArray[Any] | None) -> Table:
        """Return columns of some of the rows as a table that knows the file of each row."""
        declared = {name: self.declared[name] for name in columns if name in self.declared}
        table = Table(columns, source=self.source, named=self.named, numbers=numbers, text_file=self.text_file, declared=declared)
        table.by_line = False
        if self.shards is not None:
            table.files, table.starts = self.shards
        return table

    def check(self, names: Sequence[str]) -> None:
        """Raise DataError for columns that do not exist or cannot be used."""
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
        found = [column for name in names if not isinstance(column := self.columns[name], UnusableColumn)]
        stored = [column.codes if isinstance(column, StoredCodes) else column for column in found if not isinstance(column, StoredTexts)]
        return self.step_of(stored, TEXT * (len(found) - len(stored)))

    def step_of(self, columns: Sequence[Readable], others: int = 0) -> int:
        """Return the number of rows in a block of columns with as many other bytes per row."""
        return max(1, BLOCK // max(1, others + sum(extent.record for extent in {column.extent for column in columns})))

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

    def blocks(self, spans: Sequence[Span], columns: Sequence[Readable], step: int) -> Iterator[list[NDArray[Any]]]:
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
        found = {name: column for name in names if isinstance(column := self.columns[name], (StoredColumn, StoredCodes))}
        step = BLOCKS * self.step(names)
        stored = [column.codes if isinstance(column, StoredCodes) else column for column in found.values()]
        blocks = self.blocks(spans, stored, step)
        for (start, stop), chosen in self.places(spans, step):
            parts = dict(zip(found, next(blocks) if found else (), strict=True))
            columns: dict[str, Any] = {}
            for name in names:
                column = self.columns[name]
                if isinstance(column, StoredTexts):
                    columns[name] = column.read(slice(start, stop))[chosen]
                elif isinstance(column, StoredCodes):
                    columns[name] = column.column(parts[name][:, 0])
                elif isinstance(column, StoredColumn):
                    columns[name] = parts[name].copy()
            yield self.in_memory(columns, np.arange(start, stop)[chosen])
