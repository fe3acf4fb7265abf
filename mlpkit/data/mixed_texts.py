"""Texts of a column that are neither plain numbers nor plain categories: ranges of numbers, and dates or numbers among other texts."""

from __future__ import annotations

import re
from collections.abc import Collection

from mlpkit.data.column_types import DATE
from mlpkit.data.columns import read_number
from mlpkit.data.decorated_numbers import SIGNS
from mlpkit.data.written_numbers import BLANKS

MIXED = 0.1  # least share of dates, or of numbers, among different texts that is reported
_END = rf"({SIGNS})?\s?\d[\d.,]*\s?[^\W\d_]{{0,6}}%?"
_RANGE = re.compile(rf"{_END}\s?(-|–|to|bis)\s?{_END}")
_OPEN = re.compile(rf"[<>≤≥]=?\s?{_END}|{_END}\s?\+|(under|over|below|above|unter|über)\s?{_END}")


def _range_among(texts: Collection[str]) -> str:
    """Return the first range if all texts are ranges of numbers, such as 10-20, 18 to 25 and 65+; else an empty text."""
    bare = [text.strip(BLANKS) for text in texts]
    if not all(_RANGE.fullmatch(text) or _OPEN.fullmatch(text) for text in bare):
        return ""
    return next((text for text in bare if _RANGE.fullmatch(text)), "")


def mixed_contents(texts: Collection[str]) -> str:
    """Return a description of texts that are ranges of numbers, or partly dates or numbers; else an empty text.

    An example is "dates and other texts, such as 'x'".
    """
    if example := _range_among(texts):
        return f"ranges of numbers, such as {example!r}"
    dates = {text for text in texts if DATE.fullmatch(text)}
    numeric = {text for text in texts if read_number(text) is not None} - dates
    for noun, found in (("dates", dates), ("numbers", numeric)):
        other = next((text for text in texts if text not in found), None)
        if other is not None and len(found) >= MIXED * len(texts):
            return f"{noun} and other texts, such as {other!r}"
    return ""
