"""Raw values: numbers, written numbers, dates and categories."""

from __future__ import annotations

import datetime
import math
import re
from typing import Any

import numpy as np

from mlpkit.export.python.program.model import MODEL

BLANKS = " \t\u00a0\u2009\u202f"


def is_missing(value: Any) -> bool:
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return value in MODEL["inputs"]["missing"] if isinstance(value, str) else bool(value != value)


def number(column: dict[str, Any], value: Any) -> float:
    """Return the number of a single value."""
    notation = column.get("notation")
    try:
        if is_missing(value.strip(BLANKS) if notation and isinstance(value, str) else value):
            return math.nan
        if not isinstance(value, str):
            if column["kind"] == "number" and isinstance(value, (bool, np.bool_)):
                raise ValueError
            return float(value)
        if notation is None:
            if "_" in value:
                raise ValueError
            return float({"true": "1", "false": "0"}.get(value.lower(), value) if column["kind"] == "boolean" else value)
        if "true" in notation:
            word = value.strip(BLANKS).lower()
            return float([word in notation["false"], word in notation["true"]].index(True))
        return written(value, **notation)
    except (ValueError, TypeError, OverflowError):
        raise ValueError(f"the column {column['name']!r} has {value!r}, which is not a number") from None


MAGNITUDES = {"k": 3, "m": 6, "mn": 6, "b": 9, "bn": 9}


def signed(text: str) -> tuple[int, str]:
    """Return the sign of a written number, 0 without one, and the text behind it."""
    if text[:1] == "(" and text[-1:] == ")":
        return -1, text[1:-1].strip(BLANKS)
    return ({"-": -1, "+": 1}[text[0]], text[1:].strip(BLANKS)) if text[:1] in ("-", "+") else (0, text)


def written(text: str, unit: list[str], decimal: str, magnitudes: bool) -> float:
    """Return a number that is written with a unit or in groups of digits."""
    sign, text = signed(text.strip(BLANKS).replace("\u2212", "-").replace("\u2013", "-"))
    spellings = sorted(filter(None, unit), key=len, reverse=True)
    text = text.removeprefix(next((one for one in spellings if text.startswith(one)), "")).strip(BLANKS)
    text = text.removesuffix(next((one for one in spellings if text.endswith(one)), "")).strip(BLANKS)
    sign, text = (sign, text) if sign else signed(text)
    magnitude = re.search(f"(?i)(?<=[0-9.,{BLANKS}])(k|mn?|bn?)$", text) if magnitudes else None
    power = MAGNITUDES[magnitude[0].lower()] if magnitude else 0
    text = (text[: magnitude.start()] if magnitude else text).strip(BLANKS)
    text = re.sub("(?<=[0-9])[.,] ?[-\u2014]{1,2}$", "", text)
    other, pairs = (",", "|[1-9][0-9]?(?:,[0-9]{2})+,[0-9]{3}") if decimal == "." else (".", "")
    groups = rf"[1-9][0-9]{{0,2}}([{other}'\u2019 \u00a0\u2009\u202f])[0-9]{{3}}(?:\2[0-9]{{3}})*"
    exponent = "" if magnitude else "(?:[eE]([+-]?[0-9]+))?"
    found = re.fullmatch(rf"(?=.*[0-9])((?:{groups}{pairs}|[0-9]*))(?:[{decimal}]([0-9]*))?{exponent}", text)
    if found is None:
        raise ValueError
    power = power if magnitude else int(found[4] or 0)
    return (sign or 1) * float(f"{re.sub('[^0-9]', '', found[1]) or 0}.{found[3] or 0}e{power}")


DATE = re.compile(
    r"(\d{4})([-/.])(\d{1,2})(?:\2(\d{1,2})(?:[T ](\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d+))?)?"
    r"(?: ?(Z|[+-]\d{2}(?::?\d{2}(?::?\d{2})?)?))?)?)?",
    re.ASCII,
)


def moment_of(text: str) -> datetime.datetime:
    """Return a date of ISO 8601, in UTC where it has no time zone."""
    found = DATE.fullmatch(text.strip())
    if found is None:
        raise ValueError
    year, _, month, day, hour, minute, second, fraction, zone = found.groups()
    hours, minutes, seconds = (int(digits or 0) for digits in (hour, minute, second))
    if hours > 23 or minutes > 59 or seconds > 60:  # 60 is a leap second
        raise ValueError
    ahead = [int(digits) for digits in (*re.findall(r"\d\d", zone or ""), 0, 0, 0)[:3]]
    zoned = datetime.timedelta(hours=ahead[0], minutes=ahead[1], seconds=ahead[2]) * (-1 if zone and zone[0] == "-" else 1)
    time = datetime.timedelta(hours=hours, minutes=minutes, seconds=seconds, microseconds=int((fraction or "")[:6].ljust(6, "0")))
    return datetime.datetime(int(year), int(month), int(day or 1)) + (time - zoned)


def date_parts(column: dict[str, Any], value: Any) -> list[float]:
    """Return the numbers of a date: a text of ISO 8601, a date of Python or NumPy."""
    parts = column["parts"]
    if is_missing(value):
        return [math.nan] * len(parts)
    if isinstance(value, np.datetime64):
        value = value.astype("datetime64[us]").item()
    try:
        moment = moment_of(str(value))
    except (ValueError, OverflowError):
        raise ValueError(f"the column {column['name']!r} has {value!r}, which is no date") from None
    midnight = datetime.datetime(moment.year, moment.month, moment.day)
    days, fraction = (midnight - datetime.datetime(1970, 1, 1)).days, (moment - midnight) / datetime.timedelta(days=1)
    year, hour = 2 * math.pi * (moment.timetuple().tm_yday - 1) / 365.25, 2 * math.pi * fraction
    known = {"days": days + fraction, "year": moment.year, "month": moment.month, "weekday": moment.weekday()}
    known |= {"day_of_year_sine": math.sin(year), "day_of_year_cosine": math.cos(year)}
    known |= {"hour_sine": math.sin(hour), "hour_cosine": math.cos(hour)}
    return [known[part] for part in parts]


def category(value: Any) -> str | None:
    if isinstance(value, (list, tuple)):  # a column of an array
        (value,) = value
    if isinstance(value, (dict, complex)):
        raise ValueError(f"{value!r} is no category")
    if is_missing(value):
        return None
    if isinstance(value, np.floating):  # of float32, whose own text has fewer digits
        value = float(value)
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
