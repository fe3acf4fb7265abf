"""Extents: rows of equal length in a file, read block by block into the caller's buffer.

Files are read, not memory-mapped. A truncated file is then an error and not a signal that ends the process, and pages that were
read do not count as memory of the process. Contiguous HDF5 datasets in native types are read without libhdf5, which would hold
Python's lock. Chunked and filtered datasets are read by libhdf5.
"""

from __future__ import annotations

import os
import threading
import weakref
from abc import ABC, abstractmethod
from io import FileIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpkit.data.table import data_error
from mlpkit.errors import DataError
from mlpkit.files.open_files import Descriptor, open_elsewhere

Bytes = NDArray[np.uint8]
WHOLE = "do not write to the file while it is in use; if it was copied or downloaded, copy or download it again"


class OpenFile:
    """File that stays open for reading as long as this object exists, and must not change in this time.

    Raises
    ------
    OSError
        The file cannot be opened.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = str(path)
        self._open(FileIO(path))

    def _open(self, stream: FileIO) -> None:
        self.stream = stream
        self.lock = threading.Lock()
        weakref.finalize(self, stream.close)
        self.state = self._state()

    def __getstate__(self) -> tuple[str, Descriptor]:
        """Return the path and the descriptor, by which another process opens the file, also if it has no name any more."""
        return self.path, Descriptor.of(self.stream.fileno())

    def __setstate__(self, state: tuple[str, Descriptor]) -> None:
        self.path, file = state
        self._open(FileIO(open_elsewhere(file)))

    def _state(self) -> tuple[int, int]:
        found = os.fstat(self.stream.fileno())
        return found.st_size, found.st_mtime_ns

    def check(self) -> None:
        """Raise DataError if the file has changed since it was opened."""
        if (state := self._state()) != self.state:
            event = "was cut short" if state[0] < self.state[0] else "has changed"
            raise data_error(f"{self.path} {event} while its rows were in use", self.path, help=WHOLE)

    def read(self, offset: int, out: Bytes) -> None:
        """Fill `out` with the bytes from `offset` on. Raise DataError if the file ends before."""
        self.check()
        rest = out.data
        try:
            while rest and (count := self._read_at(offset, rest)):
                offset, rest = offset + count, rest[count:]
        except OSError as error:
            raise data_error(f"{self.path} cannot be read: {error.strerror or error}", self.path, help="check the disk") from error
        if rest:
            raise data_error(f"{self.path} ends before its last row", self.path, help=WHOLE)

    def _read_at(self, offset: int, out: memoryview) -> int:
        """Read bytes from an offset and return their number.

        `preadv` leaves the file position alone, which a forked child shares.
        """
        if hasattr(os, "preadv"):
            return os.preadv(self.stream.fileno(), [out], offset)
        with self.lock:
            self.stream.seek(offset)
            return self.stream.readinto(out) or 0


class Extent(ABC):
    """Rows of `record` bytes each.

    Attributes
    ----------
    file : OpenFile
    record, rows : int
    """

    file: OpenFile
    record: int
    rows: int

    @abstractmethod
    def read(self, start: int, stop: int, out: Bytes) -> None:
        """Fill `out`, shape ((stop - start) * record,), with the rows from `start` to before `stop`.

        Raises
        ------
        DataError
            The file has changed or cannot be read.
        """


class PlainExtent(Extent):
    """Rows stored one after the other from an offset of the file."""

    def __init__(self, file: OpenFile, offset: int, record: int, rows: int) -> None:
        self.file, self.offset, self.record, self.rows = file, offset, record, rows

    def read(self, start: int, stop: int, out: Bytes) -> None:
        """Implement `Extent.read`."""
        self.file.read(self.offset + start * self.record, out)


class DatasetExtent(Extent):
    """Rows of a numeric HDF5 dataset in one or two dimensions that is chunked, compressed or of a foreign type."""

    def __init__(self, file: OpenFile, dataset: Any) -> None:
        self.file, self.dataset, self.rows = file, dataset, dataset.shape[0]
        self.record = dataset.dtype.itemsize * int(np.prod(dataset.shape[1:]))

    def read(self, start: int, stop: int, out: Bytes) -> None:
        """Implement `Extent.read`."""
        self.file.check()
        shape = stop - start, *self.dataset.shape[1:]
        try:
            self.dataset.read_direct(out.view(self.dataset.dtype).reshape(shape), np.s_[start:stop])
        except (OSError, RuntimeError, ValueError, TypeError, KeyError) as error:
            raise unreadable(self.file.path, error) from error


def unreadable(path: str, error: Exception) -> DataError:
    """Return the error for an HDF5 file that libhdf5 cannot read."""
    return data_error(
        f"{path} cannot be read as an HDF5 file: {error}", path, help="copy it again if it was cut short, or give a file that h5py can open"
    )


def extent_of(dataset: Any, file: OpenFile) -> Extent:
    """Return the rows of a numeric HDF5 dataset, read without libhdf5 if the file has them as in memory."""
    from h5py import h5t

    offset = dataset.id.get_offset()  # None if chunked, stored in another file, or not written yet
    if offset is None or not dataset.id.get_type().equal(h5t.py_create(dataset.dtype, logical=True)):
        return DatasetExtent(file, dataset)
    return PlainExtent(file, offset, dataset.dtype.itemsize * int(np.prod(dataset.shape[1:])), dataset.shape[0])
