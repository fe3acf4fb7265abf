"""CSV files without a header, in other encodings and with decimal commas: detected by errors, and read with the right options."""

from __future__ import annotations

import io
import sys
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import mlpkit
from mlpkit.data.column_types import column_kind, numbers
from mlpkit.data.csv.dialect import OtherDialect
from mlpkit.data.dialect_detection import read_sniffed
from mlpkit.data.readers import iter_tables, read_table
from mlpkit.data.sources import read_source
from mlpkit.errors import DataError
from mlpkit.spec import Spec

ROWS_ALONE = {
    "iris": "5.1,3.5,Iris-setosa\n4.9,3.0,Iris-setosa\n6.3,3.3,Iris-virginica\n",
    "adult": "39, State-gov, 77516,<=50K\n50, Private, 83311,>50K\n38, Private, 215646,<=50K\n",
    "auto": "18.0,8,307.0,chevrolet\n15.0,8,350.0,buick\n?,8,318.0,ford\n",
    "a gap in the first row": "?,3.5,a\n4.9,3.0,b\n",
    "letters": "p,x,s\ne,x,y\np,b,s\ne,x,s\n",
    "one column": "5.1\n4.9\n4.7\n",
    "one column of flags": "0\n1\n1\n0\n",
    "a label first": "0,ham and eggs\n1,spam\n0,ham\n",
    "flags alone": "0,1\n1,0\n1,1\n0,0\n",
    "numbers that do not count": "3,17,42\n5,9,1\n",
    "dates": "2020-01-01,5.5\n2020-01-02,6.5\n",
    "decimal commas": "5,1;3,5;Iris-setosa\n4,9;3,0;Iris-setosa\n",
    "exponents": "1e3,2e4\n1.5e3,2.5e4\n",
    "small numbers": "1,2,3\n4,5,6\n7,8,9\n",
    "years": "1990,2001\n1985,2010\n1999,2003\n",
    "dates and texts": "2020-01-01,Rome\n2020-01-02,Oslo\n",
    "times": "12:30,lunch\n18:05,dinner\n",
    "percentages": "57%,high\n3%,low\n",
    "prices": "$19.99,shoe\n$5.00,sock\n",
}
NAMED = {
    "words": "a,b\n1,2\n3,4\n",
    "counted from 0": "0,1,2\n5,6,7\n",
    "years": "city,2019,2020\nRome,5,6\nOslo,7,8\n",
    "one year": "city,2020\nRome,5\nOslo,7\n",
    "pandas without names": ",0,1,species\n0,5.1,3.5,a\n1,4.9,3.0,b\n",
    "texts alone": "name,city\nAda,London\nEmmy,Erlangen\n",
    "a name beside numbers": "id,10,20\n1,5.5,6.5\n2,5.5,6.5\n",
    "a name that is a value once": "a,b,c\na,x,1\ny,z,2\n",
    "names with signs": "height (cm),share %,x-1,2020-01\n5,6,a,7\n6,7,b,8\n",
    "a name of the form of its values": "id,group-2\n1,group-0\n2,group-1\n",
    "dates over numbers": "id,2020-01-01,2020-02-01\nu,5,6\nv,7,8\n",
}


def write(folder, content, encoding="utf-8"):
    path = folder / "t.csv"
    path.write_bytes(content.encode(encoding))
    return path


@pytest.mark.parametrize("content", ROWS_ALONE.values(), ids=ROWS_ALONE)
def test_a_first_row_in_the_place_of_names_is_an_error_that_names_the_key(tmp_path, content):
    path = write(tmp_path, content)
    for read in (read_table, lambda path: list(iter_tables(path, rows=1))):
        with pytest.raises(OtherDialect, match=r"line 1 of .* looks like a row") as caught:
            read(path)
        assert ('"header": false' in caught.value.help, caught.value.key, caught.value.value) == (True, "header", False)
        assert caught.value.problems[0].line == 1
    table, written = read_sniffed(path)
    assert (written["header"], table.rows) == (False, content.count("\n"))
    assert table.names == tuple(f"x{index}" for index in range(len(table.names)))


@pytest.mark.parametrize("content", NAMED.values(), ids=NAMED)
def test_names_that_are_numbers_are_names(tmp_path, content):
    path = write(tmp_path, content)
    assert read_table(path).rows == content.count("\n") - 1
    assert "header" not in read_sniffed(path)[1]


