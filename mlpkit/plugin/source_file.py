"""SourceFile: the file in which a class of the user's own is defined, so that a model can say which one it needs."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import NamedTuple


class SourceFile(NamedTuple):
    """The name of a file, without its folder, and the SHA-256 of what is in it."""

    name: str
    sha256: str


def source_of(cls: type) -> SourceFile | None:
    """The file that defines a class; None for one of an interactive session."""
    path = getattr(sys.modules.get(cls.__module__), "__file__", None)
    if path is None:
        return None
    try:
        return SourceFile(Path(path).name, hashlib.sha256(Path(path).read_bytes()).hexdigest())
    except OSError:
        return None
