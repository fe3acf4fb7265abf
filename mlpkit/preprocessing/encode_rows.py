"""Encoding of rows to predict from any source."""

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
        Spec of the model, with the options for reading files.
    encoder : InputEncoder or None
        None for a network without fitted preprocessing, which accepts an array of numbers.
    rows : array, table, str or Path

    Raises
    ------
    DataError
        A column is missing or has values that cannot be encoded.
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
