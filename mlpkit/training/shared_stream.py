"""Stream of several ranks: each encodes the rows on disk that it computes, and no others."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpkit.data.disk.dataset import StoredDataset
from mlpkit.data.disk.stream import Chunk, Stream
from mlpkit.plugin import Array
from mlpkit.preprocessing.members import rows_of
from mlpkit.training.ranks import Ranks


class OwnRows:
    """Inputs of a whole batch, with the length and the slices of an array; the rows of this rank are in memory.

    Parameters
    ----------
    own : slice
        Rows of this rank.
    inputs : array
        Their inputs.
    rows : int
        Rows of the batch.
    read : callable
        Reads other rows, which are needed to explain why a run has diverged.
    """

    def __init__(self, own: slice, inputs: Array, rows: int, read: Callable[[slice], Array]) -> None:
        self.own, self.inputs, self.rows, self.read = own, inputs, rows, read

    def __len__(self) -> int:
        return self.rows

    def __getitem__(self, part: slice) -> Array:
        return self.inputs if part == self.own else self.read(part)


class SharedStream(Stream):
    """Stream whose chunks in memory have the rows of this rank.

    Parameters
    ----------
    ranks : Ranks
    data, size, shuffle, join
        As for `Stream`.
    """

    def __init__(self, ranks: Ranks, data: StoredDataset, size: int, shuffle: bool, join: bool = False) -> None:
        self.ranks = ranks
        super().__init__(data, size, shuffle, join)

    def _held(self, rows: int) -> int:
        return len(self._own(np.arange(rows)))

    def _own(self, order: NDArray[np.intp]) -> NDArray[np.intp]:
        """Return the rows of a chunk that this rank computes."""
        return np.concatenate([batch[self.ranks.computed(len(batch))] for batch in self._cut(order)])

    def _read(self, number: int) -> Chunk:
        chunk = self._plan(number)
        held = np.sort(chunk.places[self._own(chunk.order)])
        self._encode(held, self.buffers[number % len(self.buffers)][: len(held)])
        return chunk._replace(held=held)

    def _encode(self, places: NDArray[np.intp], out: Array) -> None:
        """Fill `out` with rows of the data, in order."""
        rows_of(self.data.inputs, places).encode([(0, len(places))], out)

    def _inputs(self, buffer: Array, chunk: Chunk, rows: NDArray[np.intp], places: NDArray[np.intp]) -> Any:
        own = self.ranks.computed(len(rows))
        found = np.searchsorted(chunk.held, places[own])
        inputs = buffer.take(found, 0, self.gathered[0][: len(found)], "clip")
        return OwnRows(own, inputs, len(rows), partial(self._others, places))

    def _others(self, places: NDArray[np.intp], part: slice) -> Array:
        chosen = np.sort(places[part])
        out = np.empty((len(chosen), self.data.inputs.width), self.data.inputs.dtype)
        self._encode(chosen, out)
        return out
