"""Rows that explanations are computed on: read, drawn if there are too many, and encoded."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlpkit.data.disk.table import StoredTable
from mlpkit.data.frames import as_table, is_empty
from mlpkit.data.shards import are_files
from mlpkit.data.sources import open_source, read_source
from mlpkit.data.table import Table
from mlpkit.errors import DataError
from mlpkit.model.model import Model
from mlpkit.preprocessing import InputEncoder
from mlpkit.preprocessing.labelled import Labelled, encode_rows, measured_rows
from mlpkit.preprocessing.on_disk import named_by
from mlpkit.preprocessing.soft_targets import PREDICTED
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
    some = found if count <= most else found.take(drawn(count, most, seed))
    table = taken(inputs, some.table, np.arange(some.table.rows))
    return DrawnRows(table, encode_rows(spec, inputs, target, replace(some, table=table)), count)


def open_rows(model: Model, rows: Any, *, allow_large: bool = False) -> Table | StoredTable:
    """Return rows as a table; those of NPY and HDF5 files stay on disk. Raise DataError if there are none, or if they are no table."""
    spec = model.spec.allowing_large() if allow_large else model.spec
    data, inputs = spec.data, model.encoders[0]
    if is_empty(rows):
        raise DataError("the data have no rows", help="give at least one row")
    needed = [*inputs.order, *(data.target or ()), PREDICTED, *([] if data.weight is None else [data.weight])]
    found: Table | StoredTable | None = rows if isinstance(rows, StoredTable) else open_source(spec, rows, needed)
    if found is None:
        found = read_source(spec, rows, needed) if are_files(rows) else as_table(rows)
    if not found.rows:
        raise DataError("the data have no rows", help="give at least one row")
    return found


def taken(inputs: InputEncoder, table: Table | StoredTable, index: NDArray[np.intp]) -> Table:
    """Return rows by sorted numbers, in memory."""
    if isinstance(table, Table):
        return table if len(index) == table.rows else table.take(index)
    part = table if len(index) == table.rows else table.take(index)
    return part.select(named_by(inputs, table))
