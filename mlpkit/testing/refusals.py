"""Refusals: a ValueError that a plugin raises of its own accord, where something does not suit it. One of NumPy's is none."""

from __future__ import annotations

import linecache
import re
import traceback

RAISES = re.compile(r"(^|[:;] *)raise\b")


def is_refusal(error: ValueError) -> bool:
    """Return whether the line that raised an error is a raise statement of somebody's own, and not NumPy's."""
    *_, (frame, line) = traceback.walk_tb(error.__traceback__)
    if str(frame.f_globals.get("__name__")).startswith("numpy."):
        return False
    for above in range(line, max(line - 6, frame.f_code.co_firstlineno - 1), -1):  # a statement may go over several lines
        text = linecache.getline(frame.f_code.co_filename, above).strip()
        if not text or RAISES.search(text):
            return True
        if text.endswith(":") or " = " in text.split("(")[0]:
            return False
    return False
