"""CSV and TSV files, read a block of rows at a time, with the line of the file for each row and each error.

The values stay texts: preprocessing decides later, over all training rows, whether a column holds numbers or categories. Blank
lines are skipped, except in a file of one column, where they are missing values.
"""

from __future__ import annotations

import csv
import io
import itertools
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from mlpkit.data.csv.decimal_comma import with_points
from mlpkit.data.csv.dialect import Dialect
from mlpkit.data.csv.header import Layout, Row, check_header, given_layout, named_layout, sample_rows
from mlpkit.data.csv.left_out_lines import LeftOutLines
from mlpkit.data.csv.row_reader import RowReader
from mlpkit.data.csv.splitter import Block, split_plain
from mlpkit.data.csv.text_column import TextColumn, Texts
from mlpkit.data.csv.text_stream import PIECE, TextLines, bounded_lines, count_lines, open_text
from mlpkit.data.csv.thousands import without_thousands
from mlpkit.data.table import Table, data_error
from mlpkit.text.shown import counted

SEPARATORS = (",", ";", "\t", "|")
BLOCK = 2**22  # bytes that are read at once
ROWS = 4096  # rows of a block that is read row by row
_EXCEL = re.compile(r'"?sep=(?P<separator>[^"])"?\s*', re.IGNORECASE)  # first line of a file that declares its separator to Excel
_QUOTED = re.compile(r'"[^"]*"')
_SPACED = re.compile(r'"[^"]*"( "[^"]*")+\s*')  # the default of R's write.table


class _Start(NamedTuple):
    """State after the header: columns, separator, number of lines before the rows, and the bytes already read after it."""

    layout: Layout
    separator: str
    line: int
    raw: bytes


Part = tuple[_Start, Block]


def read_csv(path: str | Path | bytes, dialect: Dialect, *, rows: int | None = None, allow_large: bool = False) -> Iterator[Table]:
    """Yield a file as tables of text columns, None where a value is missing: the only way into this package.

    Parameters
    ----------
    path : str, Path or bytes
        Path of a file, or its content; "-" is stdin.
    dialect : Dialect
    rows : int, optional
        Most rows of a table, one of which is in memory at a time; the default is one table of all rows.
    allow_large : bool
        True to accept a compressed file that unpacks to far more bytes than it has.

    Raises
    ------
    DataError
        The file is empty, has only a header, has another encoding, repeats a name, or has rows of different lengths.
    OtherDialect
        The file can be read with another encoding or without a header.
    """
    if rows is None:
        yield _table(_read(path, dialect, sys.maxsize, allow_large), dialect, _shown(path), ahead=True)
        return
    waiting: list[Part] = []
    for start, block in _read(path, dialect, rows, allow_large):
        first, count = 0, sum(len(part.lines) for _, part in waiting)
        while count + len(block.lines) - first >= rows:
            stop = first + rows - count
            yield _table([*waiting, (start, block.part(slice(first, stop)))], dialect, _shown(path), ahead=False)
            waiting, first, count = [], stop, 0
        if first < len(block.lines):
            waiting.append((start, block.part(slice(first, None))))
    if waiting:
        yield _table(waiting, dialect, _shown(path), ahead=False)


def _table(parts: Iterable[Part], dialect: Dialect, source: str, *, ahead: bool) -> Table:
    """Return one table of all parts. With `ahead` numbers are read at once, while the bytes of a block are in the cache."""
    columns: dict[str, Texts] = {}
    lines = []
    for start, block in parts:
        columns = columns or {name: Texts(dialect.missing) for name in start.layout.names}
        for index, texts in enumerate(columns.values()):
            texts.add(block.column(index), ahead=ahead)
        lines.append(block.lines)
    found = {name: TextColumn(texts) for name, texts in columns.items()}
    numbers = np.concatenate(lines)
    layout = start.layout
    table = Table(found, source=source, named=layout.named, numbers=numbers, text_file=True, unnamed=layout.unnamed)
    table.separator = start.separator
    return table


def _shown(path: str | Path | bytes) -> str:
    """Return the name of a source for messages."""
    if isinstance(path, bytes):
        return "the CSV"
    return "stdin" if str(path) == "-" else str(path)


def _read(path: str | Path | bytes, dialect: Dialect, rows: int, allow_large: bool) -> Iterator[Part]:
    """Yield the start and each block of the file; at least one.

    A pipe is not read further than needed for `rows` rows.
    """
    source = _shown(path)
    with open_text(path, source, dialect.encoding, allow_large) as text:
        skips = dialect.skip_rows or dialect.comment
        left_out = LeftOutLines(text, dialect.skip_rows, dialect.comment, dialect.separator) if skips else None
        stream = text if left_out is None else io.BufferedReader(left_out, PIECE)
        start = _start(stream, source, dialect, rows)
        empty = True
        for block in _blocks(stream, source, start, rows):
            if left_out is not None and start.layout.fields == 1:  # a blank line would be a missing value
                block = block.part(~np.isin(block.lines, left_out.numbers))
            empty = empty and not len(block.lines)
            if dialect.thousands is not None:
                block = without_thousands(block, dialect.thousands, dialect.decimal)
            if len(block.lines):
                yield start, with_points(block) if dialect.decimal == "," else block
        if empty:
            raise data_error(f"{source} has a header but no rows", source, help="add at least one row")


