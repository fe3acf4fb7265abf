"""Table: named columns of equal length, with the line or row number of each row.

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
from mlpkit.data.coded_column import CodedColumn
from mlpkit.data.columns import Column, ambiguous_text, as_column
from mlpkit.data.frame_texts import frame_texts
from mlpkit.data.written_numbers import AnyNotation
from mlpkit.errors import DataError, Problem
from mlpkit.text.column_names import same_form, unique
from mlpkit.text.shown import counted, first_few

Rows = NDArray[np.intp]  # row indices
MANY = 128  # rows from which on texts are coded once and not each time


class UnusableColumn:
    """Placeholder for a column that cannot be read. Its error is raised only if the column is used.

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
        Path of the file for error messages, or empty.
    named : bool
        True if the user named the columns; False for an array, whose columns are known by their position.
    numbers : array of int, shape (rows,), optional
        Number of each row in error messages. The default counts from 0.
    text_file : bool
        True if the columns are texts that are not converted yet, and `numbers` are lines of the file.
    unnamed : frozenset of str
        Columns that have no name in the file, such as row names. They are inputs only if the spec names them.
    declared : mapping of str to bool, optional
        Columns of a categorical type, with True if all categories are integers. The default follows from the types of the columns.

    Attributes
    ----------
    separator : str or None
        Delimiter of the fields of a CSV file.
    by_line : bool
        True if `numbers` are lines of a file.
    files, file_of, starts : tuple of str, array of int, shape (rows,), or None, and array of int or None
        Files of a table of shards, and the index of the file of each row; or the first row of each, if `numbers` count those of all.
    units : mapping of str to Notation or Words
        Notations of columns of texts. A column without one has plain numbers, or categories.

    Raises
    ------
    DataError
        The columns differ in length. A column that cannot be read raises its error only when it is used.
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
        self.records = False  # rows were given as dictionaries, so absent keys are missing values
        self.lists = {name for name, values in columns.items() if isinstance(values, (list, tuple))}
        self.columns = {name: _column(values, name) for name, values in columns.items()}
        self.separator: str | None = None
        self.by_line = text_file
        self.files: tuple[str, ...] = ()
        self.file_of: Rows | None = None
        self.starts: Rows | None = None
        self.units: Mapping[str, AnyNotation] = {}
        self.source, self.named, self.text_file, self.unnamed = source, named, text_file, unnamed
        lengths = {name: len(column) for name, column in self.columns.items()}
        if len(set(lengths.values())) > 1:
            raise _unequal(lengths, source)
        self.rows: int = next(iter(lengths.values()), 0)
        self.numbers = np.arange(self.rows) if numbers is None else numbers
        self.ambiguous: dict[str, str] = {
            name: "" if _has_one_type(self.columns[name]) else ambiguous_text(values, self.columns[name])
            for name, values in columns.items()
        }
        self.parsed: dict[tuple[str, frozenset[str], AnyNotation | None], NDArray[np.float64] | None] = {}  # cache of texts read as numbers
        self.dates: dict[tuple[str, frozenset[str]], NDArray[np.datetime64]] = {}  # and to dates

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns, in order."""
        return tuple(self.columns)

    @property
    def width(self) -> int:
        """Number of values per row, over all columns."""
        return sum(column_width(column) for column in self.columns.values())

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and same_form(name) in self.columns

    def __getitem__(self, name: str) -> Column:
        """Return a column. Raise DataError if it does not exist or cannot be used."""
        name = same_form(name)
        if name not in self.columns:
            raise self.missing_columns([name])
        column = self.columns[name]
        if isinstance(column, UnusableColumn):
            raise DataError(column.error.message, help=column.error.help, problems=column.error.problems) from column.error
        return column

    def take(self, rows: Rows | slice) -> Table:
        """Return a table with some of the rows."""
        part = copy.copy(self)  # keeps the results of checks and conversions
        part.columns = {name: column[rows] for name, column in self.columns.items()}
        part.numbers = self.numbers[rows]
        part.file_of = None if self.file_of is None else self.file_of[rows]
        part.rows = len(part.numbers)
        part.parsed = {key: values[rows] for key, values in self.parsed.items() if values is not None}
        part.dates = {key: values[rows] for key, values in self.dates.items()}
        return part

    def select(self, names: Iterable[str]) -> Table:
        """Return a table with some of the columns. Raise DataError that names those that do not exist."""
        names = [same_form(name) for name in names]
        if missing := [name for name in names if name not in self.columns]:
            raise self.missing_columns(missing)
        part = copy.copy(self)
        part.columns = {name: self.columns[name] for name in names}
        return part

    def separated(self) -> Table:
        """Return the table with a column x0, x1 and so on for each value of a column x of several values per row."""
        part = copy.copy(self)
        part.columns = {}
        for name, column in self.columns.items():
            many = not isinstance(column, UnusableColumn) and column.ndim == 2
            part.columns |= {f"{name}{index}": column[:, index] for index in range(column.shape[1])} if many else {name: column}
        part.ambiguous = {name: self.ambiguous.get(name, "") for name in part.columns}
        return part

    def with_units(self, units: Mapping[str, AnyNotation]) -> Table:
        """Return the table with the notations of columns, in place of those that it has."""
        if units == self.units:
            return self
        part = copy.copy(self)
        part.units = units
        return part

    def with_missing_columns(self, widths: Mapping[str, int]) -> Table:
        """Return the table with additional columns of the given widths, in which every value is missing."""
        part = copy.copy(self)
        added = {name: np.full((self.rows, width), np.nan) if width > 1 else np.full(self.rows, None) for name, width in widths.items()}
        part.columns = {**self.columns, **added}
        part.ambiguous = {**self.ambiguous, **dict.fromkeys(added, "")}
        return part

    def with_values_as_columns(self) -> Table:
        """Return the table of an array of numbers with a column for each value, x0, x1 and so on; another one as it is."""
        if self.named or len(self.columns) != 1 or column_width(next(iter(self.columns.values()))) == 1:
            return self
        part = copy.copy(self)
        ((name, block),) = self.columns.items()
        part.columns = {label: block[:, index] for index, label in enumerate(value_names(name, block.shape[1]))}
        part.lists = set(part.columns) if self.lists else set()
        return part

    # -- errors

    def place(self, row: int) -> str:
        """Return the position of a row for an error message, such as "line 17 of penguins.csv" or "row 16"."""
        file, number = self._origin(row)
        return f"{'line' if self.by_line else 'row'} {number}" + (f" of {file}" if self.source else "")

    def error(self, message: str, row: int, help: str = "") -> DataError:
        """Return an error at a row. The message is expected to include the row's `place`."""
        file, number = self._origin(row)
        return data_error(message, file, number if self.by_line else 0, help)

    def _origin(self, row: int) -> tuple[str, int]:
        """Return the file of a row, and its line or row there."""
        number = int(self.numbers[row])
        if self.starts is not None:
            shard = int(np.searchsorted(self.starts, number, "right")) - 1
            return self.files[shard], number - int(self.starts[shard])
        return self.source if self.file_of is None else self.files[self.file_of[row]], number

    def missing_columns(self, names: Sequence[str]) -> DataError:
        """Return the error for columns that do not exist, with the nearest names that do."""
        return missing_columns(names, self.names, self.source)


