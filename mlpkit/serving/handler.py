"""Handler of the requests of one connection, with limits of size and time, and answers in JSON."""

from __future__ import annotations

import contextlib
import io
import json
import socket
import time
from http import HTTPStatus
from socketserver import BaseRequestHandler
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from mlpkit.errors import MLPKitError
from mlpkit.serving.answers import JSON, Options
from mlpkit.serving.request_head import MOST_LINE, BadRequest, Head, read_head
from mlpkit.version import __version__

if TYPE_CHECKING:
    from mlpkit.serving.server import ModelServer

METHODS = {"/health": ("GET", "HEAD"), "/schema": ("GET", "HEAD"), "/predict": ("POST",)}
PATHS = "the paths are GET /schema, POST /predict and GET /health"
DISCARDED = 2**26  # bytes of a refused body that are read, so that the client sees the answer
PHRASES = {int(status): status.phrase for status in HTTPStatus}
NO_REQUEST = Head("-", "-", {}, False)


class TimedReader(io.RawIOBase):
    """Bytes from a connection until a deadline, however slowly they come.

    Attributes
    ----------
    deadline : float
        Value of `time.monotonic` after which reading raises TimeoutError.
    received : int
        Number of bytes.
    """

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.deadline, self.received = 0.0, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self.connection.settimeout(left)
        count = self.connection.recv_into(buffer)
        self.received += count
        return count


class Handler(BaseRequestHandler):
    """Handler of a connection, which may have several requests one after the other.

    Attributes
    ----------
    answers : int
        Number of answers so far.
    waits : bool
        True while the connection waits for the first line of a request.
    """

    server: ModelServer
    request: socket.socket

    def setup(self) -> None:
        """Prepare the connection: each request has a deadline for all of its bytes."""
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)
        self.timed = TimedReader(self.request)
        self.reader = io.BufferedReader(self.timed)
        self.answers, self.waits, self.open, self.head = 0, False, True, NO_REQUEST

    def handle(self) -> None:
        """Answer requests until one of both sides closes the connection."""
        with self.server.connected(self), contextlib.suppress(ConnectionError, TimeoutError):  # the client has gone, or does not read
            while self.open:
                self._answer_next()

    def _answer_next(self) -> None:
        """Read a request and answer it."""
        self.open, self.head = False, NO_REQUEST
        self.timed.deadline, before = time.monotonic() + self.server.timeout_seconds, self.timed.received
        try:
            self.waits = True
            first = self.reader.readline(MOST_LINE)
            self.waits = False
            if first == b"\r\n":  # some clients send one behind a body
                first = self.reader.readline(MOST_LINE)
            if first:
                self.head = read_head(first, self.reader.readline)
                self._dispatch()
        except BadRequest as error:
            self._fail(error.status, error.message, error.help)
        except MLPKitError as error:
            self._fail(422, error.message, error.help)
        except TimeoutError:
            if self.timed.received > before:
                self._fail(408, f"the request did not arrive within {self.server.timeout_seconds:g} seconds")
        except ConnectionError:
            raise
        except Exception as error:
            self.server.report(f"{self.head.method} {self.head.target}", error)
            self._fail(500, "internal error", "the server has written the reason to its log")

    def _dispatch(self) -> None:
        """Answer a request whose head has been read. The connection stays open if its body is read too."""
        head = self.head
        try:
            url = urlsplit(head.target)
            query = parse_qs(url.query, keep_blank_values=True, max_num_fields=20) if url.query else {}
        except ValueError as error:
            raise BadRequest(400, f"the path is not valid: {error}", PATHS) from error
        allowed = METHODS.get(url.path)
        self.open = head.keeps and not head.has_body
        if allowed is None:
            raise BadRequest(404, f"there is nothing at {url.path[:100]!r}", PATHS)
        if head.method not in allowed:
            self._fail(405, f"{url.path} takes {allowed[0]}", PATHS, f"Allow: {', '.join(allowed)}\r\n")
        elif url.path == "/predict":
            body = self._body()
            sent = head.value("content-type").partition(";")[0].strip().lower()
            options = Options.of(query, sent, head.value("accept"), self.server.on_unseen)
            self._send(200, *self.server.answer(body, sent, options))
        else:
            self._send(200, JSON, self.server.schema if url.path == "/schema" else self.server.health())

    def _body(self) -> bytes:
        """Return the body of the request, after telling a client that asks to send it."""
        self.open = False
        length = self.head.length(self.server.most_bytes)
        if self.head.value("expect").lower() == "100-continue":
            self.request.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = self.reader.read(length)
        if len(body) < length:
            raise BadRequest(400, f"the body ends after {len(body)} of {length} bytes", "send as many bytes as Content-Length")
        self.open = self.head.keeps
        return body

    # -- answers

    def _fail(self, status: int, message: str, help: str = "", fields: str = "") -> None:
        self._send(status, JSON, json.dumps({"error": message, **({"help": help} if help else {})}).encode(), fields)

    def _send(self, status: int, kind: str, content: bytes, fields: str = "") -> None:
        """Write an answer in one piece, within the time for a request."""
        self.answers += 1
        self.open &= not self.server.draining
        lines = (
            f"HTTP/1.1 {status} {PHRASES[status]}\r\nServer: mlpkit/{__version__}\r\nDate: {self.server.date()}\r\n"
            f"Content-Type: {kind}\r\nContent-Length: {len(content)}\r\n{fields}"
            f"Connection: {'keep-alive' if self.open else 'close'}\r\n\r\n"
        )
        if self.server.tell is not None:
            self.server.tell(f"{self.client_address[0]} {self.head.method} {self.head.target} {status}")
        self.request.settimeout(self.server.timeout_seconds)
        self.request.sendall(lines.encode("latin-1") + (b"" if self.head.method == "HEAD" else content))
        if not self.open and status >= 400:
            self._discard()

    def _discard(self) -> None:
        """Read what the client still sends: closing at once would reset the connection before it has read the answer."""
        with contextlib.suppress(OSError):
            self.request.shutdown(socket.SHUT_WR)
            self.timed.deadline = time.monotonic() + self.server.timeout_seconds
            left = DISCARDED
            while left > 0 and (part := self.reader.read1(2**16)):
                left -= len(part)
