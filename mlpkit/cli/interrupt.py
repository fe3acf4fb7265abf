"""Interrupt: what Ctrl-C means while a model trains."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any


class Interrupt:
    """While it is entered, the first SIGINT or SIGTERM asks for an end and a second stops at once (KeyboardInterrupt).

    What happens is said to `say`. Called, it says whether an end was asked for. The handlers that were there before come back on leaving.

    Attributes
    ----------
    heard : bool
        Whether a call has said yes: what it steers was cut short, not merely finished at that moment.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self.say = say
        self.heard = False
        self._asked = False
        self._unsaid = ""
        self._before: dict[signal.Signals, Any] = {}

    def __call__(self) -> bool:
        self.heard = self._asked
        if self._unsaid:
            text, self._unsaid = self._unsaid, ""
            self.say(text)
        return self._asked

    def __enter__(self) -> Interrupt:
        if threading.current_thread() is threading.main_thread():  # no other thread can have handlers
            self._before = {number: signal.signal(number, self._handle) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        again, self._asked = self._asked, True
        text = "\nstopped at once; nothing was saved" if again else "\nfinishing the batch, then saving; once more stops at once"
        try:
            self.say(text)
        except RuntimeError:  # the signal came in the middle of a write to the same stream
            self._unsaid = text
        if again:
            raise KeyboardInterrupt
