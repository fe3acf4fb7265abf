"""Source: the bytes of a file, read through one descriptor, so that the bytes verified and the bytes used are the same.

A small file is read at once. Of a large one, only the pieces that are requested are read, arrays directly into their memory. A
memory-mapped file is loaded when its bytes are used, and shared with every other process that maps it.
"""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from io import UnsupportedOperation
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

from mlpkit.errors import Corrupt, ModelFileError, NotAModelFile, ResourceLimit, Truncated
from mlpkit.files.paths import as_path
from mlpkit.modelfile.constants import MAX_FILE_BYTES
from mlpkit.modelfile.memory_map import mapped
from mlpkit.modelfile.rules import Rule

# O_NONBLOCK: opening a FIFO must not wait for its writer. O_BINARY: Windows would translate line ends.
FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
ModelSource: TypeAlias = "str | Path | bytes | bytearray | memoryview | BinaryIO"
PIECE = 2**24  # bytes requested from a file object at once; it may allocate as many
SMALL = 2**20  # files up to this size are read at once


class Source:
    """Bytes in memory.

    Parameters
    ----------
    data : bytes or memoryview
        Bytes of a whole file.

    Attributes
    ----------
    size : int
    """

    def __init__(self, data: bytes | memoryview) -> None:
        self.data = memoryview(data)
        self.size = len(self.data)

    def at(self, offset: int, size: int) -> bytes:
        """Return a copy of some bytes. Raise Corrupt if they are not inside the file."""
        self._check(offset, size)
        return bytes(self.data[offset : offset + size])

    def window(self, offset: int, size: int) -> bytes:
        """Return a copy of some bytes, or fewer at the end of the file."""
        if offset > self.size:
            self._check(offset, 0)
        return bytes(self.data[offset : offset + size])

    def read_into(self, offset: int, buffer: memoryview) -> None:
        """Fill a buffer with the bytes from an offset on."""
        self._check(offset, len(buffer))
        buffer[:] = self.data[offset : offset + len(buffer)]

    def _check(self, offset: int, size: int) -> None:
        if not 0 <= offset <= offset + size <= self.size:
            raise Corrupt(f"it points to bytes {offset} to {offset + size}, but has {self.size}", rule=Rule.EXTENTS)


class FileSource(Source):
    """Bytes of an open file, read on request from any thread."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self.file, self.size = file, size
        self.lock = threading.Lock()

    def at(self, offset: int, size: int) -> bytes:
        self._check(offset, size)
        buffer = bytearray(size)
        self.read_into(offset, memoryview(buffer))
        return bytes(buffer)

    def window(self, offset: int, size: int) -> bytes:
        return self.at(offset, min(size, max(0, self.size - offset)))

    def read_into(self, offset: int, buffer: memoryview) -> None:
        self._check(offset, len(buffer))
        done = 0
        with self.lock:
            try:
                self.file.seek(offset)
                while done < len(buffer) and (count := self.file.readinto(buffer[done:])):  # type: ignore[attr-defined]
                    done += count
            except OSError as error:
                raise ModelFileError(f"it cannot be read: {error.strerror}", help="check the disk") from error
        if done < len(buffer):
            raise _shrunk(offset + done, self.size)


def named(path: ModelSource) -> str:
    """Return the name of a model file for messages: its path, or a description of its source."""
    if isinstance(path, (bytes, bytearray, memoryview)):
        return "the bytes"
    if not hasattr(path, "read"):
        return str(path)
    name = getattr(path, "name", None)
    return name if isinstance(name, str) else "the file object"


@contextmanager
def open_source(path: ModelSource, map_file: bool = False) -> Iterator[Source]:
    """Open the bytes of a regular file for the duration of the context. A mapping lasts as long as any array of it.

    Parameters
    ----------
    path : str, Path, bytes or a binary file object
        A file object is read from its current position to its end.
    map_file : bool
        True to map the file into memory.

    Raises
    ------
    ModelFileError
        The file does not exist, cannot be read, is not a regular file, or is too large.
    """
    if isinstance(path, (bytes, bytearray, memoryview)) or hasattr(path, "read"):
        yield Source(_bytes_of(path))
        return
    path = as_path(path, ModelFileError, "the model")
    with ExitStack() as stack:
        try:
            file = stack.enter_context(open(path, "rb", buffering=0, opener=lambda name, _: os.open(name, FLAGS)))
            source = _source(file, os.fstat(file.fileno()), map_file)
        except FileNotFoundError as error:
            raise ModelFileError("there is no such file", help="check the path") from error
        except PermissionError as error:
            raise ModelFileError("no permission to read it", help="check the permissions of the file and its folders") from error
        except IsADirectoryError as error:  # open() fails for a folder before fstat is called
            raise NotAModelFile("it is a folder", help="give a file that mlpkit saved") from error
        except (OSError, ValueError) as error:  # ValueError: the path has a NUL
            raise ModelFileError(f"it cannot be read: {getattr(error, 'strerror', None) or error}") from error
        yield source


def _bytes_of(source: Any) -> bytes:
    """Return the bytes of a file object, or bytes that are given directly."""
    if not hasattr(source, "read"):
        return bytes(source)
    pieces, size = [], 0
    try:
        while size <= MAX_FILE_BYTES and (piece := source.read(PIECE)):  # a raw file may return fewer bytes
            if not isinstance(piece, bytes):
                raise ModelFileError(f"its read() returns {type(piece).__name__}, not bytes", help="open it in binary mode, 'rb'")
            pieces.append(piece)
            size += len(piece)
    except UnsupportedOperation as error:
        raise ModelFileError("it is not open for reading", help="open it in mode 'rb'") from error
    except (OSError, ValueError) as error:  # ValueError: the file is closed
        raise ModelFileError(f"it cannot be read: {getattr(error, 'strerror', None) or error}") from error
    if size > MAX_FILE_BYTES:
        raise ResourceLimit(f"it has more than {MAX_FILE_BYTES} bytes", rule=Rule.LIMITS)
    return b"".join(pieces)


def _source(file: BinaryIO, status: os.stat_result, map_file: bool) -> Source:
    size = status.st_size
    if not stat.S_ISREG(status.st_mode):
        raise NotAModelFile("it is not a regular file", help="give a file that mlpkit saved")
    if size > MAX_FILE_BYTES:
        raise ResourceLimit(f"it has {size} bytes, more than {MAX_FILE_BYTES}", rule=Rule.LIMITS)
    if map_file and size:
        return Source(mapped(file.fileno(), size))
    if size > SMALL:
        return FileSource(file, size)
    data = file.read(size)
    if len(data) < size:
        raise _shrunk(len(data), size)
    return Source(data)


def _shrunk(found: int, size: int) -> Truncated:
    return Truncated(f"only {found} of {size} bytes could be read", rule=Rule.END)
