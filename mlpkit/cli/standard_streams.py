"""Streams: the standard streams as a process may be given them - closed, full, or read by nobody."""

from __future__ import annotations

import os
import select
import sys
from contextlib import suppress
from typing import TextIO


def open_streams() -> None:
    """Give the process the standard streams that it was started without (`2>&-`).

    A file that it opens would take their place, and get what is meant for them. Nobody reads stderr then; what is written
    to stdout is an error, as on a full disk.
    """
    for number, name, flags in ((0, "stdin", os.O_WRONLY), (1, "stdout", os.O_RDONLY), (2, "stderr", os.O_WRONLY)):
        if getattr(sys, name) is None:
            try:
                os.fstat(number)
            except OSError:
                os.open(os.devnull, flags)  # the lowest number that is free
            setattr(sys, name, os.fdopen(number, "w" if number else "r", encoding="utf-8", errors="backslashreplace", closefd=False))


def takes_more(stream: TextIO, patience: float) -> bool:
    """Return whether a stream takes some text within so many seconds; False for a pipe that is full, as nobody reads it."""
    try:
        return bool(select.select([], [stream], [], patience)[1])
    except (OSError, ValueError, TypeError):  # not a file of the system, or one that cannot be waited for
        return True


def silence(stream: TextIO) -> None:
    """Let what is buffered, and whatever follows, go nowhere: or Python would fail at its end to write it."""
    with suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)
