"""CSV and TSV files, a chunk of rows at a time, with the line of the file for every row and every error.

The values stay texts: whether a column holds numbers or categories is decided later, over all of its training rows.
Blank lines are no rows, except in a file of one column, where they are missing values.
"""

from __future__ import annotations

import csv
import io
import itertools
import re
import sys
from collections.abc import Collection, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from mlpkit.data.columns import read_number
from mlpkit.data.csvblocks import Block, block_of, split_plain
from mlpkit.data.table import Table, counted, data_error
from mlpkit.data.textcolumn import TextColumn, Texts
from mlpkit.errors import DataError

SEPARATORS = (",", ";", "\t", "|")
BLOCK = 2**22  # bytes
ROWS = 4096  # that are read one by one, at a time

Named = tuple[list[str], Block]  # with the names of its columns


def read_csv(path: str | Path, *, separator: str | None, missing: Collection[str]) -> Table:
    """The whole file as one table of text columns, None where a value is missing.

    Raises
    ------
    DataError
        It is empty, has a header only, is not UTF-8, repeats or lacks a name, or has rows of differing length.
    """
    return _table(_read(path, separator, sys.maxsize), missing, str(path), ahead=True)


def iter_csv(path: str | Path, *, rows: int, separator: str | None, missing: Collection[str]) -> Iterator[Table]:
    """The file as tables of at most `rows` rows; only one of them is in memory."""
    waiting: list[Named] = []
    for names, block in _read(path, separator, rows):
        start, count = 0, sum(len(part.lines) for _, part in waiting)
        while count + len(block.lines) - start >= rows:
            stop = start + rows - count
            yield _table([*waiting, (names, block.part(slice(start, stop)))], missing, str(path), ahead=False)
            waiting, start, count = [], stop, 0
        if start < len(block.lines):
            waiting.append((names, block.part(slice(start, None))))
    if waiting:
        yield _table(waiting, missing, str(path), ahead=False)


def _table(blocks: Iterable[Named], missing: Collection[str], source: str, *, ahead: bool) -> Table:
    """One table of all blocks; numbers are read `ahead`, while the bytes of a block are in the cache."""
    columns: dict[str, Texts] = {}
    lines = []
    for names, block in blocks:
        columns = columns or {name: Texts(frozenset(missing)) for name in names}
        for index, texts in enumerate(columns.values()):
            texts.add(block.column(index), ahead=ahead)
        lines.append(block.lines)
    found = {name: TextColumn(texts) for name, texts in columns.items()}
    return Table(found, source=_shown(source), numbers=np.concatenate(lines), text_file=True)


def _shown(source: str) -> str:
    return "stdin" if source == "-" else source


def _read(path: str | Path, separator: str | None, rows: int) -> Iterator[Named]:
    """The names with each block of the file; at least one. A pipe is not waited for when `rows` rows are there."""
    source = _shown(str(path))
    with _open(path) as stream:
        lines = _lines(stream, source)
        blank, first = 0, next(lines, None)
        while first is not None and not first.strip():
            blank, first = blank + 1, next(lines, None)
        if first is None:
            raise data_error(f"{source} is empty", source, help="the first line names the columns, and the rows follow")
        every = itertools.chain(["\n"] * blank, [first], lines)  # the blank ones too, so that the reader counts them
        separator = separator or _sniff(first)
        reader = csv.reader(every, delimiter=separator, strict=True)
        names = _header(reader, source)
        empty = True
        for block in _blocks(stream, source, separator, len(names), reader.line_num, rows):
            empty = False
            yield names, block
        if empty:
            raise data_error(f"{source} has a header but no rows", source, help="add the rows")


def _blocks(stream: BinaryIO, source: str, separator: str, columns: int, line: int, rows: int) -> Iterator[Block]:
    """The rows behind the first `line` lines."""
    while raw := _whole_lines(stream, rows):
        found = split_plain(raw, separator, columns, line)
        if found is None:
            count = raw.count(b"\n") + (not raw.endswith(b"\n"))
            lines = _lines(itertools.chain(io.BytesIO(raw), stream), source, line + 1)  # a text in quotes may go on behind the block
            reader = csv.reader(lines, delimiter=separator, strict=True)
            yield from _row_by_row(_rows(reader, columns, source, line, count), min(ROWS, rows))
            line += reader.line_num
        else:
            block, line = found
            if len(block.lines):
                yield block


def _whole_lines(stream: BinaryIO, rows: int) -> bytes:
    """About so many bytes as a block has, up to the end of a line; fewer when there are so many rows, or a pipe has no more yet."""
    parts: list[bytes] = []
    size = count = 0
    while size < BLOCK and count < rows and (part := stream.read1(BLOCK - size)):  # type: ignore[attr-defined]
        parts.append(part)
        size += len(part)
        count += part.count(b"\n") if size < BLOCK else 0
    if parts and not parts[-1].endswith(b"\n"):
        parts.append(stream.readline())
    return b"".join(parts)


def _open(path: str | Path) -> AbstractContextManager[BinaryIO]:
    return nullcontext(sys.stdin.buffer) if str(path) == "-" else open(path, "rb")


def _lines(stream: Iterable[bytes], source: str, first: int = 1) -> Iterator[str]:
    """Decoded lines, of which the first has that number; decoding them one by one tells the place of a wrong byte."""
    for number, raw in enumerate(stream, first):
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


def _row_by_row(rows: Iterator[tuple[int, list[str]]], most: int) -> Iterator[Block]:
    """Blocks of at most `most` rows, given with their lines; what is wrong is said behind the rows before it."""
    found: list[tuple[int, list[str]]] = []
    wrong = None
    try:
        for row in rows:
            found.append(row)
            if len(found) == most:
                yield block_of(found)
                found = []
    except DataError as error:
        wrong = error
    if found:
        yield block_of(found)
    if wrong is not None:
        raise wrong


def _rows(reader: Any, columns: int, source: str, before: int, lines: int) -> Iterator[tuple[int, list[str]]]:
    """Rows of the header's length, each with the line that it begins in.

    Blank lines are left out; but in a file of one column each is a row whose value is missing, so that there are as many
    rows as lines. The end of the last line begins no other one.

    Parameters
    ----------
    reader : csv.reader
    columns : int
    source : str
    before : int
        The lines of the file before the reader's first one.
    lines : int
        How many lines to read, and as many more as the last row has.
    """
    line = before
    try:
        while line < before + lines and (row := next(reader, None)) is not None:
            row = row or [""] * (columns == 1)
            if len(row) == columns:
                yield line + 1, row
            elif len(row) > 1 or (row and row[0].strip()):
                message = f"line {line + 1} of {source} has {counted(len(row), 'value')}, but the header has {counted(columns, 'name')}"
                raise data_error(message, source, line + 1, "correct that line, or quote a value that holds the separator")
            line = before + reader.line_num
    except csv.Error as error:
        raise data_error(f"line {line + 1} of {source} cannot be read: {error}", source, line + 1, "check its quotes") from error
