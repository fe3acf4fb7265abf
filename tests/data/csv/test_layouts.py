"""CSV files as common programs write them: row names, trailing separators, CR line ends, long fields."""

from __future__ import annotations

import csv
import io

import numpy as np
import pandas as pd
import pytest

from mlpkit.data.csv import reader
from mlpkit.data.readers import iter_tables, read_table
from mlpkit.errors import DataError

FRAME = pd.DataFrame({"a": [1.5, 2.5, 3.5], "b": ["x", "y", "z"]}, index=[10, 11, 12])
COLUMNS = {"a": ["1.5", "2.5", "3.5"], "b": ["x", "y", "z"]}
WRITTEN = {
    "pandas": FRAME.to_csv(),
    "pandas, index of texts": FRAME.set_axis(["p", "q", "r"]).to_csv(),
    "R write.csv": '"","a","b"\n"1",1.5,"x"\n"2",2.5,"y"\n"3",3.5,"z"\n',
    "R write.table": '"a"\t"b"\n"1"\t1.5\t"x"\n"2"\t2.5\t"y"\n"3"\t3.5\t"z"\n',
    "R write.table without quotes": "a;b\n1;1.5;x\n2;2.5;y\n3;3.5;z\n",
    "R write.table as it is": '"a" "b"\n"1" 1.5 "x"\n"2" 2.5 "y"\n"3" 3.5 "z"\n',
    "separators behind all lines": "a,b,\n1.5,x,\n2.5,y,\n3.5,z,\n",
    "separators behind the rows": "a,b\n1.5,x,\n2.5,y,\n3.5,z,\n",
    "a separator behind the header": "a,b,\n1.5,x\n2.5,y\n3.5,z\n",
    "CR": "a,b\r1.5,x\r2.5,y\r3.5,z\r",
    "CR, no last one": "a,b\r1.5,x\r2.5,y\r3.5,z",
    "CR in rows alone": "a,b\n1.5,x\r2.5,y\r3.5,z\n",
    "mixed line ends": "a,b\r\n1.5,x\r2.5,y\n3.5,z\r\n",
    "CR twice": "a,b\r\r\n1.5,x\r\r\n2.5,y\r\r\n3.5,z\r\r\n",
    "Excel's first line": "sep=;\r\na;b\r\n1.5;x\r\n2.5;y\r\n3.5;z\r\n",
    "Excel's first line, another separator": "\ufeffsep=^\na^b\n1.5^x\n2.5^y\n3.5^z\n",
    "blank lines at the end": "\ufeffa,b\n1.5,x\n2.5,y\n3.5,z\n\n\n  \n",
    "quotes around all": '"a","b"\n"1.5","x"\n"2.5","y"\n"3.5","z"\n',
}


@pytest.mark.parametrize("content", WRITTEN.values(), ids=WRITTEN)
@pytest.mark.parametrize("block", [24, 2**20])
def test_every_way_of_writing_gives_the_same_columns(tmp_path, monkeypatch, content, block):
    monkeypatch.setattr(reader, "BLOCK", block)
    path = tmp_path / "t.csv"
    path.write_bytes(content.encode())
    table = read_table(path)
    assert {name: table[name].tolist() for name in table.names if name not in table.unnamed} == COLUMNS
    assert table.unnamed <= {"unnamed"}
    chunks = list(iter_tables(path, rows=2))
    assert [value for chunk in chunks for value in chunk["b"].tolist()] == COLUMNS["b"]


def test_a_column_without_a_name_keeps_its_values(tmp_path):
    (tmp_path / "t.csv").write_text("unnamed,,a,\n1,2,3,4\n5,6,7,8\n")
    table = read_table(tmp_path / "t.csv")
    assert table.names == ("unnamed", "unnamed1", "a", "unnamed2")
    assert table.unnamed == {"unnamed1", "unnamed2"}
    assert table.take(np.array([1]))["unnamed1"].tolist() == ["6"]


@pytest.mark.parametrize("header", ["a,b", "a,b,"])
def test_a_value_behind_the_last_separator_is_an_error(tmp_path, header):
    (tmp_path / "t.csv").write_text(f"{header}\n" + "1,2,\n" * 200 + "1,2,3\n1,2,\n")
    with pytest.raises(DataError, match=r"line 202 of .* has 3 values, but the header has 2 names and a separator at the end"):
        read_table(tmp_path / "t.csv")
    chunks = iter_tables(tmp_path / "t.csv", rows=200)
    assert next(chunks).rows == 200
    with pytest.raises(DataError, match="line 202"):
        next(chunks)


@pytest.mark.parametrize("rows", ["1,2,3\n", "1,2,3\n1,4,5\n", ",2,3\n2,4,5\n"])
def test_rows_that_are_too_long_are_no_row_names(tmp_path, rows):
    (tmp_path / "t.csv").write_text(f"a,b\n{rows}")
    with pytest.raises(DataError, match=r"line 2 of .* has 3 values, but the header has 2 names"):
        read_table(tmp_path / "t.csv")


@pytest.mark.parametrize("text", ["x" * 200_000, 'say "' + "x" * 200_000, "two\nlines, " * 20_000, 'a ""\n' * 50_000], ids=range(4))
def test_a_long_field_is_read_and_the_limit_of_the_process_stays(tmp_path, text):
    stream, limit = io.StringIO(), csv.field_size_limit()
    csv.writer(stream, lineterminator="\n").writerows([["a", "b"], ["1", text], ["2", 'q"'], ["3", text]])
    (tmp_path / "t.csv").write_text(stream.getvalue(), newline="")
    table = read_table(tmp_path / "t.csv")
    assert table["b"].tolist() == [text.strip(), 'q"', text.strip()]
    assert table["a"].tolist() == ["1", "2", "3"]
    assert csv.field_size_limit() == limit


@pytest.mark.parametrize(("end", "message"), [('"x\n4,5\n', "'.' expected after"), ("", "unexpected end of data")])
def test_errors_in_long_fields(tmp_path, end, message):
    (tmp_path / "t.csv").write_text('a,b\n1,2\n3,"' + "x" * 200_000 + end)
    with pytest.raises(DataError, match=rf"line 3 of .* cannot be read: {message}"):
        read_table(tmp_path / "t.csv")
