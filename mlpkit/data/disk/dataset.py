"""StoredInputs and StoredDataset: encoded rows whose inputs stay on disk, and are read and encoded whenever they are used."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlpkit.data.disk.table import BLOCKS, Span, StoredTable
from mlpkit.plugin import Array, Targets

Encode = Callable[[Sequence[Span], Array], None]  # fills an array with the encoded rows of some spans, one after the other


@dataclass(frozen=True)
class StoredInputs:
    """The encoded inputs of rows on disk: of an array they have the length and the slices.

    Attributes
    ----------
    table : StoredTable
    columns : tuple of str
        Those that are read.
    width : int
        Encoded columns.
    dtype : numpy.dtype
    encode : callable
    digests : tuple of str
        Of the raw values of each input column, by which changed data are noticed; empty when nobody looked.
    """

    table: StoredTable
    columns: tuple[str, ...]
    width: int
    dtype: np.dtype[np.floating]
    encode: Encode
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
        """Rows of a slice that is worth its while."""
        return BLOCKS * self.table.step(self.columns)

    def runs(self) -> NDArray[np.intp]:
        """Return where the rows part into blocks of the file: the first of each block, and the end."""
        return self.table.runs(self.columns)


@dataclass(frozen=True)
class StoredDataset:
    """As `Dataset`, with inputs on disk; there is one target and one weight per row, which are in memory."""

    inputs: StoredInputs
    targets: Targets
    weights: Array | None = None
