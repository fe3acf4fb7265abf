"""Console: data to stdout, messages to stderr, colour only where it is wanted, ASCII where the stream has no more.

Nothing else writes to a terminal. Names and texts of others come through `_write`, which writes out what a terminal would obey.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO, TextIO, cast

from mlpkit.cli.json_format import pretty
from mlpkit.cli.standard_streams import silence, takes_more
from mlpkit.text.shown import printable

Line = tuple[str, str]  # a label, such as "error", or nothing; and a text
STYLES = {"error": "1;31", "warning": "1;33", "help": "1;36"}
MOST_WARNINGS = 5
PATIENCE, JSON_PATIENCE = 2.0, 30.0  # seconds that a message waits for a reader whose pipe is full; then it is lost


class Console:
    """The streams of a command.

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
            self._tell("warning", " ".join(text.split()) + more, self._label("warning"))

    def fail(self, lines: Sequence[Line]) -> None:
        """Write what is wrong, line by line; a line that goes on is indented, so that no text looks like a message of its own."""
        for label, text in lines:
            self._tell(label or "message", text.replace("\n", "\n  "), self._label(label) if label else "")

    def trace(self, text: str) -> None:
        """A traceback."""
        self._tell("traceback", text.rstrip("\n"))

    def record(self, value: dict[str, Any]) -> None:
        """A line of JSON to stderr, for programs that follow a run."""
        _message(json.dumps(value) + "\n", patience=JSON_PATIENCE)

    def draw(self, text: str) -> None:
        """A line that the next one replaces; nothing takes it away."""
        _message(text[: shutil.get_terminal_size().columns - 1], "\r", "\x1b[K", patience=0.0)

    def _tell(self, kind: str, text: str, label: str = "") -> None:
        if self.json_messages:
            self.record({kind: text.strip("\n")})
        else:
            _message(text + "\n", label)

    def _label(self, word: str) -> str:
        """``error:`` and the like, in colour when stderr shows it."""
        return f"\x1b[{STYLES[word]}m{word}:\x1b[0m " if self.color and shows_color(sys.stderr) else f"{word}: "


class StrayLines(io.TextIOBase):
    """Stands for stdout where stderr is JSON alone: the lines that a plugin prints become objects too."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.rest = ""

    def write(self, text: str) -> int:
        """Take some text; a line is told when it is whole."""
        *lines, self.rest = (self.rest + text).split("\n")
        for line in lines:
            self.console.record({"output": line})
        return len(text)


def shows_color(stream: TextIO) -> bool:
    """Return whether a stream is to get colour: NO_COLOR, then FORCE_COLOR, then TERM=dumb, then whether it is a terminal."""
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or is_terminal(stream)


def is_terminal(stream: TextIO) -> bool:
    """Return whether a stream is a terminal that can move its cursor."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def is_unicode(stream: TextIO) -> bool:
    """Return whether a stream takes every character."""
    return (stream.encoding or "ascii").lower().replace("-", "").startswith("utf")


class _Terminal:
    """A terminal that takes bytes of text."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def write(self, data: Any) -> int:
        """Write bytes; how many they were."""
        _write(self.stream, bytes(data).decode("utf-8", "backslashreplace"))
        return len(data)


def _message(text: str, before: str = "", behind: str = "", *, patience: float = PATIENCE) -> None:
    """Write a message to stderr as well as it goes: nobody reading it is no reason to stop."""
    try:
        if takes_more(sys.stderr, patience):
            _write(sys.stderr, text, before, behind)
    except (OSError, ValueError):  # a closed pipe or terminal, a full disk; ValueError: a stream that is closed
        silence(sys.stderr)


def _write(stream: TextIO, text: str, before: str = "", behind: str = "") -> None:
    """Write a text, with what a terminal is to obey before and behind it."""
    encoding = stream.encoding or "ascii"
    shown = before + printable(text) + behind
    stream.write(shown.encode(encoding, "backslashreplace").decode(encoding))
    stream.flush()
