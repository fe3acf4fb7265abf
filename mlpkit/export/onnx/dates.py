"""Parts of dates from days since 1970-01-01, in float64."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from mlpkit.export.onnx.graph import Graph
from mlpkit.export.onnx.value import Value

FIRST, LAST = -719_162.0, 2_932_896.0  # 0001-01-01 and 9999-12-31
MILLISECONDS, MICROSECONDS = 86_400_000.0, 86_400_000_000.0  # of a day
SPACING = 2.0**-52  # between two numbers of float64, relative to them
YEAR = 365.25


class Moments:
    """Dates split into their units.

    Parameters
    ----------
    op : Graph
    days : Value, shape (rows, 1)
        Days since 1970-01-01, with the time as a fraction.
    """

    def __init__(self, op: Graph, days: Value) -> None:
        self.op, self.days = op, days
        self.day = op("Floor", days)
        self.fraction = self._fraction(days - self.day)
        self.year, self.month, self.day_of_year = self._civil()

    def _fraction(self, found: Value) -> Value:
        """Return the fraction of the day that the date had before it was rounded as a part of the days: whole milliseconds or microseconds.

        Beyond the year 2149 the days resolve no single microseconds.
        """
        coarse, fine = (self.op("Round", found * unit) / unit for unit in (MILLISECONDS, MICROSECONDS))
        return self.op.where(abs(found - coarse) <= abs(self.days) * SPACING, coarse, fine)

    def _civil(self) -> tuple[Value, Value, Value]:
        """Return year, month and day of the year from 0: Hinnant 2013, chrono-Compatible Low-Level Date Algorithms.

        Years begin in March there, so that a leap day is the last of its year.
        """
        op, shifted = self.op, self.day + 719_468.0
        era = self._whole(shifted, 146_097.0)
        day = shifted - era * 146_097.0
        year = self._whole(day - self._whole(day, 1460.0) + self._whole(day, 36_524.0) - self._whole(day, 146_096.0), 365.0)
        day = day - (year * 365.0 + self._whole(year, 4.0) - self._whole(year, 100.0))
        month = self._whole(day * 5.0 + 2.0, 153.0)  # 0 for March
        late = month >= 10.0  # January and February of the next year
        year = year + era * 400.0 + op.where(late, day * 0.0 + 1.0, 0.0)
        leap = self._divides(4.0, year) & (~self._divides(100.0, year) | self._divides(400.0, year))
        of_year = op.where(late, day - 306.0, day + 59.0 + op.cast(leap, day.dtype))
        return year, op.where(late, month - 9.0, month + 3.0), of_year

    def _whole(self, x: Value, by: float) -> Value:
        return self.op("Floor", x / by)

    def _divides(self, number: float, x: Value) -> Value:
        return self._whole(x, number) * number == x

    def weekday(self) -> Value:
        """Return 0 for Monday to 6 for Sunday."""
        shifted = self.day + 3.0  # 1970-01-01 was a Thursday
        return shifted - self._whole(shifted, 7.0) * 7.0


PARTS: dict[str, Callable[[Moments], Any]] = {
    "days": lambda moments: moments.days,
    "year": lambda moments: moments.year,
    "month": lambda moments: moments.month,
    "weekday": Moments.weekday,
    "day_of_year_sine": lambda moments: moments.op("Sin", moments.day_of_year * (2 * math.pi) / YEAR),
    "day_of_year_cosine": lambda moments: moments.op.cos(moments.day_of_year * (2 * math.pi) / YEAR),
    "hour_sine": lambda moments: moments.op("Sin", moments.fraction * (2 * math.pi)),
    "hour_cosine": lambda moments: moments.op.cos(moments.fraction * (2 * math.pi)),
}


def date_parts(op: Graph, days: Value, parts: Sequence[str]) -> tuple[Value, Value]:
    """Return the parts, shape (rows, parts), NaN where the days are, and true for rows outside of the years 1 to 9999, shape (rows, 1)."""
    moments = Moments(op, days)
    outside = (days < FIRST) | (days >= LAST + 1.0)
    return op.concatenate([PARTS[part](moments) for part in parts]), outside
