"""The kind of a column - numbers, booleans or categories - and its values as that kind.

Texts are numbers when all of them read as numbers; a column that is nearly that is a mistake and is shown with its row,
and so are dates and numbers with a comma, which would otherwise silently become one category per value.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from typing import Any, Literal, NoReturn

import numpy as np
from numpy.typing import NDArray

from mlpkit.data.columns import Column, number_text, object_column, read_number
from mlpkit.data.decorated_numbers import MOSTLY, marks, refuse_decorated
from mlpkit.data.table import Table
from mlpkit.data.text_column import TextColumn, coded
from mlpkit.errors import DataError
from mlpkit.numerics.blocks import row_blocks

Kind = Literal["number", "boolean", "category"]
BOOLEANS = {"true": 1.0, "false": 0.0}
FLAGS = {**BOOLEANS, "1": 1.0, "0": 0.0, "1.0": 1.0, "0.0": 0.0}
CHECKED = 2**16  # rows that are checked at a time

_TIME = r"\d{1,2}:\d{2}(:\d{2}([.,]\d+)?)?"
_DATE = re.compile(
    rf"(\d{{4}}[-/.]\d{{1,2}}[-/.]\d{{1,2}}|\d{{1,2}}([-/.])\d{{1,2}}\2\d{{2,4}})([T ]{_TIME} ?(Z|[+-]\d\d:?\d\d)?)?|{_TIME}"
)
_COMMA = re.compile(r"[+-]?\d[\d.]*|[+-]?[\d.]*,\d+")


def column_kind(table: Table, name: str, missing: Collection[str] = (), *, advice: str = "") -> Kind:
    """Return what a column holds.

    Parameters
    ----------
    table : Table
    name : str
    missing : collection of str
        Texts that mean that a value is missing, beside None.
    advice : str
        What to do about a text that is no number; to correct it or to change the spec, when left out.

    Raises
    ------
    DataError
        Dates or times; numbers with a comma, a unit, a currency and so on; numbers with some other texts between them.
    """
    if name in table.declared:
        return "category"
    column = table[name]
    if column.dtype.kind == "M":
        refuse_dates(name)
    if column.dtype != object:
        return "boolean" if column.dtype.kind == "b" else "number"
    if _parse(table, name, missing) is not None:
        return "number"
    counts = text_counts(column, missing)
    if all(text.lower() in BOOLEANS for text in counts):
        return "boolean"
    if all(_DATE.fullmatch(text) for text in counts):
        refuse_dates(name)
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
    return "category"


def numbers(table: Table, name: str, missing: Collection[str] = (), *, boolean: bool = False, advice: str = "") -> NDArray[Any]:
    """The values of a column as numbers, NaN where one is missing.

    Parameters
    ----------
    table, name, missing, advice : as for `column_kind`
    boolean : bool
        Whether the values must be true or false: 1 and 0.

    Returns
    -------
    array of numbers, shape (rows,) or (rows, width)

    Raises
    ------
    DataError
        A text that is no number, or an infinite value, with its row.
    """
    column = table[name]
    if column.dtype.kind == "M":
        refuse_dates(name)
    if column.dtype == object:
        values = None if boolean else _parse(table, name, missing)
        values = _parse_booleans(column, missing) if values is None else values  # true and false count as 1 and 0 among numbers too
        if values is None:
            raise _no_number(table, name, missing, boolean=boolean, advice=advice)
        column = values
    if boolean and column.dtype != bool:
        _check(table, name, column, lambda block: ~np.isnan(block) & (block != 0) & (block != 1), "which is neither true nor false")
    _check(table, name, column, np.isinf, "which is not finite")
    return column


def texts(table: Table, name: str) -> Column:
    """The values of a column as categories: an object array of texts, None where one is missing."""
    column = table[name]
    if column.ndim == 2:
        raise DataError(
            f"the column {name!r} has {column.shape[1]} values per row, which cannot be one category", help="give a column each"
        )
    if column.dtype == object:
        return column
    if column.dtype.kind == "f":
        return object_column([None if value != value else number_text(value) for value in column.tolist()])
    return object_column([None if text == "NaT" else text for text in column.astype(str).tolist()])


def text_counts(column: Column, missing: Collection[str]) -> dict[str, int]:
    """Return how often each text is in a column of texts, but for missing ones."""
    codes, found = coded(column)
    counts = zip(found, np.bincount(codes).tolist(), strict=True)
    return {text: count for text, count in counts if text is not None and text not in missing}


def gaps(table: Table, name: str) -> NDArray[np.bool_]:
    """Return which rows of a column have a missing value."""
    column = table[name]
    if isinstance(column, TextColumn):
        return column.gaps
    if column.dtype == object:
        return np.array([value is None for value in column.tolist()], dtype=bool)
    missing: NDArray[np.bool_] = column != column  # NaN and NaT are unlike themselves
    return np.asarray(missing.any(axis=1)) if missing.ndim == 2 else missing


# -- texts as numbers


def _parse(table: Table, name: str, missing: Collection[str]) -> NDArray[np.float64] | None:
    """The numbers of a text column, NaN where one is missing; None if any text is no number. The table remembers them."""
    key = name, frozenset(missing)
    if key not in table.parsed:
        table.parsed[key] = _parse_texts(table[name], missing)
    return table.parsed[key]


def _parse_texts(column: Column, missing: Collection[str]) -> NDArray[np.float64] | None:
    if isinstance(column, TextColumn):
        return column.numbers(missing)
    for blank in (False, True):  # the missing texts of files are None already: the second look is seldom needed
        try:
            values = (_blanked(column, missing) if blank else column).astype(np.float64)
        except ValueError:
            continue
        return None if "_" in "".join(filter(None, column)) else values  # 1_000 is a number to Python alone
    return None


def _parse_booleans(column: Column, missing: Collection[str]) -> NDArray[np.float64] | None:
    codes, found = coded(column)
    values = [np.nan if text is None or text in missing else _boolean(text) for text in found]
    return None if None in values else np.array(values, dtype=np.float64)[codes]


def _boolean(text: str) -> float | None:
    """Return 1 or 0 for a text that says true or false, or reads as one of these numbers; None for any other."""
    value = BOOLEANS.get(text.lower(), read_number(text))
    return None if value is None or value not in (0, 1) else float(value)


def _blanked(column: Column, missing: Collection[str]) -> Column:
    return object_column([None if text in missing else text for text in column])


# -- what is wrong


def _check(table: Table, name: str, values: NDArray[Any], wrong: Any, what: str) -> None:
    """Raise DataError at the first value for which `wrong` holds."""
    for rows in row_blocks(len(values), CHECKED):
        found = wrong(values[rows])
        if found.any():
            row, *column = (int(index) for index in np.argwhere(found)[0])
            value = values[rows][row, *column]
            row += rows.start
            label = f"{name}{column[0]}" if column else name
            raise table.error(f"the column {label!r} has {value} in {table.place(row)}, {what}", row, "correct or remove the row")


def _no_number(
    table: Table, name: str, missing: Collection[str], *, boolean: bool = False, advice: str = "", marks: Collection[str] = ()
) -> DataError:
    column = table[name].tolist()
    present = ((row, text) for row, text in enumerate(column) if text is not None and text not in missing)
    row, text = next(found for found in present if (_boolean(found[1]) is None if boolean else read_number(found[1]) is None))
    what = "is true or false" if boolean else "holds numbers"
    wrong = f"has {text!r}" if len(marks) < 2 else f"has {text!r}; it has {', '.join(map(repr, marks))}"
    cure = f'"missing": {json.dumps(list(marks or [text]), ensure_ascii=False)}'
    help = f"correct it; if it stands for a missing value, add it to data.missing: {cure}; or, if these are categories: {_one_hot(name)}"
    if table.text_file and "," in text and _COMMA.fullmatch(text):
        advice = f'set "decimal": "," in "data"{f"; {advice}" if advice else ""}'
    advice = advice or help
    return table.error(f"the column {name!r} {what}, but {table.place(row)} {wrong}", row, advice)


def _one_hot(name: str) -> str:
    return f'"preprocessing": {{"columns": {{"{name}": "one_hot"}}}}'


def refuse_dates(name: str) -> NoReturn:
    """Raise the DataError for a column of dates or times."""
    raise DataError(
        f"the column {name!r} has dates or times, which are neither numbers nor categories",
        help="make numbers of them, such as days since a date, or the year and the month; an input may also be left out: "
        f'"preprocessing": {{"columns": {{"{name}": "ignore"}}}}',
    )
