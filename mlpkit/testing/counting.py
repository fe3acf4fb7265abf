"""Counting what Python does while a function runs: a measure of its speed that does not depend on the machine."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any


def instructions(function: Callable[[], object], most: int) -> int:
    """How many of Python's instructions a call takes on this thread; it is left alone once there are more than `most`.

    NumPy's own work is not counted: an operation on a whole array is a few instructions, a loop over its numbers is many.
    """
    count = 0

    def within(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal count
        count += event == "opcode"
        if count > most:
            raise _Enough
        return within

    def entered(frame: FrameType, event: str, argument: Any) -> Any:
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        return within(frame, event, argument)

    before = sys.gettrace()
    sys.settrace(entered)
    try:
        function()
    except _Enough:
        pass
    finally:
        sys.settrace(before)
    return count


class _Enough(BaseException):
    """There are so many instructions that it is clear."""