def missing_columns(names: Sequence[str], known: Sequence[str], source: str = "") -> DataError:
    """Return the error for columns that are not among the known ones of a file or table, with the nearest names."""
    near = difflib.get_close_matches(names[0], known, n=1) if len(names) == 1 else []  # a suggestion is made for a single name only
    hint = f"; did you mean {near[0]!r}?" if near else ""
    some = first_few(known, 20)
    found = "are no columns" if len(names) > 1 else "is no column"
    shown = first_few(names, show=repr)
    where = f" in {source}" if source else ""
    return data_error(f"there {found} {shown}{where}{hint}", source, help=f"the columns are {some or 'none'}")


def _column(values: Any, name: str) -> Column:
    """Return values as a column, or an UnusableColumn if they have a length. Raise DataError otherwise."""
    if isinstance(values, (CodedColumn, UnusableColumn)):
        return cast(Column, values)
    try:
        if type(getattr(values, "dtype", None)).__name__ == "Struct":  # polars would convert a Struct to numbers
            raise DataError(f"the column {name!r} has several fields in each row", help="call unnest() to get one column per field")
        if isinstance(texts := _library_column(values, name), CodedColumn):
            return cast(Column, texts)
        column = as_column(plain_categories(texts) if is_declared(texts) else texts, name)
        return cast(Column, CodedColumn(column)) if column.dtype == object and len(column) >= MANY else column
    except MemoryError:
        raise
    except Exception as error:  # a frame's library has errors of its own
        if isinstance(values, (str, bytes, Mapping)) or not hasattr(values, "__len__") or getattr(values, "ndim", 1) == 0:
            raise
        wrong = error if isinstance(error, DataError) else _unreadable(name, error)
        return cast(Column, UnusableColumn(len(values), wrong))


def _has_one_type(column: Column) -> bool:
    return isinstance(column, UnusableColumn) or (isinstance(column, CodedColumn) and column.made)


def _library_column(values: Any, name: str) -> Any:
    """Return the texts of Arrow, pandas or polars as codes, and other values of Arrow in the forms of NumPy; other values as they are."""
    library = type(values).__module__.partition(".")[0]
    if library == "pyarrow" and hasattr(values, "null_count"):
        from mlpkit.data.arrow_columns import arrow_column

        return arrow_column(values, name)
    if library in ("pandas", "polars"):
        found = frame_texts(values)
        return values if found is None else found
    return values


def _unreadable(name: str, error: Exception) -> DataError:
    reason = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
    return DataError(f"the column {name!r} cannot be read as an array: {reason}", help="give numbers, booleans or texts in one dimension")


def column_width(column: Column) -> int:
    """Return the number of values per row."""
    return column.shape[1] if column.ndim == 2 else 1


def value_names(name: str, width: int) -> list[str]:
    """Return the name of each value per row: that of the column, or "pixels0", "pixels1" and so on for a block."""
    return [name] if width == 1 else [f"{name}{index}" for index in range(width)]


def data_error(message: str, file: str = "", line: int = 0, help: str = "") -> DataError:
    """Return a DataError with its file and line."""
    return DataError(message, help=help, problems=[Problem(message, help=help, file=file, line=line)])


def _unequal(lengths: Mapping[str, int], source: str) -> DataError:
    first, rows = next(iter(lengths.items()))
    other, differing = next((name, length) for name, length in lengths.items() if length != rows)
    where = f"{source}: " if source else ""
    message = f"{where}the columns differ in length: {first!r} has {counted(rows, 'row')}, {other!r} has {differing}"
    return data_error(message, source, help="remove what is not a column; in a spec, name the columns in data.inputs and data.target")
