"""Predictions of an ONNX file by onnxruntime, which is imported here alone."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpkit.data.table import Table
from mlpkit.errors import DataError
from mlpkit.export.comparison import Predictions
from mlpkit.export.onnx.graph import TEXT
from mlpkit.export.onnx.inputs import RawInput, raw_inputs
from mlpkit.export.rows import raw_columns
from mlpkit.export.source import Source
from mlpkit.model.model import Model

UNSEEN = 0.5  # as a category of integers
INTEGER = 2**53


def onnxruntime() -> Any:
    """Return the package. Raise DataError if it is not installed."""
    try:
        return importlib.import_module("onnxruntime")
    except ImportError as error:
        raise DataError("the comparison needs onnxruntime, which is not installed", help="install it: pip install onnxruntime") from error


def session(file: str | Path | bytes) -> Any:
    """Return a session of onnxruntime on the CPU, with one thread, for a file or its bytes."""
    runtime = onnxruntime()
    options = runtime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads, options.log_severity_level = 1, 1, 3
    return runtime.InferenceSession(file if isinstance(file, bytes) else str(file), options, providers=["CPUExecutionProvider"])


def feeds(model: Model, table: Table) -> dict[str, NDArray[Any]]:
    """Return the inputs of the exported model for the rows of a table, by name."""
    source, encoder = Source.of(model), model.input_encoder
    assert encoder is not None  # `Source` has checked it
    values = raw_columns(encoder, table)
    return {
        each.name: _input(each, values, source.inputs["missing"]) for each in raw_inputs(source.inputs["columns"], source.inputs["named"])
    }


def predictions(path: Path, model: Model, table: Table) -> Predictions:
    """Return what the file predicts for the rows of a table. Raise DataError for a text that is not valid Unicode."""
    run = session(path)
    names = [output.name for output in run.get_outputs()]
    try:
        found = dict(zip(names, run.run(None, feeds(model, table)), strict=True))
    except UnicodeEncodeError as error:
        message = f"the text {error.object!r} has half of a surrogate pair, which a text of ONNX cannot have"
        raise DataError(message, help="leave out the rows that have it") from error
    if model.target_encoder is not None and model.target_encoder.task == "regression":
        return Predictions(None, np.hstack(list(found.values())))
    label, scores = found.values()
    return Predictions(label, scores)


def _input(each: RawInput, values: dict[str, NDArray[Any]], missing: list[str]) -> NDArray[Any]:
    found = [values[column["name"]] for column in each.columns]
    if each.dtype == TEXT or each.columns[0]["kind"] != "category":
        return np.ascontiguousarray(found[0] if len(found) == 1 else np.hstack(found))
    return np.array([[np.nan if text == "" or text in missing else _integer(text)] for (text,) in found[0].tolist()]).reshape(-1, 1)


def _integer(text: str) -> float:
    """Return the integer that a category is; another number for other texts, which no category is."""
    try:
        number = int(text)
    except ValueError:
        return UNSEEN
    return float(number) if str(number) == text and abs(number) < INTEGER else UNSEEN
