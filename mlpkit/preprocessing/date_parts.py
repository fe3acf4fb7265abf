"""Numbers of dates: days, year, month, weekday, and the place in the year and in the day on a circle."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mlpkit.data.table import Table
from mlpkit.data.times import dates

Vector = NDArray[np.float64]
DatePart = Literal["days", "year", "month", "weekday", "day_of_year_sine", "day_of_year_cosine", "hour_sine", "hour_cosine"]

YEAR = 365.25  # days
DAY = 86_400_000_000  # microseconds
VARIED = 1e-9  # least range of a part that varies, above the rounding of sines


class Moments:
    """Dates split into their units.

    Parameters
    ----------
    dates : array of datetime64[us], shape (rows,)
        Dates without NaT.
    """

    def __init__(self, dates: NDArray[np.datetime64]) -> None:
        self.day, self.year, self.month = (dates.astype(f"datetime64[{unit}]") for unit in "DYM")
        self.days = self.day.astype(np.int64)  # since 1970-01-01
        self.fraction = (dates - self.day).astype(np.int64) / DAY  # of the day
        self.year_angle = 2 * np.pi * (self.day - self.year.astype("datetime64[D]")).astype(np.int64) / YEAR
        self.day_angle = 2 * np.pi * self.fraction


PARTS: dict[DatePart, Callable[[Moments], NDArray[Any]]] = {
    "days": lambda moments: moments.days + moments.fraction,
    "year": lambda moments: moments.year.astype(np.int64) + 1970.0,
    "month": lambda moments: moments.month.astype(np.int64) % 12 + 1.0,
    "weekday": lambda moments: (moments.days + 3) % 7.0,  # 1970-01-01 was a Thursday
    "day_of_year_sine": lambda moments: np.sin(moments.year_angle),
    "day_of_year_cosine": lambda moments: np.cos(moments.year_angle),
    "hour_sine": lambda moments: np.sin(moments.day_angle),
    "hour_cosine": lambda moments: np.cos(moments.day_angle),
}


def date_numbers(table: Table, name: str, missing: Collection[str], parts: Sequence[DatePart]) -> Vector:
    """Return parts of the dates of a column, shape (rows, parts), NaN where a date is missing.

    With the day of the year d, from 1 to 366, the parts day_of_year are sine and cosine of 2 pi (d - 1) / 365.25. With the fraction f of
    the day in UTC, the parts hour are sine and cosine of 2 pi f, and the days since 1970-01-01 end with f. Monday is the weekday 0.

    Raises
    ------
    DataError
        A value is no date; see `mlpkit.data.times.dates`.
    """
    found = dates(table, name, missing)
    absent = np.isnat(found)
    moments = Moments(np.where(absent, np.datetime64(0, "us"), found))
    values = np.empty((len(found), len(parts)))
    for index, part in enumerate(parts):
        values[:, index] = PARTS[part](moments)
    values[absent] = np.nan
    return values


def varied_parts(table: Table, name: str, missing: Collection[str]) -> tuple[DatePart, ...]:
    """Return the days, and the other parts that are not equal in all rows: hours only if there are several times of day."""
    values = date_numbers(table, name, missing, tuple(PARTS))
    values = values[~np.isnan(values[:, 0])]
    return varied(np.ptp(values, axis=0) if len(values) else np.zeros(len(PARTS)))


def varied(ranges: Vector) -> tuple[DatePart, ...]:
    """Return the days, and the other parts whose range is above 0, given the range of each part."""
    return tuple(part for part, differs in zip(PARTS, ranges > VARIED, strict=True) if differs or part == "days")
