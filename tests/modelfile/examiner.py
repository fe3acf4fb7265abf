"""Examiner: what comes of each file of a folder, and what the process that reads it does meanwhile.

``python tests/modelfile/examiner.py FOLDER`` prints a JSON line for each file. An audit hook sees every file that is
opened and every program that is started, and tracemalloc the memory. It is a script of its own, so that nothing is imported
but what reading imports.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
import tracemalloc
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import mlpkit
from mlpkit.cli import main
from mlpkit.errors import MLPKitError
from mlpkit.model.inspection import inspect
from mlpkit.modelfile.reader import read
from tests.calls import calls

Outcome = dict[str, Any]
STARTS = ("os.system", "os.exec", "os.spawn", "os.posix_spawn", "os.fork", "subprocess.", "socket.", "ctypes.")
CHANGES = ("os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate", "os.chmod", "shutil.")
CODE = ("open", "exec", "compile", "import")
OWN = tuple(os.path.realpath(path) for path in (sys.prefix, sys.base_prefix, Path(mlpkit.__file__).parents[1]))
BAIT = "bait"  # a module that can be imported, which nothing may do


class Watch:
    """Notes what the process does while it is on: opening files that are not Python's, importing, starting programs."""

    def __init__(self) -> None:
        self.on, self.seen = False, []
        sys.addaudithook(self.note)

    def note(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.on and (event.startswith((*STARTS, *CHANGES)) or (event in CODE and not _is_pythons(event, arguments))):
            self.seen.append(f"{event} {str(arguments[0])[:200]}")


def _is_pythons(event: str, arguments: tuple[Any, ...]) -> bool:
    """Return True if a file or code belongs to Python, mlpkit or an installed package, and was not chosen by a model file."""
    if event == "import":
        return arguments[0] != BAIT
    file = arguments[1] if event == "compile" else arguments[0].co_filename if event == "exec" else arguments[0]
    made = isinstance(file, (str, bytes)) and os.fsdecode(file).startswith("<")  # by dataclasses, by namedtuple
    return made or isinstance(file, int) or os.path.realpath(os.fsdecode(file)).startswith(OWN)


def examined(function: Callable[[str], Any], path: str, watch: Watch, count: bool = True) -> Outcome:
    """Call a function with the path of a file: its error, what it did, its calls of functions and its memory."""
    watch.seen, watch.on = [], True
    outcome: Outcome = {
        "error": None,
        "rule": None,
        "message": "",
        "result": None,
        "calls": calls(partial(tried, function, path)) if count else None,
    }
    tracemalloc.start()
    try:
        result = function(path)
        outcome["result"] = result if isinstance(result, list) else None
    except MLPKitError as error:
        outcome |= {"error": type(error).__name__, "rule": getattr(error, "rule", None), "message": error.message}
    except Exception as error:
        outcome |= {"error": type(error).__name__, "message": str(error)}
    finally:
        watch.on = False
        outcome["memory"] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return outcome | {"did": [event for event in watch.seen if event != f"open {path}"]}


def tried(function: Callable[[str], Any], path: str) -> None:
    """Call a function with the path of a file, whatever it raises."""
    with contextlib.suppress(Exception):
        function(path)


def program(*options: str) -> Callable[[str], list[Any]]:
    """`mlpkit info` as a function: exit code and what it wrote to stderr."""

    def run(path: str) -> list[Any]:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()) as errors:
            code = main(["info", *options, path])
        return [code, errors.getvalue()]

    return run


FUNCTIONS: dict[str, Callable[[str], Any]] = {
    "inspect": inspect,
    "read": read,
    "load": mlpkit.load,
    "info": program(),
    "verify": program("--verify"),
}


COUNTED = ("load", "verify")  # the functions that do most; counting calls takes several times as long as making them


def examine(folder: Path) -> None:
    """Print what comes of each file in a folder, one line each."""
    warnings.simplefilter("ignore", mlpkit.ProbeWarning)
    files, watch = sorted(folder.glob("*.h5")), Watch()
    for function in FUNCTIONS.values():
        calls(partial(tried, function, str(files[0])))  # imports what the first call imports
    for path in files:
        outcomes = {name: examined(function, str(path), watch, name in COUNTED) for name, function in FUNCTIONS.items()}
        print(json.dumps({"file": path.name, "size": path.stat().st_size, "h5py": "h5py" in sys.modules, **outcomes}), flush=True)


if __name__ == "__main__":
    examine(Path(sys.argv[1]))
