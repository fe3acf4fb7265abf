"""Rows that explanations are computed on: read, drawn if there are too many, and encoded."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlpkit.data.frames import as_table, is_empty
from mlpkit.data.sources import read_source
from mlpkit.data.table import Table
from mlpkit.errors import DataError
from mlpkit.model.model import Model
from mlpkit.preprocessing import InputEncoder
from mlpkit.preprocessing.labelled import Labelled, encode_rows, measured_rows
from mlpkit.preprocessing.on_disk import named_by
from mlpkit.preprocessing.raw_rows import RawRows
from mlpkit.provenance.placeholders import require

MOST = 5_000  # rows that explanations are computed on


class DrawnRows(NamedTuple):
    """Some of the rows that a model is measured on.

    Attributes
    ----------
    table : Table
        Raw inputs.
    labelled : Labelled
        Encoded inputs with their targets.
    of : int
        Number of rows that they were drawn from.
    """

    table: Table
    labelled: Labelled
    of: int


def drawn(count: int, most: int, seed: int) -> NDArray[np.intp]:
    """Return the sorted numbers of at most `most` of some rows, drawn without replacement."""
    if count <= most:
        return np.arange(count)
    return np.sort(np.random.Generator(np.random.PCG64(seed)).choice(count, most, replace=False)).astype(np.intp)


def draw_labelled(
    model: Model, rows: Any, y: Any, weights: Any, *, weighted: bool | None, most: int, seed: int, allow_large: bool = False
) -> DrawnRows:
    """Return drawn rows with their targets. Parameters and errors are those of `Model.evaluate`."""
    inputs, target = model.encoders
    require(model.spec.loss)
    spec = model.spec.allowing_large() if allow_large else model.spec
    found = measured_rows(spec, inputs, rows, y, weights, weighted=weights is not None if weighted is None else weighted)
    count = found.table.rows
    some = in_memory(inputs, found if count <= most else found.take(drawn(count, most, seed)))
    assert isinstance(some.table, Table)
    return DrawnRows(some.table, encode_rows(spec, inputs, target, some), count)


def in_memory(inputs: InputEncoder, rows: RawRows) -> RawRows:
    """Return the rows with their inputs in memory."""
    return rows if isinstance(rows.table, Table) else replace(rows, table=rows.table.select(named_by(inputs, rows.table)))


def raw_table(model: Model, rows: Any, *, allow_large: bool = False) -> Table:
    """Return rows without targets as a table. Raise DataError if there are none, or if they are no table."""
    spec = model.spec.allowing_large() if allow_large else model.spec
    inputs = model.encoders[0]
    if is_empty(rows):
        raise DataError("the data have no rows", help="give at least one row")
    table = read_source(spec, rows, inputs.order) if isinstance(rows, (str, Path)) else as_table(rows)
    if not table.rows:
        raise DataError("the data have no rows", help="give at least one row")
    return table
