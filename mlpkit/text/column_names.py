"""Column names, compared in a common Unicode form."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence
from typing import Any

from mlpkit.errors import DataError


def same_form(name: str) -> str:
    """Return a name in Unicode form NFC, in which names are compared: "é" is one character, not "e" and an accent."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def unique(names: Sequence[Any]) -> list[str]:
    """Return names as texts in one Unicode form. Raise DataError if one is repeated."""
    texts = [same_form(str(name)) for name in names]
    if len(set(texts)) < len(texts):
        repeated = sorted(name for name, count in Counter(texts).items() if count > 1)
        raise DataError(f"there are several columns named {repeated[0]!r}", help="give each column its own name")
    return texts
