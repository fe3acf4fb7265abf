"""RawRows: rows as they are given, with their targets and what each counts; read, or left where they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mlpkit.data.column_types import gaps, numbers
from mlpkit.data.disk.arrays import KEEP
from mlpkit.data.disk.table import StoredTable
from mlpkit.data.frames import as_table
from mlpkit.data.sources import open_source, read_source
from mlpkit.data.table import Rows, Table, counted
from mlpkit.errors import DataError, SpecError
from mlpkit.preprocessing import InputEncoder
from mlpkit.preprocessing.labels import missing_target_error, missing_targets
from mlpkit.spec import Spec

Weights = NDArray[np.float64]
Stays = Literal["", "training", "where it is"]  # on disk: nothing, the training rows if the spec says so, whatever is there


@dataclass(frozen=True)
class RawRows:
    """Raw rows with their targets and weights; the table may be on disk. No target is missing, and no weight is 0.

    Attributes
    ----------
    table : Table or StoredTable
    target : Table
    weights : array, shape (rows,), or None
    untargeted : int
        Rows that were left out since their target is missing.
    """

    table: Table | StoredTable
    target: Table
    weights: Weights | None
    untargeted: int = 0

    def take(self, rows: Rows) -> RawRows:
        """Return some of them, of which none was left out."""
        weights = None if self.weights is None else self.weights[rows]
        return RawRows(self.table.take(rows), self.target.take(rows), weights)


def read_rows(
    spec: Spec,
    source: Any,
    y: Any,
    weights: Any,
    inputs: InputEncoder | None = None,
    *,
    part: str = "given",
    stays: Stays = "",
    measured: bool = False,
) -> RawRows:
    """Return rows with targets and weights, checked; for fitted encoders, only what these need is read.

    A row of weight 0 is not there. Rows without a target are left out where they are only measured, or the spec says so.

    Parameters
    ----------
    spec, source, y, weights
        As for `prepare`.
    inputs : InputEncoder, optional
    part : {"training", "validation", "given"}
        What the rows are; named in errors.
    stays : Stays
    measured : bool
        Whether a model is measured on them: then a column of weights may be missing.

    Raises
    ------
    SpecError
        The spec names no data or target, or says that rows stay on disk that cannot.
    DataError
        The data cannot be used, or a target is missing.
    """
    if source is None and spec.data.path is None:
        raise SpecError.at("data.path", "the spec names no data", "write the path of a file there, or give the data with the call")
    source = own_path(spec, spec.data.path) if source is None and spec.data.path is not None else source
    table = _table(spec, source, spec.data.inputs if inputs is None else inputs.order, stays)
    if table.rows == 0:
        raise DataError("the data have no rows", help="give at least two")
    target = _target(spec, table, y)
    if target.rows != table.rows:
        message = f"the inputs have {counted(table.rows, 'row')}, but there are {target.rows} targets"
        raise DataError(message, help="give one target per row")
    rows = RawRows(table, target, _weights(spec, table, weights, required=y is None and not measured))
    return _with_targets(spec, _weighed(rows, part), drop=measured or spec.data.missing_target == "drop")


def _weighed(rows: RawRows, part: str) -> RawRows:
    """Return the rows of a weight above 0; DataError when there are none."""
    if rows.weights is None or rows.weights.all():
        return rows
    if not rows.weights.any():
        raise DataError(f"the weights of all {part} rows are 0", help="give some rows a weight above 0")
    return rows.take(np.flatnonzero(rows.weights))


def _with_targets(spec: Spec, rows: RawRows, *, drop: bool) -> RawRows:
    """Return the rows that have a target; DataError when one lacks it and is not to be dropped, or when none has one."""
    missing = missing_targets(rows.target, spec.data.target_type, spec.data.missing)
    if not missing.any():
        return rows
    if not drop:
        raise missing_target_error(rows.target, spec.data.target_type, spec.data.missing)
    if missing.all():
        raise DataError("no row has a target: all of them are missing", help="check the target's column")
    return replace(rows.take(np.flatnonzero(~missing)), untargeted=int(missing.sum()))


def _table(spec: Spec, source: Any, inputs: Sequence[str] | None, stays: Stays) -> Table | StoredTable:
    data = spec.data
    if stays == "where it is" or (stays == "training" and not data.in_memory):
        stored = open_source(spec, source, _needed(spec, inputs))
        if stored is not None:
            return stored
        if stays == "training":
            what = str(source) if isinstance(source, (str, Path)) else "what is handed over"
            raise SpecError.at("data.in_memory", f"it is false, but {what} cannot stay on disk", KEEP)
    if isinstance(source, (str, Path)):
        return read_source(spec, source, _needed(spec, inputs))
    table = as_table(source)
    by_position = not table.named and data.inputs is not None and table.width == len(data.inputs)
    return as_table(source, data.inputs) if by_position else table


def own_path(spec: Spec, path: str) -> str | Path:
    """A path that the spec names, as it is opened; SpecError for the spec of a model file, which opens none."""
    return path if path == "-" and spec.has_paths else spec.resolve_path(path)


def _needed(spec: Spec, inputs: Sequence[str] | None) -> list[str] | None:
    """The columns to read, when the inputs are known."""
    data, split = spec.data, spec.data.split
    if inputs is None:
        return None
    others = (data.weight, split.column if split else None)
    return [*inputs, *(data.target or ()), *(name for name in others if name is not None)]


def _target(spec: Spec, table: Table | StoredTable, y: Any) -> Table:
    if y is not None:
        return as_table(y, default="y")
    if spec.data.target is None:
        help = f"write there which column to predict: {', '.join(table.names[:20])}; or give y with the call"
        raise SpecError.at("data.target", "the spec does not say what to predict", help)
    return table.select(spec.data.target)


def _weights(spec: Spec, table: Table | StoredTable, weights: Any, *, required: bool) -> Weights | None:
    """Return what each row counts, float64 of shape (rows,); None when nobody said.

    The column of the spec may be missing when the targets were given apart from the table.
    """
    name = spec.data.weight
    if weights is None:
        if name is None or not (required or name in table):
            return None
        column = table.select([name])
    else:
        column, name = as_table(weights, ["weights"]), "weights"
    if column.rows != table.rows:
        raise DataError(f"there are {table.rows} rows, but {counted(column.rows, 'weight')}", help="give one weight per row")
    if column.width != 1:
        raise DataError(f"the weights have {column.width} columns", help="give one weight per row")
    values: Weights = numbers(column, name, advice="give numbers of at least 0").astype(np.float64)
    wrong = np.flatnonzero(gaps(column, name) | ~(values >= 0))
    if len(wrong):
        row = int(wrong[0])
        what = "is missing" if np.isnan(values[row]) else f"is {values[row]:g}"
        raise column.error(f"the weight in {column.place(row)} {what}", row, "give numbers of at least 0")
    return values
