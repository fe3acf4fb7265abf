"""Terminals: the function that writes text to a stream, with foreign control characters escaped."""

from __future__ import annotations

import os
from typing import TextIO

from mlpkit.text.shown import printable

CLEAR = "\r", "\x1b[K"  # before and behind a line that replaces the present one


def is_terminal(stream: TextIO) -> bool:
    """Return True if a stream is a terminal that can move its cursor."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def write(stream: TextIO, text: str, before: str = "", behind: str = "") -> None:
    """Write an escaped text, with terminal control sequences before and after it. Raise OSError or ValueError for a closed stream."""
    encoding = stream.encoding or "ascii"
    shown = before + printable(text) + behind
    stream.write(shown.encode(encoding, "backslashreplace").decode(encoding))
    stream.flush()
