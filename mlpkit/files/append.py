"""Appending to a file, all of the bytes or none."""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path


def append(path: str | Path, data: bytes) -> None:
    """Append bytes to a file, which need not exist. Raise OSError if they cannot be written; the file is then as before."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0), 0o666)
    try:
        before = os.fstat(descriptor).st_size
        try:
            if os.write(descriptor, data) != len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(descriptor, before)
            raise
    finally:
        os.close(descriptor)
