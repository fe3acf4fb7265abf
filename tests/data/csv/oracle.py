"""Read a CSV file in plain Python with the csv module: row by row, a string for each value."""

from __future__ import annotations

import csv
import itertools
import re

import numpy as np


class Refused(Exception):
    """A fault and its line."""

    def __init__(self, what: str, line: int = 0) -> None:
        super().__init__(what, line)
        self.what, self.line = what, line


class AnotherLayout(Exception):
    """The rows have one value more than the header."""


def start(content: bytes, separator: str | None):
    """The names, and an iterator over the rows as they are, with their lines."""
    content = with_line_feeds(content)
    lines = decoded(content)
    blank = list(itertools.takewhile(lambda line: not line.strip(), lines))
    first = next(decoded(content, skip=len(blank)), None)
    if first is None:
        raise Refused("is empty")
    if separator is None:
        separator = max(",;\t|", key=re.sub(r'"[^"]*"', "", first).count)
    lines = itertools.chain(["\n"] * len(blank), decoded(content, skip=len(blank)))
    reader = csv.reader(lines, delimiter=separator, strict=True)
    names = []
    try:
        while not any(names):
            names = [name.strip() for name in next(reader)]
    except (csv.Error, StopIteration) as error:
        raise Refused("header of", 1) from error
    if has_another_layout(content, separator, len(names)):
        raise AnotherLayout
    return names, rows_of(reader, len(names))


def with_line_feeds(content: bytes) -> bytes:
    """The bytes of a file whose first line ends with CR alone, with LF in the place of each line end."""
    found = re.search(r"\r\n|\n|\r(?=.)", re.sub(r'"[^"]*"', "", content.decode(errors="replace")), re.DOTALL)
    if found is None or found.group() != "\r":
        return content
    return content.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def has_another_layout(content: bytes, separator: str, width: int) -> bool:
    """Return True if rows have one value more than the header: names of rows, or a separator at their end."""
    lines = re.split(r"(?<=\n)|(?<=\r)(?![\r\n])", with_line_feeds(content).decode(errors="replace"))
    rows = []
    try:
        for row in csv.reader(lines, delimiter=separator):
            rows.append(row)
    except csv.Error:
        pass
    rows = [row for row in rows if "".join(row).strip()]
    return len(rows) > 1 and len(rows[1]) == width + 1


def decoded(content, skip=0):
    """The lines as texts, with the error of the first that is none; some of them end with CR alone."""
    pieces = content.split(b"\n")
    raw_lines = [piece + b"\n" for piece in pieces[:-1]] + [piece for piece in pieces[-1:] if piece]
    raw_lines = [part for raw in raw_lines for part in re.split(rb"(?<=\r)(?![\r\n])", raw) if part]
    for number, raw in enumerate(raw_lines[skip:], 1 + skip):
        try:
            line = raw.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise Refused("not UTF-8", number) from error
        if "\0" in line:
            raise Refused("NUL", number)
        yield line


def rows_of(reader, width):
    line, any_row = reader.line_num, False
    try:
        for row in reader:
            row = row or ([""] if width == 1 else [])
            if len(row) == width:
                any_row = True
                yield line + 1, row
            elif len(row) > 1 or "".join(row).strip():
                raise Refused("but the header has", line + 1)
            line = reader.line_num
    except csv.Error as error:
        raise Refused(str(error), line + 1) from error
    if not any_row:
        raise Refused("no rows")


def numbers(texts: list[str | None], missing: frozenset[str]) -> list[float] | None:
    """The texts as Python's float reads them; `missing` ones are left out only where some text is no number."""
    for blank in (False, True):
        try:
            values = [np.nan if text is None or (blank and text in missing) else float(text) for text in texts]
        except ValueError:
            continue
        return None if any("_" in text for text in texts if text) else values
    return None
