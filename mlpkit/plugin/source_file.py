"""Source file of a user's class, which model files record."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import NamedTuple


class SourceFile(NamedTuple):
    """Name of a file without its folder, and the SHA-256 of its content."""

    name: str
    sha256: str


def source_of(cls: type) -> SourceFile | None:
    """Return the file that defines a class; None for a class of an interactive session."""
    path = getattr(sys.modules.get(cls.__module__), "__file__", None)
    if path is None:
        return None
    try:
        return SourceFile(Path(path).name, hashlib.sha256(Path(path).read_bytes()).hexdigest())
    except OSError:
        return None
