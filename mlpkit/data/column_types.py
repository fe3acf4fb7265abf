"""The kind of a column (numbers, booleans or categories) and its values converted to that kind.

A column of texts holds numbers if all of its texts can be read as numbers. Columns that are almost numeric raise an error that
names the row, and so do dates and numbers with a comma: one-hot encoding would make one category per value of them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mlpkit.data.coded_column import CodedColumn, coded, counted
from mlpkit.data.columns import Column, number_text, object_column, read_number
from mlpkit.data.csv.text_column import TextColumn
from mlpkit.data.iso_dates import read_date
from mlpkit.data.table import Table
from mlpkit.data.written_numbers import Words, first_unread, written_numbers
from mlpkit.errors import DataError
from mlpkit.numerics.blocks import row_blocks

Kind = Literal["number", "boolean", "category"]
BOOLEANS = {"true": 1.0, "false": 0.0}
FLAGS = {**BOOLEANS, "1": 1.0, "0": 0.0, "1.0": 1.0, "0.0": 0.0}
TO_NUMBERS = "convert them to numbers, such as days since a date"
CHECKED = 2**16  # rows that are checked at a time

_TIME = r"\d{1,2}:\d{2}(:\d{2}([.,]\d+)?)?"
DATE = re.compile(
    rf"(\d{{4}}[-/.]\d{{1,2}}[-/.]\d{{1,2}}|\d{{1,2}}([-/.])\d{{1,2}}\2\d{{2,4}})([T ]{_TIME} ?(Z|[+-]\d\d(:?\d\d){{0,2}})?)?|{_TIME}"
)
_COMMA = re.compile(r"[+-]?\d[\d.]*|[+-]?[\d.]*,\d+")


def column_kind(table: Table, name: str, missing: Collection[str] = (), *, advice: str = "") -> Kind:
    """Return the kind of a column.

    Parameters
    ----------
    table : Table
    name : str
    missing : collection of str
        Texts that stand for a missing value, in addition to None.
    advice : str
        Help text for a value that is not a number. The default is to correct the value or to change the spec.

    Raises
    ------
    DataError
        The column has dates or times, numbers with a comma, a unit, a currency and so on, or a few other texts among numbers.
    """
    if name in table.declared:
        return "category"
    column = table[name]
    if column.dtype.kind == "M":
        raise date_error(name, TO_NUMBERS if advice else _date_advice(name, ()))
    if column.dtype != object:
        return "boolean" if column.dtype.kind == "b" else "number"
    if _parse(table, name, missing) is not None:
        return "number"
    if name in table.units:
        raise _unread(table, name, missing, advice)
    counts = text_counts(column, missing)
    if all(text.lower() in BOOLEANS for text in counts):
        return "boolean"
    _refuse_almost_numbers(table, name, missing, counts, advice)
    return "category"


def _refuse_almost_numbers(table: Table, name: str, missing: Collection[str], counts: dict[str, int], advice: str) -> None:
    """Raise the error for a text column of dates, or of numbers that cannot be read as such."""
    from mlpkit.data.decorated_numbers import MOSTLY, marks, refuse_decorated  # compiles many patterns

    if all(DATE.fullmatch(text) for text in counts):
        raise date_error(name, TO_NUMBERS if advice else _date_advice(name, counts), counts)
    insisting = advice or f"or, if they are categories: {_one_hot(name)}"
    refuse_decorated(name, counts, insisting)
    if all(_COMMA.fullmatch(text) for text in counts) and any("," in text for text in counts):
        how = 'set "decimal": "," in "data"' if table.text_file else "write 3.5, not 3,5"
        help = f"{how}; {insisting}"
        raise DataError(f"the column {name!r} has numbers written with a comma", help=help)
    right = sum(count for text, count in counts.items() if read_number(text) is not None)
    few = marks(counts)
    if few or right >= MOSTLY * sum(counts.values()):
        raise _no_number(table, name, missing, advice=advice, marks=few)


def numbers(table: Table, name: str, missing: Collection[str] = (), *, boolean: bool = False, advice: str = "") -> NDArray[Any]:
    """Return the values of a column as numbers, NaN where one is missing.

    Parameters
    ----------
    table, name, missing, advice : see `column_kind`
    boolean : bool
        True to require booleans, returned as 1 and 0.

    Returns
    -------
    array of numbers, shape (rows,) or (rows, width)

    Raises
    ------
    DataError
        A text is not a number, or a value is infinite; names the row.
    """
    column = table[name]
    if column.dtype.kind == "M":
        raise date_error(name, advice or TO_NUMBERS)
    if column.dtype == object:
        values = None if boolean and not isinstance(table.units.get(name), Words) else _parse(table, name, missing)
        if values is None and name in table.units:
            raise _unread(table, name, missing, advice)
        values = _parse_booleans(column, missing) if values is None else values  # booleans are 1 and 0
        if values is None:
            raise _no_number(table, name, missing, boolean=boolean, advice=advice)
        column = values
    if boolean and column.dtype != bool:
        _check(table, name, column, lambda block: ~np.isnan(block) & (block != 0) & (block != 1), "which is neither true nor false")
    _check(table, name, column, np.isinf, "which is not finite")
    return column


def texts(table: Table, name: str) -> Column:
    """Return the values of a column as categories: an object array of texts, None where one is missing."""
    column = table[name]
    if column.ndim == 2:
        raise DataError(
            f"the column {name!r} has {column.shape[1]} values per row, which cannot be one category",
            help="give each value a column of its own",
        )
    if column.dtype == object:
        return column
    if column.dtype.kind == "f":
        return object_column([None if value != value else number_text(value) for value in column.tolist()])
    return object_column([None if text == "NaT" else text for text in column.astype(str).tolist()])


def text_counts(column: Column, missing: Collection[str]) -> dict[str, int]:
    """Return the number of rows of each text of a column, without missing values."""
    counts = zip(*counted(column), strict=True)
    return {text: count for text, count in counts if text is not None and text not in missing}


def missing_rows(table: Table, name: str) -> NDArray[np.bool_]:
    """Return a boolean array that is True for rows with a missing value."""
    column = table[name]
    if isinstance(column, CodedColumn):
        return column.missing_rows
    if column.dtype == object:
        return np.array([value is None for value in column.tolist()], dtype=bool)
    missing: NDArray[np.bool_] = column != column  # NaN and NaT do not equal themselves
    return np.asarray(missing.any(axis=1)) if missing.ndim == 2 else missing


# -- texts as numbers


def _parse(table: Table, name: str, missing: Collection[str]) -> NDArray[np.float64] | None:
    """Return the numbers of a text column, NaN where one is missing, or None if any text is not a number. The table caches them."""
    notation = table.units.get(name)
    key = name, frozenset(missing), notation
    if key not in table.parsed:
        column = table[name]
        table.parsed[key] = _parse_texts(column, missing) if notation is None else written_numbers(column, missing, notation)
    return table.parsed[key]


def _parse_texts(column: Column, missing: Collection[str]) -> NDArray[np.float64] | None:
    if isinstance(column, TextColumn):
        return _parse_file(column, missing)
    if isinstance(column, CodedColumn):
        codes, found = column.coded
        values = _parse_texts(object_column(found), missing)
        return None if values is None else values[codes]
    found = _blanked(column, frozenset(missing))  # a text for a missing value may be a number, such as -999
    try:
        values = found.astype(np.float64)
    except ValueError:
        return None
    return None if "_" in "".join(filter(None, found)) else values  # only Python reads 1_000 as a number


def _parse_file(column: TextColumn, missing: Collection[str]) -> NDArray[np.float64] | None:
    """Return the numbers of a column of a file. Raise DataError for points in a file of decimal commas, other than those of dates."""
    try:
        return column.numbers(missing)
    except DataError:
        if all(text is None or text in missing or DATE.fullmatch(text) for text in column.coded[1]):
            return None
        raise


def _parse_booleans(column: Column, missing: Collection[str]) -> NDArray[np.float64] | None:
    codes, found = coded(column)
    values = [np.nan if text is None or text in missing else _boolean(text) for text in found]
    return None if None in values else np.array(values, dtype=np.float64)[codes]


def _boolean(text: str) -> float | None:
    """Return 1 or 0 for a text that is a boolean, or reads as 1 or 0; None for any other text."""
    value = BOOLEANS.get(text.lower(), read_number(text))
    return None if value is None or value not in (0, 1) else float(value)


def _blanked(column: Column, missing: Collection[str]) -> Column:
    return object_column([None if text in missing else text for text in column])


# -- errors


def _check(table: Table, name: str, values: NDArray[Any], wrong: Any, problem: str) -> None:
    """Raise DataError at the first value for which `wrong` returns True; `problem` ends the message."""
    for rows in row_blocks(len(values), CHECKED):
        found = wrong(values[rows])
        if found.any():
            row, *column = (int(index) for index in np.argwhere(found)[0])
            value = values[rows][row, *column]
            row += rows.start
            label = f"{name}{column[0]}" if column else name
            raise table.error(f"the column {label!r} has {value} in {table.place(row)}, {problem}", row, "correct or remove the row")


def _no_number(
    table: Table, name: str, missing: Collection[str], *, boolean: bool = False, advice: str = "", marks: Collection[str] = ()
) -> DataError:
    column = table[name].tolist()
    present = ((row, text) for row, text in enumerate(column) if text is not None and text not in missing)
    row, text = next(found for found in present if (_boolean(found[1]) is None if boolean else read_number(found[1]) is None))
    contents = "is true or false" if boolean else "holds numbers"
    wrong = f"has {text!r}" if len(marks) < 2 else f"has {text!r}; it has {', '.join(map(repr, marks))}"
    cure = f'"missing": {json.dumps(list(marks or [text]), ensure_ascii=False)}'
    help = f"correct it; if it stands for a missing value, add it to data.missing: {cure}; or, if these are categories: {_one_hot(name)}"
    if table.text_file and "," in text and _COMMA.fullmatch(text):
        advice = f'set "decimal": "," in "data"{f"; {advice}" if advice else ""}'
    advice = advice or help
    return table.error(f"the column {name!r} {contents}, but {table.place(row)} {wrong}", row, advice)


def _unread(table: Table, name: str, missing: Collection[str], advice: str) -> DataError:
    """Return the error for the first text of a column that is not written in the column's notation."""
    notation = table.units[name]
    row, text = first_unread(table[name], missing, notation)
    message = f"the column {name!r} {notation.holds}, but {table.place(row)} has {text!r}"
    help = f'correct it; if it stands for a missing value, add it to data.missing: "missing": {json.dumps([text], ensure_ascii=False)}'
    if isinstance(notation, Words):
        other = f'if these are categories: {_one_hot(name)}; other words are options: {{"type": "boolean", "true": [...], "false": [...]}}'
    else:
        other = f"another spelling of the same unit belongs to data.units.{name} too"
    return table.error(message, row, advice or f"{help}; {other}")


