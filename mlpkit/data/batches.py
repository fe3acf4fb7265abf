"""The batches of an epoch."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mlpkit.blocks import row_blocks
from mlpkit.data.dataset import Dataset
from mlpkit.plugin import Array, Targets


class Batches:
    """The batches of an epoch, gathered into buffers; the rows themselves when one batch holds all of them."""

    def __init__(self, data: Dataset, size: int, shuffle: bool) -> None:
        self.data, self.size = data, size
        self.rows = len(data.inputs)
        self.shuffled = shuffle and size < self.rows
        self.order = np.empty(self.rows, np.intp)
        self.buffers = [None if array is None else np.empty_like(array[:size]) for array in (data.inputs, data.targets, data.weights)]

    def shuffle(self, rng: np.random.Generator) -> None:
        """Put the rows in a new order, which follows from the generator's state alone, not from the order before."""
        if self.shuffled:
            for block in row_blocks(self.rows):
                self.order[block] = np.arange(block.start, block.stop)
            rng.shuffle(self.order)

    def after(self, done: int) -> Iterator[tuple[Array, Targets, Array | None]]:
        """The batches of the epoch but for the first `done` ones."""
        inputs, targets, weights = self.data.inputs, self.data.targets, self.data.weights
        if self.size == self.rows and not done:
            yield inputs, targets, weights
            return
        for start in range(done * self.size, self.rows, self.size):
            stop = min(start + self.size, self.rows)
            if self.shuffled:
                rows = self.order[start:stop]
                gathered = [_gather(array, rows, buffer) for array, buffer in zip((inputs, targets, weights), self.buffers, strict=True)]
                yield gathered[0], gathered[1], gathered[2]  # type: ignore[misc]
            else:
                yield inputs[start:stop], targets[start:stop], None if weights is None else weights[start:stop]


def _gather(array: Array | None, rows: np.ndarray[tuple[int], np.dtype[np.intp]], buffer: Array | None) -> Array | None:
    if array is None or buffer is None:
        return None
    return array.take(rows, 0, buffer[: len(rows)], "clip")  # any other mode copies the buffer
