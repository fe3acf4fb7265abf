"""Compressed text files: their suffixes, and the streams of what they hold."""

from __future__ import annotations

import importlib
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from mlpkit.data.size_limits import check_unpacked
from mlpkit.data.table import data_error

PIECE = 2**18  # bytes unpacked at once


class Compression(NamedTuple):
    """Compression of files with a suffix: its name, the first bytes of a file, and the module whose `open` unpacks it."""

    name: str
    magic: bytes
    module: str


SUFFIXES = {
    ".gz": Compression("gzip", b"\x1f\x8b", "gzip"),
    ".bz2": Compression("bzip2", b"BZh", "bz2"),
    ".xz": Compression("xz", b"\xfd7zXZ\x00", "lzma"),
    ".zst": Compression("zstd", b"\x28\xb5\x2f\xfd", "mlpkit.data.zstd"),
}


def data_suffix(path: str | Path) -> str:
    """Return the suffix of a file in lower case, without that of its compression: ".csv" for rows.CSV.gz."""
    name = Path(path)
    return (Path(name.stem) if name.suffix.lower() in SUFFIXES else name).suffix.lower()


def compression_of(path: str | Path) -> Compression | None:
    """Return the compression that a file's suffix names, or None."""
    return SUFFIXES.get(Path(path).suffix.lower())


@contextmanager
def open_unpacked(path: str | Path, *, allow_large: bool = False) -> Iterator[BinaryIO]:
    """Open a file for reading as bytes. One with the suffix of a compression is unpacked while it is read.

    Parameters
    ----------
    path : str or Path
    allow_large : bool
        True to accept more than 1,000 times as many bytes as the file has.

    Raises
    ------
    DataError
        The file is not compressed as its suffix says. While it is read: it is damaged, cut short or far larger than it seems.
    """
    with open(path, "rb") as raw:
        kind = compression_of(path)
        if kind is None:
            yield raw
            return
        head = raw.read(len(kind.magic))
        raw.seek(0)
        if head != kind.magic:
            message = f"{path} is not compressed with {kind.name}, although its name ends with {Path(path).suffix}"
            raise data_error(message, str(path), help="rename it, or copy or download it again" if head else "copy or download it again")
        yield io.BufferedReader(_Unpacked(raw, kind, str(path), allow_large), PIECE)


class _Unpacked(io.RawIOBase):
    """Content of a compressed file, with errors that name the file."""

    def __init__(self, raw: BinaryIO, kind: Compression, path: str, allow_large: bool) -> None:
        self.path, self.kind, self.allow_large = path, kind, allow_large
        self.packed, self.count = os.fstat(raw.fileno()).st_size, 0
        self.stream: Any = importlib.import_module(kind.module).open(raw)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            found = self.stream.read1(len(buffer))
        except _errors(self.kind) as error:
            message = f"{self.path} is damaged or cut short: {error}"
            raise data_error(message, self.path, help="copy or download it again") from error
        self.count += len(found)
        check_unpacked(self.path, self.count, self.packed, self.allow_large)
        buffer[: len(found)] = found
        return len(found)


def _errors(kind: Compression) -> tuple[type[Exception], ...]:
    """Return the errors of a damaged stream: those of a compression's own library, and what all of them raise."""
    import zlib

    module = importlib.import_module(kind.module)
    return (
        EOFError,
        OSError,
        ValueError,
        zlib.error,
        *(getattr(module, name) for name in ("LZMAError", "ZstdError") if hasattr(module, name)),
    )
