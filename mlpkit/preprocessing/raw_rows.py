"""RawRows: rows before encoding, with targets and sample weights, in memory or on disk."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mlpkit.data.column_types import missing_rows, numbers
from mlpkit.data.disk.arrays import KEEP
from mlpkit.data.disk.table import StoredTable
from mlpkit.data.frames import as_table
from mlpkit.data.shards import are_files
from mlpkit.data.sources import notations, open_source, read_source, spill_source
from mlpkit.data.table import Rows, Table, data_error, missing_columns
from mlpkit.errors import DataError, SpecError
from mlpkit.preprocessing import InputEncoder
from mlpkit.preprocessing.labels import missing_target_error, missing_targets
from mlpkit.preprocessing.soft_targets import PREDICTED, class_columns
from mlpkit.spec import Spec
from mlpkit.text.shown import counted

Weights = NDArray[np.float64]
Storage = Literal["memory", "by spec", "disk"]  # of the inputs; by spec: on disk if data.in_memory is false; disk: if they are there


@dataclass(frozen=True)
class RawRows:
    """Raw rows with targets and sample weights. The table may be on disk. No target is missing, and no weight is 0.

    Attributes
    ----------
    table : Table or StoredTable
    target : Table
    weights : array, shape (rows,), or None
    untargeted : int
        Number of rows that were left out because their target is missing.
    numbers : array of int, or None
        Numbers of the rows among all rows of the data, from 0, if some were left out and these are kept.
    """

    table: Table | StoredTable
    target: Table
    weights: Weights | None
    untargeted: int = 0
    numbers: NDArray[np.intp] | None = None

    @property
    def numbered(self) -> NDArray[np.intp]:
        """Numbers of the rows among all rows of the data."""
        return np.arange(self.table.rows) if self.numbers is None else self.numbers

    def take(self, rows: Rows) -> RawRows:
        """Return some of the rows, with an `untargeted` of 0, and without their numbers."""
        weights = None if self.weights is None else self.weights[rows]
        return RawRows(self.table.take(rows), self.target.take(rows), weights)

    def keep(self, rows: Rows) -> RawRows:
        """Return some of the rows with their numbers among all rows of the data."""
        return replace(self.take(rows), numbers=self.numbered[rows])


def read_rows(
    spec: Spec,
    source: Any,
    y: Any,
    weights: Any,
    inputs: InputEncoder | None = None,
    *,
    part: str = "given",
    storage: Storage = "memory",
    measured: bool = False,
    texts: Collection[str] = (),
) -> RawRows:
    """Return rows with checked targets and weights. With fitted encoders only the columns that they need are read.

    Rows of weight 0 are removed. Rows without a target are left out if `measured` is True or the spec drops them.

    Parameters
    ----------
    spec, source, y, weights
        See `prepare`.
    inputs : InputEncoder, optional
    part : {"training", "validation", "given"}
        Name of the rows in error messages.
    storage : {"memory", "by spec", "disk"}
        Place of the inputs: memory; memory, or disk if `data.in_memory` is false; or disk for every source that is there.
    measured : bool
        True to evaluate a model on the rows; the column of weights may then be missing.
    texts : collection of str
        Columns that hold texts in the training rows, so that numbers in these rows are texts too.

    Raises
    ------
    SpecError
        The spec names no data or target, or keeps rows on disk that cannot stay there.
    DataError
        The data cannot be used, or a target is missing.
    """
    if source is None and spec.data.path is None:
        raise SpecError.at("data.path", "the spec names no data", "set it to the path of a file, or pass the data in the call")
    source = own_path(spec, spec.data.path) if source is None and spec.data.path is not None else source
    names = spec.data.inputs if inputs is None else inputs.order
    table = _separated(spec, _table(spec, source, _needed(spec, names, part), storage, texts)).with_units(notations(spec))
    if table.rows == 0:
        raise DataError("the data have no rows", help="give at least two rows")
    target = class_columns(spec, _target(spec, table, y, names, part), part)
    if target.rows != table.rows:
        message = f"the inputs have {counted(table.rows, 'row')}, but there are {target.rows} targets"
        raise DataError(message, help="give one target per row")
    if part == "training":
        _check_units(spec, {*(names or table.names), *target.names})
    rows = RawRows(table, target, _weights(spec, table, weights, required=y is None and not measured))
    return _with_targets(spec, _weighed(rows, part), drop=measured or spec.data.missing_target == "drop")


def _weighed(rows: RawRows, part: str) -> RawRows:
    """Return the rows of a weight above 0. Raise DataError if there are none."""
    if rows.weights is None or rows.weights.all():
        return rows
    if not rows.weights.any():
        raise DataError(f"the weights of all {part} rows are 0", help="give some rows a weight above 0")
    return rows.keep(np.flatnonzero(rows.weights))


def _with_targets(spec: Spec, rows: RawRows, *, drop: bool) -> RawRows:
    """Return the rows that have a target. Raise DataError if one is missing and must not be dropped, or if all are missing."""
    target_type = spec.data.target_type if rows.target.width == 1 else "auto"  # probabilities are no texts
    missing = missing_targets(rows.target, target_type, spec.data.missing)
    if not missing.any():
        return rows
    if not drop:
        raise missing_target_error(rows.target, target_type, spec.data.missing)
    if missing.all():
        raise DataError("no row has a target: all of them are missing", help="check the target's column")
    return replace(rows.keep(np.flatnonzero(~missing)), untargeted=int(missing.sum()))


def _table(spec: Spec, source: Any, needed: list[str] | None, storage: Storage, texts: Collection[str]) -> Table | StoredTable:
    data = spec.data
    if isinstance(source, StoredTable):  # of a fold
        return source
    if storage == "disk" or (storage == "by spec" and not data.in_memory):
        stored = open_source(spec, source, needed)
        if stored is not None:
            return stored
        if are_files(source) and storage == "by spec":
            return spill_source(spec, source, needed, texts)
        if storage == "by spec":
            name = f"the given {type(source).__name__}"
            raise SpecError.at("data.in_memory", f"it is false, but {name} cannot stay on disk", KEEP)
    if are_files(source):
        return read_source(spec, source, needed)
    table = as_table(source)
    by_position = not table.named and data.inputs is not None and table.width == len(data.inputs)
    return as_table(source, data.inputs) if by_position else table


def _separated(spec: Spec, table: Table | StoredTable) -> Table | StoredTable:
    """Return an array without names as the columns x0, x1 and so on if the split is by one of them."""
    split = spec.data.split
    wanted = set() if split is None else set(split.columns.values())
    if table.named or not wanted or any(name in table for name in wanted):
        return table
    separated = table.separated()
    return separated if any(name in separated for name in wanted) else table


def _check_units(spec: Spec, used: set[str]) -> None:
    """Raise SpecError for a column in `data.units` that is neither an input nor a target, nor has another use."""
    used = {*used, spec.data.weight or "", *(spec.data.split.columns.values() if spec.data.split else ())}
    if unknown := [name for name in spec.data.units if name not in used]:
        help = f"use one of {', '.join(sorted(used - {''})[:20])}"
        raise SpecError.at(f"data.units.{unknown[0]}", f"{unknown[0]!r} is neither an input nor the target", help)


def own_path(spec: Spec, path: str | tuple[str, ...]) -> str | Path | list[Path]:
    """Return the path of files that the spec names. Raise SpecError for the spec of a model file, which must not open files."""
    if not isinstance(path, str):
        return [spec.resolve_path(one) for one in path]
    return path if path == "-" and spec.has_paths else spec.resolve_path(path)


def _needed(spec: Spec, inputs: Sequence[str] | None, part: str) -> list[str] | None:
    """Return the columns to read, or None if the inputs are not known yet."""
    data, split = spec.data, spec.data.split
    if inputs is None:
        return None
    labels = PREDICTED if part != "training" and data.classes and len(data.target or ()) > 1 else None
    others = (data.weight, labels, *(split.columns.values() if split else ()))
    return [*inputs, *(data.target or ()), *(name for name in others if name is not None)]


def _target(spec: Spec, table: Table | StoredTable, y: Any, inputs: Sequence[str] | None, part: str) -> Table:
    """Return the target columns. Rows that are not for training may have one column of labels instead of those of probabilities."""
    names = spec.data.target
    soft = spec.data.classes is not None and names is not None and len(names) > 1
    if y is not None:
        target = as_table(y, default="y").with_units(notations(spec))
        return target.select(names or ()) if soft and target.named and all(name in target for name in names or ()) else target
    if names is None:
        help = f"set it to a column: {', '.join(table.names[:20])}; or pass y in the call"
        raise SpecError.at("data.target", "the spec names no column to predict", help)
    missing = [name for name in names if name not in table]
    if not (missing and soft and part != "training"):
        return table.select(names)
    if len(missing) == len(names) and PREDICTED in table and PREDICTED not in (inputs or ()):
        return table.select([PREDICTED])
    error = missing_columns(missing, table.names, table.source)
    raise data_error(error.message, table.source, help=f"{error.help}; a column of labels must be named {PREDICTED!r}")


def _weights(spec: Spec, table: Table | StoredTable, weights: Any, *, required: bool) -> Weights | None:
    """Return the sample weights, float64 of shape (rows,), or None if there are none.

    The spec's column of weights may be missing if the targets were given separately from the table.
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
    wrong = np.flatnonzero(missing_rows(column, name) | ~(values >= 0))
    if len(wrong):
        row = int(wrong[0])
        problem = "is missing" if np.isnan(values[row]) else f"is {values[row]:g}"
        raise column.error(f"the weight in {column.place(row)} {problem}", row, "give numbers of at least 0")
    return values