def _start(stream: BinaryIO, source: str, dialect: Dialect, rows: int) -> _Start:
    """Read the header and the first rows, which are needed to interpret it."""
    lines = TextLines(bounded_lines(stream, source), source)
    passed, first = _first_line(lines)
    separator = dialect.separator
    if first is not None and (excel := _EXCEL.fullmatch(first)):
        separator = separator or excel["separator"]
        more, first = _first_line(lines)
        passed = [*passed, "\n", *more]
    if first is None:
        raise data_error(f"{source} is empty", source, help="write a header with the names of the columns, then the rows")
    if dialect.header is None or dialect.header is True:
        separator = separator or _sniff([first], dialect)
        reader = csv.reader(itertools.chain(passed, [first], lines), delimiter=separator, strict=True)  # `passed` is counted
        names, line = _names(reader, source)
        raw = b"".join(reversed(lines.parts)) + _whole_lines(stream, rows)
        found = sample_rows(raw, separator)
        if dialect.header is None:
            check_header(names, found, source, line)
        layout = named_layout(names, found, source, line, quoted=raw.lstrip().startswith(b'"'))
        return _Start(layout, separator, reader.line_num, raw)
    blank = list(itertools.takewhile(lambda text: not text.strip(), reversed(passed)))
    line = len(passed) - len(blank)
    raw = ("".join(blank) + first).encode() + b"".join(reversed(lines.parts)) + _whole_lines(stream, rows)
    separator = separator or _sniff(raw[:BLOCK].decode("utf-8", "replace").splitlines()[:20], dialect)
    found = sample_rows(raw, separator)
    return _Start(given_layout(dialect, found, source, len(passed) + 1), separator, line, raw)


def _first_line(lines: Iterator[str]) -> tuple[list[str], str | None]:
    """Return the blank lines before the first other line, and that line or None."""
    blank: list[str] = []
    for line in lines:
        if line.strip():
            return blank, line
        blank.append("\n")
    return blank, None


def _sniff(lines: list[str], dialect: Dialect) -> str:
    """Return the separator that occurs equally often in all lines, and most often in the first."""
    counts = [[_QUOTED.sub("", line).count(separator) for separator in SEPARATORS] for line in lines if line.strip()]
    if _SPACED.fullmatch(lines[0]):
        return " "
    several = len(counts) > 1  # includes rows, whose numbers may have decimal commas

    def rank(index: int) -> tuple[bool, bool, int]:
        found = [row[index] for row in counts]
        decimal = index == 0 and (several or dialect.decimal == ",")
        return min(found) > 0 and len(set(found)) == 1, not decimal, found[0]

    best = max(range(len(SEPARATORS)), key=rank)
    return SEPARATORS[best] if counts[0][best] else ";" if dialect.decimal == "," else ","


def _names(reader: Iterator[Row], source: str) -> tuple[Row, int]:
    """Return the names in the header, and its line number."""
    names: Row = []
    try:
        while not any(names):
            names = [name.strip() for name in next(reader)]
    except (csv.Error, StopIteration) as error:
        message = f"the header of {source} cannot be read: {str(error) or 'it has no names'}"
        raise data_error(message, source, 1, "check its quotes and line ends") from error
    return names, reader.line_num  # type: ignore[attr-defined]


def _blocks(stream: BinaryIO, source: str, start: _Start, rows: int) -> Iterator[Block]:
    """Yield the rows after the header as blocks."""
    layout, separator, line, raw = start
    while raw:
        found = split_plain(raw, separator, layout.fields, line)
        if found is None:
            rest = itertools.chain(io.BytesIO(raw), bounded_lines(stream, source))  # a quoted field may continue after the block
            lines = TextLines(rest, source, line + 1)
            one_by_one = RowReader(lines, separator, layout, source, line, count_lines(raw))
            for block in one_by_one.blocks(min(ROWS, rows)):
                yield from _columns(block, layout, source)
            line, left = one_by_one.line, b"".join(reversed(lines.parts))
        else:
            (block, line), left = found, b""
            if len(block.lines):
                yield from _columns(block, layout, source)
        raw = left or _whole_lines(stream, rows)


def _columns(block: Block, layout: Layout, source: str) -> Iterator[Block]:
    """Yield a block without the empty last field of padded rows."""
    if not layout.padded:
        yield block
        return
    wrong = np.flatnonzero(block.ends[-1] > block.starts[-1])
    end = int(wrong[0]) if len(wrong) else len(block.lines)
    if end:
        yield block.part(slice(0, end))._replace(starts=block.starts[:-1, :end], ends=block.ends[:-1, :end])
    if len(wrong):
        line = int(block.lines[end])
        message = f"line {line} of {source} has {counted(layout.fields, 'value')}, but {layout.expected}"
        raise data_error(message, source, line, "correct that line, or give its column a name")


def _whole_lines(stream: BinaryIO, rows: int) -> bytes:
    """Read about one block of bytes, up to the end of a line.

    Fewer are read if they have `rows` lines, or if a pipe has no more data yet.
    """
    parts: list[bytes] = []
    size = count = 0
    while size < BLOCK and count < rows and (part := stream.read1(BLOCK - size)):  # type: ignore[attr-defined]
        parts.append(part)
        size += len(part)
        count += part.count(b"\n") if size < BLOCK else 0
    if parts and not parts[-1].endswith(b"\n"):
        parts.append(stream.readline())
    return b"".join(parts)
