"""Rows to predict as a network takes them: of whatever holds them, encoded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mlpkit.data.frames import as_table, is_empty, plain_array
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
    width = spec.network.inputs if encoder is None else encoder.width
    if is_empty(rows):
        return np.empty((0, width or 0), spec.dtype)
    if encoder is None:
        return plain_array(rows, width, spec.dtype)
    encoded = encoder.plain.encode(rows, spec.dtype)
    if encoded is not None:
        return encoded
    if isinstance(rows, (str, Path)):
        from mlpkit.data.sources import read_source

        return encoder.encode(read_source(spec, rows, encoder.order), spec.dtype)
    return encoder.encode(as_table(rows), spec.dtype)
