"""Encoded rows with known targets, to train on or to measure a model on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mlpkit.data.dataset import Dataset
from mlpkit.data.disk.dataset import StoredDataset, StoredInputs
from mlpkit.data.table import Table
from mlpkit.errors import DataError, LeftOutWarning, warn
from mlpkit.plugin import Array, Targets
from mlpkit.preprocessing import InputEncoder, TargetEncoder
from mlpkit.preprocessing.raw_rows import RawRows, read_rows
from mlpkit.preprocessing.row_split import Part, of_part
from mlpkit.preprocessing.soft_targets import check_loss
from mlpkit.preprocessing.task import check_sign
from mlpkit.preprocessing.unscanned import unscanned_inputs
from mlpkit.spec import Spec
from mlpkit.text.shown import counted


@dataclass(frozen=True)
class Labelled:
    """Encoded rows with their targets in the form that metrics use: class indices, or values in the units of the data."""

    data: Dataset | StoredDataset
    values: Targets


def encode_labelled(
    spec: Spec,
    inputs: InputEncoder,
    target: TargetEncoder,
    source: Any,
    y: Any = None,
    weights: Any = None,
    *,
    weighted: bool = False,
    part: Part | None = None,
) -> Labelled:
    """Encode rows with known targets by fitted encoders, to evaluate a model. Parameters and errors are those of `prepare`.

    Inputs in an NPY or HDF5 file stay on disk. A row of weight 0 or without a target is left out, the latter with a warning. Sample
    weights of the other rows are used only if `weighted` is True. With a `part` the rows are those that the spec's split puts into it.
    """
    return encode_rows(spec, inputs, target, measured_rows(spec, inputs, source, y, weights, weighted=weighted, part=part))


def measured_rows(
    spec: Spec, inputs: InputEncoder, source: Any, y: Any = None, weights: Any = None, *, weighted: bool = False, part: Part | None = None
) -> RawRows:
    """Return raw rows to measure a model on; their weights are None unless `weighted` is True. See `encode_labelled`."""
    rows = read_rows(spec, source, y, weights, inputs, storage="disk", measured=True)
    rows = rows if part is None else of_part(spec, rows, part)
    if weighted and rows.weights is None:
        add = "" if spec.data.weight is None else f"add the column {spec.data.weight!r}, which the spec names, or "
        help = f"{add}leave --weighted (weighted=True) out, or pass weights= in Python"
        raise DataError("there are no sample weights for weighted metrics", help=help)
    if rows.untargeted:
        warn(LeftOutWarning(f"{counted(rows.untargeted, 'row')} without a target left out"))
    return rows if weighted else replace(rows, weights=None)


def encode_rows(spec: Spec, inputs: InputEncoder, target: TargetEncoder, rows: RawRows) -> Labelled:
    """Encode raw rows by fitted encoders, with weights relative to their mean."""
    table = rows.table
    encoded = inputs.encode(table, spec.dtype) if isinstance(table, Table) else unscanned_inputs(inputs, table, spec.dtype)
    return encode(spec, rows, encoded, target, mean_weight(rows, "given"))


def mean_weight(rows: RawRows, part: str) -> float:
    """Return the mean of the weights, 1 without weights. Raise DataError if they overflow or underflow."""
    if rows.weights is None:
        return 1.0
    with np.errstate(all="ignore"):
        mean = float(rows.weights.mean())
    if not np.finfo(np.float64).tiny <= mean < np.inf:
        raise DataError(
            f"the weights of the {part} rows are too large or too small to compute with", help="scale them, for example to a mean of 1"
        )
    return mean


def encode(spec: Spec, rows: RawRows, inputs: Array | StoredInputs, target: TargetEncoder, unit: float) -> Labelled:
    """Return encoded rows with weights relative to their mean over the training rows."""
    weights = relative(spec, rows, unit)
    values = target.values(rows.target)
    if target.task == "regression":
        check_sign(spec, rows.target, values, target.names)
    if target.classes is not None and values.ndim == 2:
        check_loss(spec)
    targets, measured = np.ascontiguousarray(target.encode_values(values, spec.dtype)), target.measured(values)
    if isinstance(inputs, StoredInputs):
        return Labelled(StoredDataset(inputs, targets, weights), measured)
    return Labelled(Dataset(inputs, targets, weights), measured)


def relative(spec: Spec, rows: RawRows, unit: float) -> Array | None:
    """Return the weights of rows in units of `unit`, in the dtype of the spec; None without weights."""
    if rows.weights is None:
        return None
    with np.errstate(all="ignore"):
        weights: Array = (rows.weights / unit).astype(spec.dtype)
    if not np.isfinite(weights).all():
        raise DataError("some weights are too large relative to the mean of the training weights", help="correct or scale them")
    return weights
