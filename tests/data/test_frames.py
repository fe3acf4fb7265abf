"""Tables made of Python objects: arrays, lists, dictionaries and data frames."""

from __future__ import annotations

import datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlpkit.data.column_types import column_kind, numbers
from mlpkit.data.columns import read_number
from mlpkit.data.frames import as_table
from mlpkit.data.table import Table
from mlpkit.errors import DataError

NUMBERS = [1.5, 2.0, None]
TEXTS = ["a", None, "b"]
FLAGS = [True, False, True]
COUNTS = [3, 4, 5]
COLUMNS = {"n": NUMBERS, "t": TEXTS, "f": FLAGS, "c": COUNTS}
RECORDS = [dict(zip(COLUMNS, row, strict=True)) for row in zip(*COLUMNS.values(), strict=True)]
FRAME = pd.DataFrame(COLUMNS)

SOURCES = {
    "dictionary": COLUMNS,
    "records": RECORDS,
    "records with gaps": [{key: value for key, value in record.items() if value is not None} for record in RECORDS],
    "pandas": FRAME,
    "pandas nullable": FRAME.astype({"n": "Float64", "t": "string", "f": "boolean", "c": "Int64"}),
    "pandas categorical": FRAME.astype({"t": "category"}),
    "polars": pl.DataFrame(COLUMNS),
    "polars categorical": pl.DataFrame(COLUMNS).with_columns(pl.col("t").cast(pl.Categorical)),
    "arrow": pa.table(COLUMNS),
    "arrow dictionary": pa.table({**COLUMNS, "t": pa.array(TEXTS).dictionary_encode()}),
    "arrow batch": pa.RecordBatch.from_pydict(COLUMNS),
    "table": Table(COLUMNS),
    "decimals": {**COLUMNS, "n": [Decimal("1.5"), Decimal(2), None]},
}


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_every_source_gives_the_same_columns(source):
    table = as_table(source)
    assert set(table.names) == set(COLUMNS)
    assert table.rows == 3
    assert table.named
    np.testing.assert_array_equal(table["n"], [1.5, 2.0, np.nan])
    assert table["t"].tolist() == TEXTS
    assert table["f"].dtype == bool
    assert table["f"].tolist() == FLAGS
    assert table["c"].dtype == np.int64
    assert table["c"].tolist() == COUNTS


def test_structured_array():
    table = as_table(np.array([(1, 2.5, "a")], dtype=[("c", "i4"), ("n", "f4"), ("t", "U1")]))
    assert table.names == ("c", "n", "t")
    assert [table[name].tolist() for name in table.names] == [[1], [2.5], ["a"]]


def test_an_array_of_numbers_is_one_block():
    table = as_table(np.arange(6.0).reshape(3, 2))
    assert (table.names, table.width, table.named) == (("x",), 2, False)
    np.testing.assert_array_equal(table["x"], [[0, 1], [2, 3], [4, 5]])


@pytest.mark.parametrize("source", [[1, 2, 3], [[1], [2], [3]], np.array([[1], [2], [3]]), (1, 2, 3)], ids=repr)
def test_one_value_per_row_is_one_flat_column(source):
    assert as_table(source, default="y")["y"].tolist() == [1, 2, 3]


def test_rows_of_mixed_values_are_columns():
    table = as_table([["a", 1, None], [None, 2.5, True]])
    assert table.names == ("x0", "x1", "x2")
    assert table["x0"].tolist() == ["a", None]
    assert table["x1"].tolist() == [1.0, 2.5]
    assert table["x2"].tolist() == [None, "True"]


def test_masked_values_are_missing():
    table = as_table({"a": np.ma.array([1.0, 2.0], mask=[False, True])})
    np.testing.assert_array_equal(table["a"], [1.0, np.nan])


@pytest.mark.parametrize("series", [pd.Series([1, 2], name="height"), pl.Series("height", [1, 2])], ids=["pandas", "polars"])
def test_a_series_keeps_its_name(series):
    table = as_table(series, default="y")
    assert table.names == ("height",)
    assert table["height"].tolist() == [1, 2]


