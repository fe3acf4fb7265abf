"""Warnings that name the caller's line.

Python remembers each text that a line has warned with, for as long as the process lives: a text is the same at every call, and
what differs from call to call is in the warning's `details`.
"""

from __future__ import annotations

import os
import sys
import warnings

PACKAGE = os.path.dirname(__file__) + os.sep


def warn(warning: Warning) -> None:
    """Warn at the nearest line that is not mlpkit's own."""
    level, frame = 2, sys._getframe(1)
    while frame is not None and frame.f_back is not None and frame.f_code.co_filename.startswith(PACKAGE):
        level, frame = level + 1, frame.f_back
    warnings.warn(warning, stacklevel=level)
