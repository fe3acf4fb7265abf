"""Table: named columns of equal length, which know where their rows came from.

Errors name the line of the file, or the row of the array, even after rows were selected or shuffled.
"""

from __future__ import annotations

import copy
import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from mlpkit.data.categorical_types import is_declared, plain_categories, whole_categories
from mlpkit.data.columns import Column, ambiguous_text, as_column
from mlpkit.data.text_column import TextColumn
from mlpkit.errors import DataError, Problem
from mlpkit.text.column_names import same_form, unique

Rows = NDArray[np.intp]  # the numbers of some rows


class UnusableColumn:
    """A column of what cannot be one, which is an error only where it is used.

    Parameters
    ----------
    rows : int
    error : DataError
    """

    ndim, dtype = 1, np.dtype(object)

    def __init__(self, rows: int, error: DataError) -> None:
        self.rows, self.error = rows, error

    def __len__(self) -> int:
        return self.rows

    def __getitem__(self, rows: Any) -> UnusableColumn:
        return UnusableColumn(len(np.empty(self.rows, dtype=bool)[rows]), self.error)


class Table:
    """Ordered, named columns.

    Parameters
    ----------
    columns : mapping of str to array-like, shape (rows,) or (rows, width)
    source : str
        The file, or empty; named in errors.
    named : bool
        Whether the names are the user's own; False for an array, whose columns are known by their position.
    numbers : array of int, shape (rows,), optional
        The number of each row as a person counts it: from 0 when left out.
    text_file : bool
        The columns are texts, not yet numbers, and `numbers` are lines of the file.
    unnamed : frozenset of str
        Columns that have no name where they come from, such as the names of the rows: no inputs unless the spec names them.
    declared : mapping of str to bool, optional
        The columns whose type says that they are categories, and whether all of these are whole numbers; by the types of the
        columns when left out.

    Raises
    ------
    DataError
        The columns differ in length. One that cannot be a column is an error only when it is used.
    """

    def __init__(
        self,
        columns: Mapping[str, Any],
        *,
        source: str = "",
        named: bool = True,
        numbers: NDArray[np.int64] | None = None,
        text_file: bool = False,
        unnamed: frozenset[str] = frozenset(),
        declared: Mapping[str, bool] | None = None,
    ) -> None:
        columns = dict(zip(unique(list(columns)), columns.values(), strict=True))
        self.declared = {name: whole_categories(values) for name, values in columns.items() if is_declared(values)}
        self.declared |= declared or {}
        self.records = False  # rows were given as dictionaries: what one lacks is missing
        self.lists = {name for name, values in columns.items() if isinstance(values, (list, tuple))}
        self.columns = {name: _column(values, name) for name, values in columns.items()}
        self.source, self.named, self.text_file, self.unnamed = source, named, text_file, unnamed
        lengths = {name: len(column) for name, column in self.columns.items()}
        if len(set(lengths.values())) > 1:
            raise _unequal(lengths, source)
        self.rows: int = next(iter(lengths.values()), 0)
        self.numbers = np.arange(self.rows) if numbers is None else numbers
        self.ambiguous: dict[str, str] = {
            name: "" if isinstance(self.columns[name], UnusableColumn) else ambiguous_text(values, self.columns[name])
            for name, values in columns.items()
        }
        self.parsed: dict[tuple[str, frozenset[str]], NDArray[np.float64] | None] = {}  # text columns already read as numbers

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns, in order."""
        return tuple(self.columns)

    @property
    def width(self) -> int:
        """Values per row, over all columns."""
        return sum(column_width(column) for column in self.columns.values())

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and same_form(name) in self.columns

    def __getitem__(self, name: str) -> Column:
        """A column; DataError when there is none of that name."""
        name = same_form(name)
        if name not in self.columns:
            raise self.missing_columns([name])
        column = self.columns[name]
        if isinstance(column, UnusableColumn):
            raise DataError(column.error.message, help=column.error.help, problems=column.error.problems) from column.error
        return column

    def take(self, rows: Rows | slice) -> Table:
        """Some of the rows."""
        part = copy.copy(self)  # what has been checked and read is not so again
        part.columns = {name: column[rows] for name, column in self.columns.items()}
        part.numbers = self.numbers[rows]
        part.rows = len(part.numbers)
        part.parsed = {key: values[rows] for key, values in self.parsed.items() if values is not None}
        return part

    def select(self, names: Iterable[str]) -> Table:
        """Some of the columns; DataError that names the ones that are not there."""
        names = [same_form(name) for name in names]
        if missing := [name for name in names if name not in self.columns]:
            raise self.missing_columns(missing)
        part = copy.copy(self)
        part.columns = {name: self.columns[name] for name in names}
        return part

    def with_gaps(self, widths: Mapping[str, int]) -> Table:
        """The table with columns of that many values per row added, all of which are missing."""
        part = copy.copy(self)
        gaps = {name: np.full((self.rows, width), np.nan) if width > 1 else np.full(self.rows, None) for name, width in widths.items()}
        part.columns = {**self.columns, **gaps}
        part.ambiguous = {**self.ambiguous, **dict.fromkeys(gaps, "")}
        return part

    # -- errors

    def place(self, row: int) -> str:
        """Return where a row is, as a person finds it: "line 17 of penguins.csv" or "row 16"."""
        unit = "line" if self.text_file else "row"
        return f"{unit} {self.numbers[row]}" + (f" of {self.source}" if self.source else "")

    def error(self, message: str, row: int, help: str = "") -> DataError:
        """An error at a row; the message is to name its `place`."""
        return data_error(message, self.source, int(self.numbers[row]) if self.text_file else 0, help)

    def missing_columns(self, names: Sequence[str]) -> DataError:
        """The error for columns that are not there, with the nearest names that are."""
        return missing_columns(names, self.names, self.source)


def missing_columns(names: Sequence[str], known: Sequence[str], source: str = "") -> DataError:
    """The error for columns that are not among the known ones of a file or table, with the nearest names that are."""
    near = difflib.get_close_matches(names[0], known, n=1) if len(names) == 1 else []  # of several, none is a slip of the pen
    hint = f"; did you mean {near[0]!r}?" if near else ""
    some = ", ".join(known[:20]) + (f" and {len(known) - 20} more" if len(known) > 20 else "")
    what = "are no columns" if len(names) > 1 else "is no column"
    shown = ", ".join(map(repr, names[:10])) + (f" and {len(names) - 10} more" if len(names) > 10 else "")
    where = f" in {source}" if source else ""
    return data_error(f"there {what} {shown}{where}{hint}", source, help=f"the columns are {some or 'none'}")


def _column(values: Any, name: str) -> Column:
    """The column that values are, or one that raises when it is used; DataError for what is none of any length."""
    if isinstance(values, (TextColumn, UnusableColumn)):
        return cast(Column, values)
    try:
        if type(getattr(values, "dtype", None)).__name__ == "Struct":  # of polars, which would become numbers
            raise DataError(f"the column {name!r} has several fields in each row", help="give each field as a column of its own: unnest()")
        return as_column(plain_categories(values) if is_declared(values) else values, name)
    except MemoryError:
        raise
    except Exception as error:  # a frame's library has errors of its own
        if isinstance(values, (str, bytes, Mapping)) or not hasattr(values, "__len__") or getattr(values, "ndim", 1) == 0:
            raise
        wrong = error if isinstance(error, DataError) else _unreadable(name, error)
        return cast(Column, UnusableColumn(len(values), wrong))


def _unreadable(name: str, error: Exception) -> DataError:
    what = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
    return DataError(f"the column {name!r} cannot be read as an array: {what}", help="give numbers, booleans or texts, a column each")


def column_width(column: Column) -> int:
    """Values per row."""
    return column.shape[1] if column.ndim == 2 else 1


def counted(number: int, noun: str) -> str:
    """``counted(2, "row")`` -> "2 rows"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def data_error(message: str, file: str = "", line: int = 0, help: str = "") -> DataError:
    """A DataError that knows its file and line."""
    return DataError(message, help=help, problems=[Problem(message, help=help, file=file, line=line)])


def _unequal(lengths: Mapping[str, int], source: str) -> DataError:
    first, rows = next(iter(lengths.items()))
    other, differing = next((name, length) for name, length in lengths.items() if length != rows)
    where = f"{source}: " if source else ""
    message = f"{where}the columns differ in length: {first!r} has {counted(rows, 'row')}, {other!r} has {differing}"
    return data_error(message, source, help="leave out what is no column; in a spec, name the columns in data.inputs and data.target")
