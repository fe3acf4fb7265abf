"""The batches of an epoch."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mlpkit.blocks import row_blocks
from mlpkit.data.dataset import Dataset
from mlpkit.plugin import Array, Targets
from mlpkit.rows import augment


class Batches:
    """The batches of an epoch, gathered into buffers; the rows themselves when one batch holds all of them.

    For a first layer with a bias, inputs have a last column of ones.
    """

    def __init__(self, data: Dataset, size: int, shuffle: bool, biased: bool) -> None:
        self.data, self.size = data, size
        self.rows = len(data.inputs)
        self.shuffled = shuffle and size < self.rows
        self.order = np.empty(self.rows, np.intp)
        self.inputs = data.inputs
        if biased:
            self.inputs = augment(data.inputs) if data.augmented is None else data.augmented
        weights = None if data.weights is None else np.empty_like(data.weights[:size])
        self.buffers = np.empty_like(self.inputs[:size]), np.empty_like(data.targets[:size]), weights

    def __len__(self) -> int:
        return -(-self.rows // self.size)

    def shuffle(self, rng: np.random.Generator) -> None:
        """Put the rows in a new order, which follows from the generator's state alone, not from the order before."""
        if self.shuffled:
            for block in row_blocks(self.rows):
                self.order[block] = np.arange(block.start, block.stop)
            rng.shuffle(self.order)

    def after(self, done: int) -> Iterator[tuple[Array, Targets, Array | None]]:
        """The batches of the epoch but for the first `done` ones."""
        if self.size == self.rows and not done:
            yield self.inputs, self.data.targets, self.data.weights
            return
        choose = self._gathered if self.shuffled else self._sliced
        for start in range(done * self.size, self.rows, self.size):
            yield choose(start, min(start + self.size, self.rows))

    def _gathered(self, start: int, stop: int) -> tuple[Array, Targets, Array | None]:
        """Rows of the new order, in the buffers. Any mode of `take` but "clip" would copy the buffer."""
        rows, (inputs, targets, weights) = self.order[start:stop], self.buffers
        if len(rows) < self.size:
            inputs, targets = inputs[: len(rows)], targets[: len(rows)]
            weights = None if weights is None else weights[: len(rows)]
        self.inputs.take(rows, 0, inputs, "clip")
        self.data.targets.take(rows, 0, targets, "clip")
        if self.data.weights is not None:
            self.data.weights.take(rows, 0, weights, "clip")
        return inputs, targets, weights

    def _sliced(self, start: int, stop: int) -> tuple[Array, Targets, Array | None]:
        inputs, targets, weights = self.inputs, self.data.targets, self.data.weights
        return inputs[start:stop], targets[start:stop], None if weights is None else weights[start:stop]
