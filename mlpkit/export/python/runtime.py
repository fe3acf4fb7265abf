"""Predictions of an exported Python file, for comparisons with the model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mlpkit.data.table import Table
from mlpkit.errors import DataError
from mlpkit.export.comparison import Predictions
from mlpkit.model.model import Model


def predictions(path: Path, model: Model, table: Table) -> Predictions:
    """Return the predictions of the file for the rows of a table. Raise DataError if it refuses a row."""
    program: dict[str, Any] = {"__name__": "exported_model"}
    exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), program)  # written by mlpkit, from the model
    inputs, target = model.encoders
    source = inputs.aligned(table)
    rows = {name: source[name].tolist() for name in inputs.order}
    try:
        if target.task == "regression":
            return Predictions(None, program["predict"](rows).reshape(table.rows, -1))
        return Predictions(program["predict"](rows), program["predict_proba"](rows))
    except ValueError as error:
        raise DataError(f"the exported program refuses a row: {error}", help="leave out rows that the model refuses too") from error
