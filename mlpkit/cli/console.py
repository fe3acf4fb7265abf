"""Console: data to stdout, messages to stderr, colour only where it is wanted, ASCII where the stream has no more.

Nothing else writes to a terminal. Names and texts of others come through `_write`, which writes out what a terminal would obey.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO, TextIO, cast

from mlpkit.cli.pretty import pretty
from mlpkit.shown import printable

Line = tuple[str, str]  # a label, such as "error", or nothing; and a text
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
        text = pretty(value, ascii=not is_unicode(self.stdout))
        self.out("".join(sign if sign.isprintable() or sign == "\n" else json.dumps(sign)[1:-1] for sign in text))

    @contextmanager
    def binary(self) -> Iterator[BinaryIO]:
        """Stdout for bytes, which go out as they are, but to a terminal as a text that it does not obey."""
        if self.stdout.isatty():
            yield cast(BinaryIO, _Terminal(self.stdout))
        else:
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
            self.fail([("warning", " ".join(text.split()) + more)])

    def fail(self, lines: Sequence[Line]) -> None:
        """What is wrong, line by line; a line that goes on is indented, so that no text looks like a message of its own."""
        for label, text in lines:
            _write(sys.stderr, text.replace("\n", "\n  ") + "\n", self._label(label) if label else "")

    def trace(self, text: str) -> None:
        """A traceback."""
        _write(sys.stderr, text)

    def record(self, value: dict[str, Any]) -> None:
        """A line of JSON to stderr, for programs that follow a run."""
        _write(sys.stderr, json.dumps(value) + "\n")

    def draw(self, text: str) -> None:
        """A line that the next one replaces; nothing takes it away."""
        _write(sys.stderr, text[: shutil.get_terminal_size().columns - 1], "\r", "\x1b[K")

    def _label(self, word: str) -> str:
        """``error:`` and the like, in colour when stderr shows it."""
        return f"\x1b[{STYLES[word]}m{word}:\x1b[0m " if self.color and shows_color(sys.stderr) else f"{word}: "


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


class _Terminal:
    """A terminal that takes bytes of text."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def write(self, data: Any) -> int:
        """Write bytes; how many they were."""
        _write(self.stream, bytes(data).decode("utf-8", "backslashreplace"))
        return len(data)


def _write(stream: TextIO, text: str, before: str = "", behind: str = "") -> None:
    """Write a text, with what a terminal is to obey before and behind it."""
    encoding = stream.encoding or "ascii"
    shown = before + printable(text) + behind
    stream.write(shown.encode(encoding, "backslashreplace").decode(encoding))
    stream.flush()
