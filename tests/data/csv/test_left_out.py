"""Lines that are no rows, and separators of thousands."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mlpkit
from mlpkit.data.readers import iter_tables, read_table
from mlpkit.errors import DataError, SpecError

ONE = {"network": {"layers": [{}]}, "loss": "mean_squared_error"}


def read(folder, content, name="t.csv", **options):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_table(path, format={"type": name.partition(".")[2], **options})


LINES = {
    "first lines": ("made by X\n\nall rights, reserved\na,b\n1,x\n2,y\n", {"skip_rows": 3}, ["1", "2"], [5, 6]),
    "comments": ("# units, and so on\na,b\n1,x\n#2,y\n3,z\n# end", {"comment": "#"}, ["1", "3"], [3, 5]),
    "both": ("x\n# y\na,b\n#\n1,x\n", {"comment": "#", "skip_rows": 1}, ["1"], [5]),
    "a comment after a byte-order mark": ("\ufeff#x\na,b\n1,x\n", {"comment": "#"}, ["1"], [3]),
    "quotes in a comment": ('a,b\n# the "\n1,x\n', {"comment": "#"}, ["1"], [3]),
    "no comment in quotes": ('a,b\n1,"x\n# y"\n#\n2,z\n', {"comment": "#"}, ["1", "2"], [2, 5]),
    "a quote that is text": ('a,b\n5" x,1\n# 3"\n"7"" y",2\n#\n"a\n""\n#",3\n', {"comment": "#"}, ['5" x', '7" y', 'a\n"\n#'], [2, 4, 6]),
    "a quoted name after a byte-order mark": ('\ufeff"a,",b\n# x\n1,2\n', {"comment": "#"}, ["1"], [3]),
    "no header": ("%\n1,x\n% \n2,y\n", {"comment": "%", "header": False}, ["1", "2"], [2, 4]),
    "one column": ("#\na\n1\n# no gap\n\n2\n#\n", {"comment": "#"}, ["1", None, "2"], [3, 5, 6]),
    "one column without a header": ("#\n1\n\n2\n", {"comment": "#", "header": False}, ["1", None, "2"], [2, 3, 4]),
    "windows": ("x\r\n#y\r\na,b\r\n1,x\r\n", {"comment": "#", "skip_rows": 1}, ["1"], [4]),
}


@pytest.mark.parametrize(("content", "options", "first", "lines"), LINES.values(), ids=LINES)
def test_lines_that_are_no_rows(tmp_path, content, options, first, lines):
    table = read(tmp_path, content, **options)
    column = next(iter(table.columns.values()))
    assert (column.tolist(), table.numbers.tolist()) == (first, lines)
    parts = list(iter_tables(tmp_path / "t.csv", rows=1, format={"type": "csv", **options}))
    assert [text for part in parts for text in next(iter(part.columns.values())).tolist()] == first


def test_many_comments_in_many_blocks(tmp_path):
    rows = 60_000
    body = "".join(f"{row},{'z' * 90}\n" + ("# a comment\n" if row % 1000 == 7 else "") for row in range(rows))
    table = read(tmp_path, f"a,b\n{body}", comment="#")
    assert table["a"].tolist() == list(map(str, range(rows)))
    assert table.numbers[-1] == 1 + rows + 60


def test_nothing_is_left(tmp_path):
    with pytest.raises(DataError, match="is empty"):
        read(tmp_path, "a,b\n1,2\n", skip_rows=5)
    with pytest.raises(DataError, match="no rows"):
        read(tmp_path, "a\n# x\n", comment="#")


NUMBERS = ["1,234", "-1,234,567.5", "+12,345", "999", "1,234.", "0.5", "123,456"]
OTHERS = ["12,34", "1,2345", "1234,567", ",123", "1,234,56", "x1,234", "1,234x", "1.5,234", "1,,234", "1,234,"]
OTHERS += ["0,000-", "1,234+5", "-1,2-34", "1,234.567,890", "1,234.5.6", "1,234..", "--1,234", "1-1,234"]


@pytest.mark.parametrize("mark", [",", "'", " ", "_"])
def test_separators_of_thousands(tmp_path, mark):
    written = [text.replace(",", mark) for text in NUMBERS]
    body = "".join(f'{row};"{text}"\n' for row, text in enumerate(written))
    column = read(tmp_path, f"i;v\n{body}", thousands=mark)["v"]
    assert column.tolist() == [text.replace(",", "") for text in NUMBERS]
    assert column.numbers().tolist() == [float(text.replace(",", "")) for text in NUMBERS]
    for text in OTHERS:
        text = text.replace(",", mark)
        if text == text.strip():  # blanks around a field are no part of it
            assert read(tmp_path, f'i;v\n1;"{text}"\n', thousands=mark)["v"].tolist() == [text]


def test_with_decimal_commas(tmp_path):
    column = read(tmp_path, "v;w\n1.234,5;x\n-2.000;y\n0,25;z\n", thousands=".", decimal=",")["v"]
    assert column.numbers().tolist() == [1234.5, -2000, 0.25]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text("0123456789,.+-x ", max_size=9), min_size=1, max_size=40))
def test_only_well_grouped_numbers_change(tmp_path_factory, texts):
    pattern = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d*)?")
    path = tmp_path_factory.mktemp("t") / "t.csv"
    path.write_text("i;v\n" + "".join(f"{row};{text}\n" for row, text in enumerate(texts)))
    found = read_table(path, format={"type": "csv", "separator": ";", "thousands": ","}, missing=())["v"].tolist()
    assert found == [text.strip().replace(",", "") if pattern.fullmatch(text.strip()) else text.strip() for text in texts]


def test_the_options_are_those_of_a_spec(tmp_path):
    for options, message in (
        ({"thousands": "."}, "both"),
        ({"thousands": "x"}, "thousands"),
        ({"comment": "##"}, "comment"),
        ({"skip_rows": -1}, "skip"),
    ):
        with pytest.raises(SpecError, match=message):
            mlpkit.Spec.model_validate({**ONE, "data": {"format": {"type": "csv", **options}}})
    rng = np.random.default_rng(0)
    lines = "".join(f'"{value:,.1f}",{value / 1000:.3f}\n' for value in rng.uniform(0, 1e5, 50))
    (tmp_path / "t.csv").write_text(f"# made by X\na,y\n{lines}")
    data = {"target": "y", "format": {"type": "csv", "thousands": ",", "comment": "#"}}
    model = mlpkit.train({**ONE, "data": data, "training": {"epochs": 1}}, tmp_path / "t.csv")
    model.save(tmp_path / "m.h5")
    assert mlpkit.inspect(tmp_path / "m.h5")["spec_schema"] == 8
    assert mlpkit.load(tmp_path / "m.h5").predict(tmp_path / "t.csv").tolist() == model.predict(tmp_path / "t.csv").tolist()
