"""Arrays of a model file, each verified when it is read. The hashed bytes are the same bytes that are returned."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpkit.modelfile.array_stream import Reading, share, threads
from mlpkit.modelfile.constants import DTYPES
from mlpkit.modelfile.hdf5.extent import Extent
from mlpkit.modelfile.hdf5.source import Source
from mlpkit.modelfile.manifest import StoredObject

MANY = 2**23  # bytes from which several threads are faster

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
