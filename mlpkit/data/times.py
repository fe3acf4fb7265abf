"""Times of rows, to sort them (numbers or dates), and dates as inputs: those of NumPy, and ISO 8601 dates in texts."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpkit.data.coded_column import Codes, coded
from mlpkit.data.column_types import missing_rows, numbers
from mlpkit.data.columns import Column, number_text, read_number
from mlpkit.data.iso_dates import EPOCH, read_date
from mlpkit.data.table import Table
from mlpkit.errors import DataError

ISO = "2024-03-01 or 2024-03-01T12:30"
ADVICE = f"give numbers, or dates such as {ISO}"
ADVICE_FOR_INPUTS = f"write it as {ISO}; if it stands for a missing value, leave it empty, or add it to data.missing"
LAST_YEAR = 9999


def times(table: Table, name: str, missing: Collection[str] = ()) -> NDArray[Any]:
    """Return the time of each row in an array that can be sorted.

    Parameters
    ----------
    table : Table
    name : str
        Column of numbers, of dates of NumPy, or of texts that all are numbers or all are dates. Times with a time zone are compared
        in UTC. A month alone is its first day, and a day alone its first moment.
    missing : collection of str
        Texts that stand for a missing value, in addition to None.

    Returns
    -------
    array of numbers or dates, shape (rows,)
        Texts of dates give microseconds; digits beyond these are left out.

    Raises
    ------
    DataError
        A value is missing or is no time; names the row. Or some times have a time zone and others do not.
    """
    column = table[name]
    if column.ndim == 2 or column.dtype.kind == "b":
        contents = "booleans" if column.dtype.kind == "b" else f"{column.shape[1]} values per row"
        raise DataError(f"the column {name!r} has {contents}, which are no times", help=ADVICE)
    if column.dtype != object:
        found = column if column.dtype.kind == "M" else numbers(table, name, advice=ADVICE)
        _check_present(table, name, missing_rows(table, name))
        return found
    codes, texts = coded(column)
    _check_present(table, name, np.array([text is None or text in missing for text in texts], dtype=bool)[codes])
    if not texts or read_number(str(texts[0])) is not None:
        found = numbers(table, name, advice=ADVICE)
        _check_present(table, name, np.isnan(found))  # a text such as nan that the spec does not count as missing
        return found
    return _read(table, name, codes, texts, f"correct or remove the row, or {ADVICE}")


def _check_present(table: Table, name: str, absent: NDArray[np.bool_]) -> None:
    if absent.any():
        row = int(absent.argmax())
        message = f"the column {name!r} has no value in {table.place(row)}, so the row has no place in time"
        raise table.error(message, row, "fill in the value, or remove the row")


def has_dates(column: Column) -> bool:
    """Return True for dates of NumPy, and for texts that begin with a date."""
    if column.dtype == object:
        first = next((text for text in coded(column)[1] if text is not None), None)
        return first is not None and read_date(first) is not None and read_number(first) is None
    return column.dtype.kind == "M"


def time_text(table: Table, name: str, row: int) -> str:
    """Return the time of a row as a short text."""
    value = table[name][row]
    if isinstance(value, np.datetime64):
        return str(value.astype("datetime64[s]")).replace("T", " ").removesuffix(" 00:00:00")
    return value if isinstance(value, str) else number_text(value)


def dates(table: Table, name: str, missing: Collection[str] = ()) -> NDArray[np.datetime64]:
    """Return the date of each row in microseconds, NaT where it is missing.

    Parameters
    ----------
    table : Table
    name : str
        Column of dates of NumPy, or of texts that are dates. Times with a time zone become those of UTC. A month alone is its first day,
        and a day alone its first moment.
    missing : collection of str
        Texts that stand for a missing value, in addition to None.

    Returns
    -------
    array of datetime64[us], shape (rows,)

    Raises
    ------
    DataError
        A value is no date, or its year in UTC is not from 1 to 9999; names the row. Or some times have a time zone and others do not.
    """
    column, key = table[name], (name, frozenset(missing))
    if column.dtype == object:
        if key not in table.dates:
            codes, found = coded(column)
            texts = [None if text is None or text in missing else text for text in found]
            table.dates[key] = _in_range(table, name, _read(table, name, codes, texts, ADVICE_FOR_INPUTS, allow_numbers=False))
        return table.dates[key]
    if column.dtype.kind == "M":
        return _in_range(table, name, column).astype("datetime64[us]")
    if missing_rows(table, name).all():  # None in every row, as for a missing key
        return np.full(len(column), "NaT", "datetime64[us]")
    contents = "booleans" if column.dtype.kind == "b" else f"{column.shape[1]} values per row" if column.ndim == 2 else "numbers"
    raise DataError(f"the column {name!r} has {contents}, which are no dates", help=f"give dates such as {ISO}, or datetime64 values")


def _in_range(table: Table, name: str, found: NDArray[np.datetime64]) -> NDArray[np.datetime64]:
    """Return dates of any unit. Raise DataError at the first whose year is not from 1 to 9999."""
    years = found.astype("datetime64[Y]").astype(np.int64) + 1970
    wrong = ~np.isnat(found) & ((years < 1) | (years > LAST_YEAR))
    if wrong.any():
        row = int(wrong.argmax())
        message = (
            f"the column {name!r} has a date of the year {years[row]} in {table.place(row)}, and years are from 1 to {LAST_YEAR} in UTC"
        )
        raise table.error(message, row, "correct the value, or leave it empty")
    return found


def _read(
    table: Table, name: str, codes: Codes, texts: Sequence[str | None], advice: str, *, allow_numbers: bool = True
) -> NDArray[np.datetime64]:
    """Return dates from texts, which `codes` assigns to the rows; NaT for None. `allow_numbers` allows texts such as 2024.03."""
    found = [None if text is None or (not allow_numbers and _is_number(text)) else read_date(text) for text in texts]
    wrong = np.array([date is None and text is not None for date, text in zip(found, texts, strict=True)], dtype=bool)[codes]
    if wrong.any():
        row = int(wrong.argmax())
        raise table.error(f"the column {name!r} has {texts[codes[row]]!r} in {table.place(row)}, which is no date", row, advice)
    zones = np.array([-1 if date is None else int(date[1]) for date in found], dtype=np.int8)[codes]
    rows = [int((zones == zoned).argmax()) for zoned in (0, 1) if (zones == zoned).any()]
    if len(rows) > 1:
        first, other = sorted(rows)
        message = f"the column {name!r} has times with and without a time zone: {texts[codes[first]]!r} in {table.place(first)}"
        raise table.error(f"{message}, {texts[codes[other]]!r} in {table.place(other)}", other, "give all of them a time zone, or none")
    none = np.iinfo(np.int64).min  # NaT
    return np.array([none if date is None else date[0] - EPOCH for date in found], dtype=np.int64)[codes].view("datetime64[us]")


def _is_number(text: str) -> bool:
    """Return True for texts such as 2024.03; a text with a day is no number."""
    return len(text.strip()) <= len("2024.03") and read_number(text) is not None
