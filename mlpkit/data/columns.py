"""Columns: array-likes converted to one of a few forms.

A column is a 1-D array of floats, integers, booleans, dates, or objects that are texts (None where one is missing), or a 2-D array
of numbers, such as the 64 pixels of an image. The rest of the package handles only these forms.
"""

from __future__ import annotations

import datetime
import decimal
import numbers
import sys
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mlpkit.data.categorical_types import is_dictionary
from mlpkit.data.cells import check_cells, is_missing, odd_cell
from mlpkit.errors import DataError

Column: TypeAlias = NDArray[Any]

TEXTS = (str, bytes, bool, np.bool_, numbers.Real, decimal.Decimal, datetime.date, datetime.time)


def as_array(values: Any, name: str) -> NDArray[Any]:
    """Return an array-like as an array. Lists keep their objects; masked values and Arrow nulls become None.

    Raises
    ------
    DataError
        The values cannot be converted to an array, such as lists of different lengths.
    """
    if "numpy.ma" in sys.modules and isinstance(values, np.ma.MaskedArray):  # not imported here: the import takes 7 ms
        if not np.ma.is_masked(values):
            return np.asarray(values.data)
        objects = np.asarray(values.data).astype(object)
        objects[np.ma.getmaskarray(values)] = None
        return objects
    if isinstance(values, (list, tuple)) and check_cells(values, name):
        return np.array(values, dtype=object)
    if hasattr(values, "to_pylist") and (getattr(values, "null_count", None) or is_dictionary(getattr(values, "type", None))):
        return object_column(values.to_pylist())  # NumPy would give nulls of a dictionary column a category
    if type(values).__module__.startswith("polars"):
        dtype = str(getattr(values, "dtype", ""))
        if dtype.startswith("Struct"):
            raise DataError(f"{name!r} has structs, which are several values per row", help="call unnest() to get one column per field")
        if dtype in ("Int128", "UInt128"):
            return object_column(values.to_list())
    try:
        array = np.asarray(values)
        if array.dtype.kind in "US" and not isinstance(values, np.ndarray):
            array = np.array(values, dtype=object)  # NumPy would convert NaN to the text "nan"
    except Exception as error:  # the library that made the values raises errors of its own
        help = "give tensor.detach().numpy()" if "detach()" in str(error) else "all rows must have the same number of values"
        raise DataError(f"{name!r} cannot be converted to an array: {error}", help=help) from error
    return array


def as_column(values: Any, name: str) -> Column:
    """Return values as a column in one of the known forms.

    Parameters
    ----------
    values : array-like, shape (rows,) or (rows, width)
    name : str
        Name of the column for error messages.

    Raises
    ------
    DataError
        The values have another shape, or are neither numbers, booleans, texts nor dates.
    """
    array = as_array(values, name)
    if isinstance(values, (list, tuple)) and array.ndim == 2 and array.shape[1] == 1:
        raise odd_cell(name, values[0], 0)
    if hasattr(values, "collect"):
        raise DataError(f"the column {name!r} is a {type(values).__name__}, which holds no rows yet", help="call its collect() first")
    if array.ndim not in (1, 2):
        help = (
            "reshape it to (rows, values): x.reshape(len(x), -1)"
            if array.ndim
            else "give an array, a list or a table; one row is a list of one dictionary"
        )
        raise DataError(f"the column {name!r} has {array.ndim} dimensions, not one or two", help=help)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    kind = array.dtype.kind
    if kind in "biuf":
        if array.dtype == np.float16:  # float16 overflows above 65504
            return array.astype(np.float32)
        return array.astype(np.float64) if array.dtype.itemsize > 8 else array
    if kind == "M" and array.ndim == 1:
        return array
    if kind in "OUST" and array.ndim == 1:
        return _from_objects(array.astype(object, copy=False), name)
    contents = f"values of type {array.dtype}" + (" in two dimensions" if array.ndim == 2 else "")
    raise DataError(f"the column {name!r} has {contents}", help="give numbers, booleans or texts in one dimension")


def object_column(values: list[Any]) -> Column:
    """Return a list as a 1-D object array."""
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column


def ambiguous_text(values: Any, column: Column) -> str:
    """Return a text that stands for two different values, or an empty text.

    An example is "1" in a column made of the values 1 and "1".
    """
    if column.dtype != object or column is values:
        return ""
    objects = as_array(values, "").reshape(-1).tolist()
    if set(map(type, objects)) <= {str, type(None)}:
        return ""
    own = {value for value in objects if isinstance(value, str)}
    made = {text for text, value in zip(column.tolist(), objects, strict=True) if not isinstance(value, str)}
    return min(own & made, default="")


def _from_objects(array: Column, name: str) -> Column:
    """Convert objects to numbers, booleans or texts, depending on the types of all of them."""
    values = array.tolist()
    if set(map(type, values)) <= {str, type(None)}:
        return array
    values = [None if is_missing(value) else value for value in values]
    types = set(map(type, values)) - {type(None)}
    if wrong := [kind for kind in types if not issubclass(kind, TEXTS)]:
        raise DataError(f"the column {name!r} has values of type {wrong[0].__name__}", help="give numbers, booleans or texts")
    if all(issubclass(kind, (bool, np.bool_)) for kind in types) and None not in values:
        return np.array(values, dtype=bool)
    if bool not in types and all(issubclass(kind, (numbers.Real, decimal.Decimal)) for kind in types):
        return _from_numbers(values, types, name)
    return object_column([None if value is None else _text(value, name) for value in values])


def _from_numbers(values: list[Any], types: set[type], name: str) -> Column:
    """Return int64 if all values are integers in its range, else float64 with NaN where a value is missing."""
    try:
        if types and None not in values and all(issubclass(kind, numbers.Integral) for kind in types):
            return np.array(values, dtype=np.int64)
    except OverflowError:
        pass  # out of range for int64: use floats
    try:
        return np.array([np.nan if value is None else float(value) for value in values], dtype=np.float64)
    except OverflowError as error:
        raise DataError(f"the column {name!r} has a number beyond the range of float64", help="scale the values down") from error


def _text(value: Any, name: str) -> str:
    if isinstance(value, bytes):
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError as error:
            raise DataError(f"the column {name!r} has bytes that are not UTF-8: {value[:20]!r}", help="decode them first") from error
    return number_text(float(value)) if isinstance(value, (float, np.floating)) else str(value)


def number_text(value: float) -> str:
    """Return a number as the text of a category. 3.0 becomes "3", as the integer does."""
    return str(int(value)) if np.isfinite(value) and value == int(value) else str(value)


def read_number(text: str) -> int | float | None:
    """Return the number that a text stands for, integers exactly, or None. 1_000, which only Python reads as a number, gives None."""
    for kind in (int, float):
        try:
            return None if "_" in text else kind(text)
        except ValueError:
            continue
    return None
