"""Unplain numbers: texts that are numbers to a person - with a unit, a currency, a percent sign - and marks between numbers.

Taken as categories they would become one column per value, so they are named, with the cure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from mlpkit.data.columns import read_number
from mlpkit.errors import DataError

MOSTLY = 0.9  # the share of the rows from which on a column is meant to be one of numbers
FEW_MARKS = 3  # so many different texts may be marks between numbers,
MANY_NUMBERS = 10  # when there are more different numbers than this, and more rows with them than with marks
MANY_UNITS = 5  # different texts from which on a unit is one: "2wd" and "4wd" are categories
FEW_UNITS = 3  # "3 kg" and "200 g"

_N = r"[+-]?(\d[\d,.'’ \u00a0\u202f]*|\.\d+)"
_SIGNS = r"[$€£¥₹₽₩₺₫₴₦₪฿]|(US|CA|AU|NZ|HK|R)\$|Rs\.?|(USD|EUR|GBP|CHF|JPY|CNY|INR|CAD|AUD|NZD|SEK|NOK|DKK|PLN|BRL|RUB|ZAR|KRW|MXN|TRY)\b"
KINDS = {
    "a percent sign": re.compile(rf"{_N}\s?[%‰]"),
    "a currency": re.compile(rf"[+-]?\(?({_SIGNS})\s?{_N}\)?|\(?{_N}\s?({_SIGNS})\)?"),
    "accounting parentheses": re.compile(rf"\(\s?{_N}\s?\)"),
    "a long minus sign": re.compile(rf"[−–]\s?{_N}"),
    "thousands separators": re.compile(r"[+-]?[1-9]\d{0,2}(([,'’ \u00a0\u202f]\d{3})+(\.\d+)?|(\.\d{3}){2,}(,\d+)?|(\.\d{3})+,\d+)"),
}
_WORD, _SHORT = r"[^\W\d_]{1,12}", r"[^\W\d_]{1,6}"
_UNIT = re.compile(rf"[+-]?\d[\d,.]*\s?(?P<unit>{_WORD}( {_WORD}){{0,2}}[²³.]?|{_SHORT}/{_SHORT}[²³]?|[°º]\s?[CFK]?|[\"′″'])")
_ORDINALS = {"st", "nd", "rd", "th"}
PLAIN = {
    "a percent sign": "write 57 or 0.57, not 57%",
    "a currency": "write 19.99, not $19.99",
    "accounting parentheses": "write -5, not (5)",
    "a long minus sign": "write -5, with a hyphen",
    "thousands separators": "write 1234, not 1,234; or set data.decimal to ',' where the comma is the decimal point",
    "a unit": "write 3, not 3 kg, with one unit for all",
}


def decoration(counts: Mapping[str, int]) -> tuple[str, str] | None:
    """Return what the numbers of a column are written with, and a text that has it; None for other columns.

    Parameters
    ----------
    counts : mapping of str to int
        How often each text is there.
    """
    if len(counts) < 3:
        return None
    found: dict[str, str] = {}  # what each text has
    units: set[str] = set()
    wrong, most = 0, (1 - MOSTLY) * sum(counts.values())
    for text, count in counts.items():
        if read_number(text) is not None:
            continue
        kind = next((kind for kind, pattern in KINDS.items() if pattern.fullmatch(text.strip())), None)
        if kind is None and (unit := _UNIT.fullmatch(text.strip())):
            kind = "a unit"
            units.add(unit.group("unit"))
        if kind is not None:
            found[text] = kind
        elif (wrong := wrong + count) > most:
            return None
    if units and (len(counts) <= MANY_UNITS or len(units - _ORDINALS) not in range(1, FEW_UNITS + 1)):
        wrong += sum(counts[text] for text, kind in found.items() if kind == "a unit")
        found = {text: kind for text, kind in found.items() if kind != "a unit"}
    return None if not found or wrong > most else (next(iter(found.values())), next(iter(found)))


def refuse_decorated(name: str, counts: Mapping[str, int], advice: str) -> None:
    """Raise the DataError for numbers that are written with something else; `advice` is what else may be done."""
    if found := decoration(counts):
        what, example = found
        message = f"the column {name!r} has numbers with {what}, such as {example!r}"
        raise DataError(message, help=f"{PLAIN[what]}; {advice}")


def marks(counts: Mapping[str, int]) -> list[str]:
    """Return the few texts that are no numbers in a column of many different numbers, most frequent first; else nothing."""
    numbers = [text for text in counts if read_number(text) is not None]
    others = sorted((text for text in counts if read_number(text) is None), key=lambda text: -counts[text])
    many = sum(counts[text] for text in numbers) > sum(counts[text] for text in others)
    return others if many and len(others) <= FEW_MARKS and len(numbers) > MANY_NUMBERS else []
