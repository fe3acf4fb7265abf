"""Checksum of HDF5's metadata: Bob Jenkins' lookup3 (public domain, burtleburtle.net/bob/c/lookup3.c), `hashlittle` with seed 0.

A file has one checksum per object, and pure Python is slow. Blocks are therefore hashed in parallel as 64-bit lanes of one long
integer; each lane holds 32 bits and room for overflow. This halves the time to open a model of 100 tensors, and takes a third off
one of 6; arrays of NumPy are slower up to some thousand blocks. The longest blocks use the lowest lanes, so that finished blocks can be cut
off at the top.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from mlpkit.errors import Corrupt
from mlpkit.modelfile.rules import Rule

Block = bytes | memoryview
TOGETHER = 2**20  # bytes that are hashed at once; the lanes need several times as much memory
ROUND = 12  # bytes of a round: three words
LANE = 64
MIX = tuple((turn, 32 - turn) for turn in (4, 6, 8, 16, 19, 4))  # the rotations of one round
FINAL = tuple((turn, 32 - turn) for turn in (14, 11, 25, 16, 4, 14, 24))


def checksums(blocks: Sequence[Block]) -> list[int]:
    """Return the checksums of blocks of at least one byte each."""
    found = [0] * len(blocks)
    order = sorted(range(len(blocks)), key=lambda index: len(blocks[index]), reverse=True)
    while order:
        step = max(1, TOGETHER // len(blocks[order[0]]))
        part, order = order[:step], order[step:]
        for index, value in zip(part, _lanes([blocks[index] for index in part]), strict=True):
            found[index] = value
    return found


def check_checksums(signed: Sequence[tuple[Block, int, str]]) -> None:
    """Raise Corrupt for the first block with a wrong checksum. Each item is (block, stored checksum, label for messages)."""
    found = checksums([block for block, _, _ in signed])
    for (_, expected, label), value in zip(signed, found, strict=True):
        if value != expected:
            raise Corrupt(f"{label} is damaged: its checksum differs", help="copy or download it again", rule=Rule.CHECKSUMS)


def _lanes(blocks: list[Block]) -> list[int]:
    """Return the checksums of blocks, sorted with the longest first."""
    count = len(blocks)
    low = int.from_bytes(b"\xff\xff\xff\xff\0\0\0\0" * count, "little")
    top = int.from_bytes(b"\0\0\0\0\0\0\0\x80" * count, "little")  # set before a subtraction, so that no lane borrows from the next
    lengths = np.array([len(block) for block in blocks], "<u8")
    a = b = c = int.from_bytes(((lengths + 0xDEADBEEF) & 0xFFFFFFFF).tobytes(), "little")
    done = [0, 0, 0]
    masks = low, top
    for x, y, z, left in _words(blocks, (lengths - 1) // ROUND):
        a, b, c = a + x, b + y, (c + z) & low
        if low >> LANE * left:  # some blocks end with these words
            inside = (1 << LANE * left) - 1
            done = [part | (number & ~inside) for part, number in zip(done, (a, b, c), strict=True)]
            a, b, c, low, top = a & inside, b & inside, c & inside, low & inside, top & inside
        for up, down in MIX:  # the words rotate; c is below 2^32, the others overflow by at most 7 * 2^32 per round
            a, b, c = b, c + b, ((a | top) - c ^ (c << up | c >> down)) & low
    low, top = masks
    a, b, c = (number & low for number in done)
    for up, down in FINAL:
        a, b, c = b, ((c ^ b | top) - ((b << up | b >> down) & low)) & low, a
    return list(struct.unpack(f"<{count}Q", b.to_bytes(8 * count, "little")))


def _words(blocks: list[Block], rounds: NDArray[np.uint64]) -> Iterator[tuple[int, int, int, int]]:
    """Yield, for each round, three words of all blocks, padded with zeros, and the number of blocks that continue after it."""
    count, most = len(blocks), int(rounds[0]) + 1
    padded = b"".join([bytes(block).ljust(most * ROUND, b"\0") for block in blocks])
    lanes = np.frombuffer(padded, "<u4").reshape(count, 3 * most).T.astype("<u8")
    used = (count - (lanes[:, ::-1] != 0).argmax(axis=1)).tolist()  # trailing zeros of all blocks need not be converted
    words = [int.from_bytes(row[:end].tobytes(), "little") for row, end in zip(lanes, used, strict=True)]
    left = (count - np.searchsorted(rounds[::-1], np.arange(most), "right")).tolist()
    yield from zip(words[::3], words[1::3], words[2::3], left, strict=True)
