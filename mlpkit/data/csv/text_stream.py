"""Bytes of a CSV file as UTF-8 with LF line ends. Other encodings and line ends are converted while reading."""

from __future__ import annotations

import codecs
import io
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from mlpkit.data.compression import open_unpacked
from mlpkit.data.csv.dialect import OtherDialect, other_dialect
from mlpkit.data.table import data_error
from mlpkit.files.signatures import check_data

HEAD = 2**16  # bytes that are inspected before reading
FEW_ZEROS = 8  # least number of zero bytes, from separators and line ends, in UTF-16 text
PIECE = 2**18  # bytes decoded at once
MOST_LINE = 2**28  # longest line in bytes
MARKS = (  # byte-order marks; that of UTF-32 begins with that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (codecs.BOM_UTF8, "utf-8"),
)
_LINE_END = re.compile(r"\r\n|\n|\r(?=.)", re.DOTALL)
_AFTER_RETURN = re.compile(rb"(?<=\r)(?![\r\n])")


@contextmanager
def open_text(path: str | Path | bytes, source: str, encoding: str, allow_large: bool = False) -> Iterator[BinaryIO]:
    """Open a file, stdin for "-", or the content of a file, as a stream of UTF-8 bytes. Invalid UTF-8 is passed through unchanged.

    A file with the suffix of a compression is unpacked.

    Raises
    ------
    DataError
        The content is not text, or has another encoding than given; `OtherDialect` if that encoding is detected.
    """
    name = codecs.lookup(encoding).name
    with _open(path, allow_large) as raw:
        head = _head(raw)
        check_data(head, source)
        _check_encoding(head, name, source)
        rest = _rewound(path, raw, head)
        returns = _ends_with_return(head, name)
        if name == "utf-8" and not returns:
            yield rest
        else:
            errors = "surrogateescape" if name == "utf-8" else "strict"
            decoder = io.IncrementalNewlineDecoder(codecs.getincrementaldecoder(encoding)(errors), translate=returns)
            yield io.BufferedReader(_Decoded(rest, decoder, errors, source, name), PIECE)


@contextmanager
def _open(path: str | Path | bytes, allow_large: bool) -> Iterator[BinaryIO]:
    if isinstance(path, bytes):
        yield io.BytesIO(path)
    elif str(path) == "-":
        yield sys.stdin.buffer
    else:
        with open_unpacked(path, allow_large=allow_large) as stream:
            yield stream


def _head(raw: BinaryIO) -> bytes:
    """Read the first bytes, at least one complete line, without waiting for a pipe longer than that."""
    head = b""
    while len(head) < HEAD and not re.search(rb"\n|\r.", head, re.DOTALL):
        part = raw.read1(HEAD - len(head))  # type: ignore[attr-defined]
        if not part:
            break
        head += part
    return head


def _rewound(path: str | Path | bytes, raw: BinaryIO, head: bytes) -> BinaryIO:
    """Return the stream from its beginning."""
    if path not in ("-", Path("-")) and raw.seekable():
        raw.seek(0)
        return raw
    return io.BufferedReader(_Joined(head, raw), PIECE)


class RawStream(io.RawIOBase):
    """Stream of bytes that arrive in pieces."""

    def __init__(self, pending: bytes) -> None:
        self.pending = pending

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self.pending and self.fill():
            pass
        count = min(len(buffer), len(self.pending))
        buffer[:count] = self.pending[:count]
        self.pending = self.pending[count:]
        return count

    def fill(self) -> bool:
        """Read the next piece, which may be empty, into `pending`. Return False at the end."""
        raise NotImplementedError


class _Joined(RawStream):
    """Stream of bytes already read, followed by the rest of another stream."""

    def __init__(self, head: bytes, stream: BinaryIO) -> None:
        super().__init__(head)
        self.stream = stream

    def fill(self) -> bool:
        self.pending = self.stream.read1(PIECE)  # type: ignore[attr-defined]
        return bool(self.pending)


class _Decoded(RawStream):
    """Text of a stream, encoded as UTF-8."""

    def __init__(self, stream: BinaryIO, decoder: Any, errors: str, source: str, encoding: str) -> None:
        super().__init__(b"")
        self.stream, self.decoder, self.errors = stream, decoder, errors
        self.source, self.encoding = source, encoding
        self.lines = 0

    def fill(self) -> bool:
        data = self.stream.read1(PIECE)  # type: ignore[attr-defined]
        try:
            text = self.decoder.decode(data, final=not data)
            self.pending = text.encode("utf-8", self.errors)
        except UnicodeError as error:
            line = self.lines + 1
            if isinstance(error, UnicodeDecodeError):
                line += error.object[: error.start].decode(self.encoding, "replace").count("\n")
            message = f"line {line} of {self.source} is not {self.encoding} text: {getattr(error, 'reason', error)}"
            raise data_error(message, self.source, line, 'correct "encoding" in "data", or save the file as CSV in UTF-8') from error
        self.lines += text.count("\n")
        return bool(data)


