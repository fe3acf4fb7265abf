"""Output of a plugin, and its accesses to files, processes and the network, during a check."""

from __future__ import annotations

import io
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
AUDITED_EVENTS = (
    *("os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.truncate", "os.link", "os.symlink", "os.chmod", "os.chown", "os.kill"),
    *("os.system", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "subprocess.Popen", "socket.connect", "socket.bind"),
    *("shutil.rmtree", "shutil.move", "shutil.copyfile", "webbrowser.open", "urllib.Request"),
)
CACHES = ("__pycache__", os.devnull)
OTHERS = frozenset({"mlpkit", "pydantic", "abc", "builtins"})  # packages with base classes of all plugins
KIT, IMPORTS = "mlpkit.testing", "importlib"

_watching: list[tuple[frozenset[str], list[str]]] = []  # modules and packages whose accesses are recorded, and the records
_hooked = False


def _noted(event: str, arguments: tuple[Any, ...]) -> None:
    """Record an audit event of Python, whose hooks cannot be removed; do nothing unless a check is running."""
    if not _watching or (event != "open" and event not in AUDITED_EVENTS):
        return
    packages, accesses = _watching[-1]
    access = _opened(arguments) if event == "open" else f"calls {event}"
    if access is not None and _is_of(packages, sys._getframe(1)):
        accesses.append(access)


def _opened(arguments: tuple[Any, ...]) -> str | None:
    """Return a description of a file opened for writing; None for reading and for Python's caches."""
    path, mode, flags = (*arguments, None, None)[:3]
    writes = any(letter in mode for letter in "wax+") if isinstance(mode, str) else isinstance(flags, int) and bool(flags & WRITING)
    if not writes or isinstance(path, int) or any(cache in str(path) for cache in CACHES):
        return None
    return f"writes the file {str(path)!r}"


def _is_of(packages: frozenset[str], frame: Any) -> bool:
    """Return True if code of these packages caused the event, outside of imports and the kit."""
    while frame is not None:
        name = str(frame.f_globals.get("__name__"))
        if name.startswith((KIT, IMPORTS)):
            return False
        if name in packages or name.partition(".")[0] in packages:
            return True
        frame = frame.f_back
    return False


def modules_of(plugin: object) -> frozenset[str]:
    """Return the modules and packages of a plugin's class and its bases, without mlpkit's own."""
    modules = {cls.__module__ for cls in type(plugin).__mro__}
    own = {type(plugin).__module__, *(name for name in modules if name.partition(".")[0] not in OTHERS)}
    return frozenset(own | {name.partition(".")[0] for name in own} - OTHERS)


@contextmanager
def accesses_of(modules: frozenset[str]) -> Iterator[list[str]]:
    """Record accesses of these modules to files, processes and the network while the context is open."""
    global _hooked
    if not _hooked:
        sys.addaudithook(_noted)
        _hooked = True
    accesses: list[str] = []
    _watching.append((modules, accesses))
    try:
        yield accesses
    finally:
        _watching.pop()


class Printed(io.StringIO):
    """Text stream that replaces sys.stdout or sys.stderr."""

    def fileno(self) -> int:
        raise io.UnsupportedOperation("fileno")


@contextmanager
def streams() -> Iterator[list[str]]:
    """Record output to sys.stdout and sys.stderr while the context is open; the value is filled at its end."""
    told: list[str] = []
    before, ours = (sys.stdout, sys.stderr), (Printed(), Printed())
    sys.stdout, sys.stderr = ours
    try:
        yield told
    finally:
        if (sys.stdout, sys.stderr) != ours:
            told.append("replaces sys.stdout or sys.stderr")
        sys.stdout, sys.stderr = before
        text = "".join(each.getvalue() for each in ours)
        if text:
            told.append(f"prints {text.strip().splitlines()[0][:60]!r}" if text.strip() else "prints empty lines")


@contextmanager
def descriptors() -> Iterator[list[str]]:
    """Record output written directly to the descriptors of stdout and stderr; it is passed on at the end of the context."""
    told: list[str] = []
    kept: list[tuple[int, int, Any]] = []
    for number in (1, 2):
        with suppress(OSError):
            copy, file = os.dup(number), tempfile.TemporaryFile()  # noqa: SIM115
            os.dup2(file.fileno(), number)
            kept.append((number, copy, file))
    try:
        yield told
    finally:
        for number, copy, file in kept:
            os.dup2(copy, number)
            os.close(copy)
            file.seek(0)
            written = file.read()
            file.close()
            if written:
                told.append(f"writes to descriptor {number}: {written[:60]!r}")
                with suppress(OSError):
                    os.write(number, written)
