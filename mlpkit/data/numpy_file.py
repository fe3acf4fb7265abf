"""NPY and NPZ files. Headers are checked before an array is allocated, and nothing is unpickled."""

from __future__ import annotations

import io
import math
import zipfile
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.lib import format as npy

from mlpkit.data.size_limits import check_claim, claimed
from mlpkit.data.table import UnusableColumn, data_error
from mlpkit.errors import DataError
from mlpkit.files.signatures import recognised
from mlpkit.text.column_names import same_form

MOST_HEADER = 2**16  # bytes
OBJECTS = "it holds Python objects, which are never loaded"
ADVICE = "save arrays of numbers or texts with numpy.save or numpy.savez"
Arrays = dict[str, Any]


class Header(NamedTuple):
    """Header of an NPY file."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    size: int  # bytes of the header itself

    @property
    def nbytes(self) -> int:
        """Number of bytes of the array's values."""
        return math.prod(self.shape) * self.dtype.itemsize


def load_numpy(path: str | Path, columns: Collection[str] | None, allow_large: bool) -> np.memmap[Any, Any] | Arrays:
    """Return the array of an NPY file, memory-mapped, or the arrays of an NPZ file by name.

    If any of `columns` is in an NPZ file, only these arrays are returned.

    Raises
    ------
    DataError
        The file has another format, holds Python objects, or declares too much memory.
    """
    with _errors(path):
        if not is_npy(path):
            return _archive(path, columns, allow_large)
        with open(path, "rb") as stream:
            header = _header(stream)
            rest = stream.seek(0, 2) - header.size
        if header.dtype.hasobject:
            raise ValueError(OBJECTS)
        if header.nbytes > rest:
            raise ValueError(f"its header declares {header.nbytes:,} bytes of values, but the file has {rest:,}")
        check_claim(path, claimed(header.shape, header.dtype.itemsize), allow_large)
        mapped: np.memmap[Any, Any] = np.load(path, mmap_mode="r")
        return mapped


def is_npy(path: str | Path) -> bool:
    """Return True if a file begins with the magic bytes of NPY."""
    with open(path, "rb") as stream:
        return stream.read(len(npy.MAGIC_PREFIX)) == npy.MAGIC_PREFIX


def _archive(path: str | Path, columns: Collection[str] | None, allow_large: bool) -> Arrays:
    if not zipfile.is_zipfile(path):
        with open(path, "rb") as stream:
            head = stream.read(2**12)
        if head.startswith(b"PK"):
            raise ValueError("it is a ZIP archive whose end is missing")
        if foreign := recognised(head):
            raise data_error(f"{path} is {foreign.name}", str(path), help=foreign.help)
        raise ValueError("it has neither format" if head else "it is empty")
    with zipfile.ZipFile(path) as archive:
        members = {info.filename.removesuffix(".npy"): info for info in archive.infolist() if info.filename.endswith(".npy")}
        headers: dict[str, Header] = {}
        for name, info in members.items():
            with archive.open(info) as member:
                headers[name] = _header(member)
        arrays = {name: header for name, header in headers.items() if header.shape}
        asked = set(map(same_form, columns or ()))
        wanted = {name: header for name, header in arrays.items() if same_form(name) in asked}
        plain = {name: header for name, header in (wanted or arrays).items() if not header.dtype.hasobject}
        if wanted.keys() - plain or (arrays and not plain):
            raise ValueError(OBJECTS)
        for name, header in plain.items():
            if header.nbytes > members[name].file_size - header.size:
                raise ValueError(f"the header of {name} declares more values than the file has")
        check_claim(path, sum(claimed(header.shape, header.dtype.itemsize) for header in plain.values()), allow_large)
        return {name: _member(archive, members[name], path, headers[name]) for name in wanted or arrays}


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: str | Path, header: Header) -> Any:
    """Read an array, or return an UnusableColumn for Python objects: the error is raised only if the column is used."""
    if header.dtype.hasobject:
        name = info.filename.removesuffix(".npy")
        return UnusableColumn(header.shape[0], data_error(f"the array {name!r} of {path}: {OBJECTS}", str(path), help=ADVICE))
    with archive.open(info) as member:
        return npy.read_array(member, allow_pickle=False)


def _header(stream: IO[bytes]) -> Header:
    """Read the header of an NPY file. Raise ValueError if it is not valid."""
    start = stream.read(8)
    if start[:6] != npy.MAGIC_PREFIX or start[6] not in (1, 2, 3):
        raise ValueError("it has an array that is not in NPY format, or in an unknown version of it")
    size = stream.read(2 if start[6] == 1 else 4)
    length = int.from_bytes(size, "little")
    if length > MOST_HEADER:
        raise ValueError(f"it has a header of {length:,} bytes, more than {MOST_HEADER:,}")
    text = io.BytesIO(size + stream.read(length))
    shape, _, dtype = (npy.read_array_header_1_0 if start[6] == 1 else npy.read_array_header_2_0)(text)
    if any(side < 0 for side in shape):
        raise ValueError(f"it has an array of shape {shape}")
    return Header(shape, dtype, 8 + len(size) + length)


@contextmanager
def _errors(path: str | Path) -> Iterator[None]:
    """Convert the errors of NumPy and zipfile about a file to DataError."""
    try:
        yield
    except DataError:
        raise
    except (ValueError, EOFError, KeyError, MemoryError, RuntimeError, NotImplementedError, zipfile.BadZipFile, zlib.error) as error:
        reason = str(error) or ("there is not enough memory" if isinstance(error, MemoryError) else type(error).__name__)
        raise data_error(
            f"{path} cannot be read as a NumPy file: {reason}", str(path), help=f"copy it again if it was cut short; or {ADVICE}"
        ) from error
