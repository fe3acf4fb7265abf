"""Counting what Python does while a function runs: a measure of its speed that does not depend on the machine."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any, TypeVar

Result = TypeVar("Result")


def instructions(function: Callable[[], object], most: int) -> int:
    """Return how many of Python's instructions a call takes on this thread; it is left alone once there are more than `most`.

    NumPy's own work is not counted: an operation on a whole array is a few instructions, a loop over its numbers is many.
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
    """Return what a function gives; `each` is called before each of Python's instructions of it on this thread."""

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
    """There are so many instructions that it is clear."""
