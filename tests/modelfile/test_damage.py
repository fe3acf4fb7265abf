"""Damaged files: an error of the right kind, or exactly the model that was saved."""

from __future__ import annotations

import contextlib
from dataclasses import replace

import numpy as np
import pytest

from mlpkit.errors import Corrupt, ModelFileError, NotAModelFile, Truncated
from mlpkit.modelfile.contents import Contents
from mlpkit.modelfile.reader import from_bytes
from mlpkit.modelfile.writer import to_bytes


@pytest.fixture
def small() -> Contents:
    weights = {"layers.0.weight": np.eye(2, dtype=np.float32), "layers.0.bias": np.ones(2, np.float32)}
    return Contents({"name": "small"}, weights, history={"epoch": np.ones(1)})


def test_every_truncation_is_noticed(small):
    data = to_bytes(small)
    for length in range(1, len(data)):
        with pytest.raises(Truncated, match=f"has {length} of "):
            from_bytes(data[:length])
    with pytest.raises(NotAModelFile):
        from_bytes(b"")


def unnoticed_flips(contents, same, bits) -> int:
    """Flip the bits one by one; how many of them the reader took, with the identical contents."""
    data, unnoticed = bytearray(to_bytes(contents)), 0
    for bit in bits:
        data[bit // 8] ^= 1 << bit % 8
        with contextlib.suppress(ModelFileError):
            same(from_bytes(bytes(data)), contents)
            unnoticed += 1
        data[bit // 8] ^= 1 << bit % 8
    return unnoticed


def test_a_flipped_bit_in_any_byte_is_an_error_or_changes_nothing(small, same):
    size = len(to_bytes(small))
    bits = [8 * position + position * 5 % 8 for position in range(size)]
    assert unnoticed_flips(small, same, bits) < size / 4  # the padding between datasets, which means nothing


@pytest.fixture
def dense(small) -> Contents:
    """With a group of more links than an object header takes: a heap and a B-tree."""
    return replace(small, arrays={f"inputs/{number}": np.ones(1) for number in range(12)})


@pytest.mark.slow
def test_a_flipped_bit_in_every_third_byte_of_a_heap_is_an_error_or_changes_nothing(dense, same):
    data = to_bytes(dense)
    start = data.index(b"FRHP")
    assert b"BTHD" in data[start:]
    bits = [8 * position + position * 5 % 8 for position in range(start, len(data), 3)]
    assert unnoticed_flips(dense, same, bits) < len(bits) / 2  # the padding, and what libhdf5 keeps free in a node


@pytest.mark.slow
def test_every_flipped_bit_is_an_error_or_changes_nothing(small, same):
    size = 8 * len(to_bytes(small))
    assert unnoticed_flips(small, same, range(size)) < size / 4


@pytest.mark.slow
def test_every_flipped_bit_of_a_file_with_a_heap_is_an_error_or_changes_nothing(dense, same):
    size = 8 * len(to_bytes(dense))
    assert unnoticed_flips(dense, same, range(size)) < size / 2


def test_every_byte_of_a_weight_is_covered_by_its_digest(small):
    data = to_bytes(small)
    start = data.index(small.tensors["layers.0.weight"].tobytes())
    for position in range(start, start + 16):
        damaged = data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :]
        with pytest.raises(Corrupt, match=r"/tensors/layers\.0/weight differs from what was saved"):
            from_bytes(damaged)


def test_every_byte_of_the_manifest_is_covered_by_its_digest(small):
    data = to_bytes(small)
    start, end = data.index(b'{"format"'), data.index(b'"training":null}')
    for position in range(start, end):
        damaged = data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :]
        with pytest.raises(Corrupt, match="/manifest differs from what was saved"):
            from_bytes(damaged)


def test_bytes_behind_the_end_are_refused(small):
    with pytest.raises(Corrupt, match="3 bytes follow the end"):
        from_bytes(to_bytes(small) + b"abc")


def test_bytes_before_the_start_are_refused(small):
    with pytest.raises(NotAModelFile):
        from_bytes(bytes(512) + to_bytes(small))
