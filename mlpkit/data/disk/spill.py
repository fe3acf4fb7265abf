"""Rows of text files, Parquet and shards on disk: they are read once, a batch at a time, and kept in a temporary file of equal records.

A column of the first batch decides on its form: numbers are float64, integers of the target int64, and texts the codes of their values,
which are in memory once each.
"""

from __future__ import annotations

import os
import tempfile
import weakref
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from mlpkit.data.coded_column import coded
from mlpkit.data.column_types import BOOLEANS
from mlpkit.data.columns import object_column
from mlpkit.data.csv.text_column import TextColumn
from mlpkit.data.disk.block_reader import OpenFile, PlainExtent
from mlpkit.data.disk.table import StoredColumn, StoredTable, StoredTexts
from mlpkit.data.joined_tables import all_missing
from mlpkit.data.table import Table, UnusableColumn, column_width, data_error

BATCH = 2**14  # rows that are converted at once
MOST_TEXTS = 2**20  # different texts of a column, which are in memory
MISSING = {"f": np.nan, "M": np.datetime64("NaT")}  # by the kind of numbers that can be missing
SAME = 'write all files with the same types; or set "in_memory" to true'


def spill(tables: Iterable[Table], source: str, whole: Collection[str]) -> StoredTable:
    """Return the rows of tables as a table on disk. Its file is removed when the table is no longer used.

    Parameters
    ----------
    tables : iterable of Table
        Batches of rows of the same columns.
    source : str
        Name of the files, for errors.
    whole : collection of str
        Columns of labels: numbers of text files are kept as texts too, if they have few different values, and integers as integers.

    Raises
    ------
    DataError
        A column has values of another kind than in the first batch; or the temporary file cannot be written.
    """
    handle, path = tempfile.mkstemp(prefix="mlpkit-rows-")
    try:
        with os.fdopen(handle, "wb") as stream:
            columns, written = _written(tables, stream, path, whole)
        file = OpenFile(path)
    except BaseException:
        os.unlink(path)
        raise
    _remove(path, file)
    record = sum(column.size for column in columns.values())
    extent = PlainExtent(file, 0, record, written.rows)
    found, at = {}, 0
    for name, column in columns.items():
        found[name] = column.stored(extent, at)
        at += column.size
    shards = tuple(written.files), np.array(written.starts)
    return StoredTable(found, source, written.named, written.rows, shards=shards, text_file=written.text_file)


def _remove(path: str, file: OpenFile) -> None:
    """Remove a file that is open; where that is impossible, as on Windows, at the end of the process."""
    try:
        os.unlink(path)
    except OSError:
        weakref.finalize(file, Path(path).unlink, missing_ok=True)


@dataclass
class _Written:
    """Files whose rows were written, the first row of each, and the number of rows."""

    files: list[str]
    starts: list[int]
    rows: int = 0
    named: bool = True
    text_file: bool = False

    def add(self, table: Table) -> None:
        """Count the rows of a batch."""
        if not self.files or self.files[-1] != table.source:
            self.files.append(table.source)
            self.starts.append(self.rows)
        self.rows += table.rows
        self.named, self.text_file = table.named, table.text_file


def _written(tables: Iterable[Table], stream: IO[bytes], path: str, whole: Collection[str]) -> tuple[dict[str, _Column], _Written]:
    """Write all rows; return the columns of the file, and what was written."""
    columns: dict[str, _Column] = {}
    written = _Written([], [])
    for table in tables:
        columns = columns or {name: _Column.of(name, table, name in whole) for name in table.names}
        if table.records:  # a key that a row lacks is a missing value
            columns |= {name: _Column.late(name, table) for name in table.names if name not in columns}
            table = table.with_missing_columns({name: column.width for name, column in columns.items() if name not in table})
        parts = [part for column in columns.values() for part in column.records(table)]
        try:
            stream.write(np.concatenate(parts, axis=1).data if parts else b"")  # none if no column can be used
        except OSError as error:
            message = f"the rows cannot be kept in {os.path.dirname(path)}: {error.strerror or error}"
            raise data_error(message, path, help="set TMPDIR to a folder with more space") from error
        written.add(table)
    return columns, written


