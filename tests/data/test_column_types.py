"""Kinds of columns, and their values converted to the kind."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlpkit.data.column_types import column_kind, numbers, texts
from mlpkit.data.readers import read_table
from mlpkit.data.table import Table
from mlpkit.errors import DataError

KINDS = {
    "numbers": (["1", "2.5", "-3e4", ".5"], "number"),
    "numbers with gaps": (["1", None, "", "2"], "number"),
    "nothing": ([None, ""], "number"),
    "booleans": (["true", "FALSE", None, "True"], "boolean"),
    "texts": (["a", "b"], "category"),
    "some numbers": (["1", "2", "a", "b"], "category"),
    "underscores": (["1_0", "2_0"], "category"),
    "yes and no": (["yes", "no"], "category"),
    "versions": (["1.2.3", "1.2.4"], "category"),
    "array of numbers": (np.array([1, 2]), "number"),
    "array of booleans": (np.array([True]), "boolean"),
    "block": (np.zeros((2, 3)), "number"),
    "one date among texts": (["2024-01-01", "later"], "category"),
}


@pytest.mark.parametrize(("values", "kind"), KINDS.values(), ids=KINDS)
def test_kind(values, kind):
    assert column_kind(Table({"a": values}), "a", missing=("",)) == kind


DATES = {
    "iso": ["2024-01-31", None, "2024-02-01"],
    "iso with time": ["2024-01-31T12:00:00Z", "2024-01-31 12:00:00.5+02:00"],
    "day first": ["31.01.2024", "1.2.24"],
    "slashes": ["1/31/2024", "2/1/2024"],
    "times": ["12:30", "7:05:10"],
    "array of dates": np.array(["2024-01-31", "NaT"], dtype="datetime64[D]"),
    "date objects": np.array(["2024-01-31"], dtype="datetime64[s]").astype(object),
}


@pytest.mark.parametrize("values", DATES.values(), ids=DATES)
def test_dates_are_refused_with_a_hint(values):
    with pytest.raises(DataError, match="'day' has dates or times") as caught:
        column_kind(Table({"day": values}), "day")
    assert '"ignore"' in caught.value.help
    assert ('"day": "date"' in caught.value.help) == ("12:30" not in values)
    assert ("2024-03-31" in caught.value.help) == ("31.01.2024" in values or "1/31/2024" in values)


def test_a_text_of_a_missing_value_may_be_a_number(tmp_path):
    texts = ["-999", "1", "2.5", "-999"]
    (tmp_path / "t.csv").write_text("a,b\n" + "".join(f"{text},x\n" for text in texts))
    repeated = np.array(texts, dtype=object)
    for table in (Table({"a": texts}), Table({"a": repeated}), read_table(tmp_path / "t.csv", missing=("-999",))):
        assert np.array_equal(numbers(table, "a", ("-999",)), [np.nan, 1, 2.5, np.nan], equal_nan=True)


def test_decimal_commas_are_refused_with_a_hint():
    with pytest.raises(DataError, match="written with a comma") as caught:
        column_kind(Table({"a": ["3,5", "4", "1.000,25"]}), "a")
    assert "3.5" in caught.value.help


def test_text_in_a_number_column_names_line_and_column(tmp_path):
    path = tmp_path / "people.csv"
    path.write_text("age\n" + "30\n" * 15 + "abc\n")
    with pytest.raises(DataError, match=r"'age' holds numbers, but line 17 of .*people.csv has 'abc'") as caught:
        column_kind(read_table(path), "age")
    assert (caught.value.problems[0].file, caught.value.problems[0].line) == (str(path), 17)
    assert "data.missing" in caught.value.help
    assert "one_hot" in caught.value.help


@pytest.mark.parametrize(("wrong", "kind"), [(10, "error"), (11, "category")])
def test_nine_of_ten_are_mostly_numbers(wrong, kind):
    table = Table({"a": ["1"] * (100 - wrong) + ["x"] * wrong})
    if kind == "error":
        with pytest.raises(DataError, match=r"row 90 has 'x'"):
            column_kind(table, "a")
    else:
        assert column_kind(table, "a") == kind


INFINITE = {"text": ["1", "inf"], "too large": ["1", "1e999"], "array": np.array([0.0, -np.inf]), "block": np.array([[0, 1], [0, np.inf]])}


@pytest.mark.parametrize("values", INFINITE.values(), ids=INFINITE)
def test_infinite_values_name_row_and_column(values):
    with pytest.raises(DataError, match=r"'a1?' has -?inf in row 1, which is not finite"):
        numbers(Table({"a": values}), "a")


def test_booleans():
    assert numbers(Table({"a": ["true", "False", "1", "0"]}), "a", boolean=True).tolist() == [1, 0, 1, 0]
    assert numbers(Table({"a": np.array([True, False])}), "a", boolean=True).tolist() == [1, 0]
    with pytest.raises(DataError, match="true or false, but row 1 has 'maybe'"):
        numbers(Table({"a": ["true", "maybe"]}), "a", boolean=True)
    with pytest.raises(DataError, match=r"has 2 in row 1, which is neither true nor false"):
        numbers(Table({"a": [0, 2]}), "a", boolean=True)


CATEGORIES = {
    "texts": (["a", None], ["a", None]),
    "integers": (np.array([3, -1]), ["3", "-1"]),
    "floats": (np.array([3.0, 2.5, np.nan]), ["3", "2.5", None]),
    "booleans": (np.array([True, False]), ["True", "False"]),
    "dates": (np.array(["2024-01-31", "NaT"], dtype="datetime64[D]"), ["2024-01-31", None]),
}


@pytest.mark.parametrize(("values", "expected"), CATEGORIES.values(), ids=CATEGORIES)
def test_texts(values, expected):
    assert texts(Table({"a": values}), "a").tolist() == expected


@settings(deadline=None)
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_numbers_written_as_texts_are_the_same_numbers(values):
    table = Table({"a": [repr(value) for value in values]})
    assert column_kind(table, "a") == "number"
    assert numbers(table, "a").tolist() == values
