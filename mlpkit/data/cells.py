"""Single values of Python lists, checked before NumPy converts them to one type."""

from __future__ import annotations

import decimal
import numbers
from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np

from mlpkit.errors import DataError
from mlpkit.text.shown import shortened

BOOLEANS = {bool, np.bool_}
MASKED = "MaskedConstant"  # the type name of numpy.ma.masked; numpy.ma is not imported for the check
SEVERAL = {list, tuple, dict, np.ndarray}


def check_cells(values: Sequence[Any], name: str) -> bool:
    """Return True if the values, or rows of values, have mixed types that an array would convert to a common one.

    An example is booleans beside numbers.

    Raises
    ------
    DataError
        A list beside single values, a boolean beside numbers, or rows of different lengths; names the row and the column.
    """
    types = set(map(type, values))
    if types and types <= {list, tuple}:
        return _check_rows(values, name)
    odd = _odd_types(types)
    if odd and odd <= BOOLEANS and _are_flags(values):
        return True
    if odd:
        row = next(row for row, value in enumerate(values) if type(value) in odd)
        raise odd_cell(name, values[row], row)
    return MASKED in {kind.__name__ for kind in types}


def _check_rows(rows: Sequence[Sequence[Any]], name: str) -> bool:
    for row, cells in enumerate(rows):
        if len(cells) != len(rows[0]):
            message = f"{name!r} has {len(cells)} values in row {row}, but {len(rows[0])} in row 0"
            raise DataError(message, help="all rows must have the same number of values")
    found = set(map(type, chain.from_iterable(rows)))
    mixed = bool(_odd_types(found))
    for column, cells in enumerate(zip(*rows, strict=True) if mixed else ()):
        types = set(map(type, cells))
        odd = _odd_types(types) | (types & SEVERAL)
        if odd and not (odd <= BOOLEANS and _are_flags(cells)):
            row = next(row for row, cell in enumerate(cells) if type(cell) in odd)
            raise odd_cell(f"{name}{column}", cells[row], row)
    return mixed or MASKED in {kind.__name__ for kind in found}


def _odd_types(types: set[type]) -> set[type]:
    """Return the types that must not appear beside the others."""
    several = types & SEVERAL
    if several:
        return several if len(types) > 1 else set()
    among_numbers = any(issubclass(kind, (numbers.Real, decimal.Decimal)) for kind in types - BOOLEANS)
    return types & BOOLEANS if among_numbers else set()


def _are_flags(cells: Sequence[Any]) -> bool:
    """Return True if all values are booleans or missing."""
    return all(type(cell) in BOOLEANS or is_missing(cell) for cell in cells)


def odd_cell(name: str, value: Any, row: int) -> DataError:
    """Return the error for a value that is neither a number nor a text."""
    message = f"the column {name!r} has {shortened(repr(value), 40)} in row {row}, which is not a number"
    return DataError(message, help="give one number or text there")


def is_missing(value: Any) -> bool:
    """Return True for None, NaN, NaT, a masked value and the NA of pandas, which is not imported for the check."""
    if value is None or type(value).__name__ in ("NAType", "NaTType", MASKED):
        return True
    if isinstance(value, (np.datetime64, np.timedelta64)):
        return bool(np.isnat(value))
    if isinstance(value, decimal.Decimal):
        return value.is_nan()
    return isinstance(value, (float, np.floating)) and bool(value != value)
