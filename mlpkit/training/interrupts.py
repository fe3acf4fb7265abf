"""Interrupts: Ctrl-C in Python, held back while a step runs, so that a run stands between two steps whatever stops it."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

try:  # the functions beneath Python's own, which look up enumerations at each call: a small epoch takes 10 us
    from _signal import getsignal  # type: ignore[import-not-found]
    from _signal import signal as set_signal
except ImportError:
    from signal import getsignal
    from signal import signal as set_signal


class Interrupts:
    """Between `begin` and `end` Ctrl-C raises KeyboardInterrupt, but not while `held` is True, as it is from `begin` on: then `let` does.

    A second Ctrl-C meanwhile raises at once. It stands in for Python's default handler in the main thread alone: other
    handlers are their owner's, and no other thread is interrupted. Whatever raises puts the default handler back first, so
    that none is left behind where the interrupt comes in the middle of `begin` or `end`.

    Attributes
    ----------
    held : bool
    pending : bool
        Whether Ctrl-C came while it was held.
    """

    def __init__(self) -> None:
        self.held = self.pending = False
        self._installed = False
        self._handler = self._handle  # one object, as each `self._handle` would be another

    def begin(self) -> None:
        """Take Python's handler over, and hold Ctrl-C back."""
        self.held = True
        if getsignal(signal.SIGINT) is signal.default_int_handler:
            try:
                self._installed = True
                set_signal(signal.SIGINT, self._handler)
            except ValueError:  # not the main thread
                self._installed = False

    def end(self) -> None:
        """Put Python's handler back."""
        self.held = self.pending = False
        if self._installed:
            set_signal(signal.SIGINT, signal.default_int_handler)  # which first calls the handler of a signal that has come
            self._installed = False

    def let(self) -> None:
        """Hold Ctrl-C back no longer; KeyboardInterrupt if it came meanwhile."""
        self.held = False
        if self.pending:
            self.raise_pending()

    @contextmanager
    def holding(self) -> Iterator[None]:
        """Return a context in which Ctrl-C is held back: KeyboardInterrupt comes at its end, if nothing else is raised there."""
        own = not self._installed
        if own:
            self.begin()
        self.held = True
        try:
            yield
            self.let()
        finally:
            self.held = False
            if own:
                self.end()

    def raise_pending(self) -> None:
        """Raise the KeyboardInterrupt that was held back."""
        self.end()
        raise KeyboardInterrupt

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if not self.held or self.pending:
            self.raise_pending()
        self.pending = True
