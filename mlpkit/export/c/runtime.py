"""Predictions of an exported C file, compiled and called row by row: for comparisons with the model."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mlpkit.data.table import Table
from mlpkit.data.written_numbers import Words
from mlpkit.errors import DataError
from mlpkit.export.comparison import Predictions
from mlpkit.export.rows import raw_columns
from mlpkit.model.model import Model

COMPILERS = ("cc", "gcc", "clang")
OPTIONS = ("-std=c99", "-O1", "-fPIC", "-shared")


def predictions(path: Path, model: Model, table: Table) -> Predictions:
    """Return the predictions of the file for the rows of a table.

    Raises
    ------
    DataError
        There is no C compiler, it refuses the file, or the program refuses a row.
    """
    numbers, texts = _arguments(model, table)
    target = model.encoders[1]
    width = len(target.names) if target.classes is None else len(target.classes)
    out, found = np.empty((table.rows, width)), np.empty(table.rows, np.intp)
    with tempfile.TemporaryDirectory() as folder:
        library = ctypes.CDLL(str(_compiled(path, Path(folder))))
        pointer = ctypes.POINTER(ctypes.c_double)
        for row in range(table.rows):
            words = (ctypes.c_char_p * max(len(texts), 1))(*[column[row] for column in texts])
            found[row] = library.predict(numbers[row].ctypes.data_as(pointer), words, out[row].ctypes.data_as(pointer))
            if found[row] < 0:
                raise DataError(f"the exported program refuses {table.place(row)}", help="leave out rows that the model refuses too")
    if target.task == "multilabel":
        return Predictions((out > 0.5).astype(target.label_type), out)
    return Predictions(None if target.classes is None else target.classes[found], out)


def _arguments(model: Model, table: Table) -> tuple[NDArray[np.float64], list[list[bytes | None]]]:
    """Return the numbers, shape (rows, numbers), and the texts of each column of categories."""
    encoder = model.encoders[0]
    numbers: list[NDArray[np.float64]] = [np.empty((table.rows, 0))]
    texts = []
    for column, values in zip(encoder.columns, raw_columns(encoder, table).values(), strict=True):
        if column.kind == "category":
            texts.append([_text(table, row, text) for row, text in enumerate(values[:, 0].tolist())])
        elif isinstance(column.notation, Words):
            known = dict.fromkeys(column.notation.true, 1.0) | dict.fromkeys(column.notation.false, 0.0)
            numbers.append(np.array([[known.get(text, np.nan) for text in row] for row in values.tolist()]).reshape(values.shape))
        else:
            numbers.append(values)
    return np.ascontiguousarray(np.hstack(numbers)), texts


def _text(table: Table, row: int, text: str) -> bytes | None:
    """Return a text of a row in UTF-8, or None for a missing one. Raise DataError for one that C cannot hold."""
    if "\0" in text:
        raise table.error(f"{table.place(row)}: {text!r} has a NUL, at which a text of C ends", row, help="leave out this row")
    return text.encode("utf-8", "surrogatepass") if text else None


def _compiled(path: Path, folder: Path) -> Path:
    """Return the path of a shared library of the file."""
    compiler = next(filter(None, map(shutil.which, COMPILERS)), None)
    if compiler is None:
        raise DataError(
            "there is no C compiler to compare the exported file with", help="install gcc or clang, or leave out the comparison"
        )
    made = folder / "model.so"
    done = subprocess.run([compiler, *OPTIONS, "-o", str(made), str(path), "-lm"], capture_output=True, text=True)
    if done.returncode:
        raise DataError(f"{compiler} does not compile the exported file: {done.stderr.strip()[:500]}")
    return made
