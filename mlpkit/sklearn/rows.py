"""Rows and targets as scikit-learn's users give them: arrays are checked by scikit-learn, tables are left to mlpkit."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_array, column_or_1d, validate_data

from mlpkit.data.frames import as_table
from mlpkit.data.table import Table


def is_table(source: Any) -> bool:
    """Return True for a table with named columns: pandas, polars or Arrow."""
    return hasattr(source, "column_names") or (hasattr(source, "columns") and hasattr(source, "__getitem__"))


def checked_rows(estimator: Any, source: Any, *, reset: bool) -> Any:
    """Return rows in the form of those that the estimator was fitted with: a table, or an array without names.

    Arrays are those of numbers, NaN included. In arrays with texts each column is of numbers or of texts. With `reset`, names and number
    of the columns are those of these rows; otherwise they are compared.

    Raises
    ------
    ValueError
        There are no rows, other columns, or values that cannot be used.
    TypeError
        The rows are a sparse matrix, or hold objects other than numbers and texts.
    """
    if not is_table(source):
        array = _checked_array(estimator, source, reset=reset)
        names = None if reset else estimator._columns
        return array if names is None else as_table(array, names)
    table = as_table(source)
    if hasattr(source, "iloc"):  # pandas
        validate_data(estimator, source, reset=reset, skip_check_array=True)
    else:
        _check_names(estimator, list(table.names), reset=reset)
    if table.rows < (2 if reset else 1):
        shape = table.rows, len(table.names)
        raise ValueError(f"Found a table with {shape[0]} sample(s) (shape={shape}) while a minimum of {2 if reset else 1} is required.")
    if not reset and estimator._columns is None:
        return _checked_array(estimator, np.asarray(source), reset=False)
    return table


def _check_names(estimator: Any, names: list[str], *, reset: bool) -> None:
    """Keep or compare the names of the columns of polars and Arrow, of which only some versions of scikit-learn know."""
    if reset:
        estimator.n_features_in_, estimator.feature_names_in_ = len(names), np.array(names, dtype=object)
        return
    known = estimator._columns
    if known is None and len(names) != estimator.n_features_in_:
        raise ValueError(f"X has {len(names)} features, but {type(estimator).__name__} is expecting {estimator.n_features_in_} features")
    if known is not None and names != known:
        missing, unknown = [name for name in known if name not in names], [name for name in names if name not in known]
        found = f"missing: {missing}, not seen during fit: {unknown}" if missing or unknown else "they are in another order"
        raise ValueError(f"The feature names should match those that were passed during fit; {found}.")


def _checked_array(estimator: Any, source: Any, *, reset: bool) -> NDArray[Any]:
    """Return an array of numbers, or of objects if some of them are texts."""
    options: dict[str, Any] = {"reset": reset, "ensure_all_finite": "allow-nan", "ensure_min_samples": 2 if reset else 1}
    try:
        return np.asarray(validate_data(estimator, source, dtype="numeric", **options))
    except ValueError:
        if np.asarray(source).dtype.kind not in "OUT":
            raise
    array = np.asarray(validate_data(estimator, source, dtype=None, **options))
    return array.astype(object)


def names_of(rows: Any) -> list[str] | None:
    """Return the names of the columns of checked rows; None for an array."""
    return list(rows.names) if isinstance(rows, Table) else None


def dtype_of(rows: Any) -> str:
    """Return "float32" if all numbers of checked rows have this type, else "float64", as scikit-learn's estimators compute."""
    arrays = [rows.columns[name] for name in rows.names] if isinstance(rows, Table) else [rows]
    numbers = {str(array.dtype) for array in arrays if getattr(array.dtype, "kind", "O") in "iuf"}
    return "float32" if numbers == {"float32"} else "float64"


def checked_targets(estimator: Any, y: Any, **options: Any) -> NDArray[Any]:
    """Return targets as an array of shape (rows,) or (rows, targets), without missing values; `options` are those of `check_array`."""
    if y is None:
        name = type(estimator).__name__
        raise ValueError(f"{name} requires y to be passed, but the target y is None.")
    array = check_array(y, ensure_2d=False, input_name="y", estimator=estimator, **options)
    return np.asarray(column_or_1d(array, warn=True) if array.ndim == 2 and array.shape[1] == 1 else array)


def target_names(y: Any, rows: Any) -> list[str]:
    """Return the names of targets in a table, unless an input has one of them; an empty list for an array."""
    given = y.columns if is_table(y) and hasattr(y, "columns") else [getattr(y, "name", None)]
    names = [name for name in given if isinstance(name, str) and name]
    distinct = len(set(names)) == len(given) and not set(names) & set(names_of(rows) or ())
    return names if distinct else []


def checked_weights(weights: Any) -> Any:
    """Return sample weights. Raise ValueError if all of them are 0."""
    if weights is None:
        return None
    array = np.asarray(weights)
    if array.ndim != 1:
        raise ValueError(f"Sample weights must have the shape (rows,), but have the shape {array.shape}.")
    if array.size and not array.astype(bool).any():
        raise ValueError("Sample weights must contain at least one non-zero number.")
    return array
