"""Paths given by users, checked and with ~ expanded."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from mlpkit.errors import MLPKitError

LONGEST = 4096  # characters; no system accepts more


def as_path(path: Any, error: type[MLPKitError], label: str) -> Path:
    """Return a user's path, checked and expanded.

    Parameters
    ----------
    path : str or os.PathLike
    error : type
        Exception for an invalid path.
    label : str
        Name of the file in messages, such as "the model".
    """
    if not isinstance(path, (str, os.PathLike)) or not isinstance(os.fspath(path), str):
        raise error(
            f"{label} is given as {type(path).__name__}, which is not a path", help="give the path of a file as a str or a pathlib.Path"
        )
    text = os.fspath(path)
    if not text:
        raise error(f"the path of {label} is empty", help="give the path of a file")
    if len(text) > LONGEST:
        message = f"the path of {label} has {len(text):,} characters, more than {LONGEST:,}: {text[:100]!r}..."
        raise error(message, help="give the path of a file")
    return Path(expanded(text))


def expanded(text: str) -> str:
    """Return a path with ~ at its start replaced by the home folder, as in a shell."""
    return os.path.expanduser(text) if text.startswith("~") else text
