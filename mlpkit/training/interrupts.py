"""Interrupts: Ctrl-C in Python, held back while a step runs, so that a run stands between two steps whatever stops it."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType

try:  # the functions beneath Python's own, which look up enumerations at each call: a small epoch takes 10 us
    from _signal import getsignal  # type: ignore[import-not-found]
    from _signal import signal as set_signal
except ImportError:
    from signal import getsignal
    from signal import signal as set_signal


class Interrupts:
    """A context in which Ctrl-C raises KeyboardInterrupt, but not while `held` is True: then `release` does.

    A second Ctrl-C in between raises at once. It stands in for Python's default handler in the main thread alone: other
    handlers are their owner's, and no other thread is interrupted. Whatever raises puts the default handler back first, so
    that none is left behind where the interrupt comes while the context is entered or left.
    """

    def __init__(self) -> None:
        self.held = False
        self.pending = False
        self._installed = False

    def __enter__(self) -> None:
        if threading.get_ident() == threading.main_thread().ident and getsignal(signal.SIGINT) is signal.default_int_handler:
            self._installed = True
            set_signal(signal.SIGINT, self._handle)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._leave()

    def release(self) -> None:
        """End what `held = True` began; KeyboardInterrupt when Ctrl-C came meanwhile."""
        self.held = False
        if self.pending:
            self._leave()
            raise KeyboardInterrupt

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if not self.held or self.pending:
            self._leave()
            raise KeyboardInterrupt
        self.pending = True

    def _leave(self) -> None:
        self.held = self.pending = False
        if self._installed:
            self._installed = False
            set_signal(signal.SIGINT, signal.default_int_handler)
