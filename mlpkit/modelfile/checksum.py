"""The checksum of HDF5's metadata: Bob Jenkins' lookup3 (public domain, burtleburtle.net/bob/c/lookup3.c), `hashlittle` from 0.

A file has one for each object, and Python computes slowly; so blocks of one length are hashed side by side, as lanes of
64 bits in one long integer, of which each holds 32 bits and room for a carry.
"""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from mlpkit.errors import Corrupt
from mlpkit.modelfile.rules import Rule

Block = bytes | memoryview
TOGETHER = 2**20  # bytes that are hashed at once: the lanes need several times their memory
MIX = ((4, 6, 8), (16, 19, 4))  # the rotations of one round


def checksums(blocks: Sequence[Block]) -> list[int]:
    """The checksums of blocks, each of at least one byte."""
    by_length: dict[int, list[int]] = defaultdict(list)
    for index, block in enumerate(blocks):
        by_length[len(block)].append(index)
    found = [0] * len(blocks)
    for length, indices in by_length.items():
        step = max(1, TOGETHER // length)
        for start in range(0, len(indices), step):
            part = indices[start : start + step]
            for index, value in zip(part, _lanes([blocks[index] for index in part], length), strict=True):
                found[index] = value
    return found


def check_checksums(signed: Sequence[tuple[Block, int, str]]) -> None:
    """Raise Corrupt for the first block whose checksum is another than the file says; each is (block, checksum, what it is)."""
    found = checksums([block for block, _, _ in signed])
    for (_, expected, what), value in zip(signed, found, strict=True):
        if value != expected:
            raise Corrupt(f"{what} is damaged: its checksum differs", help="copy or download it again", rule=Rule.CHECKSUMS)


def _lanes(blocks: list[Block], length: int) -> list[int]:
    count = len(blocks)
    ones = int.from_bytes(b"\1\0\0\0\0\0\0\0" * count, "little")
    low, carry = ones * 0xFFFFFFFF, ones << 32
    words = _words(blocks, length)
    a = b = c = ones * ((0xDEADBEEF + length) & 0xFFFFFFFF)
    for start in range(0, len(words) - 3, 3):
        a, b, c = (a + words[start]) & low, (b + words[start + 1]) & low, (c + words[start + 2]) & low
        for first, second, third in MIX:
            a = ((a + carry - c) & low) ^ (((c << first) | (c >> (32 - first))) & low)
            c = (c + b) & low
            b = ((b + carry - a) & low) ^ (((a << second) | (a >> (32 - second))) & low)
            a = (a + c) & low
            c = ((c + carry - b) & low) ^ (((b << third) | (b >> (32 - third))) & low)
            b = (b + a) & low
    a, b, c = (a + words[-3]) & low, (b + words[-2]) & low, (c + words[-1]) & low
    for turn in (14, 11, 25, 16, 4, 14, 24):  # c from b, a from c, b from a, and so on
        c = ((c ^ b) + carry - (((b << turn) | (b >> (32 - turn))) & low)) & low
        a, b, c = b, c, a
    return list(struct.unpack(f"<{count}Q", b.to_bytes(8 * count, "little")))


def _words(blocks: list[Block], length: int) -> list[int]:
    """The 32-bit words of blocks of one length, padded with zeros to whole rounds of three, one integer of lanes for each."""
    padded = np.zeros((len(blocks), -(-length // 12) * 12), np.uint8)
    padded[:, :length] = np.frombuffer(b"".join(blocks), np.uint8).reshape(len(blocks), length)
    lanes = padded.view("<u4").T.astype("<u8")
    return [int.from_bytes(row.tobytes(), "little") for row in lanes]
