"""Dates of ISO 8601 in texts, such as 2024-03-01 or 2024-03-01T12:30:00+01:00."""

from __future__ import annotations

import datetime
import re

_ISO = re.compile(
    r"(?P<year>\d{4})(?P<mark>[-/.])(?P<month>\d{1,2})"
    r"((?P=mark)(?P<day>\d{1,2})([T ](?P<hour>\d{1,2}):(?P<minute>\d{2})(:(?P<second>\d{2})([.,](?P<fraction>\d+))?)?"
    r"( ?(?P<zone>Z|[+-]\d{2}(:?\d{2}(:?\d{2})?)?))?)?)?",
    re.ASCII,
)
_FIELDS = ("year", "month", "day", "hour", "minute", "second", "fraction", "zone")
EPOCH = datetime.date(1970, 1, 1).toordinal() * 86_400_000_000  # as `read_date` gives it


def read_date(text: str) -> tuple[int, bool] | None:
    """Return the microseconds of a date since the year 1, and True if it has a time zone; None for a text that is no ISO date."""
    match = _ISO.fullmatch(text.strip())
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, zone = match.group(*_FIELDS)
    try:
        days = datetime.date(int(year), int(month), int(day or 1)).toordinal()
    except ValueError:  # such as 2024-02-30
        return None
    if hour is None:
        return days * 86_400_000_000, False
    hours, minutes, seconds = int(hour), int(minute), int(second or 0)
    if hours > 23 or minutes > 59 or seconds > 60:  # 60 is a leap second
        return None
    if zone is not None and zone != "Z":
        sign = -1 if zone[0] == "-" else 1
        ahead = (sign * int(digits) for digits in (*re.findall(r"\d\d", zone), 0, 0)[:3])  # mean times of places have seconds
        hours, minutes, seconds = (own - zoned for own, zoned in zip((hours, minutes, seconds), ahead, strict=True))
    seconds += ((days * 24 + hours) * 60 + minutes) * 60
    return seconds * 1_000_000 + int(fraction[:6].ljust(6, "0") if fraction else 0), zone is not None
