"""Pool: worker processes that run tasks, one at a time each."""

from __future__ import annotations

import queue
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO, Any, BinaryIO, NamedTuple, cast

from numpy.typing import NDArray

from mlpkit import errors
from mlpkit.errors import MLPKitError, WorkerError, warn
from mlpkit.text.shown import shortened
from mlpkit.workers.frames import Frame, read_frame, write_frame
from mlpkit.workers.interpreter import command, environment
from mlpkit.workers.shared_arrays import SharedArrays

POLL = 0.1  # seconds between two calls of `stop`
LAST = 2000  # bytes of a worker's stderr that are read after its death
ENDING = 5.0  # seconds for a worker to end by itself


@dataclass(frozen=True)
class Task:
    """Call of a function in a worker.

    Attributes
    ----------
    name : str
        Name for errors, such as "member 3".
    function : str
        "module:name" of a `mlpkit.workers.job.Function`.
    values : dict
        JSON values for it.
    data : bytes
    """

    name: str
    function: str
    values: dict[str, Any]
    data: bytes = b""


class Message(NamedTuple):
    """Message of a task: one that its function sent, or its result if `done`."""

    task: int
    done: bool
    values: dict[str, Any]
    data: bytes


@dataclass(eq=False)
class _Process:
    """Worker process; `task` is the number of its running task, and `gone` is True after its end was read."""

    popen: subprocess.Popen[bytes]
    errors: IO[bytes]
    task: int | None = None
    gone: bool = False
    reader: threading.Thread = field(init=False)

    def send(self, values: dict[str, Any], data: bytes = b"") -> None:
        assert self.popen.stdin is not None
        with suppress(OSError):  # it is gone, which its reader reports
            write_frame(cast(BinaryIO, self.popen.stdin), values, data)

    def end(self, *, kill: bool) -> None:
        """End the process, by itself or at once."""
        assert self.popen.stdin is not None
        assert self.popen.stdout is not None
        if kill:
            self.popen.kill()
        with suppress(OSError):
            self.popen.stdin.close()
        try:
            self.popen.wait(ENDING)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()
        self.reader.join()
        self.popen.stdout.close()
        self.errors.close()

    def last_words(self) -> str:
        """Return the last line of its stderr."""
        size = self.errors.seek(0, 2)
        self.errors.seek(max(0, size - LAST))
        lines = self.errors.read().decode(errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "")


