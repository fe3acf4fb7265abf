"""Decimal numbers are read with the same bits as Python's float."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlpkit.data.csv.numbers import BEFORE, read_decimals


def read(texts):
    """The numbers of some texts, None where float is to read them."""
    data = b"".join([bytes(BEFORE), *(text.encode() + b"," for text in texts)])
    ends = np.cumsum([len(text.encode()) + 1 for text in texts]) + BEFORE - 1
    starts = np.concatenate([[BEFORE], ends[:-1] + 1])
    values, unknown = read_decimals(np.frombuffer(data, np.uint8), starts.astype(np.int32), ends.astype(np.int32))
    return [None if left else value for value, left in zip(values.tolist(), unknown.tolist(), strict=True)]


DIGITS = st.text("0123456789", max_size=20)
DECIMALS = st.builds("{}{}{}{}".format, st.sampled_from(["", "-", "+"]), DIGITS, st.sampled_from(["", "."]), DIGITS)
WRITTEN = st.floats(allow_nan=False, allow_infinity=False).map(repr) | st.floats(-1e4, 1e4).map(repr)
ANYTHING = st.text("0123456789.-+e/:;<=>?@_ xé", max_size=30)


@settings(max_examples=1000, deadline=None)
@given(st.lists(DECIMALS | WRITTEN | ANYTHING | st.integers().map(str), min_size=1, max_size=30))
@pytest.mark.slow
def test_numbers_that_are_read_have_the_bits_of_float(texts):
    for text, value in zip(texts, read(texts), strict=True):
        if value is not None:
            assert value.hex() == float(text).hex()


HARD = {
    "half way, to even": "9007199254740993",
    "half way, up": "9007199254740995",
    "nearly half way": "9007199254740993.0001",
    "shortest of 17 digits": "0.30000000000000004",
    "largest of 19 digits": "9999999999999999999",
    "many digits behind the point": "0.000000000000000001234",
}


@pytest.mark.parametrize("text", HARD.values(), ids=HARD)
def test_hard_roundings_are_right_or_left_to_float(text):
    assert read([text]) in ([None], [float(text)])


KNOWN = ["0", "-0", "+7", "007", "12345678", "123456789", ".5", "5.", "-1.25", "0.1234567890123456", "123456789.123456789", "1" * 19]


@pytest.mark.parametrize("text", KNOWN)
@pytest.mark.parametrize("beside", ["1", "1.5", "1" * 24])
def test_the_usual_ones_are_known(text, beside):
    assert read([beside, text])[1].hex() == float(text).hex()


LEFT = ["", "-", "+", ".", "-.", "1.2.3", "1..2", "--1", "+-1", "1e5", "inf", "nan", "1_0", " 1", "1 ", "٣", "0x1", "1/2", ":"]
LEFT += ["1" * 20, "1" * 30, "9" * 24, "." + "0" * 22 + "1", "1.2.3456789012345678901"]


@pytest.mark.parametrize("text", LEFT)
@pytest.mark.parametrize("beside", ["1", "1.5", "1" * 24])
def test_all_else_is_left_to_float(text, beside):
    assert read([beside, text])[1] is None


def test_random_numbers_of_every_length_are_known_and_exact():
    values = np.random.default_rng(0).standard_normal(4000) * 10.0 ** np.random.default_rng(1).integers(-3, 9, 4000)
    texts = [f"{value:.{digits}f}" for digits, value in zip(np.tile(np.arange(9), 450), values, strict=False)]
    assert read(texts) == [float(text) for text in texts]
    shortest = [repr(value) for value in values.tolist() if abs(value) > 0.01]
    found = read(shortest)
    assert [value for value in found if value is not None] == [
        float(text) for text, value in zip(shortest, found, strict=True) if value is not None
    ]
    assert sum(value is None for value in found) < 0.01 * len(found)
