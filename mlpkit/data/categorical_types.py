"""Categorical column types of pandas, Arrow and polars."""

from __future__ import annotations

from typing import Any

import numpy as np

ODD = {"Interval", "Period", "Timedelta", "tuple"}


def is_declared(values: Any) -> bool:
    """Return True if a column has a categorical type. None of the three packages is imported for the check."""
    dtype = getattr(values, "dtype", None)
    if type(dtype).__name__ == "CategoricalDtype":
        return True
    if type(dtype).__name__ == "ArrowDtype":
        return is_dictionary(getattr(dtype, "pyarrow_dtype", None))
    if type(values).__module__.partition(".")[0] == "polars":
        return str(dtype).startswith(("Categorical", "Enum"))
    return is_dictionary(getattr(values, "type", None))


def is_dictionary(dtype: Any) -> bool:
    """Return True if an Arrow type is a dictionary type, which stores codes and the values they stand for."""
    return type(dtype).__name__ == "DictionaryType"


def whole_categories(values: Any) -> bool:
    """Return True if all categories of a categorical column are integers.

    Integer categories are read as floats where the column has missing values.
    """
    categories = getattr(getattr(values, "dtype", None), "categories", None)
    if categories is not None:
        return getattr(getattr(categories, "dtype", None), "kind", "") in ("i", "u")
    dtype = getattr(values, "type", None) or getattr(getattr(values, "dtype", None), "pyarrow_dtype", None)
    return str(getattr(dtype, "value_type", "")).startswith(("int", "uint"))


def plain_categories(values: Any) -> Any:
    """Return a categorical column with categories of other types, such as the intervals of pandas.cut, replaced by their text."""
    if hasattr(values, "to_pylist") or type(values).__module__.startswith("polars"):
        return values
    array = np.asarray(values)
    odd = array.dtype == object and any(type(value).__name__ in ODD for value in array.tolist())
    return np.array([str(value) if type(value).__name__ in ODD else value for value in array.tolist()], object) if odd else values
