"""Encoding of rows on disk that were not scanned before: each block is checked when it is read."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mlpkit.data.disk.dataset import StoredInputs
from mlpkit.data.disk.table import Span, StoredTable
from mlpkit.plugin import Array
from mlpkit.preprocessing.inputs import InputEncoder
from mlpkit.preprocessing.on_disk import named_by
from mlpkit.preprocessing.unseen import warn_unseen


def unscanned_inputs(encoder: InputEncoder, table: StoredTable, dtype: str) -> StoredInputs:
    """Return the encoded inputs of a table that has not been scanned."""
    names = named_by(encoder, table)
    return StoredInputs(table, names, encoder.width, np.dtype(dtype), UnscannedRows(encoder, table, names))


class UnscannedRows:
    """Encoder of rows that may hold values that cannot be encoded, and that warns once of those that were not seen in training.

    Parameters
    ----------
    encoder : InputEncoder
    table : StoredTable
    names : tuple of str
        Columns that are read.
    """

    def __init__(self, encoder: InputEncoder, table: StoredTable, names: tuple[str, ...]) -> None:
        self.encoder, self.table, self.names = encoder, table, names
        self.warned = False

    def __call__(self, spans: Sequence[Span], out: Array) -> None:
        """Implement `Encoder`."""
        start = 0
        for block in self.table.tables(spans, self.names):
            encoded = out[start : start + block.rows]
            encoded[...] = 0
            unseen = self.encoder.encode_counting(block, encoded)
            if unseen and not self.warned:
                self.warned = True
                warn_unseen(unseen, self.encoder.categories.embedded)
            start += block.rows

    def of(self, table: StoredTable) -> UnscannedRows:
        """Implement `Encoder`."""
        return UnscannedRows(self.encoder, table, self.names)
