"""Shown: values in a sentence for people, cut where they are long: a file from a stranger may have a name of a million letters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

LONGEST = 400  # letters of a text in an error


def shortened(text: str, longest: int = LONGEST) -> str:
    """A text for people: what is too long of it is left out of its middle."""
    if len(text) <= longest:
        return text
    end = longest // 4
    return f"{text[: longest - end - 3]}...{text[-end:]}"


def first_few(values: Sequence[Any], most: int = 10) -> str:
    """Values with commas, the first ones when they are many, and each of them shortened."""
    more = f" and {len(values) - most:,} more" if len(values) > most else ""
    return ", ".join(shortened(str(value), 60) for value in values[:most]) + more
