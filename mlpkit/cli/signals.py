"""Signals that ask a program to end."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

ENDING = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
INTERRUPTED = 128 + signal.SIGINT
Handler = Callable[[int, FrameType | None], None]


class Ended(BaseException):
    """Raised by a signal other than Ctrl-C that ends the program; the exit code is 128 plus its `number`."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@contextmanager
def handling(handler: Handler) -> Iterator[None]:
    """Context in which the ending signals are passed to a handler. Previous handlers are restored on exit.

    An ignored signal stays ignored, as `nohup` requires. Only the main thread can have handlers.
    """
    before: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        before = {number: signal.getsignal(number) for number in ENDING}
        before = {number: old for number, old in before.items() if old not in (signal.SIG_IGN, None)}
    for number in before:
        signal.signal(number, handler)
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)


def end(number: int, frame: FrameType | None) -> None:
    """End the program. It is also a handler for process 1 of a container, where signals have no default effect."""
    raise KeyboardInterrupt if number == signal.SIGINT else Ended(number)