# -- encodings


def _check_encoding(head: bytes, encoding: str, source: str) -> None:
    """Raise OtherDialect if the bytes are clearly in another encoding."""
    found = next((name for mark, name in MARKS if head.startswith(mark)), "") or _wide_encoding(head)
    if found and not (encoding.startswith(found) or found.startswith(encoding)):
        shown = found.upper()
        help = f'set "encoding": "{found}" in "data", or save the file as CSV in UTF-8'
        help = help if encoding == "utf-8" or found != "utf-8" else 'remove "encoding" from "data", or correct it'
        raise other_dialect(f"{source} is {shown} text, not {encoding.upper()}", "encoding", found, help=help, file=source, line=1)


def _wide_encoding(head: bytes) -> str:
    """Return the encoding of UTF-16 or UTF-32 text without a byte-order mark, or an empty string."""
    part = head[: 4 * 256]
    zeros = [part[start::4].count(0) for start in range(4)]
    size = max(len(part) // 4, 1)
    if not any(zeros):
        return ""
    candidates = {"utf-32-le": (2, 3), "utf-32-be": (0, 1), "utf-16-le": (1, 3), "utf-16-be": (0, 2)}
    for name, places in candidates.items():
        if min(zeros[place] for place in places) >= size * (0.9 if "32" in name else 0.5):
            return name
    return next((name for name in ("utf-16-le", "utf-16-be") if _reads_as_text(part, name)), "")


def _reads_as_text(data: bytes, encoding: str) -> bool:
    """Return True if bytes decode to lines of printable characters, as Chinese text in UTF-16 does.

    ASCII text with NUL bytes gives False.
    """
    text = data[: len(data) // 2 * 2].decode(encoding, "replace")
    seen = sum((sign.isprintable() and sign != "�") or sign in "\r\n\t" for sign in text)
    return data.count(0) >= FEW_ZEROS and not data.isascii() and "\n" in text and seen >= 0.98 * len(text)


def guess_encoding(raw: bytes) -> str:
    """Return the likely encoding of bytes that are not UTF-8: cp1252 if they decode as such, else latin-1."""
    try:
        raw.decode("cp1252")
    except UnicodeDecodeError:
        return "latin-1"
    return "cp1252"


def _ends_with_return(head: bytes, encoding: str) -> bool:
    """Return True if the first line ends with CR alone."""
    try:
        text = head.decode(encoding, "replace")
    except ValueError:  # raised by the few encodings without error handlers
        return False
    found = _LINE_END.search(re.sub(r'"[^"]*"', "", text))
    return found is not None and found.group() == "\r"


# -- lines


class TextLines(Iterator[str]):
    """Decoded lines, counted from `first`. Lines are decoded one by one to report the position of an invalid byte.

    A line may end with CR alone, inside or outside of quotes; the csv module joins the lines of a quoted field.

    Attributes
    ----------
    parts : list of bytes
        Remaining CR-separated parts of a line that ended with LF, in reverse order.
    """

    def __init__(self, stream: Iterable[bytes], source: str, first: int = 1) -> None:
        self.stream, self.source, self.number = iter(stream), source, first
        self.parts: list[bytes] = []

    def __next__(self) -> str:
        if not self.parts:
            raw = next(self.stream)
            self.parts = [part for part in reversed(_AFTER_RETURN.split(raw)) if part] if b"\r" in raw else [raw]
        raw, number = self.parts.pop(), self.number
        try:
            line = raw.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise _not_utf8(raw, error, self.source, number) from error
        if "\0" in line:
            raise data_error(f"line {number} of {self.source} has a NUL character", self.source, number, "check that this is a text file")
        self.number += 1
        return line


def count_lines(raw: bytes) -> int:
    """Return the number of lines that `TextLines` gives for these bytes."""
    returns = len(re.findall(rb"\r(?![\r\n])", raw)) if raw.count(b"\r") != raw.count(b"\r\n") else 0
    return raw.count(b"\n") + returns + (not raw.endswith((b"\n", b"\r")))


def bounded_lines(stream: BinaryIO, source: str) -> Iterator[bytes]:
    """Yield the lines of a stream. Raise DataError for a line that exceeds the limit."""
    while line := stream.readline(MOST_LINE):
        if len(line) == MOST_LINE:
            raise data_error(f"{source} has a line of more than {MOST_LINE // 2**20} MiB", source, help="check that this is a text file")
        yield line


def _not_utf8(raw: bytes, error: UnicodeDecodeError, source: str, number: int) -> OtherDialect:
    encoding, byte = guess_encoding(raw), raw[error.start]
    message = f"line {number} of {source} is not UTF-8 text: byte 0x{byte:02x} at position {error.start + 1}"
    message += f"; in {encoding} it is {bytes([byte]).decode(encoding)!r}"
    help = f'set "encoding": "{encoding}" in "data" if that character is right, or save the file as CSV in UTF-8'
    return other_dialect(message, "encoding", encoding, help=help, file=source, line=number)
