"""CSV and TSV files, a chunk of rows at a time, with the line of the file for every row and every error.

The values stay texts: whether a column holds numbers or categories is decided later, over all of its training rows.
Blank lines are no rows, except in a file of one column, where they are missing values.
"""

from __future__ import annotations

import csv
import itertools
import re
import sys
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import BinaryIO

import numpy as np

from mlpkit.data.columns import object_column, read_number
from mlpkit.data.table import Table, counted, data_error

SEPARATORS = (",", ";", "\t", "|")
CHUNK = 8192  # rows

Chunk = tuple[list[list[str]], list[int]]  # rows, and the line that each starts in


def read_csv(path: str | Path, *, separator: str | None, missing: Collection[str]) -> Table:
    """The whole file as one table of text columns, None where a value is missing.

    Raises
    ------
    DataError
        It is empty, has a header only, is not UTF-8, repeats or lacks a name, or has rows of differing length.
    """
    columns: list[list[str | None]] = []
    lines: list[int] = []
    names: list[str] = []
    for names, (rows, starts) in _read(path, separator, CHUNK):
        columns = columns or [[] for _ in names]
        for column, values in zip(columns, zip(*rows, strict=True), strict=True):
            column.extend(_values(values, missing))
        lines.extend(starts)
    return _table(names, columns, lines, str(path))


def iter_csv(path: str | Path, *, rows: int, separator: str | None, missing: Collection[str]) -> Iterator[Table]:
    """The file as tables of at most `rows` rows; only one of them is in memory."""
    for names, (chunk, lines) in _read(path, separator, rows):
        yield _table(names, [_values(values, missing) for values in zip(*chunk, strict=True)], lines, str(path))


def _values(values: tuple[str, ...], missing: Collection[str]) -> list[str | None]:
    return [None if value in missing else value for value in map(str.strip, values)]


def _table(names: list[str], columns: list[list[str | None]], lines: list[int], source: str) -> Table:
    data = {name: object_column(column) for name, column in zip(names, columns, strict=True)}
    return Table(data, source=_shown(source), numbers=np.array(lines, dtype=np.int64), text_file=True)


def _shown(source: str) -> str:
    return "stdin" if source == "-" else source


def _read(path: str | Path, separator: str | None, size: int) -> Iterator[tuple[list[str], Chunk]]:
    """The names with each chunk of at most `size` rows; at least one."""
    source = _shown(str(path))
    with _open(path) as stream:
        lines = _lines(stream, source)
        blank, first = 0, next(lines, None)
        while first is not None and not first.strip():
            blank, first = blank + 1, next(lines, None)
        if first is None:
            raise data_error(f"{source} is empty", source, help="the first line names the columns, and the rows follow")
        every = itertools.chain(["\n"] * blank, [first], lines)  # the blank ones too, so that the reader counts them
        reader = csv.reader(every, delimiter=separator or _sniff(first), strict=True)
        names = _header(reader, source)
        empty = True
        for chunk in _chunks(reader, len(names), size, source):
            empty = False
            yield names, chunk
        if empty:
            raise data_error(f"{source} has a header but no rows", source, help="add the rows")


def _open(path: str | Path) -> AbstractContextManager[BinaryIO]:
    return nullcontext(sys.stdin.buffer) if str(path) == "-" else open(path, "rb")


def _lines(stream: BinaryIO, source: str) -> Iterator[str]:
    """Decoded lines; decoding them one by one tells the place of a wrong byte."""
    for number, raw in enumerate(stream, 1):
        try:
            line = raw.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            byte = raw[error.start]
            message = f"line {number} of {source} is not UTF-8 text: byte 0x{byte:02x} at position {error.start + 1}"
            raise data_error(message, source, number, "save the file as CSV in UTF-8") from error
        if "\0" in line:
            raise data_error(f"line {number} of {source} has a NUL character", source, number, "is this a text file?")
        yield line


def _sniff(header: str) -> str:
    """The separator that gives the header the most names."""
    return max(SEPARATORS, key=re.sub(r'"[^"]*"', "", header).count)


def _header(reader: Iterator[list[str]], source: str) -> list[str]:
    """The names of the columns, checked."""
    names: list[str] = []
    try:
        while not any(names):
            names = [name.strip() for name in next(reader)]
    except (csv.Error, StopIteration) as error:
        message = f"the header of {source} cannot be read: {str(error) or 'it has no names'}"
        raise data_error(message, source, 1, "check its quotes and line ends") from error
    line = reader.line_num  # type: ignore[attr-defined]
    numbers = [name for name in names if read_number(name) is not None]
    if names and numbers == names and not all(name.isdecimal() and names.count(name) == 1 for name in names):
        raise data_error(
            f"line {line} of {source} has numbers where the names of the columns belong", source, line, "add a first line with names"
        )
    if "" in names:
        help = "give every column a name (with pandas: to_csv(..., index=False))"
        raise data_error(f"column {names.index('') + 1} of {source} has no name", source, line, help)
    if repeated := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
        raise data_error(f"{source} has several columns named {repeated[0]!r}", source, line, "give each column its own name")
    return names


def _chunks(reader: Iterator[list[str]], width: int, size: int, source: str) -> Iterator[Chunk]:
    """Rows in chunks, each of the header's length.

    Blank lines are left out; but in a file of one column each is a row whose value is missing, so that there are as many
    rows as lines. The end of the last line begins no other one.
    """
    rows: list[list[str]] = []
    lines: list[int] = []
    line: int = reader.line_num  # type: ignore[attr-defined]
    try:
        for row in reader:
            row = row or [""] * (width == 1)
            if len(row) == width:
                rows.append(row)
                lines.append(line + 1)
            elif len(row) > 1 or (row and row[0].strip()):
                message = f"line {line + 1} of {source} has {counted(len(row), 'value')}, but the header has {counted(width, 'name')}"
                raise data_error(message, source, line + 1, "correct that line, or quote a value that holds the separator")
            line = reader.line_num  # type: ignore[attr-defined]
            if len(rows) == size:
                yield rows, lines
                rows, lines = [], []
    except csv.Error as error:
        raise data_error(f"line {line + 1} of {source} cannot be read: {error}", source, line + 1, "check its quotes") from error
    if rows:
        yield rows, lines
