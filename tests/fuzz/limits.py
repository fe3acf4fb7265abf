"""Limits under which a mutant is read: how long it computes, how much memory it takes, and which files it opens."""

from __future__ import annotations

import os
import resource
import signal
import site
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

SECONDS = 1.0  # of computing for one mutant
EXTRA_MEMORY = 64 * 2**20  # beyond the length of the file
PAGE = resource.getpagesize()
CODE = tuple(os.path.realpath(folder) for folder in (*sys.path, sys.prefix, sys.base_prefix, *site.getsitepackages()) if folder)
EVENTS = ("os.system", "os.exec", "os.posix_spawn", "subprocess.Popen", "socket.connect", "ctypes.dlopen", "pickle.find_class")


class TooLong(BaseException):
    """A mutant took longer than it may. No `except Exception` hides it."""


class Watch:
    """An audit hook that notes what is opened or run between `start` and `stop`, but for the mutant and Python's own code."""

    def __init__(self, allowed: Path) -> None:
        self.allowed = str(allowed)
        self.active = False
        self.seen: list[str] = []

    def start(self) -> None:
        self.active, self.seen = True, []

    def stop(self) -> None:
        self.active = False

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.active:
            return
        if event in EVENTS:
            self.seen.append(f"outside: {event} {arguments!r:.200}")
        elif event == "open" and not self._is_allowed(arguments[0]):
            self.seen.append(f"outside: it opened {arguments[0]!r:.200}")

    def _is_allowed(self, path: Any) -> bool:
        if isinstance(path, int):
            return True  # a descriptor that is open already
        name = os.fsdecode(path)
        return name == self.allowed or os.path.realpath(name).startswith(CODE)


@contextmanager
def limited(length: int, watch: Watch) -> Iterator[None]:
    """Read a file of some length under the limits. MemoryError or TooLong comes out where they are passed."""
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    allowed = address_space() + length + EXTRA_MEMORY
    watch.start()
    resource.setrlimit(resource.RLIMIT_AS, (allowed, hard))
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
        watch.stop()


def address_space() -> int:
    """The bytes of address space that this process has."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * PAGE


def raise_too_long(signal_number: int, frame: FrameType | None) -> None:
    """The handler of SIGPROF."""
    raise TooLong
