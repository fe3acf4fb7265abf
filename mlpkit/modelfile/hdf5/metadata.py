"""Metadata: HDF5's own blocks in a file, each read once, and all of them apart from each other and from the arrays.

That no two places overlap is what bounds the work: a file cannot make a reader look at more bytes than it has. Python
needs far more time and memory than one byte for a byte of these blocks, so there is a limit to them as well. The
checksums are verified together at the end, since that is faster by far.
"""

from __future__ import annotations

from mlpkit.errors import Corrupt, ResourceLimit, Unsafe
from mlpkit.modelfile.hdf5.checksum import check_checksums
from mlpkit.modelfile.hdf5.source import Source
from mlpkit.modelfile.rules import Rule

UNDEFINED = 2**64 - 1  # the address of what is not there
MAX_BYTES = 2**23  # of all blocks with a checksum
MAX_MESSAGES = 150_000  # in all object headers: most are far longer than the four bytes that they need


class Metadata:
    """The places in a file that have been used.

    Parameters
    ----------
    source : Source
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self.used = self.signed_bytes = self.messages = 0
        self.places: list[tuple[int, int, str]] = []  # offset, end, what stands there
        self.signed: list[tuple[bytes, int, str]] = []  # block, checksum, what it is

    def claim(self, offset: int, size: int, what: str) -> None:
        """Note that something stands at a place; Corrupt when it is outside the file, Unsafe when places must overlap."""
        if not 0 < offset + size <= self.source.size:
            raise Corrupt(f"{what} does not stand inside the file", rule=Rule.EXTENTS)
        self.used += size
        if self.used > self.source.size:
            raise Unsafe(f"{what} overlaps another part of the file", rule=Rule.EXTENTS)
        self.places.append((offset, offset + size, what))

    def block(self, offset: int, size: int, what: str) -> bytes:
        """A block whose last four bytes are its checksum."""
        self.claim(offset, size, what)
        data = self.source.at(offset, size)
        self.sign(data[:-4], int.from_bytes(data[-4:], "little"), what)
        return data

    def take(self, offset: int, data: bytes, what: str) -> None:
        """The same for a block that has been read."""
        self.claim(offset, len(data), what)
        self.sign(data[:-4], int.from_bytes(data[-4:], "little"), what)

    def sign(self, block: bytes, checksum: int, what: str) -> None:
        """Note a block and the checksum that it shall have; ResourceLimit when there are too many bytes of them."""
        self.signed_bytes += len(block)
        if self.signed_bytes > MAX_BYTES:
            raise ResourceLimit(f"it has more than {MAX_BYTES} bytes of HDF5's own structures", rule=Rule.LIMITS)
        self.signed.append((block, checksum, what))

    def count_messages(self, count: int) -> None:
        """Note messages of an object header; ResourceLimit when there are too many."""
        self.messages += count
        if self.messages > MAX_MESSAGES:
            raise ResourceLimit(f"its object headers have more than {MAX_MESSAGES} messages", rule=Rule.LIMITS)

    def check_checksums(self) -> None:
        """Raise Corrupt for the first block with a wrong checksum."""
        check_checksums(self.signed)

    def check_overlaps(self) -> None:
        """Raise Unsafe when two places overlap."""
        end, before = 0, ""
        for start, stop, what in sorted(self.places):
            if start < end:
                raise Unsafe(f"{what} overlaps {before}", rule=Rule.EXTENTS)
            end, before = stop, what
