"""Data sets whose encoded inputs stay on disk: rows are read and encoded each time they are used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mlpkit.data.disk.table import BLOCKS, Span, StoredTable
from mlpkit.plugin import Array, Targets


class Encoder(Protocol):
    """Encoder of the rows of a table on disk."""

    def __call__(self, spans: Sequence[Span], out: Array) -> None:
        """Fill `out`, shape (rows, width), with the encoded rows of spans, one after the other."""

    def of(self, table: StoredTable) -> Encoder:
        """Return the encoder of some of the rows, which are given as a table."""


@dataclass(frozen=True)
class StoredInputs:
    """Encoded inputs of rows on disk, with the length and the slices of an array.

    Attributes
    ----------
    table : StoredTable
    columns : tuple of str
        Names of the columns that are read.
    width : int
        Number of encoded columns.
    dtype : numpy.dtype
    encode : Encoder
    digests : tuple of str
        Digest of the raw values of each input column, to detect changed data; empty if it was not computed.
    """

    table: StoredTable
    columns: tuple[str, ...]
    width: int
    dtype: np.dtype[np.floating]
    encode: Encoder
    digests: tuple[str, ...] = ()

    def __len__(self) -> int:
        return self.table.rows

    def __getitem__(self, rows: slice) -> Array:
        start, stop, _ = rows.indices(len(self))
        out = np.empty((max(0, stop - start), self.width), self.dtype)
        self.encode([(start, stop)], out)
        return out

    @property
    def step(self) -> int:
        """Efficient number of rows of a slice."""
        return BLOCKS * self.table.step(self.columns)

    def runs(self) -> NDArray[np.intp]:
        """Return the first row of each block of the file, and the number of rows at the end."""
        return self.table.runs(self.columns)


@dataclass(frozen=True)
class StoredDataset:
    """Counterpart of `Dataset` with inputs on disk. Targets and sample weights are in memory."""

    inputs: StoredInputs
    targets: Targets
    weights: Array | None = None
