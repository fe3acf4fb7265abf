"""Columns of a table on disk as inputs: their kinds, treatments and categories, and the numbers that are read for each.

The different texts of a column are a small table in memory, which is treated as a column in memory is.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpkit.data.disk.columns import ConvertedColumn, Readable, StoredCodes, StoredColumn, StoredTexts
from mlpkit.data.disk.distinct import distinct_values
from mlpkit.data.disk.table import AnyColumn, StoredTable
from mlpkit.data.table import Table
from mlpkit.errors import SpecError
from mlpkit.preprocessing.date_parts import PARTS, DatePart, date_numbers, varied
from mlpkit.preprocessing.input_columns import InputColumn, column_scaling, input_column, used_columns
from mlpkit.spec import Preprocessing
from mlpkit.spec.column_treatment import Bins, date_of, embed_of

Read = Callable[[Table, InputColumn], NDArray[Any]]  # numbers of a column of a table in memory, NaN for missing ones


def stored_columns(options: Preprocessing, names: Sequence[str], missing: Collection[str], table: StoredTable) -> tuple[InputColumn, ...]:
    """Return the columns to encode, numbers first, as `input_columns` does for rows in memory.

    Raises
    ------
    SpecError, DataError
        The errors of `input_columns`, or a column cannot stay on disk.
    """
    used = used_columns(options, names)
    table.check(used)
    distinct = distinct_values(table, [name for name in used if _by_value(options, table, name)])
    found = [_column(options, table, distinct.get(name), name, missing) for name in used]
    _refuse_trees(options, found)
    return tuple(sorted(found, key=lambda column: column.kind == "category"))


def _by_value(options: Preprocessing, table: StoredTable, name: str) -> bool:
    """Return True if the different values of a column decide on its treatment."""
    asked = options.columns.get(name)
    return not isinstance(table.columns[name], StoredColumn) or asked == "one_hot" or embed_of(asked) is not None


def _column(options: Preprocessing, table: StoredTable, distinct: Table | None, name: str, missing: Collection[str]) -> InputColumn:
    date = date_of(options.columns.get(name))
    if distinct is None and date is not None:
        parts = _varied_parts(table, name, missing)
        return InputColumn(name, "date", "standardize", len(parts), clip=date.clip, parts=parts)
    if distinct is None and not _has_dates(table, name):
        table.numbers([name])  # raises the error for values of other types
    column = input_column(options, table.head([name]) if distinct is None else distinct, name, missing)
    if column.kind != "category" and isinstance(table.columns[name], StoredTexts):
        table.numbers([name])  # raises the error: its texts have no codes on disk
    return column


def _has_dates(table: StoredTable, name: str) -> bool:
    column = table.columns[name]
    return isinstance(column, StoredColumn) and column.dtype.kind == "M"


def _varied_parts(table: StoredTable, name: str, missing: Collection[str]) -> tuple[DatePart, ...]:
    """Return the parts of dates that `varied_parts` returns for all of them in memory."""
    least, most = np.full(len(PARTS), np.inf), np.full(len(PARTS), -np.inf)
    for block in table.tables([(0, table.rows)], [name]):
        values = date_numbers(block, name, missing, tuple(PARTS))
        np.fmin(least, np.fmin.reduce(values), out=least)
        np.fmax(most, np.fmax.reduce(values), out=most)
    return varied(most - least)


def _refuse_trees(options: Preprocessing, columns: Sequence[InputColumn]) -> None:
    """Raise SpecError for edges of bins by a tree, which needs all values of a column at once."""
    for name in [column.name for column in columns if column.treatment == "bins"]:
        scaling = column_scaling(options, name)
        if isinstance(scaling, Bins) and scaling.edges == "tree":
            path = f"columns.{name}" if name in options.columns else "numbers"
            help = "use 'quantiles', or set data.in_memory to true"
            raise SpecError.at(f"preprocessing.{path}", f"{name!r} stays on disk, and a tree needs all of its values in memory", help)


def number_columns(tables: Sequence[StoredTable], columns: Sequence[InputColumn], missing: Collection[str], read: Read) -> list[Readable]:
    """Return the columns on disk that the numbers of input columns are read from, in some of the rows of a file.

    Parameters
    ----------
    tables : sequence of StoredTable
        Rows of one file.
    columns : sequence of InputColumn
        Columns that are no categories.
    missing : collection of str
    read : callable

    Raises
    ------
    DataError
        A column holds other values; names the first row that does.
    """
    table = tables[0]
    table.check([column.name for column in columns])
    coded = [column.name for column in columns if isinstance(table.columns[column.name], StoredCodes)]
    _check_blocks(tables, [column for column in columns if column.name not in coded], read)
    distinct = [distinct_values(part, coded) for part in tables]
    found: list[Readable] = []
    for column in columns:
        stored = table.columns[column.name]
        if isinstance(stored, StoredCodes):
            found.append(_of_texts(stored, column, [part[column.name] for part in distinct], read))
        elif column.kind == "date" and isinstance(stored, StoredColumn):
            convert = partial(_date_numbers, column=column, missing=missing)
            found.append(ConvertedColumn(stored, convert, column.width))
        else:
            found += table.numbers([column.name])
    return found


def _check_blocks(tables: Sequence[StoredTable], columns: Sequence[InputColumn], read: Read) -> None:
    """Read all rows of dates, and of booleans that are numbers, which raises the DataError of the first row with another value."""
    stored = tables[0].columns
    checked = [column for column in columns if column.kind == "date" or (column.kind == "boolean" and not _is_boolean(stored[column.name]))]
    for table in tables if checked else ():
        for block in table.tables([(0, table.rows)], [column.name for column in checked]):
            for column in checked:
                read(block, column)


def _is_boolean(stored: AnyColumn) -> bool:
    return isinstance(stored, StoredColumn) and stored.dtype == bool


def _of_texts(stored: StoredCodes, column: InputColumn, distinct: Sequence[Table], read: Read) -> ConvertedColumn:
    """Return the numbers of texts by their codes. Texts that no row has stay without a number."""
    values = np.full((len(stored.texts), column.width), np.nan)
    code_of = {text: code for code, text in enumerate(stored.texts)}
    for table in distinct:
        codes = [code_of[text] for text in table[column.name].tolist()]
        values[codes] = read(table, column).reshape(len(codes), -1)
    return ConvertedColumn(stored.codes, partial(_looked_up, stored, values), column.width)


def _looked_up(stored: StoredCodes, values: NDArray[np.float64], codes: NDArray[Any]) -> NDArray[np.float64]:
    return values[stored.indices(codes)]


def _date_numbers(values: NDArray[np.datetime64], column: InputColumn, missing: Collection[str]) -> NDArray[np.float64]:
    return date_numbers(Table({column.name: values}), column.name, missing, column.parts)
