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
_UNITS = {"hour": (24, 3_600_000_000), "minute": (60, 60_000_000), "second": (61, 1_000_000)}  # microseconds; 60 is a leap second
EPOCH = datetime.date(1970, 1, 1).toordinal() * 86_400_000_000  # as `read_date` gives it


def read_date(text: str) -> tuple[int, bool] | None:
    """Return the microseconds of a date since the year 1, and True if it has a time zone; None for a text that is no ISO date."""
    match = _ISO.fullmatch(text.strip())
    if match is None:
        return None
    try:
        day = datetime.date(int(match["year"]), int(match["month"]), int(match["day"] or 1))
    except ValueError:  # such as 2024-02-30
        return None
    microseconds = day.toordinal() * 86_400_000_000 + int((match["fraction"] or "")[:6].ljust(6, "0"))
    for unit, (most, length) in _UNITS.items():
        if int(match[unit] or 0) >= most:
            return None
        microseconds += int(match[unit] or 0) * length
    zone = match["zone"]
    if zone is None or zone == "Z":
        return microseconds, zone is not None
    hours, minutes, seconds = (int(digits) for digits in (*re.findall(r"\d\d", zone), 0, 0)[:3])  # mean times of places have seconds
    ahead = ((hours * 60 + minutes) * 60 + seconds) * 1_000_000
    return microseconds - (ahead if zone[0] == "+" else -ahead), True
