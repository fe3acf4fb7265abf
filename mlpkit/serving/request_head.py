"""Head of a request of HTTP/1.1: its first line and its fields, read strictly (RFC 9112).

The handler of the standard library reads fields as those of a mail, which takes half of its time, and is lenient where proxies in front
may read something else.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

MOST_LINE = 2**14  # bytes of a line
MOST_FIELDS = 100
_FIRST = re.compile(rb"([A-Z]{1,20}) ([!-~]{1,16000}) HTTP/([0-9])\.([0-9])\r?\n")
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\r\n\0]*?)[ \t]*\r?\n")
_LENGTH = re.compile(r"[0-9]{1,18}")


class BadRequest(Exception):
    """Raised for a request that is wrong before any row is looked at.

    Parameters
    ----------
    status : int
        Status of HTTP.
    message, help : str
    """

    def __init__(self, status: int, message: str, help: str = "") -> None:
        super().__init__(message)
        self.status, self.message, self.help = status, message, help


class Head(NamedTuple):
    """Head of a request.

    Attributes
    ----------
    method, target : str
    fields : dict of str to list of str
        Values by name in lower case.
    keeps : bool
        True if the client keeps the connection open.
    """

    method: str
    target: str
    fields: dict[str, list[str]]
    keeps: bool

    def value(self, name: str) -> str:
        """Return the first value of a field, or an empty text."""
        return self.fields.get(name, ("",))[0]

    @property
    def has_body(self) -> bool:
        """True if there is a body."""
        return self.value("content-length") not in ("", "0") or "transfer-encoding" in self.fields

    def length(self, most: int) -> int:
        """Return the length of the body. Raise BadRequest if it is not known, or more than `most` bytes."""
        lengths = self.fields.get("content-length", [])
        if "transfer-encoding" in self.fields:
            raise BadRequest(411, "bodies in chunks are not taken", "send the length of the body as Content-Length")
        if not lengths:
            raise BadRequest(411, "the request has no Content-Length", "send the rows as the body of the request")
        if len(set(lengths)) > 1 or not _LENGTH.fullmatch(lengths[0]):
            raise BadRequest(400, "the Content-Length is not one number", "send the number of bytes of the body")
        if (length := int(lengths[0])) > most:
            raise BadRequest(413, f"the body has {length / 2**20:.1f} MiB, more than {most / 2**20:g}", "send fewer rows in each request")
        return length


def read_head(first: bytes, read_line: Callable[[int], bytes]) -> Head:
    """Return the head of a request.

    Parameters
    ----------
    first : bytes
        First line.
    read_line : callable
        Function from a number of bytes to the next line, of at most so many bytes.

    Raises
    ------
    BadRequest
        The head is not valid, too large, or of another version of HTTP.
    """
    found = _FIRST.fullmatch(first)
    if found is None:
        if len(first) >= MOST_LINE:
            raise BadRequest(414, "the first line of the request is too long")
        raise BadRequest(400, "the first line of the request is not valid", "send a request of HTTP/1.1")
    method, target, major, minor = (part.decode("ascii") for part in found.groups())
    if major != "1":
        raise BadRequest(505, f"HTTP/{major}.{minor} is not spoken here", "use HTTP/1.1")
    fields: dict[str, list[str]] = {}
    for _ in range(MOST_FIELDS):
        line = read_line(MOST_LINE)
        if line in (b"\r\n", b"\n"):
            tokens = ",".join(fields.get("connection", ())).lower()
            return Head(method, target, fields, "close" not in tokens and (minor != "0" or "keep-alive" in tokens))
        field = _FIELD.fullmatch(line)
        if field is None:
            if len(line) >= MOST_LINE:
                raise BadRequest(431, "a field of the head is too long")
            raise BadRequest(400, "a field of the head is not valid" if line else "the head has no end")
        fields.setdefault(field[1].decode("ascii").lower(), []).append(field[2].decode("latin-1"))
    raise BadRequest(431, f"the head has more than {MOST_FIELDS} fields")
