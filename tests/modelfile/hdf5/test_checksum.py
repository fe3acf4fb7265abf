"""Checksums of many blocks at once, compared with the published algorithm for single blocks."""

from __future__ import annotations

import random

from mlpkit.modelfile.hdf5 import checksum

from ...fuzz.lookup3 import lookup3


def test_checksums_of_blocks_of_all_lengths():
    rng = random.Random(0)
    for count in (1, 2, 40, 300):
        found = [rng.randbytes(rng.choice((1, 11, 12, 13, 24, 25, rng.randrange(1, 700)))) for _ in range(count)]
        found.append(bytes(rng.randrange(1, 700)))
        assert checksum.checksums(found) == [lookup3(block) for block in found]
    ones = [b"\xff" * length for length in (200_000, 1, 90_000, 12)]  # the numbers run over as far as they can
    assert checksum.checksums(ones) == [lookup3(block) for block in ones]
    assert checksum.checksums([]) == []


def test_many_blocks_are_hashed_some_at_a_time(monkeypatch):
    monkeypatch.setattr(checksum, "TOGETHER", 100)
    found = [bytes([index]) * (index % 120 + 1) for index in range(250)]
    assert checksum.checksums(found) == [lookup3(block) for block in found]
