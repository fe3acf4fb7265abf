"""Mutant: the bytes of a golden file to be changed, and the checksums and digests put in order again.

Without its signatures in order, nearly every change would be refused at the first of them, and nothing behind would
ever be tried.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from .anatomy import Block
from .golden import Golden
from .lookup3 import lookup3

END_OF_FILE = 28  # where the superblock says how long the file is
NOTHING, CHECKSUMS, ALL = range(3)


class Mutant:
    """A file that is being changed.

    Attributes
    ----------
    golden : Golden
        What it was.
    data : bytearray
        What it is.
    """

    def __init__(self, golden: Golden) -> None:
        self.golden = golden
        self.data = bytearray(golden.data)

    def number(self, start: int, size: int) -> int:
        """A little-endian number."""
        return int.from_bytes(self.data[start : start + size], "little")

    def set_number(self, start: int, size: int, value: int) -> None:
        """Write the low bytes of a number."""
        self.data[start : start + size] = (value % (1 << 8 * size)).to_bytes(size, "little")

    def put(self, path: str, content: bytes, padded: bool = False) -> None:
        """Replace the bytes of a list of bytes: in their place with spaces behind, or at the end of the file."""
        place = self.golden.anatomy.datasets[path]
        if padded and len(content) <= place.size:
            self.data[place.offset : place.offset + place.size] = content.ljust(place.size)
            return
        self.data += bytes(-len(self.data) % 8)
        for start, value in (
            (place.shape_at, len(content)),
            (place.shape_at + 8, len(content)),  # the largest shape
            (place.layout_at, len(self.data)),
            (place.layout_at + 8, len(content)),
        ):
            self.set_number(start, 8, value)
        self.data += content

    def put_json(self, manifest: Any, text: bytes, padded: bool = False) -> None:
        """Replace the manifest by its text and sign it."""
        self.put("/manifest", text, padded)
        place = self.golden.anatomy.datasets["/manifest"]
        self._sign_manifest(text.ljust(place.size) if padded and len(text) <= place.size else text)

    def put_spec(self, text: bytes) -> None:
        """Replace the spec and list it in the manifest."""
        self.put("/spec", text)
        manifest = self.golden.manifest()
        entry = next(entry for entry in manifest["objects"] if entry["path"] == "/spec")
        entry |= {"bytes": len(text), "shape": [len(text)], "sha256": hashlib.sha256(text).hexdigest()}
        self.put_json(manifest, json.dumps(manifest, ensure_ascii=False).encode())

    def sign(self, what: int) -> None:
        """Put in order nothing, the checksums of HDF5, or these and the digests of whatever changed in its place."""
        if what == ALL:
            self._sign_arrays()
        if what != NOTHING:
            if len(self.data) != len(self.golden.data):
                self.set_number(END_OF_FILE, 8, len(self.data))
            self._sign_blocks()

    def _sign_arrays(self) -> None:
        for place, digest_at in self.golden.digests.values():
            end = place.offset + place.size
            raw = self.data[place.offset : end]
            if place.size and raw != self.golden.data[place.offset : end]:
                self.data[digest_at : digest_at + 64] = hashlib.sha256(raw).hexdigest().encode()
        place = self.golden.anatomy.datasets["/manifest"]
        text = self.data[place.offset : place.offset + place.size]
        if text != self.golden.part("/manifest"):
            self._sign_manifest(text)

    def _sign_manifest(self, text: bytes) -> None:
        start = self.golden.anatomy.signature_at
        self.data[start : start + 64] = hashlib.sha256(text).hexdigest().encode()

    def _sign_blocks(self) -> None:
        for block in self.golden.anatomy.blocks:
            inside = block.end <= len(self.data)
            if inside and self.data[block.start : block.end] != self.golden.data[block.start : block.end]:
                self.sign_block(block)

    def sign_block(self, block: Block) -> None:
        """Put the checksum of one block in order; where it stands inside, it counts as zero."""
        start, end, at = block
        body = self.data[start:at] if at + 4 == end else self.data[start:at] + bytes(4) + self.data[at + 4 : end]
        self.set_number(at, 4, lookup3(bytes(body)))
