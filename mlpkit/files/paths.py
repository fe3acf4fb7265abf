"""Paths: whatever a user gives as the place of a file, checked and with ~ as the home folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from mlpkit.errors import MLPKitError

LONGEST = 4096  # characters; no system takes more


def as_path(path: Any, error: type[MLPKitError], what: str) -> Path:
    """The path that a user gives for something.

    Parameters
    ----------
    path : str or os.PathLike
    error : type
        The exception for what is no path.
    what : str
        What is there, or is to be: "the model".
    """
    if not isinstance(path, (str, os.PathLike)) or not isinstance(os.fspath(path), str):
        raise error(
            f"{what} is given as {type(path).__name__}, which is no path", help="give the path of a file, as a text or a pathlib.Path"
        )
    text = os.fspath(path)
    if not text:
        raise error(f"the path of {what} is empty", help="give the path of a file")
    if len(text) > LONGEST:
        message = f"the path of {what} has {len(text):,} characters, more than {LONGEST:,}: {text[:100]!r}..."
        raise error(message, help="give the path of a file")
    return Path(expanded(text))


def expanded(text: str) -> str:
    """A path with ~ at its begin replaced by the home folder, as a shell does."""
    return os.path.expanduser(text) if text.startswith("~") else text
