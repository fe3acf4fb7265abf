"""Columns whose type says that they are categories, whatever their values look like: those of pandas, Arrow and polars."""

from __future__ import annotations

from typing import Any

import numpy as np

ODD = {"Interval", "Period", "Timedelta", "tuple"}


def is_declared(values: Any) -> bool:
    """Return whether the type of a column is a categorical one; none of those packages is imported for that."""
    dtype = getattr(values, "dtype", None)
    if type(dtype).__name__ == "CategoricalDtype":
        return True
    if type(dtype).__name__ == "ArrowDtype":
        return is_dictionary(getattr(dtype, "pyarrow_dtype", None))
    if type(values).__module__.partition(".")[0] == "polars":
        return str(dtype).startswith(("Categorical", "Enum"))
    return is_dictionary(getattr(values, "type", None))


def is_dictionary(dtype: Any) -> bool:
    """Return whether a type of Arrow is that of a dictionary: codes and the values that they stand for."""
    return type(dtype).__name__ == "DictionaryType"


def whole_categories(values: Any) -> bool:
    """Return whether all categories of a declared column are whole numbers; with gaps among the rows they come as floats."""
    categories = getattr(getattr(values, "dtype", None), "categories", None)
    if categories is not None:
        return getattr(getattr(categories, "dtype", None), "kind", "") in ("i", "u")
    dtype = getattr(values, "type", None) or getattr(getattr(values, "dtype", None), "pyarrow_dtype", None)
    return str(getattr(dtype, "value_type", "")).startswith(("int", "uint"))


def plain_categories(values: Any) -> Any:
    """Return a declared column with what is neither a text, a number nor missing as its text: intervals of pandas.cut, say."""
    if hasattr(values, "to_pylist") or type(values).__module__.startswith("polars"):
        return values
    array = np.asarray(values)
    odd = array.dtype == object and any(type(value).__name__ in ODD for value in array.tolist())
    return np.array([str(value) if type(value).__name__ in ODD else value for value in array.tolist()], object) if odd else values
