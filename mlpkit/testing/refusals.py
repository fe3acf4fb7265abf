"""Rejections: a ValueError that a plugin raises itself for unsuitable arguments, as opposed to an error of NumPy."""

from __future__ import annotations

import linecache
import re
import traceback

RAISES = re.compile(r"(^|[:;] *)raise\b")


def is_refusal(error: ValueError) -> bool:
    """Return True if a raise statement outside NumPy raised the error."""
    *_, (frame, line) = traceback.walk_tb(error.__traceback__)
    if str(frame.f_globals.get("__name__")).startswith("numpy."):
        return False
    for above in range(line, max(line - 6, frame.f_code.co_firstlineno - 1), -1):  # a statement may span several lines
        text = linecache.getline(frame.f_code.co_filename, above).strip()
        if not text or RAISES.search(text):
            return True
        if text.endswith(":") or " = " in text.split("(")[0]:
            return False
    return False
