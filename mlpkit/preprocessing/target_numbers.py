"""Numbers of target columns: values and indicators, with their names, constants, center and scale."""

from __future__ import annotations

import copy

import numpy as np
from numpy.typing import NDArray

from mlpkit.data.column_types import column_kind, numbers
from mlpkit.data.table import Table, column_width, value_names
from mlpkit.errors import ConstantColumnWarning, DataError, SpecError, warn
from mlpkit.plugin import TargetScale, Task
from mlpkit.preprocessing.labels import TARGET_ADVICE
from mlpkit.preprocessing.limits import NO_LIMITS, Limits
from mlpkit.preprocessing.statistics import mean_and_deviation, median, robust_scale, unequal
from mlpkit.preprocessing.task import check_range, target_scale
from mlpkit.spec import Spec

NO_NUMBERS = np.empty(0)


def labels_of(table: Table) -> list[str]:
    """Return the name of each value of the target columns."""
    return [label for name in table.names for label in value_names(name, column_width(table[name]))]


def values_of(table: Table, advice: str = TARGET_ADVICE) -> NDArray[np.float64]:
    """Return the target columns as float64 numbers, shape (rows, outputs), also for columns of a categorical type.

    `advice` is the help of errors about values that are no numbers.
    """
    if table.declared:
        table = copy.copy(table)
        table.declared = {}
    for name in table.names:
        kind = column_kind(table, name, advice=advice)
        if kind == "category":
            help = "give numbers; or, to predict classes, give one target column"
            raise DataError(f"the target {name!r} holds texts, but the others or the loss need numbers", help=help)
    parts = [numbers(table, name, boolean=column_kind(table, name) == "boolean", advice=advice) for name in table.names]
    return np.column_stack(parts).astype(np.float64)


def indicators_of(table: Table) -> tuple[NDArray[np.float64], str]:
    """Return target columns of zeros and ones, and the dtype of decoded predictions."""
    values = values_of(table)
    wrong = np.argwhere((values != 0) & (values != 1))
    if len(wrong):
        row, column = (int(index) for index in wrong[0])
        value, name = values[row, column], labels_of(table)[column]
        message = f"the target {name!r} has {value:g} in {table.place(row)}, but several targets with this loss must be 0 or 1 each"
        raise table.error(message, row, "give 0 and 1, or one column of two classes")
    if all(column_kind(table, name) == "boolean" for name in table.names):
        return values, "bool"
    floats = any(table[name].dtype.kind == "f" for name in table.names)
    return values, "float64" if floats else "int64"


def find_constant(values: NDArray[np.float64], names: tuple[str, ...]) -> NDArray[np.bool_]:
    """Return a boolean array of constant targets. Raise DataError if all are constant, warn if some are."""
    constant: NDArray[np.bool_] = (values == values[0]).all(axis=0)
    found = np.flatnonzero(constant)
    if len(found) == len(names):
        message = f"the target {names[0]!r} is {values[0, 0]:g} in every training row, so there is nothing to learn"
        raise DataError(message, help="check the column, or give rows in which it differs")
    if len(found):
        shown = ", ".join(f"{names[index]!r} ({values[0, index]:g})" for index in found[:10]) + (" and others" if len(found) > 10 else "")
        warn(ConstantColumnWarning(f"targets are constant in the training rows: {shown}"))
    return constant


def prediction_limits(spec: Spec, task: Task, values: NDArray[np.float64]) -> Limits:
    """Return the smallest and the largest value of each target, or none if the spec does not limit predictions.

    Raises
    ------
    SpecError
        The target has labels, not numbers.
    """
    if not spec.preprocessing.clip_predictions:
        return NO_LIMITS
    if task != "regression":
        raise SpecError.at("preprocessing.clip_predictions", "the target has labels, not numbers", "remove it")
    return Limits(values.min(axis=0), values.max(axis=0))


def fitted_scaling(
    spec: Spec, task: Task, values: NDArray[np.float64], names: tuple[str, ...], weights: NDArray[np.float64] | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return subtrahend and divisor of each target, which are 0 and 1 if the spec or the loss leaves targets unscaled.

    Raises
    ------
    SpecError
        The last activation does not give such values.
    DataError
        All targets are constant, or their numbers overflow.
    """
    constant = find_constant(values, names)
    if task != "regression" or (wanted := target_scale(spec)) == "none":
        check_range(spec, values, names)
        return np.zeros(len(names)), np.ones(len(names))
    center, scale = center_and_scale(values, unequal(weights), wanted)
    scale[constant] = 1.0
    if not np.isfinite(scale).all() or not scale.all():
        raise DataError("the target's numbers are too large or too small to standardize", help="scale the target")
    return center, scale


def center_and_scale(
    values: NDArray[np.float64], weights: NDArray[np.float64] | None, wanted: TargetScale
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean and deviation of each target, or median and interquartile range."""
    with np.errstate(all="ignore"):
        if wanted == "robust":
            return median(values, weights), robust_scale(values, weights)
        return mean_and_deviation(values, weights)
