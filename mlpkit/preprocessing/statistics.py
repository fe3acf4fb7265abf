"""Statistics of numeric columns (median, center and scale), and checks of the values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpkit.data.column_types import numbers
from mlpkit.data.table import Table
from mlpkit.errors import DataError
from mlpkit.numerics.blocks import row_blocks
from mlpkit.preprocessing.input_columns import InputColumn, leave_out, missing_error
from mlpkit.preprocessing.moments import mean_and_deviation, median

Vector = NDArray[np.float64]

WIDEST = 2**23  # values that are processed at a time: 64 MB


def column_statistics(
    table: Table, column: InputColumn, missing: tuple[str, ...], impute: bool, weights: Vector | None
) -> Iterator[Vector]:
    """Yield the results of `_fit_values` for consecutive parts of a column's values."""
    values = numbers(table, column.name, missing, boolean=column.kind == "boolean")
    values = values.reshape(len(values), -1)
    for part in row_blocks(column.width, max(1, WIDEST // len(values))):
        some = values[:, part].astype(np.float64)
        _check_distinct(column, values[:, part], some)
        _check_missing(table, column, part, np.isnan(some), impute)
        yield _fit_values(some, column, weights)


def _fit_values(values: Vector, column: InputColumn, weights: Vector | None) -> Vector:
    """Return five rows: median, center, scale, a flag for missing values and a flag for constant values."""
    has_missing = np.isnan(values).any(axis=0)
    with np.errstate(all="ignore"):
        fill, (mean, deviation) = median(values, weights), mean_and_deviation(values, weights)
        constant = constant_columns(mean, deviation)
        standardized = column.treatment == "standardize"
        center, scale = (mean, deviation) if standardized else (np.zeros_like(fill), np.ones_like(fill))
    fitted = np.array([fill, center, scale, has_missing, constant])
    if not np.isfinite(fitted).all():
        raise beyond_error(column.name)
    fitted[2, constant] = 1.0
    return fitted


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
        raise missing_error(table, column.labels[part][value], int(row))
    if (empty := absent.all(axis=0)).any():
        raise empty_error(column, column.labels[part][int(empty.argmax())])


def empty_error(column: InputColumn, label: str) -> DataError:
    """Return the error for a value of a column that no row has."""
    help = "remove it from the array" if column.width > 1 else leave_out(column.name)
    return DataError(f"the column {label!r} has no value in the training rows", help=help)
