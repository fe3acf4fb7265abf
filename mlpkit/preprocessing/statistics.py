"""Statistics of numeric columns (mean, deviation, quantiles, center and scale), and checks of the values.

Statistics may be weighted: a row of integer weight k counts as k rows.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpkit.data.column_types import numbers
from mlpkit.data.table import Table
from mlpkit.errors import DataError
from mlpkit.numerics.blocks import row_blocks
from mlpkit.numerics.weighted import quantile, quantiles
from mlpkit.preprocessing.date_parts import date_numbers
from mlpkit.preprocessing.input_columns import InputColumn, leave_out, missing_error

Vector = NDArray[np.float64]

WIDEST = 2**23  # values that are processed at a time: 64 MB
TAILS = (0.25, 0.1, 0.05, 0.01)  # tails outside the range that is the scale: quartiles first, then smaller tails


def unequal(weights: Vector | None) -> Vector | None:
    """Return the weights, or None if all of them are equal and have no effect."""
    return None if weights is None or (weights == weights[0]).all() else weights


def mean_and_deviation(values: Vector, weights: Vector | None) -> tuple[Vector, Vector]:
    """Return mean and standard deviation of each column of `values`, shape (rows, columns), ignoring NaN.

    The mean is m = sum(w x) / sum(w), the deviation sqrt(sum(w (x - m)^2) / sum(w)). Both are computed relative to the first value, so
    that a constant column has exactly its value as mean and deviation 0.
    """
    absent = np.isnan(values)
    if weights is None:
        mean, deviation = (np.nanmean, np.nanstd) if absent.any() else (np.mean, np.std)
        return mean(values, axis=0), deviation(values, axis=0)
    base = values[(~absent).argmax(axis=0), np.arange(values.shape[1])]
    each = np.where(absent, 0.0, weights[:, None])
    distance = np.where(absent, 0.0, values - base)
    total = each.sum(axis=0)
    step = (each * distance).sum(axis=0) / total
    return base + step, np.sqrt((each * (distance - step) ** 2).sum(axis=0) / total)


def median(values: Vector, weights: Vector | None) -> Vector:
    """Return the median of each column of `values`, shape (rows, columns), ignoring NaN; see `quantile`."""
    if weights is None:
        return np.asarray(np.nanmedian(values, axis=0) if np.isnan(values).any() else np.median(values, axis=0))
    return quantile(values, 0.5, weights)


def robust_scale(values: Vector, weights: Vector | None) -> Vector:
    """Return a scale of each column of `values`, shape (rows, columns), that outliers do not change.

    It is the interquartile range. If that is 0 or only rounding, as for a target that is mostly 0, it is the range between the deciles,
    then from 5 to 95 %, then from 1 to 99 %, and finally the standard deviation.
    """
    scale = np.zeros(values.shape[1])
    for tail in TAILS:
        if not (wrong := scale == 0).any():
            return scale
        low, high = np.array([quantiles(column, [tail, 1 - tail], weights) for column in values[:, wrong].T]).T
        scale[wrong] = np.where(constant_columns(high, high - low), 0.0, high - low)
    return np.where(scale == 0, mean_and_deviation(values, weights)[1], scale)


def column_statistics(
    table: Table, column: InputColumn, missing: tuple[str, ...], impute: bool, weights: Vector | None, *, ends: bool = False
) -> Iterator[Vector]:
    """Yield the results of `_fit_values` for consecutive parts of a column's values; with `ends` also the smallest and largest ones."""
    values = column_numbers(table, column, missing)
    values = values.reshape(len(values), -1)
    for part in row_blocks(column.width, max(1, WIDEST // len(values))):
        some = values[:, part].astype(np.float64)
        _check_distinct(column, values[:, part], some)
        _check_missing(table, column, part, np.isnan(some), impute)
        fitted = _fit_values(some, column, weights)
        yield np.vstack([fitted, np.nanmin(some, axis=0), np.nanmax(some, axis=0)]) if ends else fitted


def column_numbers(table: Table, column: InputColumn, missing: Collection[str]) -> NDArray[Any]:
    """Return the numbers of a column, shape (rows,) or (rows, values), with NaN for missing ones; see `numbers` and `date_numbers`."""
    if column.kind == "date":
        return date_numbers(table, column.name, missing, column.parts)
    return numbers(table, column.name, missing, boolean=column.kind == "boolean")


def _fit_values(values: Vector, column: InputColumn, weights: Vector | None) -> Vector:
    """Return five rows: median, center, scale, a flag for missing values and a flag for constant values."""
    has_missing = np.isnan(values).any(axis=0)
    with np.errstate(all="ignore"):
        fill, (mean, deviation) = median(values, weights), mean_and_deviation(values, weights)
        constant = constant_columns(mean, deviation)
        center, scale = _center_and_scale(values, column.treatment, fill, mean, deviation, weights)
    fitted = np.array([fill, center, scale, has_missing, constant])
    if not np.isfinite(fitted).all():
        raise beyond_error(column.name)
    fitted[2, constant] = 1.0
    return fitted


def _center_and_scale(
    values: Vector, treatment: str, middle: Vector, mean: Vector, deviation: Vector, weights: Vector | None
) -> tuple[Vector, Vector]:
    """Return subtrahend and divisor of each column of `values`, from its median, mean and deviation."""
    if treatment in ("standardize", "bins"):
        return mean, deviation
    if treatment == "robust":
        return middle, robust_scale(values, weights)
    if treatment == "min_max":
        least = np.nanmin(values, axis=0)
        return least, np.nanmax(values, axis=0) - least
    return np.zeros_like(mean), np.ones_like(mean)


def constant_columns(center: Vector, scale: Vector) -> NDArray[np.bool_]:
    """Return a boolean array that is True for constant columns, whose deviation is only rounding."""
    found: NDArray[np.bool_] = np.isfinite(scale) & (scale <= 10 * np.finfo(np.float64).eps * np.abs(center))
    return found


def beyond_error(name: str) -> DataError:
    """Return the error for a column whose mean or deviation overflows."""
    return DataError(f"the column {name!r} has values too large to compute with", help="scale the column, or take its logarithm")


def _check_distinct(column: InputColumn, values: NDArray[Any], floats: Vector) -> None:
    """Raise DataError for integers that differ, but are equal as floats."""
    if values.dtype.kind in "iu" and ((floats == floats[0]).all(axis=0) & (values != values[0]).any(axis=0)).any():
        raise indistinct_error(column.name)


def indistinct_error(name: str) -> DataError:
    """Return the error for integers that differ, but are equal as floats."""
    help = f"subtract the smallest value; or {leave_out(name)}"
    return DataError(f"the numbers in the column {name!r} are too large to be told apart in float64", help=help)


def _check_missing(table: Table, column: InputColumn, part: slice, absent: NDArray[np.bool_], impute: bool) -> None:
    """Raise DataError for missing values if they are not imputed, and for values that are missing in every row."""
    if not impute and absent.any():
        row, value = np.argwhere(absent)[0]
        raise missing_error(table, column.cell_labels[part][value], int(row))
    if (empty := absent.all(axis=0)).any():
        raise empty_error(column, column.cell_labels[part][int(empty.argmax())])


def empty_error(column: InputColumn, label: str) -> DataError:
    """Return the error for a value of a column that no row has."""
    help = "remove it from the array" if column.cells > 1 else leave_out(column.name)
    return DataError(f"the column {label!r} has no value in the training rows", help=help)
