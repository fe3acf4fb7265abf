"""Predictions as bytes: CSV, TSV, JSON lines or an NPY array, from batches of named columns."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator
from enum import StrEnum
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias

import typer

from mlpkit.cli.file_types import KNOWN, PLAIN, TABLES, ending_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

Columns: TypeAlias = "dict[str, NDArray[Any]]"


class Format(StrEnum):
    """The format of written predictions."""

    csv = "csv"
    tsv = "tsv"
    jsonl = "jsonl"
    npy = "npy"

    @classmethod
    def of(cls, path: str, given: Format | None) -> Format:
        """By the ending of a file; as it is given, or else CSV, when that says nothing.

        Raises
        ------
        typer.BadParameter
            The ending is of a format that is not written, or contradicts the one that is given.
        """
        ending = "" if path == "-" else ending_of(path)
        own = {"CSV": cls.csv, "TSV": cls.tsv, "JSON lines": cls.jsonl, "NPY": cls.npy}
        found = own.get(TABLES.get(ending, ""))
        if found is not None and given not in (None, found):
            raise typer.BadParameter(f"{path} has the ending of {TABLES[ending]}, and --format says {given}", param_hint="--format")
        if found is None and (ending in KNOWN or (given is None and ending not in PLAIN)):
            what = f"{KNOWN.get(ending, ending)} files are not written"
            help = f"give one of the endings {', '.join(TABLES)}" + ("" if ending in KNOWN else ", or --format")
            raise typer.BadParameter(f"{path}: {what}; {help}", param_hint="--output")
        return found or given or cls.csv

    @property
    def separator(self) -> str:
        """Between the values of a line; empty for what has no lines of values."""
        return {"csv": ",", "tsv": "\t"}.get(self.value, "")


def write(stream: BinaryIO, format: Format, batches: Iterator[Columns]) -> int:
    """Write all batches; returns the number of rows."""
    if format is Format.npy:
        return _write_npy(stream, batches)
    rows = 0
    for columns in batches:
        header = rows == 0
        text = _csv_lines(columns, header, format.separator) if format.separator else _json_lines(columns)
        _write_all(stream, text.encode())
        rows += len(next(iter(columns.values())))
    return rows


def _write_all(stream: BinaryIO, data: bytes) -> None:
    """Write all bytes: a stdout without a buffer (python -u) may take some of them at a time."""
    rest = memoryview(data)
    while rest:
        rest = rest[stream.write(rest) :]


def _write_npy(stream: BinaryIO, batches: Iterator[Columns]) -> int:
    """One array of shape (rows,), or (rows, columns) for several columns."""
    import numpy as np

    parts = [np.column_stack(list(columns.values())) for columns in batches]
    values = np.concatenate(parts)
    np.save(stream, values[:, 0] if values.shape[1] == 1 else values, allow_pickle=False)
    return len(values)


def _csv_lines(columns: Columns, header: bool, separator: str) -> str:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=separator, lineterminator="\n")
    if header:
        writer.writerow(columns)
    writer.writerows(zip(*map(_texts, columns.values()), strict=True))
    return text.getvalue()


def _texts(column: NDArray[Any]) -> list[Any]:
    """Values as a CSV file has them: nothing for a missing one, true and false in small letters as in JSON."""
    if column.dtype.kind == "b":
        return ["true" if value else "false" for value in column.tolist()]
    if column.dtype.kind == "f":
        return ["" if math.isnan(value) else value for value in column.tolist()]
    return list(column.tolist())


def _json_lines(columns: Columns) -> str:
    values = [_json_values(column) for column in columns.values()]
    rows = (dict(zip(columns, row, strict=True)) for row in zip(*values, strict=True))
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _json_values(column: NDArray[Any]) -> list[Any]:
    if column.dtype.kind == "f":
        return [value if math.isfinite(value) else None for value in column.tolist()]
    return [str(value) for value in column.tolist()] if column.dtype.kind == "M" else list(column.tolist())
