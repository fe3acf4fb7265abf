"""Times of rows: values that can be sorted, and values that are refused with their row."""

from __future__ import annotations

import datetime

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlpkit.data.iso_dates import read_date
from mlpkit.data.table import Table
from mlpkit.data.times import time_text, times
from mlpkit.errors import DataError

DAYS = [datetime.date(2024, 3, day) for day in (3, 1, 2)]
MOMENTS = [datetime.datetime(2024, 3, 1, hour, 30) for hour in (12, 9, 10)]
FORMS = {
    "numbers": [3.5, 1, 2],
    "numbers as texts": ["30", "9", "10"],
    "large integers": [2**60 + 2, 2**60, 2**60 + 1],
    "dates as texts": ["2024-03-10", "2024-03-09", "2024-3-9 12:00"],
    "dates with slashes": ["2024/03/10", "2024/02/29", "2024/03/09"],
    "months": ["2024-11", "2024-02", "2024-10"],
    "with T": ["2024-03-01T12:30", "2024-03-01T09:30", "2024-03-01T10:30:59.5"],
    "with zones": ["2024-03-01 12:30+02:00", "2024-03-01T09:30Z", "2024-03-01 06:00 -0400"],
    "objects of days": DAYS,
    "objects of moments": MOMENTS,
    "numpy": np.array(DAYS, "M8[ns]"),
    "pandas": pd.Series(pd.to_datetime(DAYS)),
    "pandas with a zone": pd.Series(pd.to_datetime(MOMENTS)).dt.tz_localize("Europe/Paris"),
    "polars": pl.Series(MOMENTS),
    "polars days": pl.Series(DAYS),
}


@pytest.mark.parametrize("values", FORMS.values(), ids=FORMS)
def test_times_are_sorted(values):
    found = times(Table({"t": values}), "t")
    assert np.argsort(found).tolist() == [1, 2, 0]


BAD = {
    "booleans": ([True, False], "has booleans, which are no times"),
    "a text": (["2024-03-01", "soon"], "has 'soon' in row 1, which is no date"),
    "no such day": (["2024-03-01", "2023-02-29"], "has '2023-02-29' in row 1"),
    "no such hour": (["2024-03-01 24:30", "2024-03-01"], "in row 0"),
    "the day first": (["01.03.2024", "02.03.2024"], "has '01.03.2024' in row 0"),
    "a time of day": (["12:30", "12:31"], "has '12:30' in row 0"),
    "a text among numbers": (["1", "x"], "row 1 has 'x'"),
    "zones of some": (
        ["2024-03-01", "2024-03-02", "2024-03-02T12:00Z"],
        "without a time zone: '2024-03-01' in row 0, '2024-03-02T12:00Z' in row 2",
    ),
    "no value": (["2024-03-01", None], "has no value in row 1"),
    "a mark": (["2024-03-01", "?"], "has no value in row 1"),
    "NaN": ([1.0, np.nan], "has no value in row 1"),
    "the text nan": (["1", "nan"], "has no value in row 1"),
    "NaT": (np.array(["2024-03-01", "NaT"], "M8[s]"), "has no value in row 1"),
    "infinity": ([1.0, np.inf], "not finite"),
    "two values": (np.ones((2, 2)), "has 2 values per row"),
}


@pytest.mark.parametrize(("values", "message"), BAD.values(), ids=BAD)
def test_other_values_are_refused(values, message):
    with pytest.raises(DataError, match=message):
        times(Table({"t": values}), "t", ("?",))


MOMENT = st.datetimes(datetime.datetime(1900, 1, 1), datetime.datetime(2100, 1, 1))


@given(st.lists(st.tuples(MOMENT, st.integers(-14 * 60, 14 * 60)), min_size=2, max_size=2))
def test_iso_texts_compare_as_the_times_of_python(moments):
    pair = [moment.replace(tzinfo=datetime.timezone(datetime.timedelta(minutes=ahead))) for moment, ahead in moments]
    read = [read_date(moment.isoformat()) for moment in pair]
    assert all(zoned for _, zoned in read)
    assert (read[0][0] - read[1][0]) == (pair[0] - pair[1]) // datetime.timedelta(microseconds=1)
    assert read_date(moments[0][0].isoformat(" "))[1] is False


def test_times_as_texts():
    table = Table({"a": np.array(["2024-03-01"], "M8[ns]"), "b": np.array(["2024-03-01T12:30"], "M8[ns]"), "c": [2.0], "d": ["2024-03"]})
    assert [time_text(table, name, 0) for name in "abcd"] == ["2024-03-01", "2024-03-01 12:30:00", "2", "2024-03"]
