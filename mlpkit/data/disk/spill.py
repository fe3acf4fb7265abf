"""Rows of text files, Parquet and shards on disk: they are read once, a batch at a time, and kept in a temporary file of equal records.

The first batch with a value decides on the form of a column: numbers are float64, integers of the target int64, booleans and dates those
of NumPy, and texts are the codes of their values, which are in memory once each.
"""

from __future__ import annotations

import json
import os
import tempfile
import weakref
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from mlpkit.data.coded_column import Codes, coded
from mlpkit.data.coded_values import coded_values
from mlpkit.data.csv.text_column import TextColumn
from mlpkit.data.disk.block_reader import OpenFile, PlainExtent
from mlpkit.data.disk.columns import MOST_TEXTS, StoredCodes, StoredColumn
from mlpkit.data.disk.table import AnyColumn, StoredTable
from mlpkit.data.joined_tables import all_missing
from mlpkit.data.table import Table, UnusableColumn, column_width, data_error
from mlpkit.errors import DataError

BATCH = 2**14  # rows that are converted at once
MOST_LABELS = MOST_TEXTS // 64  # different numbers of a column that may be labels
CODE = np.dtype(np.float64)  # of a code
FLAGS = ("False", "True", None)  # by the byte of a boolean
MISSING = {"f": np.nan, "M": np.datetime64("NaT")}  # by the kind of numbers that can be missing
SAME = 'write all files with the same types; or set "in_memory" to true'


def spill(tables: Iterable[Table], source: str, labels: Collection[str] = (), categories: Collection[str] = ()) -> StoredTable:
    """Return the rows of tables as a table on disk. Its file is removed when the table is no longer used.

    Parameters
    ----------
    tables : iterable of Table
        Batches of rows of the same columns.
    source : str
        Name of the files, for errors.
    labels : collection of str
        Columns of the target: numbers of text files are kept as texts too, if they have few different values, and integers as integers.
    categories : collection of str
        Columns whose values are kept as texts, also if they are numbers.

    Raises
    ------
    DataError
        A column has values of another kind than in the first batch; or the temporary file cannot be written.
    """
    handle, path = tempfile.mkstemp(prefix="mlpkit-rows-")
    try:
        with os.fdopen(handle, "wb") as stream:
            columns, written = _written(tables, stream, path, labels, categories)
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
    table = StoredTable(found, source, written.named, written.rows, shards=shards, text_file=written.text_file)
    return replace(table, declared=written.declared)


def _remove(path: str, file: OpenFile) -> None:
    """Remove a file that is open; where that is impossible, as on Windows, at the end of the process."""
    try:
        os.unlink(path)
    except OSError:
        weakref.finalize(file, Path(path).unlink, missing_ok=True)


@dataclass
class _Written:
    """Files whose rows were written, the first row of each, the number of rows, and what the tables declare."""

    files: list[str]
    starts: list[int]
    rows: int = 0
    named: bool = True
    text_file: bool = False
    declared: dict[str, bool] = field(default_factory=dict)

    def add(self, table: Table) -> None:
        """Count the rows of a batch."""
        if not self.files or self.files[-1] != table.source:
            self.files.append(table.source)
            self.starts.append(self.rows)
        self.rows += table.rows
        self.declared |= table.declared
        self.named, self.text_file = table.named, table.text_file


