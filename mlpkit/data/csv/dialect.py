"""Dialect: how a CSV file is written, and the error for one that is written otherwise."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from mlpkit.errors import DataError, Problem


class Dialect(NamedTuple):
    """The dialect of a CSV file.

    Attributes
    ----------
    separator : str or None
        None: of comma, semicolon, tab and bar the one that gives the most columns.
    missing : frozenset of str
        Texts that mean that a value is missing.
    header : bool, tuple of str or None
        True: the first line names the columns. False: there is no such line, and they are x0, x1 and so on. A tuple: there is
        none, and it names them. None: as True, but an error when that line looks like a row of data.
    encoding : str
    decimal : {".", ","}
        What stands before the fraction of a number.
    """

    separator: str | None = None
    missing: frozenset[str] = frozenset()
    header: bool | tuple[str, ...] | None = None
    encoding: str = "utf-8"
    decimal: Literal[".", ","] = "."


class OtherDialect(DataError):
    """A CSV file that is written otherwise than it is read; with `key` at `value`, a key of `data` in a spec, it would be read."""

    key: str = ""
    value: Any = None


def other_dialect(message: str, key: str, value: Any, *, help: str, file: str, line: int) -> OtherDialect:
    """The error about a place of a file, with the key of `data` that would read it."""
    error = OtherDialect(message, help=help, problems=[Problem(message, help=help, file=file, line=line)])
    error.key, error.value = key, value
    return error
