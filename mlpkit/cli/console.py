"""Console: data to stdout, messages to stderr, colour only where it is wanted, ASCII where the stream has no more."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, TextIO

from mlpkit.cli.pretty import pretty

STYLES = {"error": "1;31", "warning": "1;33", "help": "1;36"}
MOST_WARNINGS = 5


class Console:
    """Where a command writes.

    Attributes
    ----------
    stdout : TextIO
        Where data go.
    quiet : bool
        No messages but warnings and errors.
    verbose : bool
        Messages with details.
    debug : bool
        Errors with their traceback.
    color : bool
        Whether colour is allowed at all; the environment and the stream decide the rest.
    """

    def __init__(self) -> None:
        self._warnings = 0
        self.stdout = sys.stdout  # while a command runs that is stderr for all others: what a plugin prints is no data
        self.quiet = self.verbose = self.debug = False
        self.color = True

    def out(self, text: str) -> None:
        """A line of data, to stdout."""
        _write(self.stdout, text + "\n")

    def json(self, value: Any) -> None:
        """Data as JSON, to stdout."""
        self.out(pretty(value, ascii=not is_unicode(self.stdout)))

    @contextmanager
    def binary(self) -> Iterator[BinaryIO]:
        """Stdout for bytes."""
        yield self.stdout.buffer
        self.stdout.buffer.flush()

    def say(self, text: str) -> None:
        """A message, unless quiet."""
        if not self.quiet:
            _write(sys.stderr, text + "\n")

    def detail(self, text: str) -> None:
        """A message for those who want more."""
        if self.verbose:
            self.say(text)

    def warn(self, text: str) -> None:
        """A warning, on one line; after some of them, which come from batch after batch, no more."""
        self._warnings += 1
        if self._warnings <= MOST_WARNINGS:
            more = " (further warnings are not shown)" if self._warnings == MOST_WARNINGS else ""
            _write(sys.stderr, f"{self.label('warning')} {' '.join(text.split())}{more}\n")

    def fail(self, text: str) -> None:
        """An error, as it was rendered."""
        _write(sys.stderr, text + "\n")

    def label(self, word: str) -> str:
        """``error:`` and the like, in colour when stderr shows it."""
        return f"\x1b[{STYLES[word]}m{word}:\x1b[0m" if self.color and shows_color(sys.stderr) else f"{word}:"


def shows_color(stream: TextIO) -> bool:
    """Whether a stream is to get colour: NO_COLOR, then FORCE_COLOR, then TERM=dumb, then whether it is a terminal."""
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or is_terminal(stream)


def is_terminal(stream: TextIO) -> bool:
    """Whether a stream is a terminal that can move its cursor."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def is_unicode(stream: TextIO) -> bool:
    """Whether a stream takes every character."""
    return (stream.encoding or "ascii").lower().replace("-", "").startswith("utf")


def _write(stream: TextIO, text: str) -> None:
    encoding = stream.encoding or "ascii"
    stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
    stream.flush()
