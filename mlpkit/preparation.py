"""Preparation: from a spec and its data to encoded rows - read, split, fit on the training rows, encode."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpkit.data import Dataset, Table, as_table, read_source
from mlpkit.data.kinds import gaps, numbers
from mlpkit.data.splits import split_by_column, split_by_share
from mlpkit.data.table import Rows, counted
from mlpkit.errors import DataError, SpecError
from mlpkit.plugin import Array, Targets
from mlpkit.preprocessing import InputEncoder, TargetEncoder
from mlpkit.preprocessing.labels import check_present, class_numbers, find_classes
from mlpkit.preprocessing.task import is_classes
from mlpkit.rows import augmentable
from mlpkit.spec import Spec

Weights = NDArray[np.float64]


@dataclass(frozen=True)
class Labelled:
    """Encoded rows, and their targets as metrics take them: class numbers, or values in the data's units."""

    data: Dataset
    values: Targets


@dataclass(frozen=True)
class Prepared:
    """Fitted encoders and encoded rows.

    Attributes
    ----------
    inputs, target : InputEncoder, TargetEncoder
    train, validation : Dataset
        Validation is None when there are no validation rows.
    values : array
        The targets, as metrics take them, of the validation rows; of the training rows when there are none.
    """

    inputs: InputEncoder
    target: TargetEncoder
    train: Dataset
    validation: Dataset | None
    values: Targets

    @property
    def measured(self) -> tuple[Targets, Array | None]:
        """Targets and weights of the rows that metrics are measured on."""
        return self.values, (self.validation or self.train).weights


@dataclass(frozen=True)
class _Rows:
    """Raw rows with their targets and weights."""

    table: Table
    target: Table
    weights: Weights | None

    def take(self, rows: Rows) -> _Rows:
        return _Rows(self.table.take(rows), self.target.take(rows), None if self.weights is None else self.weights[rows])


def prepare(
    spec: Spec,
    source: Any = None,
    y: Any = None,
    *,
    validation: Any = None,
    weights: Any = None,
    encoders: tuple[InputEncoder, TargetEncoder] | None = None,
) -> Prepared:
    """Read, split, fit and encode.

    Parameters
    ----------
    spec : Spec
    source : array, table, str or Path, optional
        The rows; those of the spec's `data.path` when left out.
    y : array-like, shape (rows,) or (rows, targets), optional
        Targets; the columns that `data.target` names when left out.
    validation : (array, array), (array, array, weights), table, str or Path, optional
        Validation rows with their targets; they replace those of the spec's `data.validation` and `data.split`.
    weights : array-like, shape (rows,), optional
        What each row counts; the column `data.weight` when left out.
    encoders : (InputEncoder, TargetEncoder), optional
        Already fitted ones, to go on training with: nothing is fitted then.

    Raises
    ------
    SpecError
        The spec names no data or target, or does not fit them.
    DataError
        The data cannot be used.
    """
    rows = _read(spec, source, y, weights, encoders and encoders[0])
    training, held_out = _split(spec, rows, validation)
    inputs, target = encoders or _fit(spec, training)
    unit = _mean_weight(training, "training")
    train = _encode(spec, training, inputs, target, unit, augmented=spec.network.layers[0].has_bias)
    checked = None if held_out is None else _encode(spec, held_out, inputs, target, unit)
    return Prepared(inputs, target, train.data, checked.data if checked else None, (checked or train).values)


def encode_labelled(spec: Spec, inputs: InputEncoder, target: TargetEncoder, source: Any, y: Any = None, weights: Any = None) -> Labelled:
    """Rows with known targets, encoded by fitted encoders, to evaluate a model; parameters and errors as `prepare`."""
    rows = _read(spec, source, y, weights, inputs)
    return _encode(spec, rows, inputs, target, _mean_weight(rows, "given"))


def _fit(spec: Spec, rows: _Rows) -> tuple[InputEncoder, TargetEncoder]:
    target = TargetEncoder.fit(spec, rows.target)
    names = spec.data.inputs or _input_names(spec, rows)
    return InputEncoder.fit(spec.preprocessing, rows.table, names, spec.data.missing), target


def _input_names(spec: Spec, rows: _Rows) -> tuple[str, ...]:
    """All columns that are for nothing else."""
    split = spec.data.split
    others = {*(spec.data.target or ()), spec.data.weight, split.column if split else None}
    others |= set(rows.target.names) if rows.target.named else set()
    return tuple(name for name in rows.table.names if name not in others)


def _mean_weight(rows: _Rows, part: str) -> float:
    """The mean of the weights, 1 without any; DataError when all are 0, or too large or too small for a mean."""
    if rows.weights is None:
        return 1.0
    if not rows.weights.any():
        raise DataError(f"the weights of all {part} rows are 0", help="give some rows a weight above 0")
    with np.errstate(all="ignore"):
        mean = float(rows.weights.mean())
    if not np.finfo(np.float64).tiny <= mean < np.inf:
        raise DataError(f"the weights of the {part} rows are too large or too small to compute with", help="scale them")
    return mean


