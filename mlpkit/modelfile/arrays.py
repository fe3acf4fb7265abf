"""Arrays: the numbers in a model file, each array verified when it is taken.

The bytes that are hashed are those that are handed out. A large array goes piece by piece, so that a piece is read,
hashed and looked through while it is in the processor's cache; several go side by side, since hashing is what takes time.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpkit.errors import Corrupt, NonFinite
from mlpkit.modelfile.extent import Extent
from mlpkit.modelfile.layout import DAMAGED, DTYPES
from mlpkit.modelfile.manifest import StoredObject
from mlpkit.modelfile.rules import Rule
from mlpkit.modelfile.source import Source

PIECE = 2**18  # bytes that are read, hashed and looked through at once
MANY = 2**23  # bytes from which threads pay

Array = NDArray[Any]


class Arrays:
    """The arrays of a file.

    Parameters
    ----------
    source : Source
    extents : mapping of str to Extent
        Where each dataset stands.
    """

    def __init__(self, source: Source, extents: Mapping[str, Extent]) -> None:
        self.source, self.extents = source, extents

    def take(self, listed: Mapping[str, StoredObject], into: Mapping[str, Array] | None = None) -> dict[str, Array]:
        """Copies of arrays by name, each verified.

        Parameters
        ----------
        listed : mapping of str to StoredObject
        into : mapping of str to array, optional
            Contiguous arrays of the right dtype and shape to fill, in place of new ones.

        Raises
        ------
        Corrupt
            An array is not what was saved.
        NonFinite
            A tensor holds NaN or infinity.
        """
        arrays = {name: np.empty(stored.shape, DTYPES[stored.dtype]) for name, stored in listed.items()} if into is None else into
        self._fill_all([(stored, arrays[name]) for name, stored in listed.items()])
        return {name: array.view(bool) if listed[name].dtype == "bool" else array for name, array in arrays.items()}

    def mapped(self, stored: StoredObject) -> Array:
        """An array over the bytes of the file themselves, not verified: read-only."""
        extent = self.extents[stored.path]
        array = np.frombuffer(
            self.source.data, DTYPES[stored.dtype], extent.size // int(extent.dtype[2]), extent.offset if extent.size else 0
        )
        array.flags.writeable = False
        return array.reshape(stored.shape).view(bool if stored.dtype == "bool" else array.dtype)

    def verify(self, listed: Iterable[StoredObject]) -> None:
        """Raise Corrupt or NonFinite when the bytes of a file in memory are not what was saved."""
        self._fill_all([(stored, None) for stored in listed])

    def _raw(self, stored: StoredObject) -> memoryview:
        """The bytes in the file, when it is in memory."""
        extent = self.extents[stored.path]
        return self.source.data[extent.offset : extent.offset + extent.size] if extent.size else memoryview(b"")

    def _fill_all(self, jobs: list[tuple[StoredObject, Array | None]]) -> None:
        if sum(stored.bytes for stored, _ in jobs) < MANY:
            for job in jobs:
                self._fill(*job)
        else:
            from concurrent.futures import ThreadPoolExecutor

            with ThreadPoolExecutor(_threads()) as pool:
                for result in [pool.submit(self._fill, *job) for job in jobs]:
                    result.result()

    def _fill(self, stored: StoredObject, array: Array | None) -> None:
        """Read an array, or only look through it, and verify it."""
        extent = self.extents[stored.path]
        raw = self._raw(stored) if array is None else array.reshape(-1).view(np.uint8).data
        digest, sound = hashlib.sha256(), True
        for start in range(0, extent.size, PIECE):
            piece = raw[start : start + PIECE]
            if array is not None:
                self.source.read_into(extent.offset + start, piece)
            digest.update(piece)
            sound = sound and _is_sound(stored, piece)
        if digest.hexdigest() != stored.sha256:
            raise Corrupt(f"{stored.path} is not what was saved: its SHA-256 differs", help=DAMAGED, rule=Rule.DIGESTS)
        if not sound and stored.dtype == "bool":
            raise Corrupt(f"{stored.path} holds bytes other than 0 and 1", rule=Rule.ENTRIES)
        if not sound:
            raise NonFinite(f"{stored.path} holds NaN or infinity", rule=Rule.FINITE)


def _is_sound(stored: StoredObject, piece: memoryview) -> bool:
    """Whether the numbers in a piece can be believed: finite in a tensor, 0 and 1 for bool."""
    if stored.dtype == "bool":
        return not piece or bool(np.frombuffer(piece, np.uint8).max() <= 1)
    if stored.role == "tensor" and stored.dtype.startswith("float"):
        return bool(np.isfinite(np.frombuffer(piece, DTYPES[stored.dtype])).all())
    return True


def _threads() -> int:
    """The processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
