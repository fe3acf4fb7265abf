"""NPY, NPZ and HDF5 files: arrays as columns, read or left where they are. Nothing in them is ever unpickled or executed."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.format import MAGIC_PREFIX
from numpy.typing import NDArray

from mlpkit.data.extents import unreadable
from mlpkit.data.stored import StoredColumn, StoredTable, stripes
from mlpkit.data.storedarrays import stored_array, stored_datasets
from mlpkit.data.table import Table, data_error
from mlpkit.errors import DataError
from mlpkit.names import same_form

Read = Callable[[slice], Mapping[str, Any]]  # the columns of some of the rows


def iter_arrays(path: str | Path, format: str, *, rows: int | None, columns: Collection[str] | None) -> Iterator[Table]:
    """The file as tables of at most `rows` rows, or as a single one.

    Parameters
    ----------
    path : str or Path
    format : {"npy", "npz", "hdf5"}
    rows : int or None
    columns : collection of str or None
        Read only these of the arrays, if any of them is there.

    Raises
    ------
    DataError
        It is no file of that format, holds Python objects, has no rows, or arrays of different lengths.
    """
    with (_hdf5 if format == "hdf5" else _numpy)(path, columns) as (length, named, read):
        if length == 0:
            raise _empty(path)
        step = rows or length
        for start in range(0, length, step):
            stop = min(start + step, length)
            yield Table(read(slice(start, stop)), source=str(path), named=named, numbers=np.arange(start, stop))


@contextmanager
def _numpy(path: str | Path, columns: Collection[str] | None) -> Iterator[tuple[int, bool, Read]]:
    """An NPY or NPZ file, by its content: the arrays by name, or one array's columns as x0, x1 and so on."""
    with _loaded(path) as loaded:
        if isinstance(loaded, np.memmap):
            table = stored_array(loaded)
            yield table.rows, table.named, partial(_read_rows, table)
        else:
            arrays = _chosen(loaded, columns, path)
            yield _length(arrays, path), True, lambda rows: {name: array[rows] for name, array in arrays.items()}


def open_npy(path: str | Path) -> StoredTable | None:
    """The columns of an NPY file, which stay there; None for one that is an NPZ file by its content.

    Raises
    ------
    DataError
        It is none, holds Python objects, or has another shape than (rows,) or (rows, columns).
    """
    with _loaded(path) as loaded:
        table = stored_array(loaded) if isinstance(loaded, np.memmap) else None
    if table is not None and not table.rows:
        raise _empty(path)
    return table


@contextmanager
def _loaded(path: str | Path) -> Iterator[np.memmap[Any, Any] | dict[str, Any]]:
    """The array of an NPY file, mapped and not read; those of an NPZ file by name."""
    try:
        with open(path, "rb") as stream:
            mapped = stream.read(len(MAGIC_PREFIX)) == MAGIC_PREFIX
            stream.seek(0)
            loaded: Any = np.load(path, mmap_mode="r") if mapped else np.load(stream, allow_pickle=False)
            if not isinstance(loaded, np.ndarray):
                loaded = {name: array for name, array in loaded.items() if isinstance(array, np.ndarray) and array.ndim}
    except (ValueError, EOFError, KeyError, MemoryError, zipfile.BadZipFile, zlib.error) as error:
        pickled = "pickle" in str(error) or "Python objects" in str(error)  # the first is said of every file that NumPy does not know
        reason = "it is none, or holds Python objects, which are never loaded" if pickled else str(error)
        help = "copy it again if it was cut short; or save arrays of numbers or texts with numpy.save or numpy.savez"
        raise data_error(f"{path} cannot be read as a NumPy file: {reason}", str(path), help=help) from error
    yield loaded


def _read_rows(table: StoredTable, rows: slice) -> Mapping[str, NDArray[Any]]:
    """Some of the rows of an NPY file, by column."""
    columns = [column for column in table.columns.values() if isinstance(column, StoredColumn)]
    parts = next(table.blocks([(rows.start, rows.stop)], stripes(columns), table.rows))
    values = [part[:, index : index + 1] for part in parts for index in range(part.shape[1])]
    found, start = {}, 0
    for name, column in zip(table.names, columns, strict=True):
        found[name] = values[start] if column.width == 1 else np.concatenate(values[start : start + column.width], axis=1)
        start += column.width
    return found


@contextmanager
def _hdf5(path: str | Path, columns: Collection[str] | None) -> Iterator[tuple[int, bool, Read]]:
    """An HDF5 file: the datasets by name, those in groups as "group/name"; links to other files are not followed."""
    import h5py

    with _hdf5_errors(path):
        file = h5py.File(path, "r")
    with file:
        with _hdf5_errors(path):
            chosen = _chosen(_datasets(file), columns, path)

        def read(rows: slice) -> Mapping[str, Any]:
            with _hdf5_errors(path):
                return {name: dataset[rows] for name, dataset in chosen.items()}

        yield _length(chosen, path), True, read


def open_hdf5(path: str | Path, columns: Collection[str] | None) -> StoredTable:
    """The columns of an HDF5 file, which stay there.

    Raises
    ------
    DataError
        It is no HDF5 file, or has no arrays, or arrays of different lengths.
    """
    import h5py

    with _hdf5_errors(path):
        file = h5py.File(path, "r")
        chosen = _chosen(_datasets(file), columns, path)
        rows = _length(chosen, path)
        if not rows:
            raise _empty(path)
        return StoredTable(stored_datasets(chosen, str(path)), str(path), True, rows)


def _datasets(file: Any) -> dict[str, Any]:
    """Every dataset of an HDF5 file that is no scalar, by its path; texts are decoded."""
    import h5py

    datasets: dict[str, Any] = {}

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and item.ndim:
            datasets[name] = item.asstr() if h5py.check_string_dtype(item.dtype) else item

    file.visititems(visit)
    return datasets


@contextmanager
def _hdf5_errors(path: str | Path) -> Iterator[None]:
    """What h5py says of a file, as a DataError."""
    try:
        yield
    except (FileNotFoundError, PermissionError):
        raise
    except (OSError, RuntimeError, ValueError, TypeError, KeyError) as error:
        raise unreadable(str(path), error) from error


def _empty(path: str | Path) -> DataError:
    return data_error(f"{path} has no rows", str(path), help="add the rows")


def _chosen(arrays: Mapping[str, Any], columns: Collection[str] | None, path: str | Path) -> Mapping[str, Any]:
    if not arrays:
        raise data_error(f"{path} has no arrays", str(path), help="save each column, or a block of columns, under a name")
    wanted = set(map(same_form, columns or ()))
    chosen = {name: array for name, array in arrays.items() if same_form(name) in wanted}
    return chosen or arrays


def _length(arrays: Mapping[str, Any], path: str | Path) -> int:
    """The common length of the arrays."""
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        shown = ", ".join(f"{name} {length}" for name, length in lengths.items())
        help = "name the columns to use in data.inputs and data.target"
        raise data_error(f"{path}: the arrays differ in length: {shown}", str(path), help=help)
    return next(iter(lengths.values()))
