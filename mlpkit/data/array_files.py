"""NPY, NPZ and HDF5 files as columns, in memory or on disk. Nothing in them is unpickled or executed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from zipfile import is_zipfile

import numpy as np
from numpy.typing import NDArray

from mlpkit.data.disk.arrays import stored_array, stored_datasets
from mlpkit.data.disk.columns import StoredColumn, stripes
from mlpkit.data.disk.table import StoredTable
from mlpkit.data.hdf5_file import chosen_datasets, hdf5_errors, open_file
from mlpkit.data.numpy_file import is_npy, load_numpy
from mlpkit.data.table import Table, UnusableColumn, data_error
from mlpkit.errors import DataError
from mlpkit.text.column_names import same_form

Read = Callable[[slice], Mapping[str, Any]]  # returns the columns of a slice of the rows


def iter_arrays(
    path: str | Path, format: str, *, rows: int | None, columns: Collection[str] | None, allow_large: bool = False
) -> Iterator[Table]:
    """Yield the file as tables of at most `rows` rows, or as a single table if `rows` is None.

    Parameters
    ----------
    path : str or Path
    format : {"npy", "npz", "hdf5"}
    rows : int or None
    columns : collection of str or None
        Read only these arrays. All arrays are read if the file has none of them.
    allow_large : bool
        True to accept a file whose headers declare far more memory than the file has bytes.

    Raises
    ------
    DataError
        The file has another format, holds Python objects, has no rows, has arrays of different lengths, or declares too much memory.
    """
    with (_hdf5 if format == "hdf5" else _numpy)(path, columns, allow_large) as (length, named, read):
        if length == 0:
            raise _empty(path)
        step = rows or length
        for start in range(0, length, step):
            stop = min(start + step, length)
            yield Table(read(slice(start, stop)), source=str(path), named=named, numbers=np.arange(start, stop))


@contextmanager
def _numpy(path: str | Path, columns: Collection[str] | None, allow_large: bool) -> Iterator[tuple[int, bool, Read]]:
    """Open an NPY or NPZ file (by its content); columns are named by the arrays, or x0, x1 and so on for an NPY file."""
    loaded = load_numpy(path, columns, allow_large)
    if isinstance(loaded, dict):
        arrays = loaded
        yield _length(arrays, path), True, lambda rows: {name: array[rows] for name, array in arrays.items()}
    else:
        table = stored_array(loaded)
        yield table.rows, table.named, partial(_read_rows, table)


def open_npy(path: str | Path) -> StoredTable | None:
    """Return the columns of an NPY file without reading them, or None if the content is an NPZ file.

    Raises
    ------
    DataError
        The file has another format, holds Python objects, or its array has another shape than (rows,) or (rows, columns).
    """
    if not is_npy(path) and is_zipfile(path):
        return None
    loaded = load_numpy(path, None, allow_large=False)
    table = None if isinstance(loaded, dict) else stored_array(loaded)
    if table is not None and not table.rows:
        raise _empty(path)
    return table


def _read_rows(table: StoredTable, rows: slice) -> Mapping[str, NDArray[Any]]:
    """Read a slice of the rows of an NPY file, by column."""
    columns = [column for column in table.columns.values() if isinstance(column, StoredColumn)]
    parts = next(table.blocks([(rows.start, rows.stop)], stripes(columns), table.rows))
    values = [part[:, index : index + 1] for part in parts for index in range(part.shape[1])]
    found, start = {}, 0
    for name, column in zip(table.names, columns, strict=True):
        found[name] = values[start] if column.width == 1 else np.concatenate(values[start : start + column.width], axis=1)
        start += column.width
    return found


@contextmanager
def _hdf5(path: str | Path, columns: Collection[str] | None, allow_large: bool) -> Iterator[tuple[int, bool, Read]]:
    """Open an HDF5 file; columns are named by the datasets, those in groups as "group/name"."""
    wanted = frozenset(map(same_form, columns or ()))
    with open_file(path) as file:
        chosen = chosen_datasets(file, path, columns, allow_large)

        def read(rows: slice) -> Mapping[str, Any]:
            return {name: _read_dataset(dataset, rows, path, needed=same_form(name) in wanted) for name, dataset in chosen.items()}

        yield _length(chosen, path), True, read


def _read_dataset(dataset: Any, rows: slice, path: str | Path, *, needed: bool) -> Any:
    """Read a slice of the rows of a dataset; return an UnusableColumn if it cannot be read and is not needed."""
    try:
        with hdf5_errors(path):
            return dataset[rows]
    except DataError as error:
        if needed:
            raise
        return UnusableColumn(rows.stop - rows.start, error)


def open_hdf5(path: str | Path, columns: Collection[str] | None, allow_large: bool) -> StoredTable:
    """Return the columns of an HDF5 file without reading them.

    Raises
    ------
    DataError
        The file has another format, has no arrays, has arrays of different lengths, or declares too much memory.
    """
    file = open_file(path)
    try:
        chosen = chosen_datasets(file, path, columns, allow_large)
        rows = _length(chosen, path)
        if not rows:
            raise _empty(path)
        with hdf5_errors(path):
            return StoredTable(stored_datasets(chosen, str(path)), str(path), True, rows)
    except DataError:
        file.close()
        raise


def _empty(path: str | Path) -> DataError:
    return data_error(f"{path} has no rows", str(path), help="add at least one row")


def _length(arrays: Mapping[str, Any], path: str | Path) -> int:
    """Return the length that all arrays have. Raise DataError if there are no arrays or the lengths differ."""
    if not arrays:
        raise data_error(f"{path} has no arrays", str(path), help="save each column, or a block of columns, under a name")
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        shown = ", ".join(f"{name} {length}" for name, length in lengths.items())
        help = "name the columns to use in data.inputs and data.target"
        raise data_error(f"{path}: the arrays differ in length: {shown}", str(path), help=help)
    return next(iter(lengths.values()))
