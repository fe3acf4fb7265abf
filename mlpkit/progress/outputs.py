"""Outputs of a display for programs that call mlpkit: a terminal or another stderr, and a notebook."""

from __future__ import annotations

import html
import shutil
import sys
from collections.abc import Mapping
from typing import Any, Protocol

from mlpkit.text.terminal import CLEAR, is_terminal, write


class Output(Protocol):
    """Place where a display writes."""

    @property
    def live(self) -> bool:
        """True if lines can be replaced."""

    def say(self, text: str) -> None:
        """Write a line that stays."""

    def draw(self, text: str) -> None:
        """Write a line that the next one replaces."""

    def record(self, value: dict[str, Any]) -> None:
        """Write a line of JSON."""


class Stderr:
    """Output on stderr. A stderr that is missing, closed or full never ends a run."""

    @property
    def live(self) -> bool:
        """True on a terminal."""
        return sys.stderr is not None and is_terminal(sys.stderr)

    def say(self, text: str) -> None:
        """Write a line that stays."""
        self._write(text + "\n")

    def draw(self, text: str) -> None:
        """Write a line that the next one replaces."""
        self._write(text[: shutil.get_terminal_size().columns - 1], *CLEAR)

    def record(self, value: Mapping[str, Any]) -> None:
        """Write a line of JSON."""
        import json

        self.say(json.dumps(value))

    def _write(self, text: str, before: str = "", behind: str = "") -> None:
        try:
            if sys.stderr is not None:
                write(sys.stderr, text, before, behind)
        except (OSError, ValueError):  # ValueError: a closed stream
            pass


class Notebook(Stderr):
    """Output in the cell of a notebook: one block of lines, which is replaced at each change.

    Parameters
    ----------
    display : callable
        The function `IPython.display.display`.
    """

    live = True

    def __init__(self, display: Any) -> None:
        self._lines: list[str] = []
        self._handle = display(self._block(""), raw=True, display_id=True)

    def say(self, text: str) -> None:
        """Write a line that stays."""
        self._lines.append(text)
        self.draw("")

    def draw(self, text: str) -> None:
        """Write a line that the next one replaces."""
        self._handle.update(self._block(text), raw=True)

    def _block(self, text: str) -> dict[str, str]:
        shown = "\n".join([*self._lines, *([text] if text else [])])
        return {"text/plain": shown, "text/html": f'<pre style="font-family: monospace">{html.escape(shown)}</pre>'}


def output() -> Output:
    """Return the output of this program: the cell of a notebook, or stderr."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    if shell is None or not hasattr(shell, "kernel"):
        return Stderr()
    from IPython.display import display

    return Notebook(display)
