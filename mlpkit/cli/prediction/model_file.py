"""ModelFile: a model with the digest of its file, which worker processes load too."""

from __future__ import annotations

import hashlib
import os
import warnings
from functools import cache
from typing import TYPE_CHECKING

from mlpkit.cli.options import load_code
from mlpkit.errors import ModelFileError
from mlpkit.files.paths import expanded

if TYPE_CHECKING:
    from mlpkit.model.model import Model

State = tuple[int, ...]


def state_of(path: str) -> State:
    """Return numbers that change when a file is replaced or written."""
    found = os.stat(expanded(path))
    return (found.st_ino, found.st_size, found.st_mtime_ns)


class ModelFile:
    """Model that is loaded from a file.

    Parameters
    ----------
    path : str
    allow_surrogate : bool
    engine : str or None

    Attributes
    ----------
    model : Model
    state : tuple of int
        State of the file when it was loaded.
    """

    def __init__(self, path: str, allow_surrogate: bool, engine: str | None) -> None:
        from mlpkit.model.load import load

        self.path = path
        before = state_of(path) if os.path.exists(expanded(path)) else ()
        self.model: Model = load(path, allow_surrogate=allow_surrogate, engine=engine)
        self.state = before
        _check_unchanged(path, before)

    def digest(self) -> str:
        """Return the SHA-256 of the file. Raise ModelFileError if it is not the file that was loaded."""
        with open(expanded(self.path), "rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        _check_unchanged(self.path, self.state)
        return found


@cache
def loaded(path: str, state: State, allow_surrogate: bool, engine: str | None, code: tuple[str, ...]) -> Model:
    """Return the model of a file in a worker process, once for all of its tasks; the processes share the memory of its weights.

    Raises
    ------
    ModelFileError
        The file has changed since the process that has started this one loaded it.
    """
    from mlpkit.model.load import load

    load_code(code)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the process that has started this one has shown them
        model = load(path, mmap=True, allow_surrogate=allow_surrogate, engine=engine)
    _check_unchanged(path, state)
    return model


def _check_unchanged(path: str, state: State) -> None:
    if state_of(path) != state:
        raise ModelFileError(f"{path} has changed while it was in use", help="run the command again")
