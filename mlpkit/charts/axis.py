"""Axis of a chart: the places of its values, and its ticks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from mlpkit.numerics.arrays import Array
from mlpkit.text.markup import number


class Axis(NamedTuple):
    """Axis with its range of values and of the drawing.

    Attributes
    ----------
    label : str
    low, high : float
        Values at its ends; logarithms to the base 10 if `log`.
    start, end : float
        Places of these.
    log : bool
    dates : bool
        True for values that are days since 1970-01-01.
    """

    label: str
    low: float
    high: float
    start: float
    end: float
    log: bool = False
    dates: bool = False

    def place(self, values: Array) -> Array:
        """Return the places of values."""
        with np.errstate(all="ignore"):
            shown = np.log10(values) if self.log else np.asarray(values, np.float64)
            found: Array = self.start + (shown - self.low) / (self.high - self.low) * (self.end - self.start)
        return found

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """Places and texts of some round values."""
        if self.log:
            powers = range(math.ceil(self.low - 1e-9), math.floor(self.high + 1e-9) + 1)
            step = max(1, -(-len(powers) // 5))
            values = [10.0**power for power in powers[::step]]
            values = values if len(values) > 1 else [10.0**self.low, 10.0**self.high]
        else:
            values = _round_values(self.low, self.high, 4 if self.dates else 5)
        texts = [str(np.datetime64(int(value), "D")) for value in values] if self.dates else _distinct_texts(values)
        return list(zip(self.place(np.array(values)).tolist(), texts, strict=True))


def _round_values(low: float, high: float, most: int) -> list[float]:
    """Return at most about `most` multiples of 1, 2 or 5 times a power of 10 in a range."""
    step = 10.0 ** math.floor(math.log10((high - low) / most))
    step *= next(factor for factor in (1, 2, 5, 10) if (high - low) / (step * factor) <= most)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [float(f"{index * step:.12g}") for index in range(first, last + 1)]


def _distinct_texts(values: Sequence[float]) -> list[str]:
    """Return numbers with as many digits, at least 3, as tell them apart."""
    texts: list[str] = []
    for digits in range(3, 13):
        texts = [number(value, digits) for value in values]
        if len(set(texts)) == len(values):
            break
    return texts