def _one_hot(name: str) -> str:
    return _treatment(name, "one_hot")


def _treatment(name: str, treatment: str) -> str:
    return f'"preprocessing": {{"columns": {{"{name}": "{treatment}"}}}}'


def date_error(name: str, help: str, texts: Collection[str] = ()) -> DataError:
    """Return the error for a column that has dates or times; it shows a text that is no ISO date."""
    other = next((text for text in texts if not read_date(text)), None)
    why = "which are neither numbers nor categories" if other is None else f"such as {other!r}, which is no date of the form 2024-03-31"
    return DataError(f"the column {name!r} has dates or times, {why}", help=help)


def _date_advice(name: str, texts: Collection[str]) -> str:
    """Return the advice for an input of dates or times."""
    advice = f'make numbers of them: {_treatment(name, "date")}; or leave the input out with "ignore" in its place'
    if all(read_date(text) for text in texts):
        return advice
    if any(re.fullmatch(_TIME, text) for text in texts):
        return f"convert them to numbers, such as hours; or leave the input out: {_treatment(name, 'ignore')}"
    return f"write them as 2024-03-31, and add texts for missing values to data.missing; then {advice}"


def has_numbers(table: Table, name: str, missing: Collection[str]) -> bool:
    """Return True for numbers of NumPy, and for texts that all are numbers as the table reads them. No text is created for this."""
    if table[name].dtype != object:
        return table[name].dtype.kind in "iuf"
    try:
        return _parse(table, name, missing) is not None
    except DataError:  # points in a file of decimal commas
        return False


def has_days(table: Table, name: str, missing: Collection[str]) -> bool:
    """Return True for dates of NumPy, and for texts that all are ISO dates with a day."""
    column = table[name]
    if column.dtype != object or name in table.declared:
        return column.dtype.kind == "M"
    counts = text_counts(column, missing)
    return bool(counts) and all(DATE.fullmatch(text) and read_date(text) for text in counts)
