"""Plain rows are encoded like a table of them; other rows are left to the table."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlpkit.data.frames import as_table
from mlpkit.preprocessing import InputEncoder
from mlpkit.preprocessing.fast_path import MOST_PLANS
from mlpkit.spec import Preprocessing

TABLE = {
    "size": [1.5, 2.5, None, 4.0],
    "island": ["Dream", None, "Biscoe", "Dream"],
    "ringed": [True, False, True, True],
    "year": [2007, 2008, 2009, 2009],
    "sex": ["m", "f", "m", "f"],
}
OPTIONS = Preprocessing.model_validate({})


def fitted(source):
    table = as_table(source)
    return InputEncoder.fit(OPTIONS, table, table.names, ("", "NA"))


MIXED, NUMBERS = fitted(TABLE), fitted(np.arange(12.0).reshape(4, 3) ** 2)
ROW = {"size": 2.25, "island": "Biscoe", "ringed": False, "year": 2008, "sex": "f"}


def by_table(encoder, source, dtype="float32"):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return encoder.encode(as_table(source), dtype)


PLAIN = {
    "a dictionary": (MIXED, [ROW]),
    "a dictionary of columns": (MIXED, {name: [value] for name, value in ROW.items()}),
    "another order": (MIXED, [dict(reversed(ROW.items()))]),
    "more columns": (MIXED, [{"id": 7, **ROW, "note": None, "species": "x"}]),
    "a missing category": (MIXED, [{**ROW, "island": None}]),
    "a text for a missing category": (MIXED, [{**ROW, "island": "NA"}]),
    "some rows": (MIXED, [ROW, {**ROW, "size": -3, "sex": "m"}]),
    "some columns": (MIXED, {name: [value, value] for name, value in ROW.items()}),
    "by position": (NUMBERS, [{"p": 1, "q": 2.5, "r": -3}]),
    "columns by position": (NUMBERS, {"p": [1, 2], "q": [2.5, 2], "r": [-3, 2]}),
    "large integers": (NUMBERS, [{"p": 2**53 + 1, "q": 2**64 + 12345, "r": -(10**25)}]),
}


@pytest.mark.parametrize(("encoder", "source"), PLAIN.values(), ids=PLAIN)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_plain_rows_have_the_bits_of_the_table(encoder, source, dtype):
    for _ in range(2):  # the second time the plan is there
        found = encoder.plain.encode(source, dtype)
        assert found.dtype == dtype
        assert found.tobytes() == by_table(encoder, source, dtype).tobytes()


OTHERS = {
    "an array": (NUMBERS, np.zeros((1, 3))),
    "no rows": (MIXED, []),
    "a list of lists": (NUMBERS, [[1, 2, 3]]),
    "no columns": (NUMBERS, {}),
    "no values": (NUMBERS, {"p": [], "q": [], "r": []}),
    "columns of differing length": (NUMBERS, {"p": [1], "q": [1, 2], "r": [1]}),
    "texts as columns": (NUMBERS, {"p": "1", "q": "2", "r": "3"}),
    "a gap": (MIXED, [{**ROW, "size": None}]),
    "not a number": (MIXED, [{**ROW, "size": math.nan}]),
    "infinite": (MIXED, [{**ROW, "size": math.inf}]),
    "too large for a float": (MIXED, [{**ROW, "size": 10**400}]),
    "too large for float32": (MIXED, [{**ROW, "size": 1e300}]),
    "a number as a text": (MIXED, [{**ROW, "size": "2.5"}]),
    "a boolean as a number": (MIXED, [{**ROW, "size": True}]),
    "a number as a boolean": (MIXED, [{**ROW, "ringed": 1}]),
    "an exchange of both": (MIXED, [{**ROW, "ringed": 1, "size": True}]),
    "an unknown category": (MIXED, [{**ROW, "sex": "x"}]),
    "a missing value where training had none": (MIXED, [{**ROW, "sex": None}]),
    "a number as a category": (MIXED, [{**ROW, "sex": 1}]),
    "a name that is missing": (MIXED, [{"size": 1.0}]),
    "too few by position": (NUMBERS, [{"p": 1, "q": 2}]),
    "differing names": (MIXED, [ROW, {"size": 1.0}]),
    "a name that is no text": (NUMBERS, [{1: 1.0, "q": 1.0, "r": 1.0}]),
    "another object": (MIXED, [{**ROW, "note": object()}]),
    "a block of numbers": (fitted({"x": np.arange(12.0).reshape(4, 3) ** 2}), {"x": [[1.0, 2.0, 3.0]]}),
    "a value of NumPy's": (MIXED, [{**ROW, "size": np.float32(0.1)}]),
}


@pytest.mark.parametrize(("encoder", "source"), OTHERS.values(), ids=OTHERS)
def test_all_else_is_left_to_the_table(encoder, source):
    assert encoder.plain.encode(source, "float32") is None


VALUE = st.one_of(
    st.floats(), st.integers(), st.booleans(), st.none(), st.sampled_from(["Dream", "Biscoe", "f", "m", "NA", "1.5", ""]), st.just("x")
)
SIZE, TEXT = st.floats(-1e6, 1e6) | st.integers(-5, 5) | VALUE, st.sampled_from(["Dream", "m", "f"]) | VALUE
COLUMNS = {"size": SIZE, "island": TEXT, "ringed": st.booleans() | VALUE, "year": SIZE, "sex": TEXT}
RECORD = st.fixed_dictionaries(COLUMNS, optional={"note": VALUE})


@settings(max_examples=300, deadline=None)
@given(st.lists(RECORD, min_size=1, max_size=3))
def test_any_rows_are_encoded_as_their_table_or_left_to_it(records):
    found = MIXED.plain.encode(records, "float64")
    if found is not None:
        assert found.tobytes() == by_table(MIXED, records, "float64").tobytes()


def test_the_plans_do_not_grow_without_end():
    for number in range(3 * MOST_PLANS):
        assert MIXED.plain.encode([{**ROW, f"note {number}": 1}], "float32") is not None
    assert len(MIXED.plain._plans) <= MOST_PLANS
