"""Rows to predict as a network takes them: of whatever holds them, encoded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mlpkit.data import as_table
from mlpkit.errors import DataError
from mlpkit.plugin import Array
from mlpkit.preprocessing import InputEncoder
from mlpkit.spec import Spec


def encoded_rows(spec: Spec, encoder: InputEncoder | None, rows: Any) -> Array:
    """Return encoded rows, shape (rows, inputs).

    Parameters
    ----------
    spec : Spec
        Of the model, which says how its files are written.
    encoder : InputEncoder or None
        None for a network that has no preprocessing yet, and takes an array of numbers.
    rows : array, table, str or Path

    Raises
    ------
    DataError
        A column is missing or holds what it cannot.
    """
    if encoder is None:
        return _plain_array(spec, rows)
    if isinstance(rows, (list, tuple)) and not rows:  # no rows, of whatever kind
        return np.empty((0, encoder.width), spec.dtype)
    encoded = encoder.plain.encode(rows, spec.dtype)
    if encoded is not None:
        return encoded
    if isinstance(rows, (str, Path)):
        from mlpkit.data import read_source

        return encoder.encode(read_source(spec, rows, encoder.order), spec.dtype)
    return encoder.encode(as_table(rows), spec.dtype)


def _plain_array(spec: Spec, rows: Any) -> Array:
    """Return rows for a network that has no preprocessing yet."""
    width = spec.network.inputs
    try:
        array = np.asarray(rows, spec.dtype)
    except (TypeError, ValueError) as error:
        message = f"the model has not been trained, so it takes an array of numbers alone: {error}"
        raise DataError(message, help="train it first to predict from tables and files") from error
    if array.ndim != 2 or array.shape[1] != width:
        raise DataError(f"the rows have shape {array.shape}, but the network takes (rows, {width})", help="give one row per example")
    return array
