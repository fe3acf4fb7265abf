"""Memory-mapping of a file without a descriptor that stays open, so that a service can map thousands of models."""

from __future__ import annotations

import ctypes
import mmap
import os
import sys
import weakref
from functools import cache


def mapped(descriptor: int, size: int) -> memoryview:
    """Map a file into memory, read-only. The mapping ends with the last array that uses it.

    Parameters
    ----------
    descriptor : int
        Descriptor of the open file, which may be closed afterwards.
    size : int
        Size of the file in bytes, at least 1.

    Raises
    ------
    OSError
        The file cannot be mapped.
    """
    if sys.version_info >= (3, 13):
        return memoryview(mmap.mmap(descriptor, size, access=mmap.ACCESS_READ, trackfd=False))
    if os.name != "posix":
        return memoryview(mmap.mmap(descriptor, size, access=mmap.ACCESS_READ))
    return _mapped_by_libc(descriptor, size)


def _mapped_by_libc(descriptor: int, size: int) -> memoryview:
    """Map a file through the C library: Python's own mmap keeps a copy of the descriptor before 3.13."""
    libc = _libc()
    address = libc.mmap(None, size, mmap.PROT_READ, mmap.MAP_SHARED, descriptor, 0)
    if address == ctypes.c_void_p(-1).value:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    area = (ctypes.c_ubyte * size).from_address(address)
    weakref.finalize(area, libc.munmap, address, size).atexit = False
    return memoryview(area).cast("B").toreadonly()


@cache
def _libc() -> ctypes.CDLL:
    """Return the C library with the signatures of the functions that are called."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long)
    libc.munmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t)
    return libc
