"""Mapping: the bytes of a file in memory, without a descriptor that stays open: a service may map thousands of models."""

from __future__ import annotations

import ctypes
import mmap
import os
import sys
import weakref
from functools import cache


def mapped(descriptor: int, size: int) -> memoryview:
    """Map a file, read-only; the mapping goes with the last array of it.

    Parameters
    ----------
    descriptor : int
        Of the open file, which may be closed afterwards.
    size : int
        Its bytes, at least one.

    Raises
    ------
    OSError
        It cannot be mapped.
    """
    if sys.version_info >= (3, 13):
        return memoryview(mmap.mmap(descriptor, size, access=mmap.ACCESS_READ, trackfd=False))
    if os.name != "posix":
        return memoryview(mmap.mmap(descriptor, size, access=mmap.ACCESS_READ))
    return _by_the_system(descriptor, size)


def _by_the_system(descriptor: int, size: int) -> memoryview:
    """As Python's own mmap before 3.13, but that one keeps a copy of the descriptor."""
    system = _system()
    address = system.mmap(None, size, mmap.PROT_READ, mmap.MAP_SHARED, descriptor, 0)
    if address == ctypes.c_void_p(-1).value:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    area = (ctypes.c_ubyte * size).from_address(address)
    weakref.finalize(area, system.munmap, address, size).atexit = False
    return memoryview(area).cast("B").toreadonly()


@cache
def _system() -> ctypes.CDLL:
    """The C library, with the types of what is called."""
    system = ctypes.CDLL(None, use_errno=True)
    system.mmap.restype = ctypes.c_void_p
    system.mmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long)
    system.munmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t)
    return system