class Pool:
    """Worker processes that share arrays. Use it as a context, at whose end no process and no file is left.

    Parameters
    ----------
    arrays : mapping of str to array
    count : int
        Number of processes.

    Raises
    ------
    OSError
        Processes cannot be started here, or the arrays cannot be shared: the tasks have to run in this process.
    """

    def __init__(self, arrays: Mapping[str, NDArray[Any]], count: int) -> None:
        self._inbox: queue.SimpleQueue[tuple[_Process, Frame | None]] = queue.SimpleQueue()
        self._processes: list[_Process] = []
        self._stopping = False
        line = command()
        if line is None:
            raise OSError("this program has no Python interpreter that it could start")
        self._shared = SharedArrays(arrays)
        try:
            for _ in range(count):
                self._start(line)
            self._wait_until_ready()
        except BaseException:
            self._close(kill=True)
            raise

    def _start(self, line: Sequence[str]) -> None:
        errors = tempfile.TemporaryFile()  # noqa: SIM115  # `_Process.end` closes it
        try:
            popen = subprocess.Popen(
                line,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=environment(),
                pass_fds=self._shared.descriptors,
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
        except BaseException:
            errors.close()
            raise
        process = _Process(popen, errors)
        process.reader = threading.Thread(target=self._read, args=(process,), daemon=True)
        self._processes.append(process)
        process.reader.start()
        process.send({"path": [entry for entry in sys.path if isinstance(entry, str)], "arrays": self._shared.place})

    def _read(self, process: _Process) -> None:
        """Pass all messages of a process on, and None at its end."""
        assert process.popen.stdout is not None
        try:
            while (frame := read_frame(cast(BinaryIO, process.popen.stdout))) is not None:
                self._inbox.put((process, frame))
        except (OSError, ValueError):  # not the output of a worker
            pass
        self._inbox.put((process, None))

    def _wait_until_ready(self) -> None:
        for _ in self._processes:
            process, frame = self._inbox.get()
            if frame is None:
                raise OSError(f"a worker process ended at its start: {shortened(process.last_words())}")

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._close(kill=kind is not None)

    def _close(self, *, kill: bool) -> None:
        try:
            for process in self._processes:
                process.end(kill=kill)
        finally:
            self._shared.close()

    def run(self, tasks: Sequence[Task], stop: Callable[[], bool] | None = None) -> Iterator[Message]:
        """Yield the messages of tasks as they come, and the result of each as its last one.

        Parameters
        ----------
        tasks : sequence of Task
            They begin in this order.
        stop : callable, optional
            Called several times a second. If it returns True, running tasks are asked to end, and their messages are yielded until they
            have ended; the others do not begin.

        Raises
        ------
        MLPKitError
            The first error of a task, with its name before the message, after the other tasks were stopped as by `stop`. `WorkerError`
            if its process died, or for any other exception.
        """
        waiting, failure = deque(range(len(tasks))), None
        while True:
            if not self._stopping and stop is not None and stop():
                self._stop()
            if not self._stopping:
                self._give(tasks, waiting)
            if all(process.task is None for process in self._processes):
                break
            try:
                message = self._next(tasks)
            except MLPKitError as error:
                failure = failure or error
                self._stop()
                continue
            if message is not None:
                yield message
        if failure is not None:
            raise failure

    def _next(self, tasks: Sequence[Task]) -> Message | None:
        """Return the next message of a task; None if none comes for a while, or for what is none. Raise the error of a task."""
        try:
            process, frame = self._inbox.get(timeout=POLL)
        except queue.Empty:
            return None
        number, process.gone = process.task, frame is None
        if number is None or (process.gone and self._stopping):  # it had nothing to do, or nothing more
            process.task = None
            return None
        try:
            message = self._message(tasks[number].name, number, process, frame)
        except MLPKitError:
            process.task = None
            raise
        if message is not None and message.done:
            process.task = None
        return message

    def _give(self, tasks: Sequence[Task], waiting: deque[int]) -> None:
        """Give the next tasks to the processes that have none."""
        for process in self._processes:
            if process.task is None and waiting and not process.gone:
                process.task = waiting.popleft()
                task = tasks[process.task]
                process.send({"function": task.function, "values": task.values}, task.data)
        if waiting and all(process.gone for process in self._processes):
            raise _died(tasks[waiting[0]].name, self._processes[-1])

    def _stop(self) -> None:
        self._stopping = True
        for process in self._processes:
            process.send({"stop": True})

    def _message(self, name: str, number: int, process: _Process, frame: Frame | None) -> Message | None:
        """Return a message of a task; None for a warning, which is issued. Raise its error."""
        if frame is None:
            raise _died(name, process)
        values, data = frame
        if "warning" in values:
            warn(_warning(values))
            return None
        if "error" in values:
            kind = getattr(errors, values["error"], MLPKitError)
            raise kind(f"{name}: {values['message']}", help=values["help"])
        if "failure" in values:
            error = WorkerError(f"{name}: {shortened(values['failure'])}", help=IN_ONE_PROCESS)
            error.add_note(values["traceback"])
            raise error
        done = "done" in values
        return Message(number, done, values["done" if done else "message"], data)


IN_ONE_PROCESS = "MLPKIT_THREADS=1, or --threads 1, runs everything in one process, with the same results"


def _died(name: str, process: _Process) -> WorkerError:
    code = process.popen.wait()
    signal = f"signal {-code}" if code < 0 else f"exit code {code}"
    words = process.last_words()
    memory = "it may have run out of memory: " if code == -9 else ""
    return WorkerError(
        f"{name}: its worker process ended with {signal}{': ' if words else ''}{shortened(words)}", help=f"{memory}{IN_ONE_PROCESS}"
    )


def _warning(values: dict[str, Any]) -> Warning:
    kind = getattr(errors, values["category"], UserWarning)
    if issubclass(kind, errors.DataWarning):
        return kind(values["warning"], values["details"])
    return kind(values["warning"]) if issubclass(kind, Warning) else UserWarning(values["warning"])
