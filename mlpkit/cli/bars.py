"""Bars of numbers in a terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence

from mlpkit.text.shown import shortened

WIDTH = 32  # characters of the longest bar
LONGEST = 40  # characters of a label
FULL, BELOW = ("█", "▒"), ("#", "-")  # for numbers above and below 0: of Unicode, and of ASCII


def bars(labels: Sequence[str], numbers: Sequence[float], texts: Sequence[str], *, unicode: bool) -> str:
    """Return a line for each number: its label, its text, and a bar of a length in proportion to its size.

    Parameters
    ----------
    labels : sequence of str
    numbers : sequence of float
        Numbers below 0 have bars of another character; those that are not finite have none.
    texts : sequence of str
        Numbers as they are shown.
    unicode : bool
        False for bars of ASCII characters.
    """
    names = [shortened(label, LONGEST) for label in labels]
    first, second = (max(map(len, column), default=0) for column in (names, texts))
    lengths = [abs(number) if math.isfinite(number) else 0.0 for number in numbers]
    longest = max(lengths, default=0.0) or 1.0
    above, below = FULL if unicode else BELOW
    lines = []
    for name, number, length, text in zip(names, numbers, lengths, texts, strict=True):
        bar = (above if number >= 0 else below) * round(WIDTH * (length / longest))
        lines.append(f"{name:{first}}  {text:>{second}}  {bar}".rstrip())
    return "\n".join(lines)
