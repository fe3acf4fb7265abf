"""Notation of a column of texts, found from the texts: unit, decimal mark and magnitudes.

Numbers of different units have no notation, because they must not be mixed.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from mlpkit.data.columns import read_number
from mlpkit.data.decorated_numbers import FEW_MARKS, KINDS, NUMBER, WORDS, decoration
from mlpkit.data.decorated_numbers import SIGNS as FEWER_SIGNS
from mlpkit.data.written_numbers import BLANKS, MAGNITUDES, Notation
from mlpkit.spec.units import short_unit

UNREADABLE = ("a tolerance", "a power of ten", "a mark")
SAME = ({"$", "USD", "US$"}, {"€", "EUR"}, {"£", "GBP"}, {"₹", "INR", "Rs", "Rs."}, {"¥", "JPY"}, {"₩", "KRW"}, {"₽", "RUB"}, {"R$", "BRL"})
SIGNS = (  # of currencies, in front of a number or behind it
    rf"{FEWER_SIGNS}|(US|CA|AU|NZ|HK|A|C|S|NT|MX) ?\$|kr\.?|Fr\.?|Rp\.?|zł|Kč|Ft"
    r"|(AED|SAR|SGD|HKD|THB|HUF|CZK|ILS|CLP|COP|ARS|PHP|MYR|IDR|TWD|VND|EGP|NGN|KES|RON|BGN|UAH|PKR|ISK)\b"
)
_POWER = "[kKmMbB][nN]?"
_KINDS = {  # with more signs than those that training refuses
    **KINDS,
    "a percent sign": re.compile(rf"\(?[−–]?{NUMBER}\s?[%‰]\)?"),
    "a currency": re.compile(
        rf"[+−–-]?\(?({SIGNS})\s?\(?[−–]?{NUMBER}\s?({_POWER}|[.,]?[-–—])?\)?(\s?({SIGNS}))?|\(?[−–]?{NUMBER}\)?\s?({_POWER})?\s?({SIGNS})\)?"
    ),
}
UNIT = re.compile(rf"[+−–-]?(?:\d{{1,3}}(?:[ '’\u00a0\u202f]\d{{3}})+|\d|\.\d)[\d,.]*\s?{WORDS}")
_MAGNITUDE = rf"(?P<magnitude>{_POWER})?"
_MONEY = re.compile(rf"(?P<first>{SIGNS})?\s?[+-]?\(?[+-]?{NUMBER}(?:[.,]?[-—])?\s?{_MAGNITUDE}\)?\s?(?P<last>{SIGNS})?")
_SWAPPED = str.maketrans(".,", ",.")


@dataclass(frozen=True)
class FoundNotation:
    """Notation of a column, or the reason why there is none.

    Attributes
    ----------
    notation : Notation or None
    problem : str
        Reason why the numbers cannot be read; empty if there is a notation.
    marks : tuple of str
        Few texts that are no numbers, and probably stand for missing values.
    example : str
        A text of the column.
    bare : int
        Number of rows with a number without a unit, if other rows have one.
    """

    notation: Notation | None
    problem: str = ""
    marks: tuple[str, ...] = ()
    example: str = ""
    bare: int = 0

    def to_spec(self, decimal: str) -> Any:
        """Return the value of `data.units`; `decimal` is the decimal mark of the file."""
        assert self.notation is not None
        own = None if self.notation.decimal == decimal else self.notation.decimal
        return short_unit(self.notation.unit, own, self.notation.magnitudes)


def find_notation(counts: Mapping[str, int], decimal: Literal[".", ","] = ".") -> FoundNotation | None:
    """Return the notation of numbers in a column of texts, or None if the texts are no numbers with a unit, a sign or separators.

    Parameters
    ----------
    counts : mapping of str to int
        Number of rows of each text.
    decimal : {".", ","}
        Decimal mark of plain numbers in the file.
    """
    pointed = counts if decimal == "." else {text.translate(_SWAPPED): count for text, count in counts.items()}
    if (decorated := decoration(pointed, _KINDS, UNIT)) is None:
        return None
    kind, example = decorated
    example = example if decimal == "." else example.translate(_SWAPPED)
    if kind in UNREADABLE:
        return FoundNotation(None, f"it has numbers with {kind}, such as {example!r}", example=example)
    spelled = {text: found for text in counts if _plain(text, decimal) is None and (found := _spelling(text)) is not None}
    bare = sum(count for text, count in counts.items() if text not in spelled and _plain(text, decimal) is not None)
    common = _common_unit(spelled, counts, bare)
    if isinstance(common, str):
        return FoundNotation(None, common, example=example)
    unit, magnitudes = common
    notation, unread = _best_decimal(unit, magnitudes, counts, decimal)
    rows = sum(counts[text] for text in unread)
    if len(unread) > FEW_MARKS or 2 * rows > sum(counts.values()):
        return FoundNotation(None, f"it has numbers with {kind}, such as {example!r}, and other texts, such as {unread[0]!r}")
    bare += sum(counts[text] for text, (units, letter) in spelled.items() if not units and not letter and text not in unread)
    bare = bare if any(unit) else 0
    if bare and set(unit) & {"%", "‰"} and (share := _share_among(counts, spelled, decimal)):
        return FoundNotation(None, f"it has percentages, such as {example!r}, and numbers such as {share!r}, which may be shares of 1")
    example = next((text for text in counts if text in spelled and text not in unread), example)
    return FoundNotation(notation, "", tuple(unread), example, bare)


def _plain(text: str, decimal: str) -> float | None:
    """Return the number of a text without a unit, a sign of a currency or separators, or None."""
    return read_number(text if decimal == "." else text.translate(_SWAPPED))


def _spelling(text: str) -> tuple[tuple[str, ...], str] | None:
    """Return the units in front of a number and behind it, and its magnitude, all of which may be empty, or None for another text."""
    text = text.strip(BLANKS).replace("−", "-").replace("–", "-")
    if text.startswith("(") and text.endswith(")"):
        text = text[1:-1].strip(BLANKS)
    text = text[1:].strip(BLANKS) if text[:1] in ("+", "-") else text
    if match := re.fullmatch(rf"{NUMBER}\s?(?P<unit>[%‰])", text):
        return (match["unit"],), ""
    if match := _MONEY.fullmatch(text):
        return tuple(filter(None, (match["first"], match["last"]))), match["magnitude"] or ""
    match = UNIT.fullmatch(text)
    return None if match is None else ((match["unit"].strip(),), "")


def _common_unit(
    spelled: Mapping[str, tuple[tuple[str, ...], str]], counts: Mapping[str, int], bare: int
) -> tuple[tuple[str, ...], bool] | str:
    """Return the spellings of the one unit, the most frequent first, and True for magnitudes; or the reason why there is none."""
    units: Counter[str] = Counter()
    letters: set[str] = set()
    for text, (own, magnitude) in spelled.items():
        units.update(dict.fromkeys(own or filter(None, (magnitude,)), counts[text]))
        letters |= {magnitude} if magnitude and not own else set()
    names = [unit for unit, _ in units.most_common()]
    powers = {MAGNITUDES[letter.lower()] for letter in letters}
    if letters and set(names) <= letters:
        if len(powers) > 1:
            return (), True
        if bare:
            return f"it is not clear whether {names[0]!r} is a unit or a magnitude: set data.units to {names[0]!r}, or to magnitudes"
    elif letters:
        names = [name for name in names if name not in letters]
        return f"it has numbers in {names[0]!r}, and others with {sorted(letters)[0]!r} and no unit"
    if other := next((name for name in names if _canonical(name) != _canonical(names[0])), ""):
        return f"it has numbers in {names[0]!r} and in {other!r}, which are different units: convert them to one"
    return tuple(names), any(magnitude for own, magnitude in spelled.values() if own)


def _canonical(unit: str) -> str:
    """Return a text that is equal for spellings of one unit: "kg", "Kg" and "kgs"; "USD" and "$". mW and MW, Mb and MB differ."""
    if group := next((group for group in SAME if unit in group), None):
        return min(group)
    unit = unit.rstrip(".")
    if (len(unit) <= 3 and unit[:1] in "mM") or unit[-1:] in "bB" or len(unit) < 2:
        return unit
    folded = unit.casefold()
    return folded.removesuffix("s") if len(folded) > 2 else folded


def _best_decimal(unit: tuple[str, ...], magnitudes: bool, counts: Mapping[str, int], decimal: str) -> tuple[Notation, list[str]]:
    """Return the notation with the decimal mark that reads most rows, and the texts that it does not read, most frequent first.

    If both read all, it is the mark of the file, but for money the one with which a mark before three digits separates thousands.
    """
    marks: tuple[Literal[".", ","], ...] = (".", ",") if decimal == "." else (",", ".")
    notations = [Notation(unit, mark, magnitudes) for mark in marks]
    numbers = [{text: notation.read(text) for text in counts} for notation in notations]
    unread = [sorted((text for text, value in found.items() if value is None), key=lambda text: -counts[text]) for found in numbers]
    lost = [sum(counts[text] for text in texts) for texts in unread]
    money = any(re.fullmatch(SIGNS, spelling) for spelling in unit)
    sums = [sum(abs(value) for value in found.values() if value is not None) for found in numbers]
    best = int(lost[1] < lost[0] or (money and lost[0] == lost[1] and sums[1] > sums[0]))
    return notations[best], unread[best]


def _share_among(counts: Mapping[str, int], spelled: Collection[str], decimal: str) -> str:
    """Return a text between -1 and 1, and not 0, among those without a percent sign, or an empty text."""
    return next((text for text in counts if text not in spelled and 0 < abs(_plain(text, decimal) or 0) <= 1), "")
