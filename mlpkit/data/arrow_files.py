"""Parquet files, and files of Arrow's own format (Feather, IPC), as tables. Imports pyarrow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from mlpkit.data.arrow_columns import arrow_column, is_text
from mlpkit.data.categorical_types import is_dictionary
from mlpkit.data.size_limits import check_claim, check_unpacked
from mlpkit.data.table import Table, UnusableColumn, data_error
from mlpkit.errors import DataError
from mlpkit.files.signatures import recognised
from mlpkit.text.column_names import same_form

STEP = 2**16  # rows of a batch that is read at once
MAGIC = {"parquet": (b"PAR1",), "arrow": (b"ARROW1", b"FEA1", b"\xff\xff\xff\xff")}  # the last one begins a stream


def read_arrow(path: str, format: str, columns: Collection[str] | None, allow_large: bool) -> Table:
    """Return all rows of a file.

    Parameters
    ----------
    path : str
    format : {"parquet", "arrow"}
    columns : collection of str or None
        Read only these columns. All are read if the file has none of them.
    allow_large : bool
        True to accept a file that declares far more memory than it has bytes.

    Raises
    ------
    DataError
        The file has another format, is damaged, has no rows, or declares too much memory.
    """
    with _errors(path, format):
        if format == "parquet":
            file, wanted, schema = _parquet(path, columns, allow_large)
            return _table(path, file.read(columns=wanted, use_threads=False), schema)
        found = _whole(path, columns, allow_large)
        return _table(path, found, found.schema)


def iter_arrow(path: str, format: str, rows: int, columns: Collection[str] | None, allow_large: bool) -> Iterator[Table]:
    """Yield a file as tables of at most `rows` rows. Parameters and errors are those of `read_arrow`."""
    first = 0
    with _errors(path, format):
        for batch, schema in _batches(path, format, rows, columns, allow_large):
            for start in range(0, batch.num_rows, rows):
                yield _table(path, batch.slice(start, rows), schema, first + start)
            first += batch.num_rows
        if not first:
            raise _empty(path)


def _batches(path: str, format: str, rows: int, columns: Collection[str] | None, allow_large: bool) -> Iterator[tuple[Any, Any]]:
    """Yield batches with the schema of the file."""
    if format == "parquet":
        file, wanted, declared = _parquet(path, columns, allow_large)
        batches = file.iter_batches(batch_size=min(rows, STEP), columns=wanted, use_threads=False)
        yield from ((batch, declared) for batch in batches)
    else:
        with _opened(path) as (schema, batches):
            wanted = _chosen(path, schema.names, columns)
            yield from ((batch.select(wanted), schema) for batch in _checked(path, batches, allow_large))


def _chosen(path: str, names: list[str], columns: Collection[str] | None) -> list[str]:
    """Return those of the names that are among the columns to read; all of them if none is. Raise DataError if one is repeated."""
    asked = set(map(same_form, columns or ()))
    chosen = [name for name in names if same_form(name) in asked] or names
    for name, count in Counter(chosen).items():
        if count > 1:
            raise data_error(f"{path} has several columns named {name!r}", path, help="give each column its own name")
    return chosen


# -- Parquet


def _parquet(path: str, columns: Collection[str] | None, allow_large: bool) -> tuple[Any, list[str], Any]:
    """Return an open file whose texts are read as codes, the columns to read, and the schema that the file declares."""
    import pyarrow.parquet

    _check_head(path, "parquet")
    file = pyarrow.parquet.ParquetFile(path, pre_buffer=False)
    schema, facts = file.schema_arrow, file.metadata
    wanted = _chosen(path, schema.names, columns)
    declared = sum(facts.row_group(group).total_byte_size for group in range(facts.num_row_groups))
    check_claim(path, max(declared, 8 * facts.num_rows * len(wanted)), allow_large)
    texts = [field.name for field in schema if is_text(field.type)]
    return pyarrow.parquet.ParquetFile(path, pre_buffer=False, read_dictionary=texts) if texts else file, wanted, schema


# -- Arrow


def _whole(path: str, columns: Collection[str] | None, allow_large: bool) -> Any:
    with _opened(path) as (schema, batches):
        wanted = _chosen(path, schema.names, columns)
        parts = [batch.select(wanted) for batch in _checked(path, batches, allow_large)]
        return pa.Table.from_batches(parts, pa.schema([schema.field(name) for name in wanted]))


@contextmanager
def _opened(path: str) -> Iterator[tuple[Any, Iterator[Any]]]:
    """Open a file or a stream of Arrow, or a Feather file of version 1; give its schema and its batches."""
    head = _check_head(path, "arrow")
    if head.startswith(b"FEA1"):
        import pyarrow.feather

        table = pyarrow.feather.read_table(path, memory_map=False)
        yield table.schema, iter(table.to_batches())
        return
    with pa.OSFile(path) as raw:
        if head.startswith(b"ARROW1"):
            with pa.ipc.open_file(raw) as file:
                yield file.schema, (file.get_batch(index) for index in range(file.num_record_batches))
        else:
            with pa.ipc.open_stream(raw) as stream:
                yield stream.schema, iter(stream)


def _checked(path: str, batches: Iterator[Any], allow_large: bool) -> Iterator[Any]:
    """Yield batches whose buffers are as they declare, and not far larger than the file."""
    size, count = Path(path).stat().st_size, 0
    for batch in batches:
        batch.validate(full=True)
        count += batch.nbytes
        check_unpacked(path, count, size, allow_large)
        yield batch


# -- both


def _table(path: str, found: Any, schema: Any, first: int = 0) -> Table:
    if not found.num_rows and not first:
        raise _empty(path)
    if not found.num_columns:
        raise data_error(f"{path} has no columns", path, help="write a table with at least one column")
    names = set(found.schema.names)
    categorical = [field for field in schema if field.name in names and is_dictionary(field.type)]
    declared = {field.name: str(field.type.value_type).startswith(("int", "uint")) for field in categorical}
    columns: dict[str, Any] = {}
    for field, values in zip(found.schema, found.columns, strict=True):
        try:
            columns[field.name] = arrow_column(values, field.name)
        except DataError as error:  # raised when the column is used
            columns[field.name] = UnusableColumn(len(values), data_error(f"{path}: {error.message}", path, help=error.help or ""))
    numbers = np.arange(first, first + found.num_rows)
    return Table(columns, source=path, numbers=numbers, declared=declared)


def _empty(path: str) -> DataError:
    return data_error(f"{path} has no rows", path, help="add at least one row")


def _check_head(path: str, format: str) -> bytes:
    """Return the first bytes of a file. Raise DataError for another format."""
    with open(path, "rb") as stream:
        head = stream.read(2**12)
    if not head.startswith(MAGIC[format]):
        found = recognised(head)
        contents = "is empty" if not head else f"is {found.name}" if found else f"is not a file of {format.capitalize()}"
        raise data_error(f"{path} {contents}", path, help="copy or download it again, or correct its suffix")
    return head


@contextmanager
def _errors(path: str, format: str) -> Iterator[None]:
    """Convert the errors of pyarrow about a file to DataError."""
    try:
        yield
    except (DataError, FileNotFoundError, PermissionError):
        raise
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError, MemoryError, NotImplementedError) as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        message = f"{path} cannot be read as a file of {format.capitalize()}: {reason}"
        raise data_error(message, path, help="copy or download it again if it was cut short") from error
