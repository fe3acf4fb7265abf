"""Lines that are no rows: the first ones of a file, and comments. They are read as blank lines, so that the others keep their numbers."""

from __future__ import annotations

import codecs
import re
from typing import BinaryIO

from mlpkit.data.csv.text_stream import PIECE, RawStream

_SEPARATORS = b",;\t|"  # where the dialect names none: it is found in the lines that are kept
_CLOSED = re.compile(rb'[^"]*+(?:""[^"]*+)*+"')  # the rest of a quoted field


class LeftOutLines(RawStream):
    """Text of a stream, in which some lines are blank.

    Parameters
    ----------
    stream : binary stream
        UTF-8 text.
    skip : int
        Number of lines to leave out at the start.
    comment : str or None
        Leave out lines that begin with this character, outside of quotes.
    separator : str or None
        Separator of the fields. A quote that neither begins a field nor is in a quoted one is text.

    Attributes
    ----------
    numbers : list of int
        Numbers of the lines that were left out.
    """

    def __init__(self, stream: BinaryIO, skip: int, comment: str | None, separator: str | None) -> None:
        super().__init__(b"")
        self.stream, self.skip, self.comment = stream, skip, (comment or "").encode()
        self.numbers: list[int] = []
        self.line, self.quoted = 0, False
        signs = re.escape(_SEPARATORS if separator is None else separator.encode())
        self.opened = re.compile(rb'(?m)(?:^|[%b]|(?<=") )"' % signs)

    def fill(self) -> bool:
        """Implement `RawStream.fill`: read whole lines."""
        data = self.stream.read1(PIECE)  # type: ignore[attr-defined]
        if data and not data.endswith(b"\n"):
            data += self.stream.readline()
        if self._is_plain(data):
            self.line += data.count(b"\n")
            self._follow_quotes(data)
            self.pending = data
        else:
            self.pending = b"".join(map(self._kept, data.splitlines(keepends=True)))
        return bool(data)

    def _is_plain(self, data: bytes) -> bool:
        """Return True if no line can be one to leave out."""
        if self.line < self.skip or self.line == 0:
            return False
        return not self.comment or not (data.startswith(self.comment) or b"\n" + self.comment in data)

    def _kept(self, line: bytes) -> bytes:
        self.line += line.endswith(b"\n")
        number = self.line if line.endswith(b"\n") else self.line + 1
        bare = line.removeprefix(codecs.BOM_UTF8) if number == 1 else line
        if number <= self.skip or (self.comment and not self.quoted and bare.startswith(self.comment)):
            self.numbers.append(number)
            return b"\n"
        self._follow_quotes(bare)
        return line

    def _follow_quotes(self, text: bytes) -> None:
        """Set `quoted` to True if a quoted field continues after whole lines."""
        at = 0
        while at >= 0:
            found = (_CLOSED.match if self.quoted else self.opened.search)(text, at)
            self.quoted ^= found is not None
            at = -1 if found is None else found.end()
