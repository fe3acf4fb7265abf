"""Signals that ask a program to end, and their handling while a model trains."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from types import FrameType, TracebackType
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


class Interrupt:
    """Context in which the first SIGINT, SIGTERM or SIGHUP requests a stop, and the second stops at once.

    Messages are passed to `say`: `first` after the first signal, and `again` after the second. Calling the object returns True if a stop
    was requested. Previous handlers are restored on exit.

    Attributes
    ----------
    stopped : bool
        True if a call has returned True: the run was cut short, and did not only finish at that moment.
    running : bool
        True once the run has asked, that is, before its first step.
    code : int
        Exit code by the first signal: 130, 143 or 129.
    """

    def __init__(
        self, say: Callable[[str], None], first: str = "finishing the batch, then saving", again: str = "nothing was saved"
    ) -> None:
        self.say, self.first, self.again = say, first, again
        self.stopped = self.running = False
        self.code = INTERRUPTED
        self._asked = False
        self._pending = ""
        self._handling: AbstractContextManager[None] = handling(self._handle)

    def __call__(self) -> bool:
        self.running, self.stopped = True, self._asked
        if self._pending:
            text, self._pending = self._pending, ""
            self.say(text)
        return self._asked

    def __enter__(self) -> Interrupt:
        self._handling.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._handling.__exit__(kind, error, trace)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        again, self._asked = self._asked, True
        text = f"\nstopped at once; {self.again}" if again else f"\n{self.first}; a second signal stops at once"
        if not again:
            self.code = 128 + number
        try:
            self.say(text)
        except RuntimeError:  # the signal arrived during a write to the same stream
            self._pending = text
        if again:
            end(number, frame)
