"""Interrupts: Ctrl-C, delayed during a step so that a run always stops between two steps."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

try:  # the functions that Python's own call after enumeration lookups, which take 10 us per epoch
    from _signal import getsignal  # type: ignore[import-not-found]
    from _signal import signal as set_signal
except ImportError:
    from signal import getsignal
    from signal import signal as set_signal


class Interrupts:
    """Handler of Ctrl-C between `begin` and `end`, which delays KeyboardInterrupt while `held` is True.

    `begin` sets `held`, and `let` resets it and raises a delayed interrupt. A second Ctrl-C raises at once. The handler replaces
    only Python's default handler and only in the main thread. Before raising, it restores the default handler, so that an
    interrupt in the middle of `begin` or `end` leaves the default handler in place.

    Attributes
    ----------
    held : bool
    pending : bool
        True if Ctrl-C was pressed while it was held.
    """

    def __init__(self) -> None:
        self.held = self.pending = False
        self._installed = False
        self._handler = self._handle  # one object, because each access to `self._handle` creates a new one

    def begin(self) -> None:
        """Replace Python's handler, and delay Ctrl-C."""
        self.held = True
        if getsignal(signal.SIGINT) is signal.default_int_handler:
            try:
                self._installed = True
                set_signal(signal.SIGINT, self._handler)
            except ValueError:  # not the main thread
                self._installed = False

    def end(self) -> None:
        """Restore Python's handler."""
        self.held = self.pending = False
        if self._installed:
            set_signal(signal.SIGINT, signal.default_int_handler)  # calls the handler of a pending signal first
            self._installed = False

    def let(self) -> None:
        """Stop delaying Ctrl-C; raise KeyboardInterrupt if it was pressed meanwhile."""
        self.held = False
        if self.pending:
            self.raise_pending()

    @contextmanager
    def holding(self) -> Iterator[None]:
        """Return a context that delays Ctrl-C; at its end, KeyboardInterrupt is raised unless there is another exception."""
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
        """Raise the delayed KeyboardInterrupt."""
        self.end()
        raise KeyboardInterrupt

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if not self.held or self.pending:
            self.raise_pending()
        self.pending = True
