"""Times of rows, to sort them: numbers, dates, and ISO 8601 dates in texts such as 2024-03-01 or 2024-03-01T12:30:00+01:00."""

from __future__ import annotations

import datetime
import re
from collections.abc import Collection
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpkit.data.column_types import missing_rows, numbers
from mlpkit.data.columns import Column, number_text, read_number
from mlpkit.data.csv.text_column import coded
from mlpkit.data.table import Table
from mlpkit.errors import DataError

ADVICE = "give numbers, or dates such as 2024-03-01 or 2024-03-01T12:30"
_ISO = re.compile(
    r"(?P<year>\d{4})(?P<mark>[-/.])(?P<month>\d{1,2})"
    r"((?P=mark)(?P<day>\d{1,2})([T ](?P<hour>\d{1,2}):(?P<minute>\d{2})(:(?P<second>\d{2})([.,](?P<fraction>\d+))?)?"
    r"( ?(?P<zone>Z|[+-]\d{2}(:?\d{2})?))?)?)?",
    re.ASCII,
)
_UNITS = {"hour": (24, 3_600_000_000), "minute": (60, 60_000_000), "second": (61, 1_000_000)}  # microseconds; 60 is a leap second


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
        Texts of dates give microseconds since the year 1; digits beyond these are left out.

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
    return _dates(table, name, codes, [str(text) for text in texts])


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


def _dates(table: Table, name: str, codes: NDArray[np.intp], texts: list[str]) -> NDArray[np.int64]:
    """Return microseconds from the texts of dates, which `codes` assigns to the rows."""
    found = [read_date(text) for text in texts]
    if None in found:
        row = int((np.array([date is None for date in found])[codes]).argmax())
        message = f"the column {name!r} has {texts[codes[row]]!r} in {table.place(row)}, which is no date that can be sorted"
        raise table.error(message, row, f"correct or remove the row, or {ADVICE}")
    zoned = np.array([date is not None and date[1] for date in found])[codes]
    if zoned.any() and not zoned.all():
        row = int((zoned != zoned[0]).argmax())
        message = f"the column {name!r} has times with and without a time zone: {texts[codes[0]]!r} in {table.place(0)}"
        raise table.error(f"{message}, {texts[codes[row]]!r} in {table.place(row)}", row, "give all of them a time zone, or none")
    return np.array([date[0] for date in found if date is not None], dtype=np.int64)[codes]


def read_date(text: str) -> tuple[int, bool] | None:
    """Return the microseconds of a date since the year 1, and True if it has a time zone; None for a text that is no ISO date."""
    match = _ISO.fullmatch(text.strip())
    if match is None:
        return None
    try:
        day = datetime.date(int(match["year"]), int(match["month"]), int(match["day"] or 1))
    except ValueError:  # such as 2024-02-30
        return None
    microseconds = day.toordinal() * 86_400_000_000 + int((match["fraction"] or "")[:6].ljust(6, "0"))
    for unit, (most, length) in _UNITS.items():
        if int(match[unit] or 0) >= most:
            return None
        microseconds += int(match[unit] or 0) * length
    zone = match["zone"]
    if zone is None or zone == "Z":
        return microseconds, zone is not None
    hours, minutes = int(zone[1:3]), int(zone[3:].removeprefix(":") or 0)
    ahead = (hours * 60 + minutes) * 60_000_000
    return microseconds - (ahead if zone[0] == "+" else -ahead), True
