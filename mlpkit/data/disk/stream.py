"""Stream: batches of an epoch over rows on disk. A thread reads the next chunk while the current one is trained on.

A permutation of all rows would read them one by one. Instead the blocks of the file (about 512 kB each) are shuffled, their rows
are cut into chunks of whole batches, and the rows of each chunk are shuffled. A batch has rows from dozens of places of the file,
and every row occurs once per epoch. The order depends only on the generator's state at the start of the epoch, so a run that
resumes within an epoch reads only the remaining chunks.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mlpkit.data.batches import steps_of
from mlpkit.data.disk.dataset import StoredDataset
from mlpkit.data.disk.table import Span
from mlpkit.plugin import Array, Targets

CHUNK = 2**24  # bytes of encoded rows in a chunk; two chunks are in memory
Batch: TypeAlias = "tuple[Array, Targets, Array | None]"


class Chunk(NamedTuple):
    """Rows that are in memory together.

    Attributes
    ----------
    spans : list of Span
        Spans of the table to read.
    places : array of int
        Index of each row in the data.
    order : array of int
        Shuffled order of the rows.
    held : array of int
        Index of the rows that were read, if these are not all rows.
    """

    spans: list[Span]
    places: NDArray[np.intp]
    order: NDArray[np.intp]
    held: NDArray[np.intp] = np.empty(0, np.intp)


class Stream:
    """Batches of an epoch read from disk, with the interface of `Batches`."""

    def __init__(self, data: StoredDataset, size: int, shuffle: bool, join: bool = False) -> None:
        self.data, self.size, self.join = data, size, join
        self.rows, inputs = len(data.inputs), data.inputs
        self.steps, most = steps_of(self.rows, size, join)
        self.shuffled = shuffle and size < self.rows
        self.bounds = inputs.runs()
        self.runs = np.arange(len(self.bounds) - 1)
        self.seed = 0
        self.ends = np.diff(self.bounds).cumsum()  # number of rows up to the end of each run, in shuffled order
        whole = CHUNK // (size * inputs.width * inputs.dtype.itemsize)
        self.chunk = min(max(1, whole) * size, self.rows)
        last = (self.steps - 1) * size // self.chunk
        self.starts = [*range(0, (last + 1) * self.chunk, self.chunk), self.rows]  # first row of each chunk, and the number of rows
        longest = max(stop - start for start, stop in pairwise(self.starts))
        self.buffers = [np.empty((self._held(longest), inputs.width), inputs.dtype) for _ in range(2 if last else 1)]
        kinds = data.targets, data.weights
        self.gathered = [np.empty((most, inputs.width), inputs.dtype)]
        self.gathered += [np.empty_like(array[:most]) for array in kinds if array is not None]

    def __len__(self) -> int:
        return self.steps

    def _held(self, rows: int) -> int:
        """Return the number of rows of a chunk that are read."""
        return rows

    def shuffle(self, rng: np.random.Generator) -> None:
        """Shuffle the runs, and draw the seed for the order of rows within chunks."""
        if self.shuffled:
            self.runs = rng.permutation(len(self.bounds) - 1)
            self.seed = int(rng.integers(2**63))
            self.ends = np.diff(self.bounds)[self.runs].cumsum()

    def after(self, done: int) -> Iterator[Batch]:
        """Yield the batches of the epoch after the first `done` ones. The reader thread ends with the iterator.

        Raises
        ------
        DataError
            The file has changed or cannot be read any more.
        """
        from concurrent.futures import ThreadPoolExecutor

        numbers = range(done * self.size // self.chunk if done < self.steps else len(self.starts), len(self.starts) - 1)
        with ThreadPoolExecutor(1, thread_name_prefix="mlpkit-reader") as reader:
            coming = [reader.submit(self._read, number) for number in numbers[:1]]
            for number in numbers:
                chunk = coming.pop().result()
                if number + 1 in numbers:
                    coming.append(reader.submit(self._read, number + 1))
                skipped = max(0, done * self.size - self.starts[number])
                yield from self._batches(self.buffers[number % len(self.buffers)], chunk, skipped)

    def _read(self, number: int) -> Chunk:
        """Fill a buffer with the rows of a chunk in the order of the file; runs in the reader thread."""
        chunk = self._plan(number)
        buffer, inputs = self.buffers[number % len(self.buffers)], self.data.inputs
        inputs.encode(chunk.spans, buffer[: len(chunk.places)])
        return chunk

    def _plan(self, number: int) -> Chunk:
        start, stop = self.starts[number : number + 2]
        spans: list[Span] = []
        for index in range(np.searchsorted(self.ends, start, "right"), np.searchsorted(self.ends, stop, "left") + 1):
            run, end = self.runs[index], int(self.ends[index])
            last = int(self.bounds[run + 1])
            begin = end - (last - int(self.bounds[run]))
            span = last - (end - max(start, begin)), last - (end - min(stop, end))
            if spans and spans[-1][1] == span[0]:
                span = spans.pop()[0], span[1]
            spans.append(span)
        places = np.concatenate([np.arange(*span) for span in spans])
        order = np.arange(stop - start)
        if self.shuffled:
            np.random.default_rng([self.seed, number]).shuffle(order)
        return Chunk(spans, places, order)

    def _batches(self, buffer: Array, chunk: Chunk, start: int) -> Iterator[Batch]:
        """Yield the batches of a chunk from one of its rows on, gathered into reused buffers."""
        others = [array for array in (self.data.targets, self.data.weights) if array is not None]
        for rows in self._cut(chunk.order)[start // self.size :]:
            places = chunk.places[rows]
            inputs = self._inputs(buffer, chunk, rows, places)
            found = [array.take(places, 0, out[: len(rows)], "clip") for array, out in zip(others, self.gathered[1:], strict=True)]
            yield inputs, found[0], found[1] if len(found) > 1 else None

    def _cut(self, order: NDArray[np.intp]) -> list[NDArray[np.intp]]:
        """Return the rows of each batch of a chunk."""
        steps, _ = steps_of(len(order), self.size, self.join)
        return [order[step * self.size : None if step == steps - 1 else (step + 1) * self.size] for step in range(steps)]

    def _inputs(self, buffer: Array, chunk: Chunk, rows: NDArray[np.intp], places: NDArray[np.intp]) -> Array:
        """Return the inputs of a batch: the rows of a chunk with these numbers, and this index in the data."""
        return buffer.take(rows, 0, self.gathered[0][: len(rows)], "clip")  # any other mode copies the buffer
