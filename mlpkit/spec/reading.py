"""Text of a spec from a file, a pipe or stdin, limited in size and never read from a device."""

from __future__ import annotations

import codecs
import os
import stat
import sys
from pathlib import Path
from typing import BinaryIO

from mlpkit.errors import Problem, SpecError
from mlpkit.files.paths import as_path
from mlpkit.files.signatures import Foreign, recognised

MOST_BYTES = 2**26
_MARKS = (
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)
ADVICE = "give the path of a JSON file"


def read_text(path: str | Path) -> str:
    """Return the text of a spec in a file; "-" is stdin.

    Raises
    ------
    SpecError
        The file cannot be read, is not a regular file, is too large or is not UTF-8.
    """
    try:
        if path == "-":
            return decode(_bounded(sys.stdin.buffer, "stdin"), "<stdin>")
        found = as_path(path, SpecError, "the spec")
        mode = os.stat(found).st_mode
        if stat.S_ISDIR(mode):
            raise SpecError(f"cannot read the spec {path}: it is a folder", help="give the path of a JSON file in it")
        if not (stat.S_ISREG(mode) or stat.S_ISFIFO(mode)):
            raise SpecError(f"cannot read the spec {path}: it is not a regular file", help=ADVICE)
        with open(found, "rb") as stream:
            return decode(_bounded(stream, str(path)), str(path))
    except SpecError:
        raise
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = getattr(error, "strerror", None) or str(error)
        raise SpecError(f"cannot read the spec {path}: {reason}", help=ADVICE) from error


def _bounded(stream: BinaryIO, name: str) -> bytes:
    data = stream.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise SpecError(f"cannot read the spec {name}: it has more than {MOST_BYTES // 2**20} MiB", help=ADVICE)
    return data


def decode(data: bytes, file: str = "") -> str:
    """Return the text of a JSON file; raise SpecError with the detected format if it is not UTF-8."""
    message, help, line = "", "save the file as UTF-8", 1
    wide = next((name for mark, name in _MARKS if data.startswith(mark)), _without_mark(data))
    foreign = recognised(data[:4096]) or (Foreign("an HDF5 file, such as a model", "") if data.startswith(b"\x89HDF") else None)
    if foreign is not None:
        message, help = f"it is {foreign.name}, not a JSON spec", foreign.help or "give a JSON file; mlpkit info --spec prints a model's"
    elif wide:
        message = f"it is {wide} text, not UTF-8"
    else:
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            message = f"it is not UTF-8 text: byte 0x{data[error.start]:02x} in line {line}"
    message = f"cannot read the spec {file}: {message}" if file else f"cannot read the spec: {message}"
    raise SpecError(message, help=help, problems=[Problem(message, help=help, file=file, line=line)])


def _without_mark(data: bytes) -> str:
    """Return the encoding of text with two or four bytes per character; empty for other text."""
    zeros = data[:4].count(0)
    return "" if not zeros or len(data) < 4 else "UTF-32" if zeros > 2 else "UTF-16"
