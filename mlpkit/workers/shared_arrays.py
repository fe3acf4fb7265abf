"""SharedArrays: arrays in one temporary file that other processes map into their memory."""

from __future__ import annotations

import mmap
import os
import tempfile
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

ALIGNMENT = 64  # bytes: a cache line

Arrays = dict[str, NDArray[Any]]


class SharedArrays:
    """Read-only copies of arrays in a temporary file.

    On POSIX the file has no name, so that nothing is left of it even if this process is killed: workers inherit its descriptor.
    Elsewhere they open it by its name, and `close` removes it.

    Parameters
    ----------
    arrays : mapping of str to array

    Raises
    ------
    OSError
        The file cannot be written, for example because the disk is full.
    """

    def __init__(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self._named = os.name == "nt"
        make: Any = partial(tempfile.NamedTemporaryFile, prefix="mlpkit-", delete=False) if self._named else tempfile.TemporaryFile
        self._file: Any = make()
        self._layout: dict[str, list[Any]] = {}
        try:
            for name, array in arrays.items():
                self._append(name, np.ascontiguousarray(array))
            self._file.write(bytes(ALIGNMENT))  # an empty file cannot be mapped
            self._file.flush()
        except BaseException:
            self.close()
            raise

    def _append(self, name: str, array: NDArray[Any]) -> None:
        start = -(-self._file.tell() // ALIGNMENT) * ALIGNMENT
        self._file.write(bytes(start - self._file.tell()))
        self._layout[name] = [array.dtype.str, list(array.shape), start]
        self._file.write(array.reshape(-1).view(np.uint8).data)

    @property
    def descriptors(self) -> tuple[int, ...]:
        """Descriptors that a worker must inherit."""
        return () if self._named else (self._file.fileno(),)

    @property
    def place(self) -> dict[str, Any]:
        """JSON values from which `open_arrays` opens the arrays in a worker."""
        return {"file": self._file.name if self._named else self._file.fileno(), "layout": self._layout}

    def close(self) -> None:
        """Remove the file. Workers that have mapped it keep it until they end."""
        self._file.close()
        if self._named and os.path.exists(self._file.name):
            os.unlink(self._file.name)


def open_arrays(place: Mapping[str, Any]) -> Arrays:
    """Return the arrays of another process, read-only, from `SharedArrays.place`."""
    descriptor = place["file"] if isinstance(place["file"], int) else os.open(place["file"], os.O_RDONLY | getattr(os, "O_BINARY", 0))
    try:
        memory = mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ)
    finally:
        os.close(descriptor)
    return {name: np.ndarray(tuple(shape), np.dtype(dtype), memory, start) for name, (dtype, shape, start) in place["layout"].items()}
