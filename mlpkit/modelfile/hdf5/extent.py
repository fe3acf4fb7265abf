"""Extent of a dataset: its position in the file, its shape and its dtype."""

from __future__ import annotations

import struct
from math import prod
from typing import NamedTuple

from mlpkit.errors import Corrupt, ResourceLimit, Unsafe
from mlpkit.modelfile.constants import MAX_FILE_BYTES, MAX_RANK
from mlpkit.modelfile.hdf5 import header
from mlpkit.modelfile.hdf5.datatypes import NUMBERS
from mlpkit.modelfile.hdf5.header import Message
from mlpkit.modelfile.hdf5.metadata import UNDEFINED, Metadata
from mlpkit.modelfile.rules import Rule

LAYOUT = struct.Struct("<BBQQ")


class Extent(NamedTuple):
    """Position of a dataset in the file.

    Attributes
    ----------
    dtype : str
        NumPy dtype of the stored values, such as "<f4".
    shape : tuple of int
    offset, size : int
        Position and number of the bytes; both are 0 for a dataset without elements.
    """

    dtype: str
    shape: tuple[int, ...]
    offset: int
    size: int


def read_extent(metadata: Metadata, messages: list[Message], path: str) -> Extent:
    """Return the extent of a dataset with these messages.

    Raises
    ------
    Corrupt, Unsafe, ResourceLimit
        The dataset does not have plain, contiguous storage inside the file.
    """
    bodies = {message.type: message.body for message in messages}
    layout = bodies[header.LAYOUT]
    if len(layout) != LAYOUT.size or layout[:2] != b"\3\1":
        raise Unsafe(f"{path} is stored in chunks, filtered, compact, virtual or external", rule=Rule.STORAGE)
    dtype = NUMBERS.get(bodies[header.DATATYPE])
    if dtype is None:
        raise Unsafe(f"{path} has a datatype that model files do not use", rule=Rule.DATATYPE)
    shape = _shape(bodies[header.DATASPACE], path)
    _, _, offset, stored = LAYOUT.unpack(layout)
    size = prod(shape) * int(dtype[2])
    if size > metadata.source.size:
        raise ResourceLimit(f"{path} declares {size} bytes, shape {shape}, but the file has {metadata.source.size}", rule=Rule.EXTENTS)
    if size == 0 and prod(length or 1 for length in shape) > MAX_FILE_BYTES:
        raise ResourceLimit(f"{path} has no elements, but its shape {shape} is too large", rule=Rule.LIMITS)
    if stored != size or (size == 0 and offset != UNDEFINED):
        raise Corrupt(f"{path} has {stored} bytes, which does not match its shape and type", rule=Rule.STORAGE)
    if size:
        metadata.claim(offset, size, path)
    return Extent(dtype, shape, offset if size else 0, size)


def _shape(body: bytes, path: str) -> tuple[int, ...]:
    if len(body) < 4 or body[0] != 2 or body[2] > 1 or body[3] != (body[1] > 0):
        raise Unsafe(f"{path} has no shape", rule=Rule.DATASPACE)
    rank, has_limits = body[1], body[2]
    if rank > MAX_RANK:
        raise ResourceLimit(f"{path} has {rank} dimensions, more than {MAX_RANK}", rule=Rule.DATASPACE)
    sizes = body[4 : 4 + 8 * rank]
    if body[4:] != sizes * (1 + has_limits) or len(sizes) != 8 * rank:
        raise Unsafe(f"{path} is resizable, or has no shape", rule=Rule.DATASPACE)
    return struct.unpack(f"<{rank}Q", sizes)