def test_names_replace_names():
    assert as_table([[1, 2], [3, 4]], ["a", "b"])["b"].tolist() == [2, 4]
    assert as_table([[1, 2], [3, 4]], ["block"])["block"].shape == (2, 2)
    assert as_table({"a": [1], "b": [2]}, ["c", "d"])["d"].tolist() == [2]


CONVERTED = {
    "integers beyond int64": ([2**70, 1], [2.0**70, 1.0], "f"),
    "unsigned beyond int64": (np.array([2**63 + 1], np.uint64), [2**63 + 1], "u"),
    "small unsigned": (np.array([7], np.uint8), [7], "u"),
    "bytes": (np.array([b"\xc3\xa9", b"a"]), ["é", "a"], "O"),
    "mixed texts and numbers": (["a", 3.0, 2], ["a", "3", "2"], "O"),
    "mixed with NaN": (["a", float("nan")], ["a", None], "O"),
    "flags with a gap": ([True, None, False], ["True", None, "False"], "O"),
    "flags with NaN": ([True, float("nan"), False], ["True", None, "False"], "O"),
    "flags with a masked value": ([True, np.ma.masked], ["True", None], "O"),
    "numbers with a masked value": ([1.0, np.ma.masked], [1.0, np.nan], "f"),
    "objects with a masked value": (np.array([1.0, np.ma.masked], dtype=object), [1.0, np.nan], "f"),
    "numbers with NaT of NumPy": (np.array([1.0, np.datetime64("NaT")], dtype=object), [1.0, np.nan], "f"),
    "dates as objects": ([datetime.date(2024, 1, 31)], ["2024-01-31"], "O"),
    "a signaling NaN": ([Decimal("sNaN"), Decimal(2)], [np.nan, 2.0], "f"),
    "nothing at all": ([None, None], [None, None], "O"),
    "NaN alone": ([None, float("nan")], [np.nan, np.nan], "f"),
    "long double": (np.array([1.5], np.longdouble), [1.5], "f"),
}


@pytest.mark.parametrize(("values", "expected", "kind"), CONVERTED.values(), ids=CONVERTED)
def test_columns_come_in_few_forms(values, expected, kind):
    column = as_table({"a": values})["a"]
    assert column.dtype.kind == kind
    assert column.dtype.itemsize <= 8
    np.testing.assert_array_equal(column, np.array(expected, dtype=column.dtype))


REFUSED = {
    "ragged lists": ([[1, 2], [3]], "'x' has 1 values in row 1, but 2 in row 0"),
    "three dimensions": (np.zeros((2, 2, 2)), r"shape \(2, 2, 2\)"),
    "three dimensions by name": ({"a": np.zeros((2, 2, 2))}, "3 dimensions"),
    "a number": (3.0, "an object of type float is not a table"),
    "nothing": (None, "an object of type NoneType is not a table"),
    "a text": ("data.csv", "an object of type str is not a table"),
    "columns of unequal length": ({"a": [1, 2], "b": [1]}, "'a' has 2 rows, 'b' has 1"),
    "repeated names": (pd.DataFrame([[1, 2]], columns=["a", "a"]), "several columns named 'a'"),
    "names that are the same as texts": ({1: [1], "1": [2]}, "several columns named '1'"),
    "complex numbers": ({"a": [1j]}, "complex"),
    "lists in a column": ({"a": [{}, {}]}, "type dict"),
    "a record that is none": ([{"a": 1}, 3], "row 1 is not a dictionary"),
    "bytes that are no text": ({"a": [b"\xff"]}, "not UTF-8"),
    "a number beyond float64": ({"a": [10**400]}, "beyond the range"),
    "texts in two dimensions by name": ({"a": [["a", "b"]]}, "two dimensions"),
    "lazy column": ({"a": pl.LazyFrame({"a": [1]})}, "LazyFrame, which holds no rows yet"),
    "lazy frame": (pl.LazyFrame({"a": [1]}), "LazyFrame holds no rows yet"),
    "no columns": (np.zeros((3, 0)), "no columns"),
}


@pytest.mark.parametrize(("source", "message"), REFUSED.values(), ids=REFUSED)
def test_sources_that_are_not_tables_are_refused(source, message):
    with pytest.raises(DataError, match=message):
        as_table(source)["a"]


