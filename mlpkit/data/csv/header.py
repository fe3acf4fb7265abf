"""Header of a CSV file: the columns of the fields, and checks that the first line is a header.

A column without a name, such as the row names of R or the index of pandas, is called "unnamed" and is an input only if the spec
names it. The empty field after a separator at the end of each line is not a column.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Collection, Sequence
from typing import NamedTuple

from mlpkit.data.columns import read_number
from mlpkit.data.csv.dialect import Dialect, other_dialect
from mlpkit.data.table import data_error
from mlpkit.spec.csv_options import MISSING
from mlpkit.text.shown import counted

UNNAMED = "unnamed"
SAMPLE_ROWS, SAMPLE_BYTES = 100, 2**16
YEARS = range(1800, 2200)
_DIGITS = re.compile(r"\d+")
Row = list[str]


class Layout(NamedTuple):
    """Columns of a file.

    Attributes
    ----------
    names : list of str
    fields : int
        Number of fields per row.
    unnamed : frozenset of str
        Generated names of columns without a name in the file.
    named : bool
        True if the file or the user names the columns.
    padded : bool
        True if each row ends with a separator. Its last field is empty and not a column.
    """

    names: list[str]
    fields: int
    unnamed: frozenset[str] = frozenset()
    named: bool = True
    padded: bool = False

    @property
    def expected(self) -> str:
        """Expected number of values of a row, for an error message."""
        end = " and a separator at the end" if self.padded else ""
        return f"the header has {counted(len(self.names), 'name')}{end}" if self.named else f"the first row has {self.fields}"


def sample_rows(raw: bytes, separator: str) -> list[Row]:
    """Return the first rows of the complete lines, as far as they can be read."""
    text = raw[:SAMPLE_BYTES].decode("utf-8", "replace").lstrip("\ufeff")
    lines = re.split(r"(?<=\n)|(?<=\r)(?!\n)", text)
    if len(raw) > SAMPLE_BYTES and len(lines) > 1:
        lines.pop()
    rows: list[Row] = []
    try:
        for row in csv.reader(lines, delimiter=separator):
            if any(map(str.strip, row)):
                rows.append([field.strip() for field in row])
            if len(rows) == SAMPLE_ROWS:
                break
    except csv.Error:  # reading the rows raises the error with its line
        pass
    return rows


def given_layout(dialect: Dialect, rows: Sequence[Row], source: str, line: int) -> Layout:
    """Return the columns of a file without a header, whose first row is in line `line`."""
    width = len(rows[0]) if rows else 0
    if isinstance(dialect.header, tuple):
        names = list(dialect.header)
        padded = width == len(names) + 1 and all(len(row) == width and not row[-1] for row in rows)
        if rows and not padded and width != len(names):
            message = f"line {line} of {source} has {counted(width, 'value')}, but data.header has {counted(len(names), 'name')}"
            raise data_error(message, source, line, "name each column there")
        layout = Layout(names, len(names) + padded, padded=padded)
    else:
        layout = Layout([f"x{index}" for index in range(width)], width, named=False)
    if rows and rows[0][: len(layout.names)] == layout.names:
        help = 'set "header": true in "data"' if dialect.header is False else 'remove that line, or set "header": true in "data"'
        message = f"line {line} of {source} is a header, although data.header declares that the file has none"
        raise other_dialect(message, "header", True, help=help, file=source, line=line)
    return layout


def named_layout(names: Row, rows: Sequence[Row], source: str, line: int, *, quoted: bool) -> Layout:
    """Return the columns of a file with a header, matched with the rows after it.

    Parameters
    ----------
    names : list of str
        Fields of the header.
    rows : sequence of list of str
    source, line : str, int
    quoted : bool
        True if the first row begins with a quote.

    Raises
    ------
    DataError
        Two columns have the same name.
    """
    width, padded = len(rows[0]) if rows else len(names), False
    if len(names) > 1 and not names[-1] and (width == len(names) - 1 or all(not row[-1] for row in rows if len(row) == len(names))):
        names, padded = names[:-1], width == len(names)
    elif width == len(names) + 1 and all(len(row) == width for row in rows):
        padded = all(not row[-1] for row in rows)
        if not padded and _are_row_names([row[0] for row in rows], quoted):
            names = ["", *names]
    whole = _with_unnamed(names)
    repeated = [name for name, count in Counter(whole).items() if count > 1]
    if repeated:
        raise data_error(f"{source} has several columns named {repeated[0]!r}", source, line, "give each column its own name")
    made = frozenset(new for new, name in zip(whole, names, strict=True) if not name)
    return Layout(whole, len(whole) + padded, made, padded=padded)


def _are_row_names(texts: Sequence[str], quoted: bool) -> bool:
    """Return True if the first fields are row names as R writes them: rows with one field more than the header."""
    return len(set(texts)) == len(texts) and all(texts) and (quoted or len(texts) > 1)


def _with_unnamed(names: Row) -> Row:
    """Return the names, with each empty one replaced by an unused name."""
    taken, number, found = set(names), 0, []
    for name in names:
        while not name:
            candidate = UNNAMED + (str(number) if number else "")
            number += 1
            name = "" if candidate in taken else candidate
        found.append(name)
    return found


# -- detection of a missing header


def check_header(names: Row, rows: Sequence[Row], source: str, line: int) -> None:
    """Raise OtherDialect if the header looks like a row of data."""
    if not looks_like_data(names, rows):
        return
    message = f"line {line} of {source} looks like a row of data, not like a header: {', '.join(names[:6])}"
    help = 'set "header": false in "data" (the columns are then x0, x1 and so on) or a list of names; or true, if it is the header'
    raise other_dialect(message, "header", False, help=help, file=source, line=line)


def looks_like_data(names: Row, rows: Sequence[Row]) -> bool:
    """Return True if a header looks like a row of data.

    It does in each of these cases. Every numeric column has a number in the header, unless these numbers count the columns or are
    years. A date, a percentage or the like has the same form as all values below it. There are no numeric columns, and at least half
    of the header's texts, and more than one, occur among the values of their columns.
    """
    columns = [[row[index] for row in rows if index < len(row) and row[index] not in MISSING] for index in range(len(names))]
    numeric = [index for index, values in enumerate(columns) if (values or not rows) and all(map(_is_number, values))]
    numbers = set(numeric)
    texts = [index for index, values in enumerate(columns) if values and index not in numbers]
    recur = [index for index in texts if names[index] in columns[index]]
    alike = 2 * len(recur) >= len(texts)
    if not rows:
        return all(map(_is_number, names)) and not _are_labels(names)
    if any(_is_formed(names[index]) and all(_form(value) == _form(names[index]) for value in columns[index]) for index in texts):
        return True
    found = [names[index] for index in numeric if names[index] not in MISSING]
    if not numeric:
        return len(recur) > 1 and alike
    if not found or not all(map(_is_number, found)):
        return False
    values = [set(columns[index]) for index in numeric if names[index] not in MISSING]
    if any(map(_are_years, values)):
        return True
    if not _are_labels([name for name in names if _is_number(name)], alone=not any(name for name in names if not _is_number(name))):
        return True
    return bool(texts and alike and recur) or (not texts and all(name in column for name, column in zip(found, values, strict=True)))


def _is_number(text: str) -> bool:
    return read_number(text) is not None or read_number(text.replace(",", ".", 1)) is not None


def _form(text: str) -> str:
    """Return a text with each run of digits replaced by 0: ``2020-01-31`` becomes ``0-0-0``."""
    return _DIGITS.sub("0", text)


def _is_formed(text: str) -> bool:
    """Return True if a text has digits and punctuation but no letters, as dates, times, percentages and prices have."""
    signs = [sign for sign in text if not sign.isdecimal()]
    return len(signs) < len(text) and any(sign not in " _()[]" for sign in signs) and not any(map(str.isalpha, signs))


def _are_years(values: Collection[str]) -> bool:
    return all(text.isdecimal() and int(text) in YEARS for text in values)


def _are_labels(numbers: Sequence[str], *, alone: bool = True) -> bool:
    """Return True if numbers in a header are column names: they count from 0, or are years."""
    if not all(text.isdecimal() for text in numbers):
        return False
    values = [int(text) for text in numbers]
    if len(set(values)) < len(values):
        return False
    if all(value in YEARS for value in values):
        return values == sorted(values)
    return values == list(range(len(values))) and (len(values) > 1 or alone)