def test_an_explicit_header_is_not_checked(tmp_path):
    path = write(tmp_path, ROWS_ALONE["iris"])
    assert read_table(path, header=True).names == ("5.1", "3.5", "Iris-setosa")
    table = read_table(path, header=False)
    assert (table.names, table.rows, table.named, table.place(0)) == (("x0", "x1", "x2"), 3, False, f"line 1 of {path}")
    table = read_table(path, header=("a", "b", "c"))
    assert (table.names, table["c"][0], table.named) == (("a", "b", "c"), "Iris-setosa", True)
    [first, *_] = iter_tables(path, rows=1, header=("a", "b", "c"))
    assert first["a"].tolist() == ["5.1"]


def test_names_that_do_not_fit_the_rows(tmp_path):
    with pytest.raises(DataError, match=r"line 1 of .* has 3 values, but data.header has 2 names"):
        read_table(write(tmp_path, ROWS_ALONE["iris"]), header=("a", "b"))
    with pytest.raises(OtherDialect, match=r"is a header, although data.header declares"):
        read_table(write(tmp_path, "a,b\n1,2\n"), header=("a", "b"))
    with pytest.raises(DataError, match=r"line 2 of .* has 1 value, but the first row has 3"):
        read_table(write(tmp_path, "1,2,3\n4\n"), header=False)
    assert read_table(write(tmp_path, "1,2,\n3,4,\n"), header=("a", "b")).names == ("a", "b")


def spec_of(**data):
    return Spec.model_validate({"data": data, "network": {"layers": [{}]}, "loss": "mean_squared_error"})


def test_an_explicit_header_true_is_obeyed(tmp_path):
    path = write(tmp_path, ROWS_ALONE["iris"])
    with pytest.raises(OtherDialect):
        read_source(spec_of(), path)
    assert read_source(spec_of(header=True), path).rows == 2
    assert read_source(spec_of(header=False), path).rows == 3


def test_a_model_keeps_an_explicit_header(tmp_path):
    path = write(tmp_path, "1,2,5\n4,7,6\n5,3,9\n6,1,8\n7,5,5\n")
    data = {"path": str(path), "target": "5", "header": True}
    model = mlpkit.train({"data": data, "network": {"layers": [{}]}, "loss": "mse", "training": {"epochs": 1}})
    model.save(tmp_path / "model.h5")
    loaded = mlpkit.load(tmp_path / "model.h5")
    assert loaded.spec.data.header is True
    assert loaded.evaluate(path) == model.evaluate(path)
    assert loaded.spec.to_dict() == model.spec.to_dict() == mlpkit.inspect(tmp_path / "model.h5")["spec"]


# -- encodings

TEXT = "größe,b\n1,é\n2,ü\n"


@pytest.mark.parametrize(
    ("encoding", "named"),
    [
        ("cp1252", "cp1252"),
        ("latin-1", "cp1252"),
        ("utf-16", "utf-16"),
        ("utf-16-le", "utf-16-le"),
        ("utf-16-be", "utf-16-be"),
        ("utf-32", "utf-32"),
        ("utf-32-le", "utf-32-le"),
        ("utf-32-be", "utf-32-be"),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_another_encoding_is_detected_and_read_if_given(tmp_path, encoding, named, end):
    path = write(tmp_path, TEXT.replace("\n", end), encoding)
    with pytest.raises(OtherDialect, match="not UTF-8") as caught:
        read_table(path)
    assert f'"encoding": "{named}"' in caught.value.help
    table, written = read_sniffed(path)
    assert written == {"encoding": named}
    assert (table.names, table["b"].tolist(), table["größe"].tolist()) == (("größe", "b"), ["é", "ü"], ["1", "2"])
    assert [chunk["b"].tolist() for chunk in iter_tables(path, rows=1, encoding=encoding)] == [["é"], ["ü"]]
    assert read_source(spec_of(encoding=encoding), path).names == ("größe", "b")


def test_wide_characters_without_a_mark_are_told_too(tmp_path):
    for encoding in ("utf-16-le", "utf-16-be"):
        with pytest.raises(OtherDialect, match=f"is {encoding.upper()} text, not UTF-8"):
            read_table(write(tmp_path, "名前,都市\n" + "赤色,東京\n" * 20, encoding))
    with pytest.raises(DataError, match=r"NUL|UTF-8"):
        read_table(write(tmp_path, "".join(map(chr, range(256))) * 4, "latin-1"))


def test_bytes_that_are_in_no_table_of_windows_are_latin_1(tmp_path):
    (tmp_path / "t.csv").write_bytes(b"a,b\n1,caf\xe9\x81\n")
    with pytest.raises(OtherDialect, match=r"line 2 .* byte 0xe9 at position 6; in latin-1 it is 'é'"):
        read_table(tmp_path / "t.csv")


def test_utf_8_that_is_damaged_is_not_taken_for_another_encoding(tmp_path):
    (tmp_path / "t.csv").write_bytes("a,b\n1,é\n2,ü\n".encode() + b"3,\xff\n")
    with pytest.raises(DataError, match=r"line 4 of .* not UTF-8"):
        read_sniffed(tmp_path / "t.csv")


def test_a_mark_that_contradicts_the_spec(tmp_path):
    with pytest.raises(OtherDialect, match=r"is UTF-8 text, not CP1252"):
        read_table(write(tmp_path, TEXT, "utf-8-sig"), encoding="cp1252")
    with pytest.raises(DataError, match=r"line 2 of .* is not ascii text"):
        read_table(write(tmp_path, "a,b\n1,é\n"), encoding="ascii")


def test_stdin_is_decoded_too(monkeypatch):
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(TEXT.encode("utf-16"))))
    assert read_table("-", encoding="utf-16")["b"].tolist() == ["é", "ü"]


