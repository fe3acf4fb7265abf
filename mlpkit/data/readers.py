"""Readers: a path becomes a table, by the file's suffix or a given format."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mlpkit.data.array_files import iter_arrays, open_hdf5, open_npy
from mlpkit.data.csv.dialect import Dialect
from mlpkit.data.csv.reader import read_csv
from mlpkit.data.disk.table import StoredTable
from mlpkit.data.table import Table, data_error
from mlpkit.errors import DataError
from mlpkit.files.paths import as_path
from mlpkit.spec.csv_options import MISSING

FORMATS = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".npy": "npy",
    ".npz": "npz",
    ".h5": "hdf5",
    ".hdf5": "hdf5",
    ".hdf": "hdf5",
}
UNREADABLE = (
    ".parquet",
    ".feather",
    ".arrow",
    ".xlsx",
    ".xls",
    ".ods",
    ".json",
    ".jsonl",
    ".pkl",
    ".pickle",
    ".mat",
    ".gz",
    ".zip",
    ".zst",
)


def read_table(
    path: str | Path,
    *,
    format: str | None = None,
    columns: Collection[str] | None = None,
    missing: Collection[str] = MISSING,
    allow_large: bool = False,
    **options: Any,
) -> Table:
    """Read the rows of a file.

    Parameters
    ----------
    path : str or Path
        Path of a file, or "-" for CSV from stdin.
    format : {"csv", "tsv", "npy", "npz", "hdf5"}, optional
        The default follows from the file's suffix, and is CSV for an unknown suffix. Stdin is CSV or TSV.
    columns : collection of str, optional
        Read only these arrays of an NPZ or HDF5 file, which may hold others of other lengths. All are read if the file has none of them.
    missing : collection of str
        Texts of a CSV file that stand for a missing value.
    allow_large : bool
        True to accept an NPZ or HDF5 file whose headers declare far more memory than the file has bytes.
    **options
        Other fields of the `Dialect` of a CSV file: separator, header, encoding and decimal.

    Returns
    -------
    Table
        An NPY file of shape (rows, columns) has the columns x0, x1 and so on.

    Raises
    ------
    DataError
        The file cannot be read as a table.
    """
    path, kind = _located(path), _format(path, format)
    with _readable(path):
        if kind in ("csv", "tsv"):
            return next(read_csv(path, _dialect(kind, missing, options)))
        [table] = iter_arrays(path, kind, rows=None, columns=columns, allow_large=allow_large)
        return table


def open_table(path: str | Path, format: str | None, columns: Collection[str] | None, *, allow_large: bool = False) -> StoredTable | None:
    """Return the columns of an NPY or HDF5 file without reading them, or None for a file of another format.

    See `read_table` for parameters and errors.
    """
    kind = _format(path, format)
    if kind not in ("npy", "hdf5"):
        return None
    path = _located(path)
    with _readable(path):
        return open_npy(path) if kind == "npy" else open_hdf5(path, columns, allow_large)


def iter_tables(
    path: str | Path,
    *,
    rows: int,
    format: str | None = None,
    columns: Collection[str] | None = None,
    missing: Collection[str] = MISSING,
    allow_large: bool = False,
    **options: Any,
) -> Iterator[Table]:
    """Yield the rows of a file as tables of at most `rows` rows, to predict in bounded memory. NPZ files are loaded whole.

    See `read_table` for parameters and errors.
    """
    path, kind = _located(path), _format(path, format)
    with _readable(path):
        if kind in ("csv", "tsv"):
            yield from read_csv(path, _dialect(kind, missing, options), rows=rows)
        else:
            yield from iter_arrays(path, kind, rows=rows, columns=columns, allow_large=allow_large)


def _format(path: str | Path, format: str | None) -> str:
    if str(path) == "-":
        return "tsv" if format == "tsv" else "csv"
    suffix = Path(path).suffix.lower()
    if format is None and suffix in UNREADABLE:
        packed = suffix in (".gz", ".zip", ".zst")
        help = "unpack it" if packed else "read it with pandas or polars and hand over the table in Python, or save it as CSV"
        raise data_error(f"{path}: {suffix} files are not supported", str(path), help=help)
    return format or FORMATS.get(suffix, "csv")


def default_separator(path: str | Path) -> str:
    """Return the separator of CSV or TSV files with this suffix."""
    return "\t" if _format(path, None) == "tsv" else ","


def _dialect(kind: str, missing: Collection[str], options: dict[str, Any]) -> Dialect:
    dialect = Dialect(missing=frozenset(missing), **options)
    return dialect._replace(separator="\t") if kind == "tsv" and dialect.separator is None else dialect


@contextmanager
def _readable(path: str | Path) -> Iterator[None]:
    """Convert the operating system's errors about a file to DataError."""
    try:
        yield
    except FileNotFoundError as error:
        raise data_error(
            f"there is no file {path}", str(path), help="check the path; in a spec it is relative to the spec's folder"
        ) from error
    except OSError as error:
        raise data_error(
            f"{path} cannot be read: {error.strerror or error}", str(path), help="check the file and its permissions"
        ) from error


def _located(path: str | Path) -> str | Path:
    """Return a path that can be opened, or "-" for stdin. Raise DataError for a folder, a device or an invalid path."""
    if str(path) == "-":
        return path
    found = as_path(path, DataError, "the data")
    try:
        mode = os.stat(found).st_mode
        if stat.S_ISCHR(mode) and os.path.samestat(os.stat(found), os.fstat(0)):  # a terminal, given as /dev/stdin
            return found
    except FileNotFoundError as error:
        help = "check the path; in a spec it is relative to the spec's folder"
        raise data_error(f"there is no file {path}", str(path), help=help) from error
    except OSError as error:
        raise data_error(f"{path} cannot be read: {error.strerror or error}", str(path), help="check the path") from error
    except ValueError as error:  # a NUL character, or one that the file system cannot encode
        raise DataError(f"{str(path)!r} is not a valid path: {error}", help="correct the path") from error
    if stat.S_ISDIR(mode):
        raise data_error(f"{path} is a folder", str(path), help="give the path of a file in it")
    if stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
        raise data_error(f"{path} is a device, not a file", str(path), help="give the path of a file of data")
    return str(found) if isinstance(path, str) else found
