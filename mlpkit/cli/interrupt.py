"""Interrupt: the meaning of Ctrl-C and of the other signals that ask for an end, while a model trains."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from types import FrameType, TracebackType

from mlpkit.cli.signals import INTERRUPTED, end, handling


class Interrupt:
    """While it is entered, the first SIGINT, SIGTERM or SIGHUP asks for an end and a second stops at once.

    What happens is said to `say`. Called, it says whether an end was asked for. The handlers that were there before come back on leaving.

    Attributes
    ----------
    heard : bool
        Whether a call has said yes: what it steers was cut short, not merely finished at that moment.
    code : int
        The exit code by the first signal: 130, 143 or 129.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self.say = say
        self.heard = False
        self.code = INTERRUPTED
        self._asked = False
        self._unsaid = ""
        self._handling: AbstractContextManager[None] = handling(self._handle)

    def __call__(self) -> bool:
        self.heard = self._asked
        if self._unsaid:
            text, self._unsaid = self._unsaid, ""
            self.say(text)
        return self._asked

    def __enter__(self) -> Interrupt:
        self._handling.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._handling.__exit__(kind, error, trace)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        again, self._asked = self._asked, True
        text = "\nstopped at once; nothing was saved" if again else "\nfinishing the batch, then saving; once more stops at once"
        if not again:
            self.code = 128 + number
        try:
            self.say(text)
        except RuntimeError:  # the signal came in the middle of a write to the same stream
            self._unsaid = text
        if again:
            end(number, frame)
