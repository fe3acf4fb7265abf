"""Arrays of a model file, each verified while it is read. The hashed bytes are the same bytes that are returned.

Arrays are read in pieces, so that each piece is hashed and checked while it is in the CPU cache. Hashing takes most of the time,
and one digest cannot be computed by two threads. Several arrays are therefore read at once, and each thread continues with the
array that has the most bytes left, so that no large array is left for the end.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterable, Mapping, Sequence
from heapq import heapify, heappop, heappush
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpkit.errors import Corrupt, NonFinite
from mlpkit.modelfile.constants import ALTERED, DTYPES
from mlpkit.modelfile.hdf5.extent import Extent
from mlpkit.modelfile.hdf5.source import Source
from mlpkit.modelfile.manifest import StoredObject
from mlpkit.modelfile.rules import Rule

MANY = 2**23  # bytes from which several threads are faster
PIECE = 2**18  # bytes that are read, hashed and checked at once
TURN = 8 * PIECE  # bytes after which a thread selects another array

Array = NDArray[Any]


class Arrays:
    """Arrays of a file.

    Parameters
    ----------
    source : Source
    extents : mapping of str to Extent
        Position of each dataset.
    """

    def __init__(self, source: Source, extents: Mapping[str, Extent]) -> None:
        self.source, self.extents = source, extents

    def take(self, listed: Mapping[str, StoredObject], into: Mapping[str, Array] | None = None) -> dict[str, Array]:
        """Return verified copies of arrays by name.

        Parameters
        ----------
        listed : mapping of str to StoredObject
        into : mapping of str to array, optional
            C-contiguous arrays of the right dtype and shape to fill instead of allocating new ones.

        Raises
        ------
        Corrupt
            An array differs from what was saved.
        NonFinite
            A tensor holds NaN or infinity.
        """
        arrays = {name: np.empty(stored.shape, DTYPES[stored.dtype]) for name, stored in listed.items()} if into is None else into
        self._fill_all([(stored, arrays[name]) for name, stored in listed.items()])
        return {name: array.view(bool) if listed[name].dtype == "bool" else array for name, array in arrays.items()}

    def mapped(self, stored: StoredObject) -> Array:
        """Return a read-only array over the bytes of the file, without verification."""
        extent = self.extents[stored.path]
        array = np.frombuffer(
            self.source.data, DTYPES[stored.dtype], extent.size // int(extent.dtype[2]), extent.offset if extent.size else 0
        )
        array.flags.writeable = False
        return array.reshape(stored.shape).view(bool if stored.dtype == "bool" else array.dtype)

    def verify(self, listed: Iterable[StoredObject]) -> None:
        """Raise Corrupt or NonFinite if arrays of a file in memory are not valid."""
        self._fill_all([(stored, None) for stored in listed])

    def _fill_all(self, jobs: list[tuple[StoredObject, Array | None]]) -> None:
        readings = [Reading(self.source, self.extents[stored.path], stored, array) for stored, array in jobs]
        together = sum(stored.bytes for stored, _ in jobs) >= MANY
        share(readings, threads() if together else 1)
        for reading in readings:
            reading.finish()


class Reading:
    """Array that is being read, or only checked in memory, and verified.

    Parameters
    ----------
    source : Source
    extent : Extent
        Position of the array's bytes.
    stored : StoredObject
        Entry of the array in the manifest.
    array : array or None
        C-contiguous array to read into; None to verify bytes that are already in memory.

    Attributes
    ----------
    left : int
        Number of bytes that have not been read.
    """

    def __init__(self, source: Source, extent: Extent, stored: StoredObject, array: NDArray[Any] | None) -> None:
        self.source, self.extent, self.stored = source, extent, stored
        self.left = extent.size
        self._copied = array is not None
        self._digest, self._sound = hashlib.sha256(), True
        if array is not None:
            self._raw = array.reshape(-1).view(np.uint8).data
        else:
            self._raw = source.data[extent.offset : extent.offset + extent.size] if extent.size else memoryview(b"")

    def go_on(self, size: int) -> None:
        """Read the next `size` bytes."""
        begin = self.extent.size - self.left
        end = min(begin + size, self.extent.size)
        for start in range(begin, end, PIECE):
            piece = self._raw[start : min(start + PIECE, end)]
            if self._copied:
                self.source.read_into(self.extent.offset + start, piece)
            self._digest.update(piece)
            self._sound = self._sound and _is_sound(self.stored, piece)
        self.left = self.extent.size - end

    def finish(self) -> None:
        """Raise Corrupt if the digest or a boolean is wrong, NonFinite if a tensor has NaN or infinity."""
        path = self.stored.path
        if self._digest.hexdigest() != self.stored.sha256:
            raise Corrupt(f"{path} differs from what was saved: its SHA-256 does not match", help=ALTERED, rule=Rule.DIGESTS)
        if not self._sound and self.stored.dtype == "bool":
            raise Corrupt(f"{path} has dtype bool but holds bytes other than 0 and 1", rule=Rule.ENTRIES)
        if not self._sound:
            raise NonFinite(f"{path} holds NaN or infinity", rule=Rule.FINITE)


def _is_sound(stored: StoredObject, piece: memoryview) -> bool:
    """Return True if the values of a piece are valid: finite in a tensor, 0 or 1 for bool."""
    if stored.dtype == "bool":
        return not piece or bool(np.frombuffer(piece, np.uint8).max() <= 1)
    if stored.role == "tensor" and stored.dtype.startswith("float"):
        return bool(np.isfinite(np.frombuffer(piece, DTYPES[stored.dtype])).all())
    return True


def share(readings: Sequence[Reading], count: int) -> None:
    """Read arrays to their ends in `count` threads. An error in one thread stops all of them."""
    heap = [(-reading.left, index) for index, reading in enumerate(readings)]
    heapify(heap)
    lock = threading.Lock()
    errors: list[BaseException] = []

    def work() -> None:
        try:
            while True:
                with lock:
                    if errors or not heap:  # an array that another thread is reading cannot be shared
                        return
                    _, index = heappop(heap)
                readings[index].go_on(TURN)
                if readings[index].left:
                    with lock:
                        heappush(heap, (-readings[index].left, index))
        except BaseException as error:
            errors.append(error)

    helpers = [threading.Thread(target=work) for _ in range(min(count, len(readings)) - 1)]
    for helper in helpers:
        helper.start()
    work()
    for helper in helpers:
        helper.join()
    if errors:
        raise errors[0]


def threads() -> int:
    """Return the number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
