"""Notations of a column of texts: numbers with a unit, a currency, a percent sign or separators of thousands; words for true and false.

A notation has one unit, so that numbers of different units are never mixed: a text with another unit is no number.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mlpkit.data.coded_column import coded
from mlpkit.data.columns import Column

BLANKS = " \t\u00a0\u2009\u202f"
MAGNITUDES = {"k": 3, "m": 6, "mn": 6, "b": 9, "bn": 9}  # powers of ten, in lower case
_GROUPING = "'’ \u00a0\u2009\u202f"  # separators of thousands, besides the comma or the point
_MINUS = str.maketrans("−–", "--")
_MAGNITUDE = re.compile(r"(?<=[\d.,\s])(k|m|mn|b|bn)$", re.IGNORECASE)
_DASH = re.compile(r"[.,] ?[-—]{1,2}$")  # 5.- is 5


@dataclass(frozen=True)
class Notation:
    """Notation of the numbers in a column of texts.

    A text is read in these steps, with blanks removed at both ends after each: parentheses around it, or a sign in front, are taken
    off; then a spelling of the unit at its start, and one at its end; then parentheses or a sign, if there were none; then a magnitude
    at its end, if there may be one. What is left must be a number: digits with at most one decimal mark, which may have an exponent, or
    digits in groups of three (or of two before the last three, with commas), which have one separator. An integer may end with a decimal
    mark and a dash, as in 5.-. Parentheses stand for a minus.

    Attributes
    ----------
    unit : tuple of str
        Spellings of the unit, such as "$" and "USD". Empty for none. A number without a unit is in this unit.
    decimal : {".", ","}
        Decimal mark. The other one may separate thousands.
    magnitudes : bool
        True if k, m and b (mn, bn), in any case, stand for thousands, millions and billions.
    """

    unit: tuple[str, ...] = ()
    decimal: Literal[".", ","] = "."
    magnitudes: bool = False

    @property
    def holds(self) -> str:
        """Contents of the column, for messages."""
        return f"has numbers in {' or '.join(map(repr, self.unit))} (data.units)" if any(self.unit) else "has numbers (data.units)"

    def to_state(self) -> dict[str, Any]:
        """Return the notation as JSON values."""
        return {"unit": list(self.unit), "decimal": self.decimal, "magnitudes": self.magnitudes}

    def read(self, text: str) -> float | None:
        """Return the number that a text stands for, or None if it is not written in this notation."""
        if self._plain is not None and (plain := self._plain.fullmatch(text)) is not None:
            return float(f"{plain[1].replace('.' if self.decimal == ',' else ',', '')}.{plain[2] or 0}")
        negative, text = _signed(text.strip(BLANKS).translate(_MINUS))
        text = self._without_unit(text)
        if negative is None:
            negative, text = _signed(text)
        power = ""
        if self.magnitudes and (magnitude := _MAGNITUDE.search(text)):
            text, power = text[: magnitude.start()].strip(BLANKS), f"e{MAGNITUDES[magnitude[0].lower()]}"
        found = self._number.fullmatch(_DASH.sub("", text) if text[:1].isdigit() else text)
        if found is None or not (found["whole"] or found["fraction"]) or (power and found["exponent"]):
            return None
        whole = re.sub("[^0-9]", "", found["whole"])
        value = float(f"{whole or 0}.{found['fraction'] or 0}{found['exponent'] or power}")
        return -value if negative else value

    def _without_unit(self, text: str) -> str:
        """Return the text without a spelling of the unit at its start, and without one at its end."""
        first = next((spelling for spelling in self._spellings if text.startswith(spelling)), "")
        text = text[len(first) :].strip(BLANKS)
        last = next((spelling for spelling in self._spellings if text.endswith(spelling)), "")
        return text[: len(text) - len(last)].strip(BLANKS)

    @cached_property
    def _spellings(self) -> list[str]:
        return sorted((spelling for spelling in self.unit if spelling), key=len, reverse=True)

    @cached_property
    def _plain(self) -> re.Pattern[str] | None:
        """Pattern of most numbers, which are read five times as fast by it; None for units with digits or marks of numbers."""
        if any(re.search(r"[0-9.,+()\-]", spelling) for spelling in self.unit):
            return None
        unit = "|".join(map(re.escape, self._spellings))
        point, other = (r"\.", ",") if self.decimal == "." else (",", r"\.")
        return re.compile(rf"(?:{unit})? ?([1-9][0-9]{{0,2}}(?:{other}[0-9]{{3}})+|[0-9]+)(?:{point}([0-9]+))? ?(?:{unit})?")

    @cached_property
    def _number(self) -> re.Pattern[str]:
        """Pattern of a number without sign, unit and magnitude."""
        point, other = (r"\.", ",") if self.decimal == "." else (",", r"\.")
        groups = rf"[1-9][0-9]{{0,2}}(?P<separator>[{other}{_GROUPING}])[0-9]{{3}}(?:(?P=separator)[0-9]{{3}})*"
        indian = "|[1-9][0-9]?(?:,[0-9]{2})+,[0-9]{3}" if self.decimal == "." else ""
        return re.compile(rf"(?P<whole>{groups}{indian}|[0-9]*)(?:{point}(?P<fraction>[0-9]*))?(?P<exponent>[eE][+-]?[0-9]{{1,4}})?")


@dataclass(frozen=True)
class Words:
    """Words for true and false, read in any case and without blanks around them.

    Attributes
    ----------
    true, false : tuple of str
        In lower case.
    """

    true: tuple[str, ...]
    false: tuple[str, ...]

    holds = "is true or false"

    def to_state(self) -> dict[str, Any]:
        """Return the words as JSON values."""
        return {"true": list(self.true), "false": list(self.false)}

    def read(self, text: str) -> float | None:
        """Return 1 or 0 for a word, or None for another text."""
        return self._values.get(text.strip(BLANKS).lower())

    @cached_property
    def _values(self) -> dict[str, float]:
        return dict.fromkeys(self.false, 0.0) | dict.fromkeys(self.true, 1.0)


AnyNotation: TypeAlias = Notation | Words


def _signed(text: str) -> tuple[bool | None, str]:
    """Return True for a minus or parentheses, False for a plus, None for neither; and the text without them."""
    if text.startswith("(") and text.endswith(")"):
        return True, text[1:-1].strip(BLANKS)
    return (text[0] == "-", text[1:].strip(BLANKS)) if text[:1] in ("+", "-") else (None, text)


def written_numbers(column: Column, missing: Collection[str], notation: AnyNotation) -> NDArray[np.float64] | None:
    """Return the numbers of a column of texts, NaN where one is missing, or None if a text is not written in the notation."""
    codes, texts = coded(column)
    found = [_value(text, missing, notation) for text in texts]
    return None if None in found else np.array(found, np.float64)[codes]


def first_unread(column: Column, missing: Collection[str], notation: AnyNotation) -> tuple[int, str]:
    """Return the row and the text of the first value that is not written in the notation."""
    return next((row, text) for row, text in enumerate(column.tolist()) if _value(text, missing, notation) is None)


def _value(text: str | None, missing: Collection[str], notation: AnyNotation) -> float | None:
    """Return the number of a text, NaN if it stands for a missing value, or None if it is not written in the notation."""
    return np.nan if text is None or text in missing or text.strip(BLANKS) in missing else notation.read(text)
