"""Partial dependence: the mean prediction of some rows if all of them have the same value of a column.

Friedman 2001, Greedy function approximation: a gradient boosting machine, Annals of Statistics 29, 1189-1232.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlpkit.data.columns import Column
from mlpkit.data.table import Table
from mlpkit.explain.raw_columns import RawColumn
from mlpkit.model.model import Model
from mlpkit.plugin import Array
from mlpkit.preprocessing import InputEncoder

Vector = NDArray[np.float64]


class PartialDependence(NamedTuple):
    """Mean predictions by the value of a column.

    Attributes
    ----------
    grid : array, shape (values,)
        Numbers, dates or texts.
    mean : array, shape (values, outputs)
        Probabilities, or numbers in the units of the target.
    """

    grid: NDArray[Any]
    mean: Vector


def partial_dependence(model: Model, raw: Mapping[str, Column], inputs: Array, column: RawColumn, grid: NDArray[Any]) -> PartialDependence:
    """Return the mean predictions of rows for each value of a column.

    Parameters
    ----------
    model : Model
    raw : mapping of str to array
        Raw columns of at least one row.
    inputs : array, shape (rows, inputs)
        Encoded rows.
    column : RawColumn
    grid : array, shape (values,)
        Values as they are in a table; None for a missing category.
    """
    encoded = encoded_values(model.encoders[0], raw, column, grid, inputs.dtype)
    mixed = np.repeat(inputs[None], len(grid), axis=0)
    mixed[:, :, column.encoded] = encoded[:, None, column.encoded]
    scores = model.scores(mixed.reshape(-1, inputs.shape[1]))
    return PartialDependence(grid, scores.reshape(len(grid), len(inputs), -1).mean(axis=1))


def encoded_values(encoder: InputEncoder, raw: Mapping[str, Column], column: RawColumn, grid: NDArray[Any], dtype: Any) -> Array:
    """Return encoded rows that have the values of a grid in a column, and those of the first row in the others."""
    same = np.zeros(len(grid), np.intp)
    columns: dict[str, Any] = {name: values[same] for name, values in raw.items()}
    if column.value is None:
        columns[column.column.name] = grid
    else:
        block = np.array(columns[column.column.name], np.float64)
        block[:, column.value] = grid
        columns[column.column.name] = block
    return encoder.encode(Table(columns), dtype)
