"""Reader of safetensors files: a JSON header with the place of each array, then their bytes. All of it is checked before it is used."""

from __future__ import annotations

import re
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpkit.errors import Corrupt, ModelFileError, NotAModelFile, ResourceLimit, Truncated
from mlpkit.files.signatures import recognised
from mlpkit.modelfile.constants import MAX_RANK
from mlpkit.modelfile.hdf5.source import Source, open_source
from mlpkit.modelfile.reader import naming
from mlpkit.modelfile.strict_json import decode
from mlpkit.text.shown import shortened

DTYPES = {
    **{"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "BOOL": "|b1"},
    **{"I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "|i1", "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "|u1"},
}
MAX_HEADER = 16 * 2**20
MOST = 2**60  # numbers of an array
PICKLED = re.compile(r"PyTorch|pickle")
SAVE = "in Python with PyTorch: safetensors.torch.save_file(model.state_dict(), 'model.safetensors')"
Arrays = dict[str, NDArray[Any]]


def read_safetensors(path: str | Path) -> Arrays:
    """Return the arrays of a file by name; those of bfloat16 become float32.

    Raises
    ------
    ModelFileError
        The file cannot be read, is of another format, is damaged, or has arrays of another kind.
    """
    with naming(path):
        try:
            with open_source(path) as source:
                return _read(source)
        except NotAModelFile as error:
            raise NotAModelFile(
                error.message, help=error.help if "save_file" in error.help else f"give a safetensors file; {SAVE}"
            ) from error


def _read(source: Source) -> Arrays:
    head = source.window(0, 2**16)
    if len(head) < 8:
        raise NotAModelFile(f"it has {len(head)} bytes, and is no safetensors file")
    length = int.from_bytes(head[:8], "little")
    if head[8:9] != b"{":
        raise _other(head)
    if length > MAX_HEADER:
        raise ResourceLimit(f"its header has {length} bytes, more than {MAX_HEADER}")
    if length > source.size - 8:
        raise Truncated(f"its header has {length} bytes, but there are {source.size - 8}", help="download or save it again")
    header = decode(source.at(8, length), "its header")
    header.pop("__metadata__", None)
    places = {name: _place(shortened(name, 100), entry) for name, entry in header.items()}
    _check_places(places, source.size - 8 - length)
    return {name: _array(source, 8 + length + start, dtype, shape) for name, (start, _, dtype, shape) in places.items()}


def _other(head: bytes) -> ModelFileError:
    """Return the error for a file of another format."""
    found = recognised(head)
    if found is not None and PICKLED.search(found.name):
        return NotAModelFile(f"it is {found.name}, which can run code and is not loaded", help=f"save the weights as safetensors, {SAVE}")
    if found is not None:
        return NotAModelFile(f"it is {found.name}, and no safetensors file")
    return NotAModelFile("it is no safetensors file: there is no JSON after its first 8 bytes")


Place = tuple[int, int, str, tuple[int, ...]]


def _place(name: str, entry: Any) -> Place:
    """Return begin and end of an array behind the header, its type, and its shape. Raise ModelFileError if they do not fit each other."""
    if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "data_offsets"}:
        raise Corrupt(f"the entry of {name!r} does not have dtype, shape and data_offsets")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    for values in (shape, offsets):
        if not isinstance(values, list) or not all(type(value) is int and value >= 0 for value in values):
            raise Corrupt(f"shape or data_offsets of {name!r} are not lists of integers")
    if len(shape) > MAX_RANK or len(offsets) != 2:
        raise Corrupt(f"{name!r} has {len(shape)} axes and {len(offsets)} offsets, not up to {MAX_RANK} and 2")
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise ModelFileError(f"{name!r} has the type {shortened(str(dtype), 60)}", help=f"convert it; known are {', '.join(DTYPES)}")
    if prod(filter(None, shape)) >= MOST:  # NumPy has no such empty array either
        raise Corrupt(f"{name!r} has the shape {shape}, which is too large")
    size = prod(shape) * np.dtype(DTYPES[dtype]).itemsize
    if offsets[1] - offsets[0] != size:
        raise Corrupt(f"{name!r} has {offsets[1] - offsets[0]} bytes, but its shape {shape} of {dtype} needs {size}")
    return offsets[0], offsets[1], dtype, tuple(shape)


def _check_places(places: dict[str, Place], size: int) -> None:
    """Raise ModelFileError if the arrays do not fill the file one after the other, without gaps and overlaps."""
    end = 0
    for name, (start, stop, *_) in sorted(places.items(), key=lambda item: item[1][:2]):
        if start != end:
            problem = "overlaps the array before" if start < end else "leaves a gap before it"
            raise Corrupt(f"{shortened(name, 100)!r} begins at {start}, which {problem}, at {end}")
        end = stop
    if end > size:
        raise Truncated(f"its arrays have {end} bytes, but there are {size}", help="download or save it again")
    if end < size:
        raise Corrupt(f"it has {size - end} bytes after its arrays")


def _array(source: Source, start: int, dtype: str, shape: tuple[int, ...]) -> NDArray[Any]:
    found = np.empty(prod(shape), DTYPES[dtype])
    source.read_into(start, found.view(np.uint8).data)
    if dtype == "BF16":
        found = (found.astype(np.uint32) << np.uint32(16)).view(np.float32)
    return found.reshape(shape)
