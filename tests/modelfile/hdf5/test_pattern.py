"""Headers that are like one before are read as by the rules: the same places, or the same error."""

from __future__ import annotations

import random

import numpy as np
import pytest

from mlpkit.errors import ModelFileError
from mlpkit.modelfile.contents import Contents
from mlpkit.modelfile.hdf5.pattern import Pattern
from mlpkit.modelfile.hdf5.source import Source
from mlpkit.modelfile.hdf5.structure import read_structure
from mlpkit.modelfile.writer import to_bytes

from ...fuzz.lookup3 import lookup3


@pytest.fixture(scope="module")
def data() -> bytes:
    """With groups and datasets of several kinds, some of them in a heap."""
    tensors = {f"layers.{index}.{name}": np.ones(shape) for index in range(4) for name, shape in (("weight", (3, 2)), ("bias", (2,)))}
    arrays = {f"inputs/{index}": np.ones(3, np.int16) for index in range(12)}
    return to_bytes(Contents({"name": "alike"}, tensors, arrays=arrays, history={"epoch": np.ones(0), "loss": np.ones(0)}))


@pytest.fixture
def by_the_rules(monkeypatch):
    """The structure, or the kind of error and its rule, with no header compared with another."""

    def found(data: bytes):
        with monkeypatch.context() as patch:
            patch.setattr(Pattern, "match", lambda self, start: None)
            return outcome(data)

    return found


def outcome(data: bytes):
    try:
        return read_structure(Source(data))
    except ModelFileError as error:
        return type(error), error.rule


def blocks(data: bytes) -> list[tuple[int, int]]:
    """Start and length of each object header, found by its checksum."""
    found, start = [], data.find(b"OHDR")
    while start >= 0:
        first = 6 + (1 << (data[start + 5] & 3))
        found.append((start, first + int.from_bytes(data[start + 6 : start + first], "little") + 4))
        start = data.find(b"OHDR", start + 1)
    return found


def signed(data: bytes, start: int, size: int) -> bytes:
    end = start + size - 4
    return data[:end] + lookup3(data[start:end]).to_bytes(4, "little") + data[end + 4 :]


def test_most_headers_are_like_one_before(data, monkeypatch):
    met, match = [], Pattern.match
    monkeypatch.setattr(Pattern, "match", lambda self, start: met.append(match(self, start)) or met[-1])
    structure = read_structure(Source(data))
    assert sum(numbers is not None for numbers in met) > 20
    assert len(structure.extents) == 24


def test_the_texts_equal_the_rules_of_the_format(data, by_the_rules):
    assert read_structure(Source(data)) == by_the_rules(data)


@pytest.mark.parametrize("seed", range(4))
def test_a_header_that_was_changed_is_read_as_by_the_rules(seed, data, by_the_rules):
    rng = random.Random(seed)
    places = blocks(data)
    assert len(places) > 30
    outcomes = set()
    for _ in range(150):
        start, size = rng.choice(places)
        position = start + rng.randrange(min(size - 4, 90))
        changed = data[:position] + bytes([rng.choice((0, 1, 2, 255, data[position] ^ 1 << rng.randrange(8)))]) + data[position + 1 :]
        changed = signed(changed, start, size)
        outcomes.add(str(found := outcome(changed)))
        assert found == by_the_rules(changed)
    assert len(outcomes) > 10


def test_the_checksum_of_a_header_that_is_like_one_before_is_verified(data):
    start, size = blocks(data)[-1]
    for position in (start + size - 4, start + size - 5):
        damaged = data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :]
        with pytest.raises(ModelFileError, match="its checksum differs"):
            read_structure(Source(damaged))
