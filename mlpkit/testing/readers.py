"""The checks of readers, on the file that `write_example` writes."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from mlpkit.data.frames import as_table
from mlpkit.errors import DataError
from mlpkit.plugin import REGISTRIES, Array, Reader, Source, to_entry
from mlpkit.testing.check_run import CheckFunction
from mlpkit.testing.failure_messages import NotApplicable, expect

FEW = 2  # rows of a batch


_folder: list[tempfile.TemporaryDirectory[str]] = []  # with the examples, until the process ends
_examples: dict[str, Path | None] = {}  # by the reader's entry; None for one that writes none


def prepare(*readers: Any) -> None:
    """Write the examples of readers, before the checks watch what is written. An error is told by the check that reads it."""
    if not _folder:
        _folder.append(tempfile.TemporaryDirectory())
    for reader in readers:
        name = REGISTRIES["readers"].info(type(reader)).name
        path = Path(_folder[0].name, f"{len(_examples)}.{name}")
        try:
            reader.write_example(path)
            path.with_suffix(".empty").write_bytes(b"")
            _examples[_key(reader)] = path
        except NotImplementedError:
            _examples[_key(reader)] = None
        except Exception:
            _examples[_key(reader)] = path  # which does not exist


def _key(reader: Reader) -> str:
    return json.dumps(to_entry(reader), sort_keys=True, default=str)


def example(reader: Reader) -> Path:
    """Return the path of the reader's example; NotApplicable for a reader that writes none."""
    path = _examples.get(_key(reader))
    if path is None:
        raise NotApplicable("it defines no write_example, so there is no file to read")
    expect(path.is_file(), "write_example fails, or writes no file at the path", "write one file there")
    return path


def content(table: Any) -> dict[str, list[str]]:
    """Return the values of a table as text, by column."""
    found = as_table(table)
    return {name: [str(value) for value in found[name].tolist()] for name in found.names}


def answer(reader: Reader) -> list[Array]:
    """Return the bytes of what it reads from its example, as an array; nothing without one."""
    try:
        path = example(reader)
        read = repr(content(reader.open(Source(str(path)))))
    except NotApplicable:
        return []
    return [np.frombuffer(read.encode(), "uint8").astype("float64")]


def reads(reader: Reader) -> None:
    """`open` reads the example as a table with rows, twice the same, and leaves the file as it was."""
    path = example(reader)
    before = path.read_bytes()
    first, second = content(reader.open(Source(str(path)))), content(reader.open(Source(str(path))))
    expect(bool(first) and all(first.values()), "open reads no rows, or no columns", "return a mapping of columns or a data frame")
    expect(first == second, "open reads other values the second time", "read from the file alone, and keep nothing")
    expect(path.read_bytes() == before, "the file is changed", "open it for reading only")


def in_batches(reader: Reader) -> None:
    """`batches` yields the rows of `open` in their order, whatever the number of rows that is asked for."""
    path = example(reader)
    whole = content(reader.open(Source(str(path))))
    for rows in (1, FEW, 10**6):
        parts = [content(batch) for batch in reader.batches(Source(str(path)), rows)]
        joined = {name: [value for part in parts for value in part.get(name, [])] for name in whole}
        expect(joined == whole, f"batches of {rows} rows are not the rows of open", "yield every row once, in order, with every column")


def used_columns(reader: Reader) -> None:
    """With `columns` each of these is read; others may be left out."""
    path = example(reader)
    whole = content(reader.open(Source(str(path))))
    for name, values in whole.items():
        found = content(reader.open(Source(str(path), (name,))))
        expect(found.get(name) == values, f"with columns=({name!r},) that column is not the one of open", "leave out other columns alone")


def refuses(reader: Reader) -> None:
    """A file that is not there is an OSError or a DataError, and so is one that is not of the format; neither is read as rows."""
    path = example(reader)
    for what, other in (("that is not there", path.with_suffix(".none")), ("of zero bytes", path.with_suffix(".empty"))):
        try:
            reader.open(Source(str(other)))
        except (OSError, DataError):
            continue
        except Exception as error:
            found = f"a file {what} is {type(error).__name__}: {error}"
            expect(False, found, "raise mlpkit.DataError with what is wrong with the file")
        expect(False, f"a file {what} is read", "raise mlpkit.DataError")


CHECKS: dict[str, CheckFunction] = {check.__name__: check for check in (reads, in_batches, used_columns, refuses)}