def _encode(spec: Spec, rows: _Rows, inputs: InputEncoder, target: TargetEncoder, unit: float, *, augmented: bool = False) -> Labelled:
    """Encoded rows, with weights in units of their mean over the training rows."""
    weights = None
    if rows.weights is not None:
        with np.errstate(all="ignore"):
            weights = (rows.weights / unit).astype(spec.dtype)
        if not np.isfinite(weights).all():
            raise DataError("some weights are too large beside the mean of those of the training rows", help="scale them")
    targets = np.ascontiguousarray(target.encode(rows.target, spec.dtype))
    whole = augmentable(rows.table.rows, inputs.width, spec.dtype) if augmented else None
    encoded = inputs.encode(rows.table, spec.dtype, None if whole is None else whole[:, :-1])
    return Labelled(Dataset(encoded, targets, weights, whole), target.values(rows.target))


# -- reading


def _read(spec: Spec, source: Any, y: Any, weights: Any, inputs: InputEncoder | None = None) -> _Rows:
    """Rows with targets and weights, checked; for fitted encoders, only what these need is read."""
    table = _table(spec, source, spec.data.inputs if inputs is None else inputs.order)
    if table.rows == 0:
        raise DataError("the data have no rows", help="give at least two")
    target = _target(spec, table, y)
    if target.rows != table.rows:
        message = f"the inputs have {counted(table.rows, 'row')}, but there are {target.rows} targets"
        raise DataError(message, help="give one target per row")
    check_present(target)
    return _Rows(table, target, _weights(spec, table, weights, required=y is None))


def _table(spec: Spec, source: Any, inputs: Sequence[str] | None) -> Table:
    data = spec.data
    if isinstance(source, (str, Path)):
        return read_source(spec, source, _needed(spec, inputs))
    if source is not None:
        table = as_table(source)
        by_position = not table.named and data.inputs is not None and table.width == len(data.inputs)
        return as_table(source, data.inputs) if by_position else table
    if data.path is None:
        raise SpecError.at("data.path", "the spec names no data", "write the path of a file there, or give the data with the call")
    return read_source(spec, _own_path(spec, data.path), _needed(spec, inputs))


def _own_path(spec: Spec, path: str) -> str | Path:
    """A path that the spec names, as it is opened."""
    return path if path == "-" else spec.resolve_path(path)


def _needed(spec: Spec, inputs: Sequence[str] | None) -> list[str] | None:
    """The columns to read, when the inputs are known."""
    data, split = spec.data, spec.data.split
    if inputs is None:
        return None
    others = (data.weight, split.column if split else None)
    return [*inputs, *(data.target or ()), *(name for name in others if name is not None)]


def _target(spec: Spec, table: Table, y: Any) -> Table:
    if y is not None:
        return as_table(y, default="y")
    if spec.data.target is None:
        help = f"write there which column to predict: {', '.join(table.names[:20])}; or give y with the call"
        raise SpecError.at("data.target", "the spec does not say what to predict", help)
    return table.select(spec.data.target)


def _weights(spec: Spec, table: Table, weights: Any, *, required: bool) -> Weights | None:
    """What each row counts, float64 of shape (rows,); None when nobody said.

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


# -- splitting


def _split(spec: Spec, rows: _Rows, validation: Any) -> tuple[_Rows, _Rows | None]:
    """Training and validation rows."""
    held_out = _given(spec, validation)
    split = spec.data.split
    if split is not None and split.column is not None:
        training_rows, validation_rows = split_by_column(rows.table, split.column)
        if held_out is None and not len(validation_rows):
            raise DataError(f"no row is for validation by the column {split.column!r}", help="write 'validation' in some rows")
        held_out, rows = held_out or rows.take(validation_rows), rows.take(training_rows)
    elif split is not None and held_out is None:
        training_rows, validation_rows = split_by_share(split, spec.seed, rows.table.rows, _strata(spec, rows.target))
        held_out, rows = rows.take(validation_rows), rows.take(training_rows)
    if held_out is not None:
        _mean_weight(held_out, "validation")
    return rows, held_out


def _given(spec: Spec, validation: Any) -> _Rows | None:
    """The validation rows that the call or the spec names."""
    if isinstance(validation, tuple):
        if len(validation) not in (2, 3):
            raise DataError(f"validation has {len(validation)} parts", help="give (inputs, targets) or (inputs, targets, weights)")
        return _read(spec, validation[0], validation[1], validation[2] if len(validation) == 3 else None)
    if isinstance(validation, list) and not all(isinstance(row, Mapping) for row in validation):
        raise DataError("validation is a list, which says nothing of the targets", help="give a tuple: (inputs, targets)")
    if validation is None and spec.data.validation is not None:
        validation = _own_path(spec, spec.data.validation)
    return None if validation is None else _read(spec, validation, None, None)


def _strata(spec: Spec, target: Table) -> NDArray[np.intp] | None:
    """The class of each row; None when the target is no class."""
    if not is_classes(spec, target) or target.width > 1:
        return None
    return class_numbers(target, target.names[0], find_classes(target, target.names[0]))
