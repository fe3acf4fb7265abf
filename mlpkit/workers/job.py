"""Job: a task as its function sees it, in a worker or in the process that asks for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from numpy.typing import NDArray

Send = Callable[[dict[str, Any], bytes], None]


class Job:
    """Connection of a running task to the process that waits for it.

    Parameters
    ----------
    arrays : mapping of str to array
        Arrays that all tasks share.
    send : callable
        Function that sends JSON values and bytes.
    stopped : callable
        Function that returns True if the task should end as soon as it can.
    """

    def __init__(self, arrays: Mapping[str, NDArray[Any]], send: Send, stopped: Callable[[], bool]) -> None:
        self.arrays, self._send, self.stopped = arrays, send, stopped

    def send(self, values: dict[str, Any], data: bytes = b"") -> None:
        """Send a message, which `Pool.run` yields."""
        self._send(values, data)


class Function(Protocol):
    """Function of a task: it gets the task's values and data, and returns those of its last message."""

    def __call__(self, values: dict[str, Any], data: bytes, job: Job) -> tuple[dict[str, Any], bytes]: ...
