"""Rows of a CSV file read one by one with Python's csv module, for blocks with irregular quotes or with errors.

The csv module has a limit on the length of a field that is global to the process. Rows that exceed it are parsed here instead.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import Any

from mlpkit.data.csv.header import Layout, Row
from mlpkit.data.csv.splitter import Block, block_of
from mlpkit.data.table import data_error
from mlpkit.errors import DataError
from mlpkit.text.shown import counted

LONGEST = 2**24  # characters of a field
_TOO_LONG = "field larger than field limit"


class RowReader:
    """Rows with the header's number of fields, each with the number of its first line.

    Blank lines are skipped. In a file of one column each blank line is a missing value, so that there are as many rows as lines. The
    line end of the last line does not begin another row.

    Parameters
    ----------
    lines : iterator of str
    separator : str
    layout : Layout
    source : str
    line : int
        Number of lines of the file before the first one.
    count : int
        Number of lines to read. More are read if the last row continues.

    Attributes
    ----------
    line : int
        Number of the last line that was read.
    """

    def __init__(self, lines: Iterator[str], separator: str, layout: Layout, source: str, line: int, count: int) -> None:
        self.records, self.layout, self.source = _Records(lines, separator), layout, source
        self.line, self.count = line, count

    def blocks(self, most: int) -> Iterator[Block]:
        """Yield blocks of at most `most` rows. An error is raised after the rows before it."""
        found: list[tuple[int, Row]] = []
        wrong = None
        try:
            for row in self._rows():
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

    def _rows(self) -> Iterator[tuple[int, Row]]:
        before, fields = self.line, self.layout.fields
        try:
            while self.line < before + self.count and (row := next(self.records, None)) is not None:
                row = row or [""] * (fields == 1)
                if len(row) == fields:
                    yield self.line + 1, row
                elif len(row) > 1 or (row and row[0].strip()):
                    message = f"line {self.line + 1} of {self.source} has {counted(len(row), 'value')}, but {self.layout.expected}"
                    help = "correct that line, or quote a value that holds the separator"
                    raise data_error(message, self.source, self.line + 1, help)
                self.line = before + self.records.line_num
        except csv.Error as error:
            message = f"line {self.line + 1} of {self.source} cannot be read: {error}"
            raise data_error(message, self.source, self.line + 1, "check its quotes") from error


class _Records(Iterator[Row]):
    """Rows of a csv.reader, including rows with fields that are too long for it."""

    def __init__(self, lines: Iterator[str], separator: str) -> None:
        self.lines, self.separator = lines, separator
        self.taken: list[str] = []  # the lines of the current row
        self.line_num = 0
        self.reader: Any = csv.reader(self._take(), delimiter=separator, strict=True)

    def _take(self) -> Iterator[str]:
        for line in self.lines:
            self.taken.append(line)
            self.line_num += 1
            yield line

    def __next__(self) -> Row:
        self.taken.clear()
        try:
            row: Row = next(self.reader)
            return row
        except csv.Error as error:
            if _TOO_LONG not in str(error):
                raise
        return self._long_row()

    def _long_row(self) -> Row:
        """Return a row parsed by the rules of the csv module, without its limit on the length of a field."""
        text, start = "".join(self.taken), 0
        fields: Row = []
        while True:
            if text.startswith('"', start):
                text, end = self._closed(text, start)
                field = text[start + 1 : end].replace('""', '"')
                end += 1
            else:
                ends = [at for at in (text.find(sign, start) for sign in (self.separator, "\n", "\r")) if at >= 0]
                end = min(ends, default=len(text))
                field = text[start:end]
            if len(field) > LONGEST:
                raise csv.Error(f"a field of more than {LONGEST:,} characters")
            fields.append(field)
            if not text.startswith(self.separator, end):
                break
            start = end + 1
        if text[end:].strip("\r\n"):
            raise csv.Error(f"'{self.separator}' expected after '\"'")
        return fields

    def _closed(self, text: str, start: int) -> tuple[str, int]:
        """Return the text, extended by the lines that a quoted field needs, and the offset of its closing quote."""
        at = start + 1
        parts: list[str] = []
        while True:
            end = text.find('"', at)
            if end >= 0 and text.startswith('""', end):
                at = end + 2
            elif end >= 0:
                return text, end
            else:
                at, size = len(text), 0
                while (line := next(self.lines, None)) is not None and size <= LONGEST:
                    self.line_num += 1
                    parts.append(line)
                    size += len(line)
                    if '"' in line:
                        break
                if not parts or size + len(text) - start > LONGEST:
                    raise csv.Error("unexpected end of data" if not parts else f"a field of more than {LONGEST:,} characters")
                text += "".join(parts)
                parts = []