@dataclass
class _Column:
    """Form of a column in the file.

    Attributes
    ----------
    name, first : str
        Name of the column, and of the first file.
    dtype : numpy.dtype or None
        Type of the numbers; None for texts alone, and for a column that cannot be used.
    width : int
    codes : dict of str or None to int, or None
        Code of each text; None for numbers alone.
    error : UnusableColumn or None
    """

    name: str
    first: str
    dtype: np.dtype[Any] | None
    width: int = 1
    codes: dict[str | None, int] | None = None
    error: UnusableColumn | None = None

    @classmethod
    def of(cls, name: str, table: Table, whole: bool) -> _Column:
        """Return the form of a column by its first batch."""
        values: Any = table.columns[name]
        if isinstance(values, UnusableColumn):
            return cls(name, table.source, None, error=values)
        if values.dtype == object:
            numeric = isinstance(values, TextColumn) and values.numbers() is not None
            if numeric:
                return cls(name, table.source, np.dtype(np.float64), codes={} if whole else None)
            flags = {text.lower() if text else "" for text in coded(values)[1]} <= BOOLEANS.keys()
            return cls(name, table.source, np.dtype(bool)) if flags and not whole else cls(name, table.source, None, codes={})
        integers = (np.uint64 if values.dtype == np.uint64 else np.int64) if whole else np.float64
        kinds = {"b": bool, "M": "datetime64[us]", **dict.fromkeys("iu", integers)}
        return cls(name, table.source, np.dtype(kinds.get(values.dtype.kind, np.float64)), column_width(values))

    @classmethod
    def late(cls, name: str, table: Table) -> _Column:
        """Return a column that the rows before a batch lack, and that thus cannot be used."""
        message = f"the column {name!r} of {table.source} is not in the first rows, which decide on the columns on disk"
        error = data_error(message, table.source, help=f'give the first row a value of {name!r}; or set "in_memory" to true')
        return cls(name, table.source, None, error=UnusableColumn(0, error))

    @property
    def size(self) -> int:
        """Bytes of a row."""
        return (0 if self.dtype is None else self.dtype.itemsize * self.width) + (0 if self.codes is None else 8)

    def records(self, table: Table) -> list[NDArray[np.uint8]]:
        """Return the values of a batch as bytes, shape (rows, bytes of a part)."""
        if self.error is not None:
            return []
        column = table[self.name]
        parts = [] if self.dtype is None else [self._numbers(column, table)]
        if self.codes is not None:
            parts.append(self._coded(column, table))
        return [np.ascontiguousarray(part).view(np.uint8).reshape(table.rows, -1) for part in parts]

    def _numbers(self, column: Any, table: Table) -> NDArray[Any]:
        assert self.dtype is not None
        values = column
        if column.dtype == object and self.dtype == bool:
            codes, texts = coded(column)
            known = [BOOLEANS.get(text.lower()) if text else None for text in texts]
            values = None if None in known else np.array(known, bool)[codes]
        elif column.dtype == object:
            values = column.numbers() if isinstance(column, TextColumn) else None
        if not self._fits(values):
            if self.dtype.kind in MISSING and all_missing(column):
                return np.full((table.rows, self.width), MISSING[self.dtype.kind], self.dtype)
            holds = {"b": "true and false", "M": "dates", **dict.fromkeys("iu", "whole numbers")}.get(self.dtype.kind, "numbers")
            message = f"the column {self.name!r} holds {holds} in {self.first}, but other values from {table.place(0)} on"
            raise data_error(message, table.source, help=SAME)
        return np.asarray(values.astype(self.dtype, copy=False))

    def _fits(self, values: Any) -> bool:
        """Return True if the numbers of a batch can be those of the file."""
        assert self.dtype is not None
        if values is None or column_width(values) != self.width:
            return False
        if self.dtype.kind in "iu":
            return values.dtype.kind in "iu" and np.can_cast(values.dtype, self.dtype)
        return values.dtype.kind in {"b": "b", "M": "M"}.get(self.dtype.kind, "iuf")

    def _coded(self, column: Any, table: Table) -> NDArray[np.int64]:
        assert self.codes is not None
        if all_missing(column):
            column = object_column([None] * table.rows)
        if column.dtype != object:
            message = f"the column {self.name!r} holds texts in {self.first}, but other values from {table.place(0)} on"
            raise data_error(message, table.source, help=SAME)
        if self.dtype is not None and len(self.codes) > MOST_TEXTS // 64:  # numbers, not labels
            return np.zeros(table.rows, np.int64)
        own, texts = coded(column)
        numbers = np.array([self.codes.setdefault(text, len(self.codes)) for text in texts], np.int64)
        if len(self.codes) > MOST_TEXTS:
            raise data_error(f"the column {self.name!r} has more than {MOST_TEXTS:,} different texts", table.source, help=SAME)
        return numbers[own]

    def stored(self, extent: PlainExtent, at: int) -> Any:
        """Return the column of the table on disk, from an offset of each row on."""
        if self.error is not None:
            return UnusableColumn(extent.rows, self.error.error)
        behind = at + (0 if self.dtype is None else self.dtype.itemsize * self.width)
        if self.codes is None or (self.dtype is not None and len(self.codes) > MOST_TEXTS // 64):
            assert self.dtype is not None
            return StoredColumn(extent, at, self.dtype, self.width)
        return SpilledTexts(list(self.codes), extent.file.path, StoredColumn(extent, behind, np.dtype(np.int64)))


@dataclass(frozen=True)
class SpilledTexts(StoredTexts):
    """Column of texts, whose codes are on disk."""

    def read(self, rows: slice) -> NDArray[Any]:
        """Implement `StoredTexts.read`."""
        assert self.codes is not None
        extent, count = self.codes.extent, rows.stop - rows.start
        raw = np.empty(count * extent.record, np.uint8)
        extent.read(rows.start, rows.stop, raw)
        found: NDArray[Any] = object_column(self.dataset)[self.codes.view(raw, count)[:, 0]]
        return found
