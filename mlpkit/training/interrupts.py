"""Interrupts: Ctrl-C in Python, held back while a step runs, so that a run stands between two steps whatever stops it."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any

# the functions beneath Python's wrappers, which look up an enumeration at each call: a small epoch takes 10 us
_set: Any = getattr(signal.signal, "__wrapped__", signal.signal)
_get: Any = getattr(signal.getsignal, "__wrapped__", signal.getsignal)


class Interrupts:
    """A context in which Ctrl-C raises KeyboardInterrupt, but not between `hold` and `release`: then `release` does.

    A second Ctrl-C in between raises at once. It stands in for Python's default handler in the main thread alone: other
    handlers are their owner's, and no other thread is interrupted.
    """

    def __init__(self) -> None:
        self.held = False
        self.pending = False
        self._installed = False

    def __enter__(self) -> None:
        if threading.get_ident() == threading.main_thread().ident and _get(signal.SIGINT) is signal.default_int_handler:
            self._installed = True
            _set(signal.SIGINT, self._handle)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._installed:
            _set(signal.SIGINT, signal.default_int_handler)
            self._installed = False
        self.held = self.pending = False

    def release(self) -> None:
        """End what `held = True` began; KeyboardInterrupt when Ctrl-C came meanwhile."""
        self.held = False
        if self.pending:
            self.pending = False
            raise KeyboardInterrupt

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if not self.held or self.pending:
            raise KeyboardInterrupt
        self.pending = True
