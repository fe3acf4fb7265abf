"""Tables made of Python objects: arrays, lists, dictionaries, pandas, polars and Arrow, and anything that Arrow can stream.

Frames are recognized by their attributes (`columns`, `column_names`), so none of those packages is imported.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpkit.data.categorical_types import is_declared
from mlpkit.data.columns import as_array
from mlpkit.data.table import Table
from mlpkit.errors import DataError
from mlpkit.text.column_names import same_form, unique
from mlpkit.text.shown import counted

KNOWN = "give an array, a dictionary of columns, a list of dictionaries, or a pandas, polars or Arrow table"


def as_table(source: Any, names: Sequence[str] | None = None, *, default: str = "x") -> Table:
    """Return a table of any source of rows.

    Parameters
    ----------
    source : array-like, mapping, list of mappings, frame or Table
        A 2-D array of numbers becomes one column `default` of that width. A 2-D array of objects or texts becomes the columns
        x0, x1 and so on. The columns of a structured array are its fields. A series keeps its name.
    names : sequence of str, optional
        Names of the columns, instead of those of the source.
    default : str
        Name of the columns of an array without names.

    Raises
    ------
    DataError
        The source is not a table, repeats a column name, has rows or columns of different lengths, or has unusable values.
    """
    if isinstance(source, Table):
        return source if names is None else _renamed(source, names)
    if hasattr(source, "__arrow_c_stream__") and not _is_known(source):
        source = arrow_source(source)
    columns = _columns(source)
    if columns is not None:
        table = Table(columns)
        if _are_records(source):
            table.records, table.rows = True, len(source)
        return table if names is None else _renamed(table, names)
    name = getattr(source, "name", None)
    if names is None and isinstance(name, str) and name and len(getattr(source, "shape", ())) <= 1:
        names = [name]
    if is_declared(source):
        return Table({(names or [default])[0]: source}, named=names is not None)
    table = _from_array(as_array(source, default), names, default)
    table.lists = set(table.names) if isinstance(source, (list, tuple)) else set()
    return table


def _columns(source: Any) -> dict[str, Any] | None:
    """Return the columns by name, or None if the source has no names."""
    if isinstance(source, Mapping):
        return dict(zip(unique(list(source)), source.values(), strict=True))
    if _are_records(source):
        return _from_records(source)
    if isinstance(source, np.ndarray):
        return None if source.dtype.names is None else {name: source[name] for name in source.dtype.names}
    if hasattr(source, "column_names"):
        return {name: source.column(index) for index, name in enumerate(unique(source.column_names))}
    if hasattr(source, "collect"):
        raise DataError(f"a {type(source).__name__} holds no rows yet", help="call its collect() first")
    if hasattr(source, "columns") and hasattr(source, "__getitem__"):
        return {name: source[label] for name, label in zip(unique(source.columns), source.columns, strict=True)}
    return None


def _is_known(source: Any) -> bool:
    """Return True for the tables and columns of libraries whose own forms are read."""
    return type(source).__module__.partition(".")[0] in ("pandas", "polars", "pyarrow")


def arrow_source(source: Any) -> Any:
    """Return the Arrow table of an object with `__arrow_c_stream__`, such as a relation of duckdb. Raise DataError without pyarrow."""
    try:
        from mlpkit.data.arrow_columns import arrow_table
    except ImportError as error:
        message = f"a {type(source).__name__} is read by pyarrow, which is not installed"
        raise DataError(message, help='pip install "mlpkit[parquet]"; or give a table of pandas or polars') from error
    return arrow_table(source)


def _are_records(source: Any) -> bool:
    """Return True if the rows are dictionaries. A key that a row lacks is then a missing value."""
    return isinstance(source, (list, tuple)) and bool(source) and isinstance(source[0], Mapping)


def _from_records(records: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Convert a list of dictionaries to columns. A key that a row lacks becomes None."""
    for row, record in enumerate(records):
        if not isinstance(record, Mapping):
            raise DataError(f"row {row} is not a dictionary, although row 0 is", help=KNOWN)
        unique(list(record))
    known = [{same_form(str(key)): value for key, value in record.items()} for record in records]
    names = dict.fromkeys(name for record in known for name in record)
    return {name: [record.get(name) for record in known] for name in names}


def _from_array(array: NDArray[Any], names: Sequence[str] | None, default: str) -> Table:
    if array.ndim == 0:
        raise DataError(f"an object of type {type(array.item()).__name__} is not a table", help=KNOWN)
    if array.ndim > 2:
        raise DataError(f"an array of shape {array.shape} is not a table", help="reshape it to (rows, columns): x.reshape(len(x), -1)")
    if array.ndim == 2 and array.shape[1] == 0:
        raise DataError("the array has no columns", help="give at least one value per row")
    named = names is not None
    if array.ndim == 1 or array.shape[1] == 1 or (names is not None and len(names) == 1):
        return Table(dict(zip(_checked(names or [default], 1), [array], strict=True)), named=named)
    if names is None and array.dtype.kind in "bifu":
        return Table({default: array}, named=False)
    width = array.shape[1]
    return Table(split_columns(array, _checked(names or [f"{default}{index}" for index in range(width)], width)), named=named)


def split_columns(array: NDArray[Any], names: Sequence[str]) -> dict[str, NDArray[Any]]:
    """Return the columns of a 2-D array by name."""
    return {name: array[:, index] for index, name in enumerate(names)}


def _renamed(table: Table, names: Sequence[str]) -> Table:
    new_name = dict(zip(table.names, _checked(names, len(table.names)), strict=True))
    columns = {new_name[name]: column for name, column in table.columns.items()}
    declared = {new_name[name]: whole for name, whole in table.declared.items()}
    return Table(columns, source=table.source, numbers=table.numbers, text_file=table.text_file, declared=declared)


def _checked(names: Sequence[str], columns: int) -> list[str]:
    if len(names) != columns:
        raise DataError(f"{counted(len(names), 'name')} for {counted(columns, 'column')}", help="give one name per column")
    return unique(names)


def is_empty(rows: Any) -> bool:
    """Return True for rows without any row or column name: an empty list or an empty 1-D array."""
    if isinstance(rows, np.ndarray):
        return rows.shape == (0,) and rows.dtype.names is None
    return isinstance(rows, (list, tuple)) and not rows


def plain_array(rows: Any, width: int | None, dtype: str) -> NDArray[Any]:
    """Return rows as an array of shape (rows, width), for a network without fitted preprocessing.

    Raises
    ------
    DataError
        The values are not numbers, or the rows have another width.
    """
    try:
        array = np.asarray(rows, dtype)
    except (TypeError, ValueError) as error:
        message = f"the model has not been trained, so it accepts only an array of numbers: {error}"
        raise DataError(message, help="train it first to predict from tables and files") from error
    if array.ndim != 2 or array.shape[1] != width:
        raise DataError(f"the rows have shape {array.shape}, but the network takes (rows, {width})", help="give one row per example")
    return array