# -- decimals


@pytest.mark.parametrize("separator", [";", "\t", "|"])
@pytest.mark.parametrize("rows", [3, 300])
def test_decimal_commas_are_read_to_the_bits_of_points(tmp_path, separator, rows):
    values = np.round(np.random.default_rng(0).normal(scale=100, size=(rows, 2)), 4)
    frame = pd.DataFrame(values, columns=["a", "b"]).assign(c="u,v")
    path = write(tmp_path, frame.to_csv(index=False, sep=separator, decimal=","))
    table, written = read_sniffed(path)
    assert written == {"decimal": ",", "separator": separator}
    for name in "ab":
        assert column_kind(table, name) == "number"
        assert numbers(table, name).tobytes() == frame[name].to_numpy().tobytes()
    assert set(table["c"].tolist()) == {"u,v"}


SOME = ["1,5", "-2,25", "+,5", "3,", "7", "NA", "1,5e3", "-0,0"]


def test_every_way_of_writing_a_number_with_a_comma(tmp_path):
    table = read_table(write(tmp_path, "a;b\n" + "".join(f"{text};x\n" for text in SOME)), decimal=",")
    np.testing.assert_array_equal(numbers(table, "a"), [1.5, -2.25, 0.5, 3, 7, np.nan, 1500, -0.0])


@pytest.mark.parametrize("point", ["1.234", "3.5", "1.234,5"])
def test_a_point_in_a_number_is_an_error_where_decimals_have_commas(tmp_path, point):
    path = write(tmp_path, f"a;b\n1,5;x\n{point};y\n2,5;x\n")
    with pytest.raises(DataError, match=f"has '{point}', whose point is ambiguous"):
        numbers(read_table(path, decimal=","), "a")
    assert read_table(path, decimal=",")["b"].tolist() == ["x", "y", "x"]  # the other columns are as they are
    assert read_table(write(tmp_path, "a;b\n1,5;x\n1.234;y\n"), decimal=",", missing=["1.234"])["a"].tolist() == ["1.5", None]


def test_decimal_commas_are_found_beside_marks(tmp_path):
    table, written = read_sniffed(write(tmp_path, "a;b\n1,5;x\n-;y\n2,25;x\n7;y\n"))
    assert (written["decimal"], table["a"].tolist()) == (",", ["1.5", "-", "2.25", "7"])


@pytest.mark.parametrize("content", ["a;b\n1,234;x\n12,500;y\n", "a;b\n1,234,567;x\n2,345;y\n", "a;b;c\n1,5;2.5;x\n2,5;3.5;y\n"])
def test_commas_that_may_group_thousands_are_not_decimal_commas(tmp_path, content):
    path = write(tmp_path, content)
    assert "decimal" not in read_sniffed(path)[1]


def test_numbers_with_a_comma_name_the_key(tmp_path):
    table = read_table(write(tmp_path, "a;b\n1,5;x\n2,5;y\n"))
    for read, message in ((column_kind, "numbers written with a comma"), (numbers, "holds numbers, but line 2 of .* has '1,5'")):
        with pytest.raises(DataError, match=message) as caught:
            read(table, "a")
        assert '"decimal": ","' in caught.value.help
