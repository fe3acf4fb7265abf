"""The text of a spec, read from a file, a pipe or stdin: never more than a spec can have, and never from a device."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path
from typing import BinaryIO

from mlpkit import jsontext
from mlpkit.errors import SpecError
from mlpkit.paths import as_path

MOST_BYTES = 2**26
ADVICE = "give the path of a JSON file"


def read_text(path: str | Path) -> str:
    """The text of a spec in a file; "-" is stdin.

    Raises
    ------
    SpecError
        The file cannot be read, is none, is too large or is not UTF-8.
    """
    try:
        if path == "-":
            return jsontext.decode(_bounded(sys.stdin.buffer, "stdin"), "<stdin>")
        found = as_path(path, SpecError, "the spec")
        mode = os.stat(found).st_mode
        if stat.S_ISDIR(mode):
            raise SpecError(f"cannot read the spec {path}: it is a folder", help="give the path of a JSON file in it")
        if not (stat.S_ISREG(mode) or stat.S_ISFIFO(mode)):
            raise SpecError(f"cannot read the spec {path}: it is not a regular file", help=ADVICE)
        with open(found, "rb") as stream:
            return jsontext.decode(_bounded(stream, str(path)), str(path))
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = getattr(error, "strerror", None) or str(error)
        raise SpecError(f"cannot read the spec {path}: {reason}", help=ADVICE) from error


def _bounded(stream: BinaryIO, name: str) -> bytes:
    data = stream.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise SpecError(f"cannot read the spec {name}: it has more than {MOST_BYTES // 2**20} MiB", help=ADVICE)
    return data
