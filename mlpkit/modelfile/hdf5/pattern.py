"""Pattern: most object headers of a file are alike but for a few numbers, and need not be taken apart one by one.

The first of a kind is read by the rules. A later one that has the same bytes everywhere but in the dimensions and the
place of a dataset, or in the addresses to which links lead, consists of the same messages, so it has only these numbers to
be checked. A header that differs in anything else is read by the rules in its turn.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence

from mlpkit.modelfile.hdf5 import header
from mlpkit.modelfile.hdf5.header import WINDOW, Header, Message
from mlpkit.modelfile.hdf5.links import NO_HEAP

KEY = 16  # bytes at the start of a header, by which its pattern is found


class Pattern:
    """The bytes that a header shares with others.

    Parameters
    ----------
    example : Header
        One that has been read by the rules, and of which `has_pattern` says that others can be compared with it.
    dtype : str
        Of a dataset; "" for a group.
    rank : int
        How many dimensions a dataset has.
    names : sequence of str
        Of a group's links.

    Attributes
    ----------
    size : int
        Of the header, in bytes.
    messages : int
        How many it has.
    """

    def __init__(self, example: Header, dtype: str = "", rank: int = 0, names: Sequence[str] = ()) -> None:
        self.example, self.dtype, self.rank, self.names = example, dtype, rank, names
        self.size, self.messages = len(example.block), len(example.messages)
        self._forms: tuple[struct.Struct, struct.Struct] | None = None  # made for the second of a kind: many have none
        self._expected: tuple[bytes, ...] = ()

    def match(self, start: bytes) -> tuple[int, ...] | None:
        """The numbers of a header in bytes that begin with it, in their order; None when it is of another kind."""
        fixed, numbers = self._forms or self._make()
        if len(start) < self.size or fixed.unpack_from(start) != self._expected:
            return None
        found: tuple[int, ...] = numbers.unpack_from(start)
        if self.dtype and found[self.rank : -2] not in ((), found[: self.rank]):  # the maximum dimensions, if it has any
            return None
        return found

    def _make(self) -> tuple[struct.Struct, struct.Struct]:
        """Return how the bytes that all of a kind share are taken out of a header, and how the numbers; neither has the checksum."""
        fixed = numbers = "<"
        position = 0
        for start in _numbers(self.example):
            fixed, numbers = f"{fixed}{start - position}s8x", f"{numbers}{start - position}xQ"
            position = start + 8
        self._forms = forms = struct.Struct(f"{fixed}{self.size - 4 - position}s"), struct.Struct(numbers)
        self._expected = forms[0].unpack_from(self.example.block)
        return forms


def has_pattern(found: Header) -> bool:
    """Return whether others can be compared with a header: all that it says stands in one short block, in the usual order."""
    types = [message.type for message in found.messages if message.type in (header.CONTINUATION, header.DATASPACE, header.LAYOUT)]
    plain = all(message.body == NO_HEAP for message in found.messages if message.type == header.LINK_INFO)
    return plain and types in ([], [header.DATASPACE, header.LAYOUT]) and len(found.block) <= WINDOW


def _numbers(found: Header) -> Iterator[int]:
    """Yield the places in the block of a header where the numbers stand in which those of a kind differ, each of 8 bytes."""
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
