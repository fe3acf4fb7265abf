"""Checks of readers, on the file that `write_example` writes."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from mlpkit.data.cells import is_missing
from mlpkit.data.frames import as_table
from mlpkit.errors import DataError
from mlpkit.plugin import REGISTRIES, Array, Reader, Source, to_entry
from mlpkit.plugin.base import reason
from mlpkit.testing.check_run import CheckFunction
from mlpkit.testing.failure_messages import NotApplicable, expect

FEW = 2  # rows of a batch

_folder: list[tempfile.TemporaryDirectory[str]] = []  # folder of the examples, until the process ends
_examples: dict[str, Path | None] = {}  # by the reader's entry; None for a reader without an example
_failures: dict[str, str] = {}  # by the reader's entry: the error that write_example raised


def prepare(*readers: Any) -> None:
    """Write the examples of readers, before writing is monitored. Errors are reported by the check that reads the example."""
    if not _folder:
        _folder.append(tempfile.TemporaryDirectory())
    for reader in readers:
        name = REGISTRIES["readers"].info(type(reader)).name
        path = Path(_folder[0].name, f"{len(_examples)}.{name}")
        _failures.pop(_key(reader), None)
        try:
            reader.write_example(path)
            path.with_suffix(".empty").write_bytes(b"")
            _examples[_key(reader)] = path
        except NotImplementedError:
            _examples[_key(reader)] = None
        except Exception as error:
            _examples[_key(reader)], _failures[_key(reader)] = path, reason(error)


def _key(reader: Reader) -> str:
    return json.dumps(to_entry(reader), sort_keys=True, default=str)


def example(reader: Reader) -> Path:
    """Return the path of the reader's example; NotApplicable for a reader without `write_example`."""
    path = _examples.get(_key(reader))
    if path is None:
        raise NotApplicable("it defines no write_example, so there is no file to read")
    failure = _failures.get(_key(reader))
    expect(failure is None, f"write_example fails: {failure}", "write one file to the path")
    expect(path.is_file(), f"write_example writes no file at the path, such as {path.name}", "write one file to the path")
    return path


def content(table: Any) -> dict[str, list[str]]:
    """Return the values of a table as text, by column; each missing value is empty, whatever stands for it."""
    found = as_table(table)
    return {name: ["" if is_missing(value) else str(value) for value in found[name].tolist()] for name in found.names}


def answer(reader: Reader) -> list[Array]:
    """Return the text of the data read from the example, as an array of bytes; an empty list if it cannot be read."""
    try:
        read = repr(content(reader.open(Source(str(example(reader))))))
    except Exception:  # reported by `reads`
        return []
    return [np.frombuffer(read.encode(), "uint8").astype("float64")]


def reads(reader: Reader) -> None:
    """Check that `open` reads the example as a table with rows, twice the same, without changing the file."""
    path = example(reader)
    before = path.read_bytes()
    first, second = content(reader.open(Source(str(path)))), content(reader.open(Source(str(path))))
    expect(bool(first) and all(first.values()), "open reads no rows, or no columns", "return a mapping of columns or a data frame")
    expect(first == second, "open reads other values the second time", "read from the file alone, and keep nothing")
    expect(path.read_bytes() == before, "the file is changed", "open it for reading only")


def in_batches(reader: Reader) -> None:
    """Check that `batches` yields the rows of `open` in order, for any number of rows per batch."""
    path = example(reader)
    whole = content(reader.open(Source(str(path))))
    for rows in (1, FEW, 10**6):
        parts = [content(batch) for batch in reader.batches(Source(str(path)), rows)]
        joined = {name: [value for part in parts for value in part.get(name, [])] for name in whole}
        expect(joined == whole, f"batches of {rows} rows differ from the rows of open", "yield every row once, in order, with every column")


def used_columns(reader: Reader) -> None:
    """Check that each column listed in `columns` is read; others may be left out."""
    path = example(reader)
    whole = content(reader.open(Source(str(path))))
    for name, values in whole.items():
        found = content(reader.open(Source(str(path), (name,))))
        expect(
            found.get(name) == values, f"with columns=({name!r},) that column differs from the one of open", "leave out only other columns"
        )


def refuses(reader: Reader) -> None:
    """Check that a missing file and one of another format raise OSError or DataError."""
    path = example(reader)
    for what, other in (("that does not exist", path.with_suffix(".none")), ("of zero bytes", path.with_suffix(".empty"))):
        try:
            reader.open(Source(str(other)))
        except (OSError, DataError):
            continue
        except Exception as error:
            found = f"a file {what} raises {type(error).__name__}: {error}"
            expect(False, found, "raise mlpkit.DataError with the reason")
        expect(False, f"a file {what} raises no error", "raise mlpkit.DataError")


CHECKS: dict[str, CheckFunction] = {check.__name__: check for check in (reads, in_batches, used_columns, refuses)}
