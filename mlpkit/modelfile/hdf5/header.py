"""Object headers of HDF5, version 2: the messages that describe a group or a dataset (HDF5 File Format 3.0, IV.A.1.b)."""

from __future__ import annotations

from typing import NamedTuple

from mlpkit.errors import Corrupt, ResourceLimit, Unsafe
from mlpkit.modelfile.constants import MAX_HEADER_BYTES
from mlpkit.modelfile.hdf5.metadata import Metadata
from mlpkit.modelfile.rules import Rule

# the types of messages
NIL, DATASPACE, LINK_INFO, DATATYPE, FILL_VALUE, LINK, EXTERNAL, LAYOUT = 0, 1, 2, 3, 5, 6, 7, 8
GROUP_INFO, FILTERS, ATTRIBUTE, CONTINUATION, ATTRIBUTE_INFO, LINK_COUNT = 10, 11, 12, 16, 21, 22

SIZE_WIDTH, ATTRIBUTE_LIMITS, TIMES = 0b11, 0b1_0000, 0b10_0000  # flags of a header
PREFIX = 6 + 16 + 4 + 8  # the most bytes that stand before its messages
MESSAGE_HEAD = 4
WINDOW = 512  # bytes that are read at once: most headers are shorter


class Message(NamedTuple):
    """A message of an object header."""

    type: int
    flags: int
    body: bytes


class Header(NamedTuple):
    """An object header.

    Attributes
    ----------
    messages : list of Message
        Those in its continuation blocks included.
    block : bytes
        Its own block, up to the checksum and with it.
    first : int
        Where in the block the messages begin.
    """

    messages: list[Message]
    block: bytes
    first: int


def read_header(metadata: Metadata, address: int, what: str, start: bytes) -> Header:
    """The header of the object at an address, which begins with the bytes `start`.

    Raises
    ------
    Corrupt, Unsafe, ResourceLimit
        It is no header of version 2, has parts that a model file has not, or is too large.
    """
    if len(start) < PREFIX or start[:4] != b"OHDR" or start[4] != 2:
        raise Corrupt(f"{what} is no object: there is no header of version 2 at byte {address}", rule=Rule.OBJECTS)
    if start[5] & ~(SIZE_WIDTH | ATTRIBUTE_LIMITS | TIMES):
        raise Unsafe(f"{what} keeps an order of its attributes", rule=Rule.OBJECTS)
    position = 6 + 4 * bool(start[5] & ATTRIBUTE_LIMITS) + 16 * bool(start[5] & TIMES)  # which mean nothing here
    first = position + (1 << (start[5] & SIZE_WIDTH))
    size = int.from_bytes(start[position:first], "little")
    _check_size(size, what)
    block = metadata.block(address, first + size + 4, what)
    messages = _messages(metadata, block, first, what)
    for message in messages:  # it grows while blocks are found that continue it
        if message.type == CONTINUATION:
            messages += _continuation(metadata, message, what)
    return Header(messages, block, first)


def _continuation(metadata: Metadata, message: Message, what: str) -> list[Message]:
    if len(message.body) != 16:
        raise Corrupt(f"the header of {what} goes on nowhere", rule=Rule.OBJECTS)
    address, size = int.from_bytes(message.body[:8], "little"), int.from_bytes(message.body[8:], "little")
    _check_size(size, what)
    data = metadata.block(address, max(size, 8), f"the header of {what}")
    if data[:4] != b"OCHK":
        raise Corrupt(f"the header of {what} does not go on at byte {address}", rule=Rule.OBJECTS)
    return _messages(metadata, data, 4, what)


def _messages(metadata: Metadata, data: bytes, position: int, what: str) -> list[Message]:
    """The messages of a block, which ends with its checksum; less than a message's head before that is a gap."""
    end, found = len(data) - 4, []
    while end - position >= MESSAGE_HEAD:
        size = data[position + 1] | data[position + 2] << 8
        stop = position + 4 + size
        if stop > end:
            raise Corrupt(f"a message in the header of {what} is longer than the header", rule=Rule.OBJECTS)
        metadata.count_messages(1)
        found.append(Message(data[position], data[position + 3], data[position + 4 : stop]))
        position = stop
    if position < end and any(message.type == NIL for message in found):
        raise Corrupt(f"the header of {what} has a gap beside empty messages", rule=Rule.OBJECTS)
    return found


def _check_size(size: int, what: str) -> None:
    if size > MAX_HEADER_BYTES:
        raise ResourceLimit(f"the header of {what} has {size} bytes, more than {MAX_HEADER_BYTES}", rule=Rule.LIMITS)
