"""Sheets of Excel workbooks as tables. Imports openpyxl. Formulas are not computed: the values that Excel stored are read."""

from __future__ import annotations

import datetime
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from xml.etree.ElementTree import ParseError

import numpy as np
import openpyxl

from mlpkit.data.size_limits import check_claim
from mlpkit.data.table import Table, data_error
from mlpkit.errors import DataError
from mlpkit.files.signatures import recognised
from mlpkit.text.column_names import same_form, unique
from mlpkit.text.shown import first_few

ERRORS = {"#N/A", "#DIV/0!", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!"}  # of Excel, read as missing values


def read_excel(path: str, sheet: str | None, skip_rows: int, allow_large: bool) -> Table:
    """Return the rows of a sheet below its first row, which has the names of the columns.

    Parameters
    ----------
    path : str
    sheet : str or None
        Name of the sheet; None for the only one.
    skip_rows : int
        Number of rows above the names.
    allow_large : bool
        True to accept a workbook that unpacks to far more bytes than it has.

    Raises
    ------
    DataError
        The file is no workbook, has several sheets of which none is given, has no rows, or repeats a name.
    """
    _check_head(path)
    with open(path, "rb") as stream, _errors(path):  # openpyxl leaves a file that it opened itself open after an error
        with zipfile.ZipFile(stream) as archive:
            check_claim(path, sum(info.file_size for info in archive.infolist()), allow_large)
        book = openpyxl.load_workbook(stream, read_only=True, data_only=True, keep_links=False)
        return _table(path, _rows(_sheet(book, path, sheet), skip_rows))


def _sheet(book: Any, path: str, name: str | None) -> Any:
    names = [sheet.title for sheet in book.worksheets]
    if name is None and len(names) == 1:
        return book.worksheets[0]
    if name in names:
        return book[name]
    problem = f"has no sheet {name!r}" if name is not None else f"has {len(names)} sheets"
    help = f'name one in the format: {{"type": "xlsx", "sheet": "{names[0]}"}}; there are {first_few(names, show=repr)}' if names else ""
    raise data_error(f"{path} {problem}", path, help=help or "give a workbook with a sheet of rows")


def _rows(sheet: Any, skip: int) -> Iterator[tuple[int, Sequence[Any]]]:
    """Yield the values of each row that is not empty, with its number in the sheet."""
    sheet.reset_dimensions()  # a file may declare others than it has
    for number, row in enumerate(sheet.iter_rows(values_only=True), 1):
        if number > skip and any(value is not None for value in row):
            yield number, row


def _table(path: str, rows: Iterator[tuple[int, Sequence[Any]]]) -> Table:
    number, header = next(rows, (0, ()))
    while header and header[-1] is None:
        header = header[:-1]
    if not header or None in header:
        where = f"row {number} of {path} has a column without a name" if header else f"{path} is empty"
        raise data_error(where, path, help="write the names of the columns in the first row; leave out rows above it with skip_rows")
    names = unique([same_form(str(name).strip()) for name in header])
    columns: list[list[Any]] = [[] for _ in names]
    numbers: list[int] = []
    for number, row in rows:
        if any(value is not None for value in row[len(names) :]):
            raise data_error(f"row {number} of {path} has more values than there are names", path, help="name each column in the first row")
        values = [*row[: len(names)], *[None] * (len(names) - len(row))]
        for column, value in zip(columns, values, strict=True):
            column.append(None if value in ERRORS or value == "" else value)
        numbers.append(number)
    if not numbers:
        raise data_error(f"{path} has a header but no rows", path, help="add at least one row")
    return Table(dict(zip(names, map(_typed, columns), strict=True)), source=path, numbers=np.array(numbers, np.int64))


def _typed(values: list[Any]) -> Any:
    """Return dates as those of NumPy, and other values as they are."""
    kinds = {type(value) for value in values if value is not None}
    if kinds and kinds <= {datetime.datetime, datetime.date}:
        return np.array(values, dtype="datetime64[us]")
    return values


def _check_head(path: str) -> None:
    with open(path, "rb") as stream:
        head = stream.read(2**12)
    found = recognised(head)
    if not head.startswith(b"PK\x03\x04"):
        contents = "is empty" if not head else f"is {found.name}" if found else "is not an Excel workbook"
        raise data_error(f"{path} {contents}", path, help="save it as a workbook of Excel (.xlsx), or the sheet as CSV")


@contextmanager
def _errors(path: str) -> Iterator[None]:
    """Convert the errors of openpyxl and zipfile about a file to DataError."""
    wrong = (zipfile.BadZipFile, zlib.error, ParseError, KeyError, ValueError, TypeError, IndexError, AttributeError, EOFError, OSError)
    try:
        yield
    except (DataError, FileNotFoundError, PermissionError):
        raise
    except (*wrong, NotImplementedError, RuntimeError) as error:
        message = f"{path} cannot be read as an Excel workbook: {str(error) or type(error).__name__}"
        raise data_error(message, path, help="copy or download it again if it was cut short; or save the sheet as CSV") from error
