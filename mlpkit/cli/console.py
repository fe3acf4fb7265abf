"""Console: data on stdout, messages on stderr, colors if enabled, and ASCII if the stream does not support Unicode.

Control characters in foreign names and texts are escaped by `mlpkit.text.terminal.write`.
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
from mlpkit.text.terminal import CLEAR, is_terminal, write

Line = tuple[str, str]  # a label, such as "error" or "", and a text
STYLES = {"error": "1;31", "warning": "1;33", "help": "1;36"}
MOST_WARNINGS = 5
PATIENCE, JSON_PATIENCE = 2.0, 30.0  # seconds that a message waits for a full pipe before it is dropped


class Console:
    """Streams of a command.

    Attributes
    ----------
    stdout : TextIO
        Stream for data.
    quiet : bool
        Only warnings and errors.
    verbose : bool
        Messages with details.
    debug : bool
        Errors with tracebacks.
    color : bool
        False to disable colors; otherwise the environment and the stream decide.
    muted : bool
        True to write nothing at all.
    json_messages : bool
        True if every line on stderr is a JSON object, as documented for ``--progress json``.
    """

    def __init__(self) -> None:
        self._warnings = 0
        self.stdout = sys.stdout  # commands redirect sys.stdout to stderr: output of plugins is not data
        self.quiet = self.verbose = self.debug = self.json_messages = self.muted = False
        self.color = True

    @property
    def live(self) -> bool:
        """True if stderr is a terminal, on which lines can be replaced."""
        return is_terminal(sys.stderr)

    def out(self, text: str) -> None:
        """Write a line of data to stdout."""
        if not self.muted:
            write(self.stdout, text + "\n")

    def json(self, value: Any) -> None:
        """Write data as JSON to stdout."""
        text = pretty(value, ascii=not is_unicode(self.stdout))
        self.out("".join(sign if sign.isprintable() or sign == "\n" else json.dumps(sign)[1:-1] for sign in text))

    @contextmanager
    def binary(self) -> Iterator[BinaryIO]:
        """Yield stdout for bytes. They are written unchanged, but escaped if stdout is a terminal."""
        if self.stdout.isatty():
            yield cast(BinaryIO, _Terminal(self.stdout))
        else:
            yield self.stdout.buffer
            self.stdout.buffer.flush()

    def say(self, text: str) -> None:
        """Write a message, unless quiet."""
        if not self.quiet:
            self._tell("message", text)

    def detail(self, text: str) -> None:
        """Write a message if verbose."""
        if self.verbose:
            self.say(text)

    def warn(self, text: str) -> None:
        """Write a warning on one line. Further warnings are dropped after `MOST_WARNINGS`, because batches may repeat them."""
        self._warnings += 1
        if self._warnings <= MOST_WARNINGS:
            more = " (further warnings are not shown)" if self._warnings == MOST_WARNINGS else ""
            self._tell("warning", " ".join(text.split()) + more, self._label("warning"))

    def fail(self, lines: Sequence[Line]) -> None:
        """Write the lines of an error. Continuation lines are indented, so that no text looks like a separate message."""
        for label, text in lines:
            self._tell(label or "message", text.replace("\n", "\n  "), self._label(label) if label else "")

    def trace(self, text: str) -> None:
        """Write a traceback."""
        self._tell("traceback", text.rstrip("\n"))

    def record(self, value: dict[str, Any]) -> None:
        """Write a line of JSON to stderr, for programs that monitor a run."""
        if not self.muted:
            _message(json.dumps(value) + "\n", patience=JSON_PATIENCE)

    def draw(self, text: str) -> None:
        """Write a line that the next one overwrites."""
        if not self.muted:
            _message(text[: shutil.get_terminal_size().columns - 1], *CLEAR, patience=0.0)

    def _tell(self, kind: str, text: str, label: str = "") -> None:
        if self.json_messages:
            self.record({kind: text.strip("\n")})
        elif not self.muted:
            _message(text + "\n", label)

    def _label(self, word: str) -> str:
        """Return a label such as ``error:``, in color if stderr supports it."""
        return f"\x1b[{STYLES[word]}m{word}:\x1b[0m " if self.color and shows_color(sys.stderr) else f"{word}: "


class StrayLines(io.TextIOBase):
    """Replacement of stdout while stderr is JSON: lines printed by a plugin become JSON objects."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.rest = ""

    def write(self, text: str) -> int:
        """Write text. Each complete line becomes one object."""
        *lines, self.rest = (self.rest + text).split("\n")
        for line in lines:
            self.console.record({"output": line})
        return len(text)


def shows_color(stream: TextIO) -> bool:
    """Return True if a stream gets colors: NO_COLOR is checked first, then FORCE_COLOR, TERM=dumb and isatty."""
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or is_terminal(stream)


def is_unicode(stream: TextIO) -> bool:
    """Return True if a stream accepts every character."""
    return (stream.encoding or "ascii").lower().replace("-", "").startswith("utf")


class _Terminal:
    """Binary stream that writes text to a terminal."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def write(self, data: Any) -> int:
        """Write bytes and return their number."""
        write(self.stream, bytes(data).decode("utf-8", "backslashreplace"))
        return len(data)


def _message(text: str, before: str = "", behind: str = "", *, patience: float = PATIENCE) -> None:
    """Write a message to stderr. A closed or blocked stderr does not stop the program."""
    try:
        if takes_more(sys.stderr, patience):
            write(sys.stderr, text, before, behind)
    except (OSError, ValueError):  # a closed pipe or terminal, a full disk; ValueError: a closed stream
        silence(sys.stderr)
