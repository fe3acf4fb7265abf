"""Reading of files: a path becomes tables, by the reader of its suffix or of a given format."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from mlpkit.data.compression import compression_of, data_suffix
from mlpkit.data.disk.table import StoredTable
from mlpkit.data.frames import as_table
from mlpkit.data.joined_tables import check_columns, join
from mlpkit.data.shards import Paths, described, first_file, shard_paths
from mlpkit.data.table import Table, data_error
from mlpkit.errors import DataError, MissingPlugin, PluginError, SpecError
from mlpkit.files.paths import as_path
from mlpkit.plugin import REGISTRIES, Reader, Source, is_third_party
from mlpkit.plugin.base import resolve
from mlpkit.plugin.error_attribution import attributing_errors
from mlpkit.plugin.registry import NAME, Registry
from mlpkit.spec.csv_options import MISSING

_REGISTRY: Registry[Reader] = REGISTRIES["readers"]
FORMATS = {f".{name}": _REGISTRY.aliases.get(name, name) for name in (*_REGISTRY.builtins, *_REGISTRY.aliases)}  # by suffix
UNREADABLE = (
    ".xls",
    ".ods",
    ".json",
    ".pkl",
    ".pickle",
    ".mat",
    ".zip",
    ".7z",
    ".tar",
    ".tgz",
)


def read_table(
    path: Paths,
    *,
    format: str | Mapping[str, Any] | None = None,
    columns: Collection[str] | None = None,
    missing: Collection[str] = MISSING,
    allow_large: bool = False,
    **options: Any,
) -> Table:
    """Read the rows of a file.

    Parameters
    ----------
    path : str, Path or sequence of them
        Path of a file, a folder or a glob, or a list of these, whose files are shards of one table; or "-" for stdin.
    format : str or mapping, optional
        Name of a reader, or a mapping with that as its type and its options. The default follows from the file's suffix, and is
        CSV for an unknown suffix; that of a compression is left out before. Stdin is CSV, TSV or JSON lines.
    columns : collection of str, optional
        Read only these arrays of an NPZ or HDF5 file, which may hold others of other lengths. All are read if the file has none of them.
    missing : collection of str
        Texts that stand for a missing value, for readers that declare `csv_options`.
    allow_large : bool
        True to accept a file that declares far more memory than it has bytes, or unpacks to far more bytes.
    **options
        Other options of CSV files: separator, header, encoding and decimal. Only readers that declare `csv_options` get them.

    Returns
    -------
    Table
        An NPY file of shape (rows, columns) has the columns x0, x1 and so on.

    Raises
    ------
    DataError
        The file cannot be read as a table.
    PluginError
        The reader is not installed, or fails.
    """
    if (files := shard_paths(path, any_suffix=format is not None)) is not None:
        shared: dict[str, Any] = {"format": format, "columns": columns, "missing": missing, "allow_large": allow_large, **options}
        return join([read_table(file, **shared) for file in files], described(path))
    path = first_file(path)
    reader = _reader(path, format, {"missing": {"only": list(missing)}, **options})
    path = _located(path, reader)
    with attributing_errors(), _readable(path):
        return _as_table(reader, reader.open(Source(str(path), columns, allow_large)), path)


def read_csv_bytes(content: bytes, *, format: str | Mapping[str, Any] | None, missing: Collection[str], **options: Any) -> Table:
    """Read the content of a CSV file; see `read_table` for parameters and errors. The format of another kind of file does not matter."""
    from mlpkit.data.csv.reader import read_csv
    from mlpkit.data.formats import CSV

    of_csv = {"missing": {"only": list(missing)}, **options}
    reader = _reader("-", format, of_csv)
    if not isinstance(reader, CSV):  # third-party
        reader = _reader("-", "csv", of_csv)
    assert isinstance(reader, CSV)
    return next(read_csv(content, reader.dialect))


def open_table(
    path: Paths, format: str | Mapping[str, Any] | None, columns: Collection[str] | None, *, allow_large: bool = False
) -> StoredTable | None:
    """Return the columns of an NPY or HDF5 file without reading them, or None for a file of another format.

    See `read_table` for parameters and errors.
    """
    if shard_paths(path, any_suffix=format is not None) is not None:
        return None
    path = first_file(path)
    reader = _reader(path, format, {})
    if type(reader).on_disk is Reader.on_disk:
        return None
    path = _located(path, reader)
    with attributing_errors(), _readable(path):
        found: StoredTable | None = reader.on_disk(Source(str(path), columns, allow_large))
        return found


def iter_tables(
    path: Paths,
    *,
    rows: int,
    format: str | Mapping[str, Any] | None = None,
    columns: Collection[str] | None = None,
    missing: Collection[str] = MISSING,
    allow_large: bool = False,
    **options: Any,
) -> Iterator[Table]:
    """Yield the rows of a file as tables of at most `rows` rows, to predict in bounded memory. NPZ files are loaded whole.

    See `read_table` for parameters and errors.
    """
    if (files := shard_paths(path, any_suffix=format is not None)) is not None:
        shared: dict[str, Any] = {"format": format, "columns": columns, "missing": missing, "allow_large": allow_large, **options}
        yield from _alike(table for file in files for table in iter_tables(file, rows=rows, **shared))
        return
    path = first_file(path)
    reader = _reader(path, format, {"missing": {"only": list(missing)}, **options})
    path = _located(path, reader)
    first = 0
    with attributing_errors(), _readable(path):
        for batch in reader.batches(Source(str(path), columns, allow_large), rows):
            table = _as_table(reader, batch, path, first)
            first += table.rows
            if table.rows <= rows:
                yield table
            else:
                yield from (table.take(slice(start, start + rows)) for start in range(0, table.rows, rows))


def _alike(tables: Iterable[Table]) -> Iterator[Table]:
    """Yield tables of several files. Raise DataError if one has other columns than the first."""
    first: Table | None = None
    for table in tables:
        first = first or table.take(slice(0, 0))
        if not first.records:
            check_columns(first.names, table, first.source)
        yield table


def _as_table(reader: Reader, found: Any, path: str | Path, first: int = 0) -> Table:
    """Return what a reader gave as a table with the file's name and the numbers of its rows, from `first` on, for errors."""
    if not is_third_party(reader):
        return found  # type: ignore[no-any-return]  # mlpkit's own give a Table
    table = as_table(found)
    table.source = str(path)
    if table is not found:  # a Table has numbers of its own
        table.numbers = np.arange(first, first + table.rows)
    return table


