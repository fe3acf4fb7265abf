"""Formats of exports, by the suffix of the file: what writes one, and what predicts with it for a comparison."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from mlpkit.errors import DataError

if TYPE_CHECKING:
    from mlpkit.data.table import Table
    from mlpkit.export.comparison import Predictions
    from mlpkit.model.model import Model


class Format(NamedTuple):
    """Format of an export. Functions are named as ``module:function`` and imported when they are used.

    Attributes
    ----------
    name : str
    writer : str
        Function of a model and a path that writes the file.
    predictor : str
        Function of the path of a file, the model and a table that returns the `Predictions` of the file for the rows; see
        `mlpkit.export.rows` for the values that it gets.
    """

    name: str
    writer: str
    predictor: str

    def write(self, model: Model, path: Path) -> None:
        """Write the file of a model. Raise DataError or PluginError for what has no counterpart in the format."""
        _function(self.writer)(model, path)

    def predict(self, path: Path, model: Model, table: Table) -> Predictions:
        """Return the predictions of a file of a model. Raise DataError if the program that runs it is missing."""
        found: Predictions = _function(self.predictor)(path, model, table)
        return found


FORMATS = {
    ".onnx": Format("ONNX", "mlpkit.export.onnx.model:to_onnx", "mlpkit.export.onnx.runtime:predictions"),
    ".c": Format("C", "mlpkit.export.c.writer:to_c", "mlpkit.export.c.runtime:predictions"),
    ".py": Format("Python", "mlpkit.export.python.writer:to_python", "mlpkit.export.python.runtime:predictions"),
}


def format_of(path: str | Path) -> Format:
    """Return the format of a file to write. Raise DataError that lists the known suffixes."""
    suffix = Path(path).suffix.lower()
    if suffix not in FORMATS:
        known = ", ".join(f"{ending} ({format.name})" for ending, format in FORMATS.items())
        problem = f"its suffix {suffix} is that of no format of an export" if suffix else "it has no suffix, which tells the format"
        raise DataError(f"{path}: {problem}", help=f"give a name that ends with {known}")
    return FORMATS[suffix]


def _function(target: str) -> Any:
    module, _, name = target.partition(":")
    return getattr(importlib.import_module(module), name)
