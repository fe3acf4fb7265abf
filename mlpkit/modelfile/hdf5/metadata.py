"""Metadata: HDF5's own blocks in a file. Each is read once, and no two of them, or of the arrays, overlap.

The ban on overlaps bounds the work: a file cannot make a reader process more bytes than it has. Python needs far more time and
memory than one byte per byte of these blocks, so their size is limited as well. The checksums are verified together at the end,
which is much faster.
"""

from __future__ import annotations

from mlpkit.errors import Corrupt, ResourceLimit, Unsafe
from mlpkit.modelfile.hdf5.checksum import check_checksums
from mlpkit.modelfile.hdf5.source import Source
from mlpkit.modelfile.rules import Rule

UNDEFINED = 2**64 - 1  # the undefined address
MAX_BYTES = 2**23  # most bytes of all blocks with a checksum
MAX_MESSAGES = 150_000  # most messages of all object headers; usual ones are far longer than the minimum of four bytes


class Metadata:
    """Parts of a file that have been used.

    Parameters
    ----------
    source : Source
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self.used = self.signed_bytes = self.messages = 0
        self.places: list[tuple[int, int, str]] = []  # offset, end, label
        self.signed: list[tuple[bytes, int, str]] = []  # block, checksum, label

    def claim(self, offset: int, size: int, label: str) -> None:
        """Record the bytes of a part. Raise Corrupt if it is outside the file, Unsafe if the parts must overlap."""
        if not 0 < offset + size <= self.source.size:
            raise Corrupt(f"{label} is not inside the file", rule=Rule.EXTENTS)
        self.used += size
        if self.used > self.source.size:
            raise Unsafe(f"{label} overlaps another part of the file", rule=Rule.EXTENTS)
        self.places.append((offset, offset + size, label))

    def block(self, offset: int, size: int, label: str) -> bytes:
        """Return a block whose last four bytes are its checksum."""
        self.claim(offset, size, label)
        data = self.source.at(offset, size)
        self.sign(data[:-4], int.from_bytes(data[-4:], "little"), label)
        return data

    def sign(self, block: bytes, checksum: int, label: str) -> None:
        """Record a block and its stored checksum. Raise ResourceLimit if all blocks have too many bytes."""
        self.signed_bytes += len(block)
        if self.signed_bytes > MAX_BYTES:
            raise ResourceLimit(f"it has more than {MAX_BYTES} bytes of HDF5's own structures", rule=Rule.LIMITS)
        self.signed.append((block, checksum, label))

    def count_messages(self, count: int) -> None:
        """Count messages of an object header. Raise ResourceLimit if there are too many."""
        self.messages += count
        if self.messages > MAX_MESSAGES:
            raise ResourceLimit(f"its object headers have more than {MAX_MESSAGES} messages", rule=Rule.LIMITS)

    def check_checksums(self) -> None:
        """Raise Corrupt for the first block with a wrong checksum."""
        check_checksums(self.signed)

    def check_overlaps(self) -> None:
        """Raise Unsafe if two parts overlap."""
        end, before = 0, ""
        for start, stop, label in sorted(self.places):
            if start < end:
                raise Unsafe(f"{label} overlaps {before}", rule=Rule.EXTENTS)
            end, before = stop, label