def _written(
    tables: Iterable[Table], stream: IO[bytes], path: str, labels: Collection[str], categories: Collection[str]
) -> tuple[dict[str, _Column], _Written]:
    """Write all rows; return the columns of the file, and what was written."""
    columns: dict[str, _Column] = {}
    written = _Written([], [])
    for table in tables:
        columns = columns or {name: _Column.of(name, table, labels, categories) for name in table.names}
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
    decided : bool
        False as long as no row has a value, so that it may still become a column of texts.
    category : bool
        True for values that are categories, also if they are numbers.
    gaps : bool
        True for booleans of which some are missing.
    """

    name: str
    first: str
    dtype: np.dtype[Any] | None
    width: int = 1
    codes: dict[str | None, int] | None = None
    error: UnusableColumn | None = None
    decided: bool = True
    category: bool = False
    gaps: bool = False

    @classmethod
    def of(cls, name: str, table: Table, labels: Collection[str], categories: Collection[str]) -> _Column:
        """Return the form of a column by its first batch."""
        values: Any = table.columns[name]
        label = name in labels
        category = not label and (name in categories or name in table.declared)
        if isinstance(values, UnusableColumn):
            return cls(name, table.source, None, error=values)
        decided = label or not all_missing(values)
        if category or (decided and _has_texts(values)):
            return cls(name, table.source, None, codes={}, category=category)
        if values.dtype == object:
            return cls(name, table.source, np.dtype(np.float64), codes={} if label else None, decided=decided)
        integers = (np.uint64 if values.dtype == np.uint64 else np.int64) if label else np.float64
        kinds = {"b": bool, "M": "datetime64[us]", **dict.fromkeys("iu", integers)}
        return cls(name, table.source, np.dtype(kinds.get(values.dtype.kind, np.float64)), column_width(values), decided=decided)

    @classmethod
    def late(cls, name: str, table: Table) -> _Column:
        """Return a column that the rows before a batch lack, and that thus cannot be used."""
        message = f"the column {name!r} of {table.source} is not in the first rows, which decide on the columns on disk"
        help = f'give the first row {name!r}, which may be null; or name the inputs in data.inputs; or set "in_memory" to true'
        error = data_error(message, table.source, help=help)
        return cls(name, table.source, None, error=UnusableColumn(0, error))

    @property
    def size(self) -> int:
        """Bytes of a row."""
        return (0 if self.dtype is None else self.dtype.itemsize * self.width) + (0 if self.codes is None else CODE.itemsize)

    def records(self, table: Table) -> list[NDArray[np.uint8]]:
        """Return the values of a batch as bytes, shape (rows, bytes of a part)."""
        if self.error is not None:
            return [np.zeros((table.rows, self.size), np.uint8)] if self.size else []
        column = table[self.name]
        if not self.decided and not all_missing(column):
            self.decided = True
            if _has_texts(column) or column.dtype.kind == "b":
                self.dtype, self.codes = None, {None: 0}  # the rows before have the code NaN
        parts = [] if self.dtype is None else [self._numbers(column, table)]
        if self.codes is not None:
            parts.append(self._coded(column, table))
        return [np.ascontiguousarray(part).view(np.uint8).reshape(table.rows, -1) for part in parts]

    def _numbers(self, column: Any, table: Table) -> NDArray[Any]:
        assert self.dtype is not None
        if self.dtype == bool and not self._fits(column) and (all_missing(column) or _are_flags(column)):
            self.gaps = True
            codes, texts = (np.zeros(len(column), np.intp), [None]) if column.dtype != object else coded(column)
            return np.array([FLAGS.index(text) for text in texts], np.uint8)[codes]
        values = column
        if column.dtype == object:
            values = column.numbers() if isinstance(column, TextColumn) else None
        if not self._fits(values):
            if self.dtype.kind in MISSING and all_missing(column):
                return np.full((table.rows, self.width), MISSING[self.dtype.kind], self.dtype)
            raise self._other_values(column, table)
        return np.asarray(values.astype(self.dtype, copy=False))

    def _other_values(self, column: Any, table: Table) -> DataError:
        """Return the error for a batch with values of another kind."""
        assert self.dtype is not None
        holds = {"b": "true and false", "M": "dates", **dict.fromkeys("iu", "whole numbers")}.get(self.dtype.kind, "numbers")
        known = f"the column {self.name!r} holds {holds} in {self.first}"
        row = column.first_other() if self.dtype.kind == "f" and isinstance(column, TextColumn) else None
        if row is None:
            return data_error(f"{known}, but other values from {table.place(0)} on", table.source, help=SAME)
        marks = f'"missing": {json.dumps([column[row]], ensure_ascii=False)}'
        cure = f"if it stands for a missing value, add it to data.missing: {marks}; or, if these are categories"
        help = f'correct it; {cure}: "preprocessing": {{"columns": {{"{self.name}": "one_hot"}}}}'
        return table.error(f"{known}, but {table.place(row)} has {column[row]!r}", row, help)

    def _fits(self, values: Any) -> bool:
        """Return True if the numbers of a batch can be those of the file."""
        assert self.dtype is not None
        if values is None or column_width(values) != self.width:
            return False
        if self.dtype.kind in "iu":
            return values.dtype.kind in "iu" and np.can_cast(values.dtype, self.dtype)
        return values.dtype.kind in {"b": "b", "M": "M"}.get(self.dtype.kind, "iuf")

    def _coded(self, column: Any, table: Table) -> NDArray[np.float64]:
        """Return the codes of a batch, NaN for numbers that are no labels."""
        assert self.codes is not None
        if self.dtype is not None and len(self.codes) > MOST_LABELS:
            return np.full(table.rows, np.nan)
        own, texts = self._values(column, table)
        found = np.array([self.codes.setdefault(text, len(self.codes)) for text in texts], CODE)
        if self.dtype is None and len(self.codes) > MOST_TEXTS:
            self.error, self.codes = UnusableColumn(0, self._too_many(table)), {}
        return found[own]

    def _values(self, column: Any, table: Table) -> tuple[Codes, Sequence[str | None]]:
        """Return the code of each row of a batch among the texts of the batch, and these texts."""
        if all_missing(column):
            return np.zeros(table.rows, np.intp), [None]
        if column.dtype != object and column.dtype.kind != "b" and not self.category:
            message = f"the column {self.name!r} holds texts in {self.first}, but other values from {table.place(0)} on"
            raise data_error(message, table.source, help=SAME)
        return coded_values(table, self.name)

    def _too_many(self, table: Table) -> DataError:
        message = f"the column {self.name!r} has more than {MOST_TEXTS:,} different texts, too many to keep in memory beside rows on disk"
        help = f'leave it out: "preprocessing": {{"columns": {{"{self.name}": "ignore"}}}}; or write numbers, which have no limit; '
        return data_error(message, table.source, help=f'{help}or set "in_memory" to true')

    def stored(self, extent: PlainExtent, at: int) -> AnyColumn:
        """Return the column of the table on disk, from an offset of each row on."""
        if self.error is not None:
            return UnusableColumn(extent.rows, self.error.error)
        if self.gaps:
            return StoredCodes(FLAGS, StoredColumn(extent, at, np.dtype(np.uint8)), ordered=False)
        if self.dtype is not None and (self.codes is None or len(self.codes) > MOST_LABELS):
            return StoredColumn(extent, at, self.dtype, self.width)
        behind = at + (0 if self.dtype is None else self.dtype.itemsize * self.width)
        return StoredCodes(list(self.codes or ()), StoredColumn(extent, behind, CODE))


def _has_texts(column: Any) -> bool:
    """Return True for texts that are not all numbers."""
    return column.dtype == object and not (isinstance(column, TextColumn) and column.numbers() is not None)


def _are_flags(column: Any) -> bool:
    """Return True for booleans of which some are missing."""
    return column.dtype == object and set(coded(column)[1]) <= set(FLAGS)
