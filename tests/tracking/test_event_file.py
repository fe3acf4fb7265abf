"""Event files against known vectors and an independent decoder."""

import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlpkit.tracking.event_file import beginning, crc32c, scalars

from . import decoder

VECTORS = {  # RFC 3720, appendix B.4, and the check value of the catalogue of CRCs
    b"123456789": 0xE3069283,
    bytes(32): 0x8A9136AA,
    b"\xff" * 32: 0x62A8AB43,
    bytes(range(32)): 0x46DD794E,
    bytes(range(31, -1, -1)): 0x113FDB5C,
    b"": 0,
}


@pytest.mark.parametrize(("data", "value"), VECTORS.items())
def test_crc32c_of_known_vectors(data, value):
    assert crc32c(data) == value
    assert decoder.crc32c(data) == value


@given(st.binary(max_size=64))
def test_crc32c_is_that_of_the_definition(data):
    assert crc32c(data) == decoder.crc32c(data)


def test_a_file_begins_with_the_version_and_the_start_of_a_resumed_run():
    assert list(decoder.events(beginning(1.8e9))) == [(0, "brain.Event:2")]
    assert list(decoder.events(beginning(1.8e9, 300))) == [(0, "brain.Event:2"), (300, "start")]


def as_float32(value):
    try:
        return struct.unpack("<f", struct.pack("<f", value))[0]
    except OverflowError:
        return math.copysign(math.inf, value)


@given(
    st.integers(0, 2**62),
    st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=200), st.floats(), max_size=5),
)
def test_scalars_are_read_back(step, values):
    ((found, read),) = decoder.events(scalars(1.8e9, step, values))
    assert found == step
    assert {name: repr(value) for name, value in read.items()} == {name: repr(as_float32(value)) for name, value in values.items()}
