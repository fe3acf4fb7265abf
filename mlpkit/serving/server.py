"""Server of a model: connections, limits, and an end that loses no request."""

from __future__ import annotations

import json
import os
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from email.utils import formatdate
from typing import Any

from mlpkit.errors import DataError, MLPKitError
from mlpkit.model.model import Model
from mlpkit.preprocessing.unseen import OnUnseen
from mlpkit.serving.answers import Columns, Options, answer, rows_of
from mlpkit.serving.handler import Handler
from mlpkit.version import __version__

MOST_BYTES = 4 * 2**20  # of a body
TIMEOUT = 10.0  # seconds
MOST_CONNECTIONS = 128
GRACE = 0.5  # seconds in which a new connection may send its request although the server ends
FULL = b'{"error": "too many connections at the same time"}'
BUSY = b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s"


class ListenError(MLPKitError):
    """Raised for an address that cannot be listened on."""


class ModelServer(socketserver.ThreadingTCPServer):
    """HTTP server of a model: GET /schema, POST /predict, GET /health.

    Parameters
    ----------
    model : Model
        Trained model.
    host : str
        Address to listen on. Everyone who reaches it can use the model.
    port : int
        0 for a free one; `port` has it.
    on_unseen : {"warn", "error"}
        Treatment of values that were not seen in training, unless a request has another one.
    most_bytes : int
        Largest body of a request.
    timeout : float
        Seconds that a request may take to arrive, and its answer to be taken.
    tell : callable, optional
        Called with a line for each answer.
    report : callable
        Called with a request and the exception that it has caused, if it is a bug or an error of the server.

    Raises
    ------
    ListenError
        Another program uses the port, or the address is wrong.
    DataError
        The model has not been trained.
    """

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def __init__(
        self,
        model: Model,
        host: str = "127.0.0.1",
        port: int = 8000,
        *,
        on_unseen: OnUnseen = "warn",
        most_bytes: int = MOST_BYTES,
        timeout: float = TIMEOUT,
        tell: Callable[[str], object] | None = None,
        report: Callable[[str, Exception], object] = lambda request, error: None,
    ) -> None:
        if model.input_encoder is None:
            raise DataError("the model has not been trained, so it cannot be served", help="train it first")
        self.model, self.on_unseen = model, on_unseen
        self.most_bytes, self.timeout_seconds, self.tell, self.report = most_bytes, timeout, tell, report
        self.name = model.spec.name
        schema = model.input_schema()
        self.schema = json.dumps(schema).encode()
        self.columns = Columns(frozenset(schema.get("properties", ())), frozenset(schema.get("required", ())))
        self.turn = threading.BoundedSemaphore(max(2, os.cpu_count() or 1))  # of those that read rows and predict, to bound the memory
        self.draining, self._date = False, (0, "")
        self._changed = threading.Condition()
        self._connections: set[Handler] = set()
        self._slots = threading.BoundedSemaphore(MOST_CONNECTIONS)
        try:
            self.address_family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
            super().__init__((host, port), Handler)
            self.port: int = self.server_address[1]
        except (OSError, OverflowError, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or error
            raise ListenError(f"cannot listen on {host}, port {port}: {reason}", help="give another --port or --host") from error

    def answer(self, body: bytes, sent: str, options: Options) -> tuple[str, bytes]:
        """Return media type and content of the answer to a body; errors are those of `rows_of` and `answer`."""
        with self.turn:
            return answer(self.model, rows_of(self.model, body, sent, self.columns), options)

    def health(self) -> bytes:
        """Return the answer to GET /health."""
        return json.dumps({"status": "draining" if self.draining else "ok", "model": self.name, "mlpkit": __version__}).encode()

    def date(self) -> str:
        """Return the present date as HTTP has it, formatted once a second."""
        now = int(time.time())
        if self._date[0] != now:
            self._date = now, formatdate(now, usegmt=True)
        return self._date[1]

    # -- connections

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer a connection in a thread of its own, or refuse it if there are too many."""
        if self._slots.acquire(blocking=False):
            super().process_request(request, client_address)
            return
        with suppress(OSError):
            request.settimeout(0.0)
            request.sendall(BUSY % (len(FULL), FULL))
        self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer a connection, and count it no more."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._slots.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Report an exception that ended a connection."""
        import sys

        error = sys.exc_info()[1]
        if isinstance(error, Exception) and not isinstance(error, (ConnectionError, TimeoutError)):
            self.report("a connection", error)

    @contextmanager
    def connected(self, handler: Handler) -> Iterator[None]:
        """Return a context in which a connection is open."""
        with self._changed:
            self._connections.add(handler)
        try:
            yield
        finally:
            with self._changed:
                self._connections.remove(handler)
                self._changed.notify_all()

    # -- the end

    def drain(self) -> int:
        """Stop listening, answer the requests that have begun, and return the number of those that are not answered in time.

        `serve_forever` must run in another thread.
        """
        self.draining = True
        self.shutdown()
        self.socket.setblocking(False)
        with suppress(OSError):
            while True:  # connections that the system has accepted already
                self.process_request(*self.get_request())
        self.server_close()
        begun = time.monotonic()
        with self._changed:
            while self._connections and (passed := time.monotonic() - begun) < self.timeout_seconds:
                for handler in self._connections:
                    if handler.waits and (handler.answers or passed > GRACE):
                        _stop_reading(handler)
                self._changed.wait(GRACE / 5)
            return len(self._connections)


def _stop_reading(handler: Handler) -> None:
    """End a connection that waits for a request; one that has arrived already is answered."""
    with suppress(OSError):
        handler.request.shutdown(socket.SHUT_RD)
