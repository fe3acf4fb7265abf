"""Extents: rows of equal length in a file, read block by block into the caller's buffer.

They are read, not mapped: a file that is cut short is then an error and not a signal that ends the process, and pages
that were looked at do not count as the process's memory. HDF5 datasets that are stored as they are, one row after the
other, are read past libhdf5, which would hold Python's lock; those in chunks or with filters are read by it.
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

Bytes = NDArray[np.uint8]
WHOLE = "let nothing write to it meanwhile; if it was copied or downloaded, do so again"


class OpenFile:
    """A file that is open for reading as long as this object is there, and must stay as it was when it was opened.

    Raises
    ------
    OSError
        It cannot be opened.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = str(path)
        self.stream = FileIO(path)
        self.lock = threading.Lock()
        weakref.finalize(self, self.stream.close)
        self.state = self._state()

    def _state(self) -> tuple[int, int]:
        found = os.fstat(self.stream.fileno())
        return found.st_size, found.st_mtime_ns

    def check(self) -> None:
        """Raise DataError when the file has changed since it was opened."""
        if (state := self._state()) != self.state:
            what = "was cut short" if state[0] < self.state[0] else "has changed"
            raise data_error(f"{self.path} {what} while its rows were in use", self.path, help=WHOLE)

    def read(self, offset: int, out: Bytes) -> None:
        """Fill `out` with the bytes from `offset` on; DataError when they are not there."""
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
        """Read bytes from an offset on; how many. The place in the file, which a forked child would move too, is not used."""
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
        """Fill `out`, shape ((stop - start) * record,), with the rows from `start` to `stop`.

        Raises
        ------
        DataError
            The file has changed, or cannot be read.
        """


class PlainExtent(Extent):
    """Rows that stand one after the other, from an offset of the file on."""

    def __init__(self, file: OpenFile, offset: int, record: int, rows: int) -> None:
        self.file, self.offset, self.record, self.rows = file, offset, record, rows

    def read(self, start: int, stop: int, out: Bytes) -> None:
        """As `Extent.read`."""
        self.file.read(self.offset + start * self.record, out)


class DatasetExtent(Extent):
    """The rows of an HDF5 dataset of numbers in one or two dimensions, in chunks, compressed or of a foreign type."""

    def __init__(self, file: OpenFile, dataset: Any) -> None:
        self.file, self.dataset, self.rows = file, dataset, dataset.shape[0]
        self.record = dataset.dtype.itemsize * int(np.prod(dataset.shape[1:]))

    def read(self, start: int, stop: int, out: Bytes) -> None:
        """As `Extent.read`."""
        self.file.check()
        shape = stop - start, *self.dataset.shape[1:]
        try:
            self.dataset.read_direct(out.view(self.dataset.dtype).reshape(shape), np.s_[start:stop])
        except (OSError, RuntimeError, ValueError, TypeError, KeyError) as error:
            raise unreadable(self.file.path, error) from error


def unreadable(path: str, error: Exception) -> DataError:
    """The error for an HDF5 file that libhdf5 cannot read."""
    return data_error(
        f"{path} cannot be read as an HDF5 file: {error}", path, help="copy it again if it was cut short, or give a file that h5py can open"
    )


def extent_of(dataset: Any, file: OpenFile) -> Extent:
    """The rows of an HDF5 dataset of numbers, past libhdf5 if they stand in the file as they are in memory."""
    from h5py import h5t

    offset = dataset.id.get_offset()  # none in chunks, in other files, or where nothing was written
    if offset is None or not dataset.id.get_type().equal(h5t.py_create(dataset.dtype, logical=True)):
        return DatasetExtent(file, dataset)
    return PlainExtent(file, offset, dataset.dtype.itemsize * int(np.prod(dataset.shape[1:])), dataset.shape[0])
