"""`mlpkit serve`: predictions over HTTP."""

from __future__ import annotations

import threading
import traceback
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from mlpkit.cli.console import Console
from mlpkit.cli.errors import OutputError
from mlpkit.cli.options import Code, Surrogate, load_code
from mlpkit.cli.predict import OnUnseen
from mlpkit.cli.signals import end, handling
from mlpkit.text.shown import counted, one_line

if TYPE_CHECKING:
    from mlpkit.serving.server import ModelServer


def serve(
    console: Console,
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Model file.")],
    host: Annotated[str, typer.Option("--host", metavar="HOST", help="Address to listen on; 0.0.0.0 is every network.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port to listen on; 0 is a free one.")] = 8000,
    on_unseen: Annotated[
        OnUnseen, typer.Option("--on-unseen", help="Warn of values that were not seen in training, or refuse them with status 422.")
    ] = OnUnseen.warn,
    most: Annotated[int, typer.Option("--max-mib", min=1, max=1024, help="Largest body of a request, in MiB.")] = 4,
    timeout: Annotated[float, typer.Option("--timeout", min=0.1, max=3600, help="Seconds that a request may take to arrive.")] = 10.0,
    code: Code = None,
    allow_surrogate: Surrogate = False,
) -> None:
    """Serve a model over HTTP: GET /schema, POST /predict, GET /health.

    /predict takes rows as JSON or CSV, and gives their predictions in the same format; /predict?proba=true also the probabilities. SIGTERM
    or Ctrl-C answers the requests that have begun, and ends with exit code 0; a second one ends at once. There is no encryption and no
    password: before you listen on a network, put a proxy in front that has them.
    """
    from mlpkit.model.load import load
    from mlpkit.serving.server import ListenError, ModelServer

    load_code(code)
    loaded = load(model, allow_surrogate=allow_surrogate)

    def report(request: str, error: Exception) -> None:
        console.warn(one_line(f"{request}: {type(error).__name__}: {error}"))
        if console.debug:
            console.trace("".join(traceback.format_exception(error)))

    tell = console.say if console.verbose else None
    try:
        server = ModelServer(
            loaded, host, port, on_unseen=on_unseen.value, most_bytes=most * 2**20, timeout=timeout, tell=tell, report=report
        )
    except ListenError as error:
        raise OutputError(error.message, help=error.help) from error
    shown = f"[{host}]" if ":" in host else host
    console.say(one_line(f"serving {model} at http://{shown}:{server.port}: GET /schema, POST /predict, GET /health; Ctrl-C ends it"))
    _run(console, server)


def _run(console: Console, server: ModelServer) -> None:
    """Serve until a signal, then answer what has begun."""
    asked = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        if asked.is_set():
            end(number, frame)
        asked.set()

    with handling(stop):
        threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True).start()
        asked.wait()
        console.say("answering the requests that have begun; a second signal ends at once")
        if left := server.drain():
            console.warn(f"{counted(left, 'connection')} did not end in time")