@pytest.mark.parametrize("names", [["a"] * 2, ["a"], ["a", "b", "c"]], ids=repr)
def test_names_must_fit(names):
    with pytest.raises(DataError, match="name"):
        as_table({"p": [1], "q": [2]}, names)


def test_rows_keep_their_numbers():
    table = Table({"a": np.arange(5), "b": list("vwxyz")}).take(np.array([4, 2])).take(slice(1, None))
    assert table["a"].tolist() == [2]
    assert table["b"].tolist() == ["x"]
    assert table.place(0) == "row 2"


def test_slices_keep_converted_values():
    table = Table({"a": ["1", "2", "x"], "b": ["3", "4", "5"]})
    assert column_kind(table, "a") == "category"
    first = numbers(table, "b")
    part = table.take(np.array([2, 0]))
    assert (part.rows, part["b"].tolist(), numbers(part, "b").tolist()) == (2, ["5", "3"], [5, 3])
    assert part.parsed
    assert numbers(table.select(["b"]), "b") is first
    assert column_kind(table.take(slice(2)), "a") == "number"  # what all rows are not, some may be


@pytest.mark.parametrize("source", ["take", "select"])
def test_columns_are_checked_once(monkeypatch, source):
    table = Table({"a": ["1", "2"]})
    monkeypatch.setattr("mlpkit.data.table.as_column", lambda values, name: pytest.fail("checked again"))
    part = table.take(slice(1)) if source == "take" else table.select(["a"])
    assert part["a"].tolist() == ["1", "2"][: part.rows]


ARROW = {
    "array": pa.array(["a", None, "b"]).dictionary_encode(),
    "chunked array": pa.chunked_array([pa.array(["a", None]).dictionary_encode(), pa.array(["b"]).dictionary_encode()]),
}


@pytest.mark.parametrize("values", ARROW.values(), ids=ARROW)
def test_nulls_of_arrow_are_missing_wherever_they_stand(values):
    assert as_table(values, default="y")["y"].tolist() == ["a", None, "b"]
    assert as_table({"a": values})["a"].tolist() == ["a", None, "b"]
    assert as_table(pa.table({"a": values}))["a"].tolist() == ["a", None, "b"]


class Tensor:
    """Says what a PyTorch tensor does that is still part of a graph."""

    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.")


@pytest.mark.parametrize("source", [Tensor(), {"a": Tensor()}], ids=["alone", "column"])
def test_a_tensor_that_needs_a_gradient_is_told_of_detach(source):
    with pytest.raises(DataError, match="requires grad") as caught:
        as_table(source)
    assert "detach" in caught.value.help


READS_AS = {"7": 7, "-12": -12, str(2**53 + 1): 2**53 + 1, "7.5": 7.5, "1e3": 1000.0, "1_000": None, "x": None, "": None}


@pytest.mark.parametrize(("text", "value"), READS_AS.items())
def test_the_number_that_a_text_reads_as(text, value):
    found = read_number(text)
    assert found == value
    assert type(found) is type(value)


def test_a_missing_column_names_its_neighbour():
    with pytest.raises(DataError, match=r"no column 'heigth'.*did you mean 'height'") as caught:
        Table({"height": [1], "weight": [2]})["heigth"]
    assert "height, weight" in caught.value.help


VALUES = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.dates())


@settings(deadline=None)
@given(st.lists(st.lists(VALUES, min_size=2, max_size=2), min_size=1))
def test_any_records_are_a_table_or_an_error(rows):
    try:
        table = as_table([{"a": first, "b": second} for first, second in rows])
        columns = [table["a"], table["b"]]  # one that cannot be used says so when it is
    except DataError:
        return
    assert table.rows == len(rows)
    for index, column in enumerate(columns):
        absent = [row[index] is None or row[index] != row[index] for row in rows]
        assert [value is None or value != value for value in column.tolist()] == absent


@settings(deadline=None)
@given(st.lists(st.one_of(st.text(), st.none())))
def test_texts_are_unchanged(values):
    if any(value is not None for value in values):
        assert as_table({"a": values})["a"].tolist() == values
