"""Batches of an epoch: from rows in memory here, from rows on disk in `disk/stream.py`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from mlpkit.data.dataset import Dataset
from mlpkit.numerics.blocks import row_blocks
from mlpkit.plugin import Array, Targets

if TYPE_CHECKING:  # imported where it is used: rows in memory do not need it
    from mlpkit.data.disk.dataset import StoredDataset
    from mlpkit.data.disk.stream import Stream


def batches_of(data: Dataset | StoredDataset, size: int, shuffle: bool, join: bool = False) -> Batches | Stream:
    """Return the batches of rows in memory or on disk. Parameters are those of `Batches`."""
    if isinstance(data, Dataset):
        return Batches(data, size, shuffle, join)
    from mlpkit.data.disk.stream import Stream

    return Stream(data, size, shuffle, join)


def steps_of(rows: int, size: int, join: bool) -> tuple[int, int]:
    """Return the number of batches of an epoch and the size of the largest batch. For `join` see `Batches`."""
    joined = join and rows > size and rows % size == 1
    return (rows // size, size + 1) if joined else (-(-rows // size), size)


class Batches:
    """Iterable batches of an epoch, copied into buffers. A single batch with all rows is not copied.

    Parameters
    ----------
    data : Dataset
    size : int
        Batch size; the last batch has the rows that are left.
    shuffle : bool
    join : bool
        True to add a last batch of one row to the batch before it; batch normalization needs two rows.
    """

    def __init__(self, data: Dataset, size: int, shuffle: bool, join: bool = False) -> None:
        self.data, self.size = data, size
        self.rows = len(data.inputs)
        self.steps, most = steps_of(self.rows, size, join)
        self.shuffled = shuffle and size < self.rows
        self.order = np.empty(self.rows, np.intp)
        self._whole = ((data.inputs, data.targets, data.weights),)
        weights = None if data.weights is None else np.empty_like(data.weights[:most])
        self.buffers = np.empty_like(data.inputs[:most]), np.empty_like(data.targets[:most]), weights

    def __len__(self) -> int:
        return self.steps

    def shuffle(self, rng: np.random.Generator) -> None:
        """Shuffle the rows. The new order depends on the generator's state alone, not on the previous order."""
        if self.shuffled:
            for block in row_blocks(self.rows):
                self.order[block] = np.arange(block.start, block.stop)
            rng.shuffle(self.order)

    def after(self, done: int) -> Iterable[tuple[Array, Targets, Array | None]]:
        """Return the batches of the epoch after the first `done` ones."""
        if self.size == self.rows and not done:
            return self._whole
        return self._parts(done)

    def _parts(self, done: int) -> Iterator[tuple[Array, Targets, Array | None]]:
        choose = self._gathered if self.shuffled else self._sliced
        for step in range(done, self.steps):
            yield choose(step * self.size, self.rows if step == self.steps - 1 else (step + 1) * self.size)

    def _gathered(self, start: int, stop: int) -> tuple[Array, Targets, Array | None]:
        """Copy rows of the shuffled order into the buffers. Any mode of `take` other than "clip" would copy the buffer."""
        rows, (inputs, targets, weights) = self.order[start:stop], self.buffers
        if len(rows) < len(inputs):
            inputs, targets = inputs[: len(rows)], targets[: len(rows)]
            weights = None if weights is None else weights[: len(rows)]
        self.data.inputs.take(rows, 0, inputs, "clip")
        self.data.targets.take(rows, 0, targets, "clip")
        if self.data.weights is not None:
            self.data.weights.take(rows, 0, weights, "clip")
        return inputs, targets, weights

    def _sliced(self, start: int, stop: int) -> tuple[Array, Targets, Array | None]:
        inputs, targets, weights = self.data.inputs, self.data.targets, self.data.weights
        return inputs[start:stop], targets[start:stop], None if weights is None else weights[start:stop]
