"""Memory-mapped NumPy arrays and h5py datasets as tables on disk."""

from __future__ import annotations

import mmap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mlpkit.data.disk.block_reader import OpenFile, PlainExtent, extent_of
from mlpkit.data.disk.columns import StoredColumn, StoredTexts
from mlpkit.data.disk.table import AnyColumn, StoredTable
from mlpkit.data.table import UnusableColumn, data_error
from mlpkit.errors import DataError

KEEP = (
    'arrays of NPY and HDF5 files can stay on disk: numpy.save(PATH, array), or h5py.File(PATH, "w")["x"] = array; '
    'or set "in_memory" to true'
)
Columns = dict[str, AnyColumn]


def stored_source(source: Any, names: Sequence[str] | None = None, default: str = "x") -> StoredTable | None:
    """Return a table of a memory-mapped array, an HDF5 dataset, or a dictionary of them; None for anything else.

    Parameters
    ----------
    source : numpy.memmap, h5py.Dataset, h5py.Group, or mapping of str to them
    names : sequence of str, optional
        Column names for an array without names, used if there is one per column.
    default : str
        Name of an array without names.

    Raises
    ------
    DataError
        The arrays differ in length, or cannot be read from their files.
    """
    if isinstance(source, Mapping):
        parts = {str(name): stored_source(part, default=str(name)) for name, part in source.items()}
        found = [part for part in parts.values() if part is not None and len(part.columns) == 1]
        if not found or len(found) < len(parts):
            return None
        if len({part.stored for part in found}) > 1:
            lengths = ", ".join(f"{name} {part.stored}" for name, part in zip(parts, found, strict=True))
            raise DataError(f"the arrays differ in length: {lengths}", help="give arrays with one row per example each")
        columns = {name: next(iter(part.columns.values())) for name, part in zip(parts, found, strict=True)}
        return StoredTable(columns, found[0].source, True, found[0].stored)
    if _is_dataset(source):
        table = _stored_dataset(source, default)
    elif isinstance(source, np.memmap) and source.ndim:
        table = stored_array(source, default)
    else:
        return None
    return _renamed(table, names)


def _stored_dataset(dataset: Any, name: str) -> StoredTable:
    import h5py

    path = dataset.file.filename
    if dataset.file.mode != "r":
        dataset.file.flush()  # rows are read from the file, so pending writes must reach it
    columns = {name: dataset.asstr() if h5py.check_string_dtype(dataset.dtype) else dataset}
    return StoredTable(stored_datasets(columns, path), path, False, len(dataset))


def stored_array(array: np.memmap[Any, Any], name: str = "") -> StoredTable:
    """Return the columns of a memory-mapped array.

    They are the fields of a structured array, else one column called `name`, or x0, x1 and so on without a name.

    Raises
    ------
    DataError
        The array is not mapped from a file, has another shape, or is a slice that skips values of a row.
    """
    path = str(array.filename) if array.filename else ""
    if array.ndim not in (1, 2) or (array.dtype.names is not None and array.ndim != 1):
        raise data_error(
            f"{path or 'the mapped array'} has an array of shape {array.shape}", path, help="save it with shape (rows, columns)"
        )
    if not path or array.mode == "c":
        raise DataError("the mapped array differs from its file, or has none", help='map a file: numpy.load(PATH, mmap_mode="r")')
    if array.mode != "r":
        array.flush()  # rows are read from the file, so pending writes must reach it
    file, rows = OpenFile(path), len(array)
    table = array[:, None] if array.ndim == 1 else array
    columns: Columns = {}
    if table.flags.c_contiguous:
        extent = PlainExtent(file, _offset(array), table.strides[0] if rows > 1 else table[0:1].nbytes, rows)
        if array.dtype.fields is not None:
            columns |= {field: _field(extent, *array.dtype.fields[field][:2]) for field in array.dtype.names or ()}
        elif name:
            columns[name] = StoredColumn(extent, 0, array.dtype, table.shape[1])
        else:
            size = array.dtype.itemsize
            columns |= {f"x{index}": StoredColumn(extent, index * size, array.dtype) for index in range(table.shape[1])}
    elif table.flags.f_contiguous:  # Fortran order: each column is an extent of its own
        size = array.dtype.itemsize
        extents = [PlainExtent(file, _offset(array) + index * rows * size, size, rows) for index in range(table.shape[1])]
        columns |= {f"{name or 'x'}{index}": StoredColumn(extent, 0, array.dtype) for index, extent in enumerate(extents)}
    else:
        raise data_error(f"the array is a slice that skips values of each row in {path}", path, help="pass the whole mapped array")
    return StoredTable(columns, path, array.dtype.names is not None, rows)


def _field(extent: PlainExtent, dtype: np.dtype[Any], at: int) -> StoredColumn:
    """Return a field of a structured array, which may have several values per row."""
    base, shape = dtype.subdtype or (dtype, ())
    return StoredColumn(extent, at, base, int(np.prod(shape)))


def _offset(array: np.memmap[Any, Any]) -> int:
    """Return the file offset of the first value of a memory-mapped array or of a slice of one."""
    mapped = np.frombuffer(array._mmap, np.uint8)  # type: ignore[attr-defined]
    begins = array.offset - array.offset % mmap.ALLOCATIONGRANULARITY
    return int(array.__array_interface__["data"][0] - mapped.__array_interface__["data"][0] + begins)


def stored_datasets(datasets: Mapping[str, Any], path: str) -> Columns:
    """Return HDF5 datasets by name. Datasets of texts are expected as views made by `asstr`."""
    file = OpenFile(path)
    columns: Columns = {}
    for name, dataset in datasets.items():
        if not hasattr(dataset, "id"):
            columns[name] = StoredTexts(dataset, path)
            continue
        if dataset.ndim not in (1, 2) or dataset.dtype.kind not in "biuf":
            problem = f"values of type {dataset.dtype}" if dataset.ndim in (1, 2) else f"{dataset.ndim} dimensions"
            wrong = data_error(f"the column {name!r} of {path} has {problem}", path, help="give numbers of shape (rows,) or (rows, width)")
            columns[name] = UnusableColumn(len(dataset), wrong)
            continue
        columns[name] = StoredColumn(extent_of(dataset, file), 0, dataset.dtype, int(np.prod(dataset.shape[1:])))
    return columns


def _is_dataset(source: Any) -> bool:
    """Return True for an h5py dataset. h5py is not imported for the check."""
    return type(source).__module__.startswith("h5py.") and hasattr(source, "read_direct") and getattr(source, "ndim", 0) > 0


def _renamed(table: StoredTable, names: Sequence[str] | None) -> StoredTable:
    """Return the table with one column per value named by `names`, if the counts match."""
    columns = [column for column in table.columns.values() if isinstance(column, StoredColumn)]
    if table.named or names is None or len(names) != sum(column.width for column in columns):
        return table
    places = [(column, index * column.dtype.itemsize) for column in columns for index in range(column.width)]
    parts = [StoredColumn(column.extent, column.at + place, column.dtype) for column, place in places]
    return StoredTable(dict(zip(names, parts, strict=True)), table.source, True, table.stored)
