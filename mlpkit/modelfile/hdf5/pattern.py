"""Pattern of object headers that differ only in a few numbers, so that they need not be parsed one by one.

The first header of a kind is parsed. A later header with the same bytes, except for the dimensions and the position of a dataset or
the addresses of links, has the same messages; only these numbers need to be checked. Any other header is parsed as well.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence

from mlpkit.modelfile.hdf5 import header
from mlpkit.modelfile.hdf5.header import WINDOW, Header, Message
from mlpkit.modelfile.hdf5.links import NO_HEAP

KEY = 16  # first bytes of a header, which select its pattern


class Pattern:
    """Bytes that a header shares with others.

    Parameters
    ----------
    example : Header
        Parsed header for which `has_pattern` returns True.
    dtype : str
        Dtype of a dataset; "" for a group.
    rank : int
        Number of dimensions of a dataset.
    names : sequence of str
        Names of a group's links.

    Attributes
    ----------
    size : int
        Size of the header in bytes.
    messages : int
        Number of messages.
    """

    def __init__(self, example: Header, dtype: str = "", rank: int = 0, names: Sequence[str] = ()) -> None:
        self.example, self.dtype, self.rank, self.names = example, dtype, rank, names
        self.size, self.messages = len(example.block), len(example.messages)
        self._forms: tuple[struct.Struct, struct.Struct] | None = (
            None  # created for the second header of a kind, which many files do not have
        )
        self._expected: tuple[bytes, ...] = ()

    def match(self, start: bytes) -> tuple[int, ...] | None:
        """Return the numbers of a header at the start of some bytes, or None if the header is of another kind."""
        fixed, numbers = self._forms or self._make()
        if len(start) < self.size or fixed.unpack_from(start) != self._expected:
            return None
        found: tuple[int, ...] = numbers.unpack_from(start)
        if self.dtype and found[self.rank : -2] not in ((), found[: self.rank]):  # maximum dimensions must equal the dimensions
            return None
        return found

    def _make(self) -> tuple[struct.Struct, struct.Struct]:
        """Create the structs that extract the shared bytes and the numbers of a header, both without its checksum."""
        fixed = numbers = "<"
        position = 0
        for start in _numbers(self.example):
            fixed, numbers = f"{fixed}{start - position}s8x", f"{numbers}{start - position}xQ"
            position = start + 8
        self._forms = forms = struct.Struct(f"{fixed}{self.size - 4 - position}s"), struct.Struct(numbers)
        self._expected = forms[0].unpack_from(self.example.block)
        return forms


def has_pattern(found: Header) -> bool:
    """Return True if others can be compared with a header: one short block with its messages in the usual order."""
    types = [message.type for message in found.messages if message.type in (header.CONTINUATION, header.DATASPACE, header.LAYOUT)]
    plain = all(message.body == NO_HEAP for message in found.messages if message.type == header.LINK_INFO)
    return plain and types in ([], [header.DATASPACE, header.LAYOUT]) and len(found.block) <= WINDOW


def _numbers(found: Header) -> Iterator[int]:
    """Yield the offsets, in the block of a header, of the 8-byte numbers in which headers of a kind differ."""
    position = found.first
    for message in found.messages:
        position += header.MESSAGE_HEAD
        yield from (position + offset for offset in _offsets(message))
        position += len(message.body)


def _offsets(message: Message) -> Sequence[int]:
    size = len(message.body)
    if message.type == header.DATASPACE:
        return range(4, size, 8)
    if message.type == header.LAYOUT:
        return 2, 10
    return (size - 8,) if message.type == header.LINK else ()
