"""Student's t distribution of a whole number of degrees of freedom. Abramowitz and Stegun 1964, 26.7.3 and 26.7.4."""

from __future__ import annotations

import math

_HALVINGS = 60


def two_sided(t: float, freedom: int) -> float:
    """Return the probability of a value that is further from 0 than `t`. NaN gives NaN."""
    return max(0.0, 1 - _within(math.atan(abs(t) / math.sqrt(freedom)), freedom))


def critical(level: float, freedom: int) -> float:
    """Return the value t above 0 with the probability `level` between -t and t, by bisection."""
    low, high = 0.0, math.pi / 2
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if _within(middle, freedom) < level else (low, middle)
    return math.sqrt(freedom) * math.tan(low)


def _within(angle: float, freedom: int) -> float:
    """Return the probability between -t and t, where t is sqrt(freedom) tan(angle)."""
    sine, cosine = math.sin(angle), math.cos(angle)
    odd = freedom % 2
    term, total = (cosine if odd else 1.0), 0.0
    for power in range(odd, freedom - 1, 2):
        total += term
        term *= cosine * cosine * (power + 1) / (power + 2)
    return 2 / math.pi * (angle + sine * total) if odd else sine * total
