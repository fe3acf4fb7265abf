"""Standard streams of a process, which may be closed, full, or not read by anyone."""

from __future__ import annotations

import os
import select
import sys
from contextlib import suppress
from typing import TextIO


def open_streams() -> None:
    """Open standard streams that the process was started without (`2>&-`).

    Otherwise a file that the process opens would get their number and their output. Text for a closed stderr is discarded; writing to a
    closed stdout is an error, as on a full disk.
    """
    for number, name, flags in ((0, "stdin", os.O_WRONLY), (1, "stdout", os.O_RDONLY), (2, "stderr", os.O_WRONLY)):
        if getattr(sys, name) is None:
            try:
                os.fstat(number)
            except OSError:
                os.open(os.devnull, flags)  # gets the lowest free descriptor
            setattr(sys, name, os.fdopen(number, "w" if number else "r", encoding="utf-8", errors="backslashreplace", closefd=False))


def takes_more(stream: TextIO, patience: float) -> bool:
    """Return True if a stream accepts text within `patience` seconds; False for a full pipe that is not read."""
    try:
        return bool(select.select([], [stream], [], patience)[1])
    except (OSError, ValueError, TypeError):  # not a system file, or select() does not support it
        return True


def silence(stream: TextIO) -> None:
    """Redirect a stream to the null device, so that Python does not fail to flush it on exit."""
    with suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)
