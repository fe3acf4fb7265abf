"""Dialect of a CSV file, and the error for a file in another dialect."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, NamedTuple

from mlpkit.data.compression import open_unpacked
from mlpkit.errors import DataError, Problem


class Dialect(NamedTuple):
    """Options for reading a CSV file.

    Attributes
    ----------
    separator : str or None
        Delimiter of the fields. None selects the one of comma, semicolon, tab and bar that gives the most columns.
    missing : frozenset of str
        Texts that stand for a missing value.
    header : bool, tuple of str or None
        True: the first line is the header. False: there is no header, and the columns are x0, x1 and so on. A tuple: there is no
        header, and these are the names. None: like True, but a header that looks like a row of data is an error.
    encoding : str
    decimal : {".", ","}
        Decimal separator.
    thousands : str or None
        Separator of thousands in numbers.
    comment : str or None
        First character of lines that are no rows.
    skip_rows : int
        Number of lines before the header that are no rows.
    """

    separator: str | None = None
    missing: frozenset[str] = frozenset()
    header: bool | tuple[str, ...] | None = None
    encoding: str = "utf-8"
    decimal: Literal[".", ","] = "."
    thousands: str | None = None
    comment: str | None = None
    skip_rows: int = 0


class OtherDialect(DataError):
    """Error for a CSV file in another dialect; setting `key` of `data` in a spec to `value` would read it."""

    key: str = ""
    value: Any = None

    def raise_if_damaged(self, path: str | Path) -> None:
        """Raise this error, about invalid UTF-8, if more of the file's non-ASCII characters are valid than invalid.

        Such a file is damaged UTF-8, not text in another encoding.
        """
        if self.value not in ("cp1252", "latin-1"):
            return
        right = wrong = 0
        with open_unpacked(path) as stream:
            for line in stream:
                for character in line.decode("utf-8", "surrogateescape") if not line.isascii() else "":
                    right += character > "\x7f" and not "\udc80" <= character <= "\udcff"
                    wrong += "\udc80" <= character <= "\udcff"
        if right > wrong:
            raise self


def other_dialect(message: str, key: str, value: Any, *, help: str, file: str, line: int) -> OtherDialect:
    """Return the error for a line of a file, with the key and value of `data` that would read it."""
    error = OtherDialect(message, help=help, problems=[Problem(message, help=help, file=file, line=line)])
    error.key, error.value = key, value
    return error
