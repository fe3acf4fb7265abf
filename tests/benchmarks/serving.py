"""Measure requests to `mlpkit serve`, in turn with the same server of the standard library that answers a constant."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import mlpkit

from .pairing import Row, pair, repeated

EXAMPLE = Path(__file__).parents[2] / "models" / "penguins"
CONSTANT = """
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # one packet for head and body

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        content = b'{"predictions": ["Adelie"]}'
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(f"at http://127.0.0.1:{server.server_port}:", file=sys.stderr, flush=True)
server.serve_forever()
"""
ROW = {
    "island": "Torgersen",
    "bill_length_mm": 39.1,
    "bill_depth_mm": 18.7,
    "flipper_length_mm": 181,
    "body_mass_g": 3750,
    "sex": "male",
    "year": 2007,
}


def rows(quick: bool) -> list[Row]:
    """Requests with one row and with a hundred rows, on one connection and on new ones."""
    times, rounds = (100, 5) if quick else (500, 15)
    with tempfile.TemporaryDirectory() as name, ExitStack() as running:
        model = str(Path(name) / "model.h5")
        mlpkit.train(EXAMPLE / "spec.json").save(model)
        ports = [
            running.enter_context(server("-m", "mlpkit", "serve", model, "--port", "0")),
            running.enter_context(server("-c", CONSTANT)),
        ]
        found = []
        for what, count, makes in (
            ("a request with one row", 1, kept),
            ("with a hundred rows", 100, kept),
            ("on a new connection", 1, renewed),
        ):
            body = json.dumps([ROW] * count)
            goal = 0.5 if count == 1 else None
            mlpkit_run, constant = (repeated(makes(running, port, body), max(1, times // count)) for port in ports)
            found += pair(what, mlpkit_run, {"a constant": (constant, goal)}, "us", rounds, 1e6)
        return found


@contextmanager
def server(*arguments: str) -> Iterator[int]:
    """A server in a process of its own; its port, which it writes to stderr."""
    process = subprocess.Popen([sys.executable, *arguments], stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        yield int(process.stderr.readline().partition("http://127.0.0.1:")[2].partition(":")[0])
    finally:
        process.terminate()
        process.communicate()


def kept(running: ExitStack, port: int, body: str) -> Callable[[], object]:
    """Requests on one connection."""
    connection = running.enter_context(closing(http.client.HTTPConnection("127.0.0.1", port)))
    return lambda: request(connection, body)


def renewed(running: ExitStack, port: int, body: str) -> Callable[[], object]:
    """Requests on a connection each."""

    def run() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        request(connection, body)
        connection.close()

    return run


def request(connection: http.client.HTTPConnection, body: str) -> None:
    connection.request("POST", "/predict", body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    assert answer.status == 200, answer.read()
    answer.read()
