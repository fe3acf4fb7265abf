"""Handling of Ctrl-C, SIGTERM and SIGHUP while a model trains."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from types import FrameType, TracebackType

from mlpkit.cli.signals import INTERRUPTED, end, handling


class Interrupt:
    """Context in which the first SIGINT, SIGTERM or SIGHUP requests a stop, and the second stops at once.

    Messages are passed to `say`. Calling the object returns True if a stop was requested. Previous handlers are restored on exit.

    Attributes
    ----------
    stopped : bool
        True if a call has returned True: the run was cut short, and did not only finish at that moment.
    running : bool
        True once the run has asked, that is, before its first step.
    code : int
        Exit code by the first signal: 130, 143 or 129.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self.say = say
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
        text = "\nstopped at once; nothing was saved" if again else "\nfinishing the batch, then saving; a second signal stops at once"
        if not again:
            self.code = 128 + number
        try:
            self.say(text)
        except RuntimeError:  # the signal arrived during a write to the same stream
            self._pending = text
        if again:
            end(number, frame)
