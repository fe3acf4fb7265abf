"""Object headers of HDF5, version 2: the messages that describe a group or a dataset (HDF5 File Format 3.0, IV.A.1.b)."""

from __future__ import annotations

from typing import NamedTuple

from mlpkit.errors import Corrupt, ResourceLimit, Unsafe
from mlpkit.modelfile.constants import MAX_HEADER_BYTES
from mlpkit.modelfile.hdf5.metadata import Metadata
from mlpkit.modelfile.rules import Rule

# message types
NIL, DATASPACE, LINK_INFO, DATATYPE, FILL_VALUE, LINK, EXTERNAL, LAYOUT = 0, 1, 2, 3, 5, 6, 7, 8
GROUP_INFO, FILTERS, ATTRIBUTE, CONTINUATION, ATTRIBUTE_INFO, LINK_COUNT = 10, 11, 12, 16, 21, 22

SIZE_WIDTH, ATTRIBUTE_LIMITS, TIMES = 0b11, 0b1_0000, 0b10_0000  # flags of a header
PREFIX = 6 + 16 + 4 + 8  # most bytes before the first message
MESSAGE_HEAD = 4
WINDOW = 512  # bytes read at once; most headers are shorter


class Message(NamedTuple):
    """Message of an object header."""

    type: int
    flags: int
    body: bytes


def read_header(metadata: Metadata, address: int, label: str, start: bytes) -> list[Message]:
    """Return the messages of the object at an address, whose first bytes are `start`, including those of continuation blocks.

    Raises
    ------
    Corrupt, Unsafe, ResourceLimit
        The bytes are not a header of version 2, have parts that model files do not use, or are too long.
    """
    if len(start) < PREFIX or start[:4] != b"OHDR" or start[4] != 2:
        raise Corrupt(f"{label} is not an object: byte {address} does not begin a header of version 2", rule=Rule.OBJECTS)
    if start[5] & ~(SIZE_WIDTH | ATTRIBUTE_LIMITS | TIMES):
        raise Unsafe(f"{label} stores the creation order of its attributes", rule=Rule.OBJECTS)
    position = 6 + 4 * bool(start[5] & ATTRIBUTE_LIMITS) + 16 * bool(start[5] & TIMES)  # optional fields that are ignored
    first = position + (1 << (start[5] & SIZE_WIDTH))
    size = int.from_bytes(start[position:first], "little")
    _check_size(size, label)
    block = metadata.block(address, first + size + 4, label)
    messages = _messages(metadata, block, first, label)
    for message in messages:  # the list grows with each continuation block
        if message.type == CONTINUATION:
            messages += _continuation(metadata, message, label)
    return messages


def _continuation(metadata: Metadata, message: Message, label: str) -> list[Message]:
    if len(message.body) != 16:
        raise Corrupt(f"the header of {label} has an invalid continuation", rule=Rule.OBJECTS)
    address, size = int.from_bytes(message.body[:8], "little"), int.from_bytes(message.body[8:], "little")
    _check_size(size, label)
    data = metadata.block(address, max(size, 8), f"the header of {label}")
    if data[:4] != b"OCHK":
        raise Corrupt(f"the header of {label} has no continuation block at byte {address}", rule=Rule.OBJECTS)
    return _messages(metadata, data, 4, label)


def _messages(metadata: Metadata, data: bytes, position: int, label: str) -> list[Message]:
    """Return the messages of a block. Bytes before its checksum that are too few for a message are a gap."""
    end, found = len(data) - 4, []
    while end - position >= MESSAGE_HEAD:
        size = data[position + 1] | data[position + 2] << 8
        stop = position + 4 + size
        if stop > end:
            raise Corrupt(f"a message in the header of {label} is longer than the header", rule=Rule.OBJECTS)
        found.append(Message(data[position], data[position + 3], data[position + 4 : stop]))
        position = stop
    metadata.count_messages(len(found))
    if position < end and any(message.type == NIL for message in found):
        raise Corrupt(f"the header of {label} has a gap beside empty messages", rule=Rule.OBJECTS)
    return found


def _check_size(size: int, label: str) -> None:
    if size > MAX_HEADER_BYTES:
        raise ResourceLimit(f"the header of {label} has {size} bytes, more than {MAX_HEADER_BYTES}", rule=Rule.LIMITS)
