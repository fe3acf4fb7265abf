"""Files of JSON lines: an object per line, whose keys are columns. Values keep their types, as those of dictionaries in Python do."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, BinaryIO

import numpy as np

from mlpkit.data.compression import open_unpacked
from mlpkit.data.table import Table, data_error
from mlpkit.files.signatures import check_data
from mlpkit.text.column_names import same_form, unique

MOST_LINE = 2**28  # longest line in bytes
HEAD = 2**12


def iter_json_lines(path: str, *, rows: int | None = None, allow_large: bool = False) -> Iterator[Table]:
    """Yield a file as tables of at most `rows` rows, or as a single table if `rows` is None; "-" is stdin.

    Blank lines are skipped. A key that a line lacks is a missing value.

    Raises
    ------
    DataError
        The file is empty, or a line is not a JSON object; names the line.
    """
    source, empty = "stdin" if path == "-" else path, True
    with _opened(path, allow_large) as stream:
        columns: dict[str, list[Any]] = {}
        numbers: list[int] = []
        for number, record in _records(stream, source):
            _append(columns, record, len(numbers))
            numbers.append(number)
            if len(numbers) == rows:
                yield _table(columns, numbers, source)
                columns, numbers, empty = {name: [] for name in columns}, [], False
        if numbers or empty:
            yield _table(columns, numbers, source)


@contextmanager
def _opened(path: str, allow_large: bool) -> Iterator[BinaryIO]:
    if path == "-":
        yield sys.stdin.buffer
    else:
        with open_unpacked(path, allow_large=allow_large) as stream:
            yield stream


def _records(stream: BinaryIO, source: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Yield the object of each line that is not blank, with the line's number."""
    number = 0
    while line := stream.readline(MOST_LINE):
        number += 1
        if number == 1:
            check_data(line[:HEAD], source)
            line = line.removeprefix(b"\xef\xbb\xbf")
        if line.strip():
            yield number, _record(line, source, number)


def _record(line: bytes, source: str, number: int) -> Mapping[str, Any]:
    problem = ""
    try:
        found = json.loads(line.decode("utf-8"))
        if isinstance(found, dict):
            return found
        problem = f"has {_described(found)}, not an object"
    except UnicodeDecodeError:
        problem = "is not UTF-8 text"
    except json.JSONDecodeError as error:
        problem = f"is longer than {MOST_LINE:,} bytes" if len(line) == MOST_LINE else f"is not JSON: {error.msg} at column {error.colno}"
    except (ValueError, RecursionError) as error:
        problem = f"is not JSON that can be read: {error}"
    raise data_error(f"line {number} of {source} {problem}", source, number, 'write one object per line: {"a": 1, "b": "x"}')


def _described(value: Any) -> str:
    return {list: "a list", str: "a text", bool: "true or false", type(None): "null"}.get(type(value), "a number")


def _append(columns: dict[str, list[Any]], record: Mapping[str, Any], rows: int) -> None:
    """Append the values of a row. A new key becomes a column whose values are missing in the rows before."""
    if record.keys() != columns.keys():
        columns.update({name: [None] * rows for name in record if name not in columns})
        if not rows:  # in the order of the first line
            ordered = {name: columns[name] for name in (*record, *columns)}
            columns.clear()
            columns.update(ordered)
    for name, values in columns.items():
        values.append(record.get(name))


def _table(columns: Mapping[str, list[Any]], numbers: list[int], source: str) -> Table:
    if not columns:
        problem = "has objects without keys alone" if numbers else "is empty"
        raise data_error(f"{source} {problem}", source, help='write one object per line: {"a": 1, "b": "x"}')
    unique([same_form(name) for name in columns])
    table = Table(columns, source=source, numbers=np.array(numbers, np.int64))
    table.records, table.by_line = True, True
    return table
