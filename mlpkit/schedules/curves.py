"""Curves between two learning rates."""

from __future__ import annotations

import math


def cosine(start: float, end: float, share: float) -> float:
    """Return a rate between `start` (share 0) and `end` (share 1) on half a cosine wave."""
    return end + (start - end) * (1.0 + math.cos(math.pi * share)) / 2.0
