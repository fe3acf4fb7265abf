"""Console: data to stdout, messages to stderr, colour only where it is wanted, ASCII where the stream has no more."""

from __future__ import annotations

import io
import json
import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, TextIO

from mlpkit.cli.pretty import pretty

STYLES = {"error": "1;31", "warning": "1;33", "help": "1;36"}
MOST_WARNINGS = 5
PATIENCE, JSON_PATIENCE = 2.0, 30.0  # seconds that a message waits for a reader whose pipe is full


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
    json_messages : bool
        Whether everything on stderr is JSON, an object a line, as ``--progress json`` promises.
    """

    def __init__(self) -> None:
        self._warnings = 0
        self.stdout = sys.stdout  # while a command runs that is stderr for all others: what a plugin prints is no data
        self.quiet = self.verbose = self.debug = self.json_messages = False
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
            self._tell("message", text)

    def detail(self, text: str) -> None:
        """A message for those who want more."""
        if self.verbose:
            self.say(text)

    def warn(self, text: str) -> None:
        """A warning, on one line; after some of them, which come from batch after batch, no more."""
        self._warnings += 1
        if self._warnings <= MOST_WARNINGS:
            more = " (further warnings are not shown)" if self._warnings == MOST_WARNINGS else ""
            self._tell("warning", f"{' '.join(text.split())}{more}", self.label("warning") + " ")

    def fail(self, text: str) -> None:
        """An error, as it was rendered."""
        self._tell("error", text)

    def event(self, values: dict[str, Any]) -> None:
        """A JSON object on a line of stderr."""
        message(json.dumps(values) + "\n", patience=JSON_PATIENCE)

    def _tell(self, kind: str, text: str, label: str = "") -> None:
        if self.json_messages:
            self.event({kind: text.strip("\n")})
        else:
            message(f"{label}{text}\n")

    def label(self, word: str) -> str:
        """``error:`` and the like, in colour when stderr shows it."""
        return f"\x1b[{STYLES[word]}m{word}:\x1b[0m" if self.color and shows_color(sys.stderr) else f"{word}:"


class StrayLines(io.TextIOBase):
    """Stands for stdout where stderr is JSON alone: the lines that a plugin prints become objects too."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.rest = ""

    def write(self, text: str) -> int:
        """Take some text; a line is told when it is whole."""
        *lines, self.rest = (self.rest + text).split("\n")
        for line in lines:
            self.console.event({"output": line})
        return len(text)


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


def message(text: str, *, patience: float = PATIENCE) -> None:
    """Write a message to stderr as well as it goes: nobody reading it is no reason to stop.

    Parameters
    ----------
    text : str
    patience : float
        Seconds to wait for a reader whose pipe is full; then the text is lost.
    """
    stream = sys.stderr
    try:
        if _takes_more(stream, patience):
            _write(stream, text)
    except (OSError, ValueError):  # a closed pipe or terminal, a full disk; ValueError: a stream that is closed
        _silence(stream)


def _takes_more(stream: TextIO, patience: float) -> bool:
    try:
        return bool(select.select([], [stream], [], patience)[1])
    except (OSError, ValueError, TypeError):  # not a file of the system, or one that cannot be waited for
        return True


def _silence(stream: TextIO) -> None:
    """Let what is buffered, and whatever follows, go nowhere: or Python would fail at its end to write it."""
    try:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)
    except (OSError, ValueError):
        pass


def _write(stream: TextIO, text: str) -> None:
    encoding = stream.encoding or "ascii"
    stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
    stream.flush()


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