def _reader(path: str | Path, format: str | Mapping[str, Any] | None, of_csv: Mapping[str, Any]) -> Reader:
    """Return the reader of a file. One that declares `csv_options` gets those of CSV files, `of_csv`, unless `format` has them."""
    options = dict(format) if isinstance(format, Mapping) else {}
    name = options.pop("type", None) if isinstance(format, Mapping) else format
    cls = _class_of_suffix(path) if name is None else _REGISTRY.get(name)
    if not cls.compressed and (packing := compression_of(path)) is not None:
        help = "unpack it: only text, such as CSV and JSON lines, is read from compressed files"
        raise data_error(
            f"{path} is compressed with {packing.name}, and the reader {_REGISTRY.info(cls).name!r} reads plain files", str(path), help=help
        )
    if str(path) == "-" and not cls.stdin:  # stdin is text
        cls, options = _REGISTRY.get("csv"), {}
    if cls.csv_options:
        options = {**of_csv, **options}
    try:
        reader: Reader = resolve(Reader, {"type": _REGISTRY.info(cls).full_name, **options})
    except PydanticCustomError as error:
        raise _wrong_options(cls, error) from error
    return reader


def _class_of_suffix(path: str | Path) -> type[Reader]:
    """Return the reader of a file's suffix: CSV for stdin and for a suffix that no installed reader has."""
    suffix = "" if str(path) == "-" else data_suffix(path)
    if suffix in FORMATS:
        return _REGISTRY.get(FORMATS[suffix])
    try:
        return _REGISTRY.get(suffix[1:]) if NAME.match(suffix[1:]) else _REGISTRY.get("csv")
    except MissingPlugin:
        if suffix not in UNREADABLE:
            return _REGISTRY.get("csv")
    packed = suffix in (".zip", ".7z", ".tar", ".tgz")
    other = f"install a plugin with the reader {suffix[1:]!r}, or read it with pandas or polars and hand over the table in Python"
    help = "unpack it" if packed else other
    raise data_error(f"{path}: {suffix} files are not supported", str(path), help=help)


def _wrong_options(cls: type[Reader], error: PydanticCustomError) -> Exception:
    """Return the error for options of a reader that is looked up when data are read."""
    context = error.context or {}
    cause = context.get("error")
    if isinstance(cause, PluginError):
        return cause
    info = _REGISTRY.info(cls)
    problems = cause.errors() if isinstance(cause, ValidationError) else []
    shown = "; ".join(f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}" for problem in problems) or str(error)
    return SpecError.at("data.format", f"wrong options of {info.described}: {shown}", f"'mlpkit plugins show {info.full_name}' lists them")


def default_separator(path: str | Path) -> str:
    """Return the separator of CSV or TSV files with this suffix."""
    return "\t" if FORMATS.get(data_suffix(path)) == "tsv" else ","


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


def _located(path: str | Path, reader: Reader) -> str | Path:
    """Return a path that can be opened, or "-" for stdin. Raise DataError for a folder, a device or an invalid path."""
    if str(path) == "-" and reader.stdin:
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
