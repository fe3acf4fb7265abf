"""Values in messages: shortened and escaped, because an untrusted file may have a name of a million characters."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

LONGEST = 400  # most characters of a text in an error
LONGEST_OF_MANY = 60  # most characters of each value in a list

# names that may be part of a command line that users copy
DISTRIBUTION = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9])?")
VERSION = re.compile(r"[A-Za-z0-9.!+_-]{1,100}")
FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")


def shortened(text: str, longest: int = LONGEST) -> str:
    """Return a text with its middle left out if it is too long, and control characters escaped."""
    if len(text) > longest:
        end = longest // 4
        text = f"{text[: longest - end - 3]}...{text[-end:]}"
    return printable(text, keep="")


def printable(text: str, keep: str = "\n\t") -> str:
    """Return a text with escaped control characters, including those that change the order of text.

    Parameters
    ----------
    text : str
    keep : str
        Characters that are not escaped.
    """
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() or sign in keep else ascii(sign)[1:-1] for sign in text)


def one_line(text: object) -> str:
    """Return a name, such as that of a file or a column, as one escaped line."""
    return printable(str(text), keep="")


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: ``counted(2, "row")`` -> "2 rows"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def first_few(values: Sequence[Any], most: int = 10, show: Callable[[Any], str] = str) -> str:
    """Return the first values on one line, each shortened, with the number of the others.

    Parameters
    ----------
    values : sequence
    most : int
        Number of values to show.
    show : callable
        Function from a value to its text, such as `repr`.
    """
    return ", ".join(shortened(show(value), LONGEST_OF_MANY) for value in values[:most]) + and_more(len(values), most)


def and_more(count: int, most: int) -> str:
    """Return " and N more" for `count` values of which the first `most` are shown; empty if all are shown."""
    return f" and {count - most:,} more" if count > most else ""


def shortest(value: Any) -> Any:
    """Return a whole float as an integer: earlier versions of Pydantic convert limits such as 8 to 8.0."""
    return int(value) if isinstance(value, float) and value.is_integer() else value
