"""Columns of words for true and false, such as yes and no, found from their texts."""

from __future__ import annotations

from collections.abc import Collection

from mlpkit.data.written_numbers import BLANKS
from mlpkit.spec.column_treatment import PAIRS


def is_boolean(counts: Collection[str]) -> bool:
    """Return True if all texts are words for true and false in any case, such as yes and no, and both words of a pair are there."""
    found = {text.strip(BLANKS).lower() for text in counts}
    return found <= {word for pair in PAIRS for word in pair} and any(found.issuperset(pair) for pair in PAIRS)


def truth(texts: Collection[str]) -> str | None:
    """Return the text that stands for true if two texts are the words of a pair, such as yes and no; else None."""
    words = {text.strip(BLANKS).lower(): text for text in texts}
    return next((words[true] for true, false in PAIRS if len(texts) == 2 and words.keys() == {true, false}), None)
