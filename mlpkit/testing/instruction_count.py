"""Count of Python instructions of a call: a measure of speed that does not depend on the machine."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any, TypeVar

Result = TypeVar("Result")


def instructions(function: Callable[[], object], most: int) -> int:
    """Return the number of Python instructions of a call on this thread; counting stops after `most`.

    Work inside NumPy is not counted: an operation on a whole array takes few instructions, a loop over its elements takes many.
    """
    count = 0

    def each() -> None:
        nonlocal count
        count += 1
        if count > most:
            raise _Enough

    with suppress(_Enough):
        observed(function, each)
    return count


def observed(function: Callable[[], Result], each: Callable[[], None]) -> Result:
    """Return the result of a function; `each` is called before each of its Python instructions on this thread."""

    def within(frame: FrameType, event: str, argument: Any) -> Any:
        if event == "opcode":
            each()
        return within

    def entered(frame: FrameType, event: str, argument: Any) -> Any:
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        return within

    before = sys.gettrace()
    sys.settrace(entered)
    try:
        return function()
    finally:
        sys.settrace(before)


class _Enough(BaseException):
    """Raised if the limit of instructions is exceeded."""
