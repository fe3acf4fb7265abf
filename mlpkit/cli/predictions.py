"""Formats of predictions: CSV, TSV, JSON lines or an NPY array, written from batches of named columns."""

from __future__ import annotations

import json
from collections.abc import Iterator
from enum import StrEnum
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias

import typer

from mlpkit.cli.output_files import KNOWN, PLAIN, TABLES, ending_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

Columns: TypeAlias = "dict[str, NDArray[Any]]"


class Format(StrEnum):
    """Format of written predictions."""

    csv = "csv"
    tsv = "tsv"
    jsonl = "jsonl"
    npy = "npy"

    @classmethod
    def of(cls, path: str, given: Format | None) -> Format:
        """Return the format by the suffix of a file, else the given one, else CSV.

        Raises
        ------
        typer.BadParameter
            The suffix is of a format that cannot be written, or contradicts the given format.
        """
        ending = "" if path == "-" else ending_of(path)
        own = {"CSV": cls.csv, "TSV": cls.tsv, "JSON lines": cls.jsonl, "NPY": cls.npy}
        found = own.get(TABLES.get(ending, ""))
        if found is not None and given not in (None, found):
            raise typer.BadParameter(f"{path} has the suffix of {TABLES[ending]}, but --format is {given}", param_hint="--format")
        if found is None and (ending in KNOWN or (given is None and ending not in PLAIN)):
            problem = f"{KNOWN.get(ending, ending)} files cannot be written"
            help = f"use one of the suffixes {', '.join(TABLES)}" + ("" if ending in KNOWN else ", or --format")
            raise typer.BadParameter(f"{path}: {problem}; {help}", param_hint="--output")
        return found or given or cls.csv

    @property
    def separator(self) -> str:
        """Separator between the values of a line; empty for other formats."""
        return {"csv": ",", "tsv": "\t"}.get(self.value, "")


def write(stream: BinaryIO, format: Format, batches: Iterator[Columns], *, header: bool = True) -> int:
    """Write all batches and return the number of rows. CSV and TSV begin with the names of the columns, if `header` is True."""
    if format is Format.npy:
        return _write_npy(stream, batches)
    from mlpkit.data.column_values import csv_lines

    rows = 0
    for columns in batches:
        text = csv_lines(columns, header=header, separator=format.separator) if format.separator else _json_lines(columns)
        _write_all(stream, text.encode())
        header = False
        rows += len(next(iter(columns.values())))
    return rows


def _write_all(stream: BinaryIO, data: bytes) -> None:
    """Write all bytes. An unbuffered stdout (python -u) may accept fewer bytes per call."""
    rest = memoryview(data)
    while rest:
        rest = rest[stream.write(rest) :]


def _write_npy(stream: BinaryIO, batches: Iterator[Columns]) -> int:
    """Write one array of shape (rows,), or (rows, columns) for several columns."""
    import numpy as np

    parts = [np.column_stack(list(columns.values())) for columns in batches]
    values = np.concatenate(parts)
    np.save(stream, values[:, 0] if values.shape[1] == 1 else values, allow_pickle=False)
    return len(values)


def _json_lines(columns: Columns) -> str:
    from mlpkit.data.column_values import json_values

    values = [json_values(column) for column in columns.values()]
    rows = (dict(zip(columns, row, strict=True)) for row in zip(*values, strict=True))
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
