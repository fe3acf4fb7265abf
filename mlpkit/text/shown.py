"""Shown: values in a sentence for people, cut where they are long: a file from a stranger may have a name of a million letters."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

LONGEST = 400  # letters of a text in an error
LONGEST_OF_MANY = 60  # letters of one of several values

# what may stand in a line that people copy into a shell
DISTRIBUTION = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9])?")
VERSION = re.compile(r"[A-Za-z0-9.!+_-]{1,100}")
FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")


def shortened(text: str, longest: int = LONGEST) -> str:
    """A text for people: what is too long of it is left out of its middle, and what a terminal would obey is written out."""
    if len(text) > longest:
        end = longest // 4
        text = f"{text[: longest - end - 3]}...{text[-end:]}"
    return printable(text, keep="")


def printable(text: str, keep: str = "\n\t") -> str:
    """A text whose characters that a terminal would obey, or that would change the order of others, are written out.

    Parameters
    ----------
    text : str
    keep : str
        What stays all the same.
    """
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() or sign in keep else ascii(sign)[1:-1] for sign in text)


def one_line(text: object) -> str:
    """Return what has a name of its own, such as a file or a column, in a line for people."""
    return printable(str(text), keep="")


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: ``counted(2, "row")`` -> "2 rows"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def first_few(values: Sequence[Any], most: int = 10, show: Callable[[Any], str] = str) -> str:
    """Return the first values as a line for people, each shortened, and the number of the others.

    Parameters
    ----------
    values : sequence
    most : int
        How many are shown.
    show : callable
        From a value to its text, such as `repr`.
    """
    return ", ".join(shortened(show(value), LONGEST_OF_MANY) for value in values[:most]) + and_more(len(values), most)


def and_more(count: int, most: int) -> str:
    """Return " and N more" for what is left out of `count` values when the first `most` are shown; empty if none is."""
    return f" and {count - most:,} more" if count > most else ""
