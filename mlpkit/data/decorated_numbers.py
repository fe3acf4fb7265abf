"""Numbers written with a unit, a currency or a percent sign, and a few marks (such as "n/a") among numbers.

As categories such texts would become one column per value, so they raise an error that tells how to correct them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from mlpkit.data.columns import read_number
from mlpkit.errors import DataError

MOSTLY = 0.9  # a column with this share of numbers is meant to be numeric
FEW_MARKS = 3  # most different texts that are taken as marks among numbers,
MANY_NUMBERS = 10  # in a column with more different numbers than this, and more rows with numbers than with marks
MANY_UNITS = 5  # a suffix is a unit in columns of more different texts than this: "2wd" and "4wd" are categories
FEW_UNITS = 3  # most different units of a column, such as "3 kg" and "200 g"

NUMBER = r"[+-]?(\d[\d,.'’ \u00a0\u202f]*|\.\d+)"
SIGNS = r"[$€£¥₹₽₩₺₫₴₦₪฿]|(US|CA|AU|NZ|HK|R)\$|Rs\.?|(USD|EUR|GBP|CHF|JPY|CNY|INR|CAD|AUD|NZD|SEK|NOK|DKK|PLN|BRL|RUB|ZAR|KRW|MXN|TRY)\b"
_GROUPS = r"([,'’ \u00a0\u202f]\d{3})+(\.\d+)?|(,\d\d)+,\d{3}(\.\d+)?|(\.\d{3}){2,}(,\d+)?|(\.\d{3})+,\d+"
KINDS = {
    "a percent sign": re.compile(rf"{NUMBER}\s?[%‰]"),
    "a currency": re.compile(rf"[+-]?\(?({SIGNS})\s?{NUMBER}\s?([kKmMbB]|[.,]?[-–—])?\)?|\(?{NUMBER}\s?[kKmMbB]?\s?({SIGNS})\)?"),
    "accounting parentheses": re.compile(rf"\(\s?{NUMBER}\s?\)"),
    "a long minus sign": re.compile(rf"[−–]\s?{NUMBER}"),
    "thousands separators": re.compile(rf"[+-]?[1-9]\d{{0,2}}({_GROUPS})"),
    "a tolerance": re.compile(rf"{NUMBER}\s?(±|\+/?-)\s?{NUMBER}"),
    "a power of ten": re.compile(rf"{NUMBER}\s?[x×*·]\s?10\s?(\^|\*\*)?\s?[+-]?\d+"),
}
_WORD, _SHORT = r"[^\W\d_]{1,12}", r"[^\W\d_]{1,6}"
_SQUARE = rf"(k|c|m|d)?m[23]|{_SHORT}[ ·/]{_SHORT}-?[²³1-3]?"
WORDS = rf"(?P<unit>{_WORD}( {_WORD}){{0,2}}[²³.]?|{_SQUARE}|[°º]\s?[CFK]?|[\"′″'])"
UNIT = re.compile(rf"[+-]?\d[\d,.]*\s?{WORDS}")
_MARKED = re.compile(rf"[<>≤≥=~≈*†‡'+-]{{1,2}}\s?{NUMBER}|{NUMBER}\s?([*?†‡!+~-]{{1,3}}|[.,][-–—]|\[\w\])")
_ORDINALS = {"st", "nd", "rd", "th"}
PLAIN = {
    "a percent sign": "write 57 or 0.57, not 57%",
    "a currency": "write 19.99, not $19.99",
    "accounting parentheses": "write -5, not (5)",
    "a long minus sign": "write -5, with a hyphen",
    "thousands separators": "write 1234, not 1,234; or set data.decimal to ',' where the comma is the decimal point",
    "a tolerance": "write 5, not 5 ± 2; the tolerance may be a column of its own",
    "a power of ten": "write 5e3, not 5 x 10^3",
    "a mark": "write 5, not 5* or ~5; the mark may be a column of its own",
    "a unit": "write 3, not 3 kg, with one unit for all",
}


def decoration(
    counts: Mapping[str, int], kinds: Mapping[str, re.Pattern[str]] = KINDS, word: re.Pattern[str] = UNIT
) -> tuple[str, str] | None:
    """Return a description of the sign, unit or separator in a column's numbers and an example, or None if there is none.

    Parameters
    ----------
    counts : mapping of str to int
        Number of rows of each text.
    kinds, word : mapping of str to pattern, and pattern
        Patterns of each kind of number, and of numbers with a word. The default ones decide in training, and must not change.
    """
    if len(counts) < 3:
        return None
    rows, others = sum(counts.values()), 0
    found: dict[str, str] = {}
    wrong: list[str] = []
    for text, count in counts.items():
        if read_number(text) is not None:
            continue
        if kind := _kind(text.strip(), kinds, word):
            found[text] = kind
        else:
            wrong.append(text)
            others += count
            if not _few(len(wrong), others, rows, len(counts)):
                return None
    units = {unit.group("unit") for text, kind in found.items() if kind == "a unit" and (unit := word.fullmatch(text.strip()))}
    rejected = set()  # kinds for which the column has too few texts
    if len(counts) <= MANY_UNITS or len(units - _ORDINALS) not in range(1, FEW_UNITS + 1):
        rejected.add("a unit")
    if len(counts) <= MANY_NUMBERS or list(found.values()).count("a mark") <= FEW_MARKS:
        rejected.add("a mark")
    left = {text: kind for text, kind in found.items() if kind not in rejected}
    wrong += [text for text in found if text not in left]
    others = sum(counts[text] for text in wrong)
    return (next(iter(left.values())), next(iter(left))) if left and _few(len(wrong), others, rows, len(counts)) else None


def _few(texts: int, rows: int, of: int, among: int) -> bool:
    """Return True if the exceptions are few enough to be mistakes.

    That is a tenth of the rows, or up to three marks of a missing value in a column of many different numbers.
    """
    return rows <= (1 - MOSTLY) * of or (texts <= FEW_MARKS and among > MANY_NUMBERS + FEW_MARKS and 2 * rows < of)


def _kind(text: str, kinds: Mapping[str, re.Pattern[str]], word: re.Pattern[str]) -> str | None:
    """Return a description of the characters beside the number of a text, or None for any other text."""
    kind = next((kind for kind, pattern in kinds.items() if pattern.fullmatch(text)), None)
    if kind is None and word.fullmatch(text):
        return "a unit"
    return "a mark" if kind is None and _MARKED.fullmatch(text) else kind


def refuse_decorated(name: str, counts: Mapping[str, int], advice: str) -> None:
    """Raise DataError if the numbers of a column have a unit, a sign or separators; `advice` is added to the help."""
    if found := decoration(counts):
        decorated, example = found
        message = f"the column {name!r} has numbers with {decorated}, such as {example!r}"
        raise DataError(message, help=f"{PLAIN[decorated]}; {_reading(name, counts)}{advice}")


def _reading(name: str, counts: Mapping[str, int]) -> str:
    """Return the advice to read the numbers of a column as they are, or the reason why that cannot be done."""
    from mlpkit.data.unit_detection import find_notation

    found = find_notation(counts)
    if found is None or found.notation is None:
        return f"{found.problem}; " if found and "different units" in found.problem else ""
    units = json.dumps({name: found.to_spec(".")}, ensure_ascii=False)
    missing = f' and "missing": {json.dumps(list(found.marks), ensure_ascii=False)}' if found.marks else ""
    return f'or read them as they are: "units": {units}{missing} in "data"; '


def marks(counts: Mapping[str, int]) -> list[str]:
    """Return the few texts, most frequent first, that are not numbers in a column of many different numbers; else an empty list."""
    numbers = [text for text in counts if read_number(text) is not None]
    others = sorted((text for text in counts if read_number(text) is None), key=lambda text: -counts[text])
    many = sum(counts[text] for text in numbers) > sum(counts[text] for text in others)
    return others if many and len(others) <= FEW_MARKS and len(numbers) > MANY_NUMBERS else []
