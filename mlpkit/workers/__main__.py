"""Process of a worker, started by `Pool`: tasks come in on stdin, messages go out on stdout, until stdin is closed.

Signals of the terminal are left to the process that has started it. What plugins print goes to stderr.
"""

from __future__ import annotations

import importlib
import os
import queue
import signal
import sys
import threading
import traceback
import warnings
from typing import Any, BinaryIO, cast

from mlpkit.errors import MLPKitError
from mlpkit.workers.frames import Frame, read_frame, write_frame
from mlpkit.workers.job import Function, Job
from mlpkit.workers.shared_arrays import Arrays, open_arrays


class Worker:
    """Loop over the tasks of one worker.

    Parameters
    ----------
    commands, answers : binary file objects
    arrays : dict of str to array
    """

    def __init__(self, commands: BinaryIO, answers: BinaryIO, arrays: Arrays) -> None:
        self.commands, self.answers, self.arrays = commands, answers, arrays
        self.tasks: queue.SimpleQueue[Frame] = queue.SimpleQueue()
        self.stop = threading.Event()
        self.lock = threading.Lock()  # a warning may come from another thread
        self.warned: set[tuple[str, str]] = set()

    def send(self, values: dict[str, Any], data: bytes = b"") -> None:
        """Send a message."""
        with self.lock:
            write_frame(self.answers, values, data)

    def listen(self) -> None:
        """Take tasks and the order to stop. End the process when the other one is gone."""
        while (frame := read_frame(self.commands)) is not None:
            if "stop" in frame[0]:
                self.stop.set()
            else:
                self.tasks.put(frame)
        os._exit(0)

    def warn(self, message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
        """Send a warning, the same one only once per task."""
        key = category.__name__, str(message)
        if key not in self.warned:
            self.warned.add(key)
            self.send({"warning": key[1], "category": key[0], "details": str(getattr(message, "details", ""))})

    def run(self) -> None:
        """Run tasks for ever; `listen` ends the process."""
        threading.Thread(target=self.listen, daemon=True).start()
        self.send({"ready": True})
        while True:
            task, data = self.tasks.get()
            self.warned.clear()
            self.send(*self._answer(task, data))

    def _answer(self, task: dict[str, Any], data: bytes) -> Frame:
        """Return the last message of a task: its result or its error."""
        try:
            module, name = task["function"].split(":")
            function: Function = getattr(importlib.import_module(module), name)
            values, result = function(task["values"], data, Job(self.arrays, self._message, self.stop.is_set))
            return {"done": values}, result
        except MLPKitError as error:
            return {"error": type(error).__name__, "message": error.message, "help": error.help}, b""
        except BaseException as error:
            last = traceback.format_exception_only(error)[-1].strip()
            return {"failure": last, "traceback": traceback.format_exc()}, b""

    def _message(self, values: dict[str, Any], data: bytes) -> None:
        self.send({"message": values}, data)


def main() -> None:
    """Run a worker."""
    for name in ("SIGINT", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    commands, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    first = read_frame(commands)
    if first is None:
        return
    sys.path[:] = first[0]["path"]
    worker = Worker(commands, cast(BinaryIO, answers), open_arrays(first[0]["arrays"]))
    warnings.simplefilter("ignore")
    warnings.simplefilter("always", UserWarning)
    warnings.showwarning = worker.warn
    worker.run()


if __name__ == "__main__":
    main()
