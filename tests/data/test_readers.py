"""Tables from files."""

from __future__ import annotations

import csv
import io
import os
import sys
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlpkit.data.readers import iter_tables, read_table
from mlpkit.data.sources import read_source, reading
from mlpkit.errors import DataError
from mlpkit.spec import Spec


def write(folder, name, content):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


GOOD = {
    "comma": ("a,b\n1,x\n2,y\n", [["1", "2"], ["x", "y"]]),
    "semicolon": ("a;b\n1;x,z\n2;y\n", [["1", "2"], ["x,z", "y"]]),
    "tab": ("a\tb\n1\tx\n2\ty\n", [["1", "2"], ["x", "y"]]),
    "bar": ("a|b\n1|x\n2|y\n", [["1", "2"], ["x", "y"]]),
    "byte-order mark": ("\ufeffa,b\n1,x\n", [["1"], ["x"]]),
    "windows line ends": ("a,b\r\n1,x\r\n", [["1"], ["x"]]),
    "no last line end": ("a,b\n1,x", [["1"], ["x"]]),
    "quotes": ('a,b\n"1","x, ""y"""\n', [["1"], ['x, "y"']]),
    "a line in quotes": ('a,b\n1,"x\ny"\n', [["1"], ["x\ny"]]),
    "spaces around": ("a , b\n 1 , x \n", [["1"], ["x"]]),
    "blank lines": ("\n\na,b\n\n1,x\n  \n2,y\n\n", [["1", "2"], ["x", "y"]]),
    "missing": ("a,b\n,x\nNA,?\n", [[None, None], ["x", None]]),
    "names that hold a separator": ('a;"b, c, d"\n1;2\n', [["1"], ["2"]]),
    "one column": ("a\n1\n2\n", [["1", "2"]]),
    "one column with gaps": ("\na\n1\n\n2\n  \n\n", [["1", None, "2", None, None]]),
    "one column, no last line end": ("a\n1\n\n2", [["1", None, "2"]]),
    "one column, windows": ("a\r\n\r\n2\r\n", [[None, "2"]]),
    "numbered columns": ("0,1\n5,6\n", [["5"], ["6"]]),
    "other alphabets": ("größe,色\n1,赤\n", [["1"], ["赤"]]),
}


@pytest.mark.parametrize(("content", "columns"), GOOD.values(), ids=GOOD)
def test_csv(tmp_path, content, columns):
    table = read_table(write(tmp_path, "t.csv", content))
    assert [table[name].tolist() for name in table.names] == columns


def test_names_lose_spaces_and_the_mark(tmp_path):
    assert read_table(write(tmp_path, "t.csv", "\ufeffa , b\n1,2\n")).names == ("a", "b")


def test_separator_and_missing_texts_can_be_given(tmp_path):
    table = read_table(write(tmp_path, "t.dat", "a^b\nNA^-\n"), separator="^", missing=("-",))
    assert [table["a"].tolist(), table["b"].tolist()] == [["NA"], [None]]


def test_tsv_keeps_its_commas(tmp_path):
    table = read_table(write(tmp_path, "t.tsv", "a,b,c\td\n1\t2\n"))
    assert table.names == ("a,b,c", "d")


def test_stdin_is_csv(monkeypatch):
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"a,b\n1,2\n")))
    table = read_table("-")
    assert (table.names, table.place(0)) == (("a", "b"), "line 2 of stdin")


def test_rows_know_their_line(tmp_path):
    path = write(tmp_path, "t.csv", '\na,b\n1,"two\nlines"\n\n2,y\n')
    assert [read_table(path).place(row) for row in (0, 1)] == [f"line 3 of {path}", f"line 6 of {path}"]


BAD_CSV = {
    "empty": (b"", "is empty", 0),
    "blank": (b"\n \n", "is empty", 0),
    "header only": (b"a,b\n", "no rows", 0),
    "header and blank lines": (b"a,b\n\n\n", "no rows", 0),
    "repeated name": (b"a,b,a\n1,2,3\n", "several columns named 'a'", 1),
    "no header": (b"5.1,3.5,5.1\n4.9,3.0,1.4\n", "line 1 of .* looks like a row", 1),
    "too few values": (b"a,b\n1,2\n3\n", "line 3 of .* has 1 value, but the header has 2", 3),
    "too many values": (b"a,b\n\n1,2,3\n", "line 3 of .* has 3 values", 3),
    "too many after a quoted line": (b'a,b\n"1\n1",2\n3,4,5\n', "line 4 of .* has 3 values", 4),
    "open quote": (b'a,b\n1,2\n"3,4\n5,6\n', "line 3 of .* cannot be read", 3),
    "text after a quote": (b'a,b\n1,"2"3\n', "line 2 of .* cannot be read", 2),
    "latin-1": ("a,b\n1,caf\xe9\n".encode("latin-1"), "line 2 of .* not UTF-8 text: byte 0xe9 at position 6", 2),
    "utf-16": ("a,b\n1,2\n".encode("utf-16"), "is UTF-16 text, not UTF-8", 1),
    "NUL": (b"a,b\n1,\x00\n", "line 2 of .* NUL", 2),
    "NUL in each line": (b"a,b,t\n" + b"0.123,4,up\x00\n" * 40, "line 2 of .* NUL", 2),
    "header in an open quote": (b'"a,b\n1,2\n', "header of .* cannot be read", 1),
}


@pytest.mark.parametrize(("content", "message", "line"), BAD_CSV.values(), ids=BAD_CSV)
def test_bad_csv_names_file_and_line(tmp_path, content, message, line):
    path = write(tmp_path, "bad.csv", content)
    with pytest.raises(DataError, match=message) as caught:
        read_table(path)
    [problem] = caught.value.problems
    assert (problem.file, problem.line) == (str(path), line)
    with pytest.raises(DataError, match=message):
        list(iter_tables(path, rows=1))


TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=8).map(str.strip)


@settings(deadline=None)
@given(st.lists(st.tuples(TEXT, TEXT, TEXT), min_size=1, max_size=20), st.sampled_from(",;\t|"), st.sampled_from(["\n", "\r\n"]))
def test_output_of_the_csv_module_is_read(tmp_path_factory, rows, separator, line_end):
    path = tmp_path_factory.mktemp("csv") / "t.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, delimiter=separator, lineterminator=line_end).writerows([("a", "b", "c"), *rows])
    table = read_table(path, missing=(), header=True)
    assert [table[name].tolist() for name in table.names] == [list(column) for column in zip(*rows, strict=True)]


PIECES = st.sampled_from([b"a", b"1", b",", b";", b'"', b"\n", b"\r", b"\t", b" ", b"\x00", b"\xff", b"\xc3\xa9", b"NA", b"\xef\xbb\xbf"])


@settings(deadline=None)
@given(st.lists(PIECES).map(b"".join))
def test_any_bytes_are_a_table_or_an_error(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("csv") / "t.csv"
    path.write_bytes(content)
    try:
        table = read_table(path)
    except DataError:
        return
    assert table.rows >= 1
    assert len(set(table.names)) == len(table.names)


def test_npz(tmp_path):
    X, y = np.arange(6, dtype=np.float32).reshape(3, 2), np.array(["a", "b", "c"])
    np.savez_compressed(tmp_path / "t.npz", X=X, y=y[:, None], version=1)
    table = read_table(tmp_path / "t.npz")
    assert table.names == ("X", "y")
    assert table["X"].dtype == np.float32
    np.testing.assert_array_equal(table["X"], X)
    assert table["y"].tolist() == ["a", "b", "c"]


def test_npy(tmp_path):
    np.save(tmp_path / "t.npy", np.arange(6).reshape(3, 2))
    table = read_table(tmp_path / "t.npy")
    assert (table.names, table.named) == (("x0", "x1"), False)
    assert table["x1"].tolist() == [1, 3, 5]
    np.save(tmp_path / "s.npy", np.array([(1, "a")], dtype=[("n", "i4"), ("t", "U1")]))
    assert read_table(tmp_path / "s.npy").names == ("n", "t")


def test_hdf5(tmp_path):
    with h5py.File(tmp_path / "t.h5", "w") as file:
        file["train/X"] = np.arange(6.0).reshape(3, 2)
        file["train/y"] = ["ä", "b", "c"]
        file["train/fixed"] = np.array([b"p", b"q", b"r"])
        file["train/flag"] = np.array([True, False, True])
        file["note"] = "no column"
        file["elsewhere"] = h5py.ExternalLink("other.h5", "/x")
    table = read_table(tmp_path / "t.h5")
    assert set(table.names) == {"train/X", "train/y", "train/fixed", "train/flag"}
    assert table["train/y"].tolist() == ["ä", "b", "c"]
    assert table["train/fixed"].tolist() == ["p", "q", "r"]
    assert table["train/flag"].dtype == bool
    np.testing.assert_array_equal(table["train/X"], [[0, 1], [2, 3], [4, 5]])


def test_named_arrays_may_stand_beside_others_of_other_lengths(tmp_path):
    np.savez(tmp_path / "t.npz", X=np.zeros((3, 2)), y=np.ones(3), names=np.array(["p", "q"]))
    with pytest.raises(DataError, match="differ in length: X 3, y 3, names 2"):
        read_table(tmp_path / "t.npz")
    assert read_table(tmp_path / "t.npz", columns=["X", "y", "weight"]).names == ("X", "y")


def make_npz(path):
    np.savez(path, a=np.arange(7))


def make_hdf5(path):
    with h5py.File(path, "w") as file:
        file["a"] = np.arange(7)


FILES = {
    "t.csv": lambda path: path.write_text("a\n" + "\n".join(map(str, range(7)))),
    "t.npz": make_npz,
    "t.hdf5": make_hdf5,
    "t.npy": lambda path: np.save(path, np.arange(7)),
}


@pytest.mark.parametrize(("name", "make"), FILES.items(), ids=FILES)
def test_chunks_are_the_table_in_pieces(tmp_path, name, make):
    make(tmp_path / name)
    whole = read_table(tmp_path / name)
    chunks = list(iter_tables(tmp_path / name, rows=3))
    assert [chunk.rows for chunk in chunks] == [3, 3, 1]
    column = whole.names[0]
    assert [value for chunk in chunks for value in chunk[column].tolist()] == whole[column].tolist()
    assert [chunk.place(0) for chunk in chunks] == [whole.place(row) for row in (0, 3, 6)]


def test_csv_chunks_are_read_one_at_a_time(tmp_path):
    path = write(tmp_path, "t.csv", "a\n1\n2\n3\n\xff")
    path.write_bytes(b"a\n" + b"1\n" * 5000 + b"\xff\n")
    chunks = iter_tables(path, rows=10)
    assert next(chunks).rows == 10  # the bad line is far away yet
    with pytest.raises(DataError, match=r"line 5002 of .* not UTF-8"):
        list(chunks)


def pickled(path):
    np.save(path, np.array([{}], dtype=object), allow_pickle=True)


def text(path):
    path.write_text("hello")


def cut(path):
    np.save(path.with_suffix(".npy"), np.arange(1000))
    path.with_suffix(".npy").rename(path)
    path.write_bytes(path.read_bytes()[:500])


BAD_FILES = {
    "pickle": ("t.npy", pickled, "holds Python objects, which are never loaded"),
    "text as npy": ("t.npy", text, "cannot be read as a NumPy file"),
    "text as npz": ("t.npz", text, "cannot be read as a NumPy file"),
    "text as hdf5": ("t.h5", text, "cannot be read as an HDF5 file"),
    "empty npy": ("t.npy", lambda path: path.write_bytes(b""), "cannot be read as a NumPy file"),
    "cut npy": ("t.npy", cut, "cannot be read as a NumPy file"),
    "cut zip": ("t.npz", lambda path: path.write_bytes(b"PK\x03\x04" + b"x" * 50), "cannot be read as a NumPy file"),
    "three dimensions": ("t.npy", lambda path: np.save(path, np.zeros((2, 2, 2))), r"shape \(2, 2, 2\)"),
    "no rows": ("t.npy", lambda path: np.save(path, np.zeros((0, 2))), "no rows"),
    "no arrays": ("t.npz", lambda path: np.savez(path), "no arrays"),
    "no file": ("none.csv", lambda path: None, "there is no file"),
    "no npy file": ("none.npy", lambda path: None, "there is no file"),
    "no hdf5 file": ("none.h5", lambda path: None, "there is no file"),
    "NUL in the path": ("a\0b.csv", lambda path: None, "is not a valid path: .*embedded null"),
    "folder": ("folder", lambda path: path.mkdir(), "is a folder"),
    "unknown": ("t.ods", text, ".ods files are not supported"),
}


@pytest.mark.parametrize(("name", "make", "message"), BAD_FILES.values(), ids=BAD_FILES)
def test_bad_files(tmp_path, name, make, message):
    make(tmp_path / name)
    with pytest.raises(DataError, match=message) as caught:
        read_table(tmp_path / name)
    assert caught.value.help


def test_no_permission(tmp_path, monkeypatch):
    path = write(tmp_path, "t.csv", "a\n1\n")

    def refuse(*args, **kwargs):
        raise PermissionError(13, os.strerror(13), str(path))

    monkeypatch.setattr("builtins.open", refuse)  # a real one does not stop root
    with pytest.raises(DataError, match="cannot be read: Permission denied"):
        read_table(path)


def test_a_damaged_hdf5_file_is_an_error(tmp_path):
    make_hdf5(tmp_path / "t.h5")
    whole = (tmp_path / "t.h5").read_bytes()
    for length in range(0, len(whole), 97):
        (tmp_path / "cut.h5").write_bytes(whole[:length])
        with pytest.raises(DataError, match=r"cut\.h5"):
            read_table(tmp_path / "cut.h5")


OTHERS = {  # the spec's path and format, the file that is read, and how
    "an ending that says nothing": (("train.dat", "npz"), "t.dat", make_npz),
    "an ending that says another format": (("train.dat", "npz"), "t.csv", FILES["t.csv"]),
    "the ending of the spec's own file": (("train.csv", "npz"), "t.csv", make_npz),
    "the format that a spec without a path gives": ((None, "npz"), "t.csv", make_npz),
    "no format": (("train.csv", None), "t.hdf5", make_hdf5),
}


@pytest.mark.parametrize(("data", "name", "make"), OTHERS.values(), ids=OTHERS)
def test_other_files_are_read_with_the_options_of_the_spec(tmp_path, data, name, make):
    make(tmp_path / "made")
    made = next(tmp_path.iterdir()).rename(tmp_path / name)
    spec = Spec.model_validate({"data": {"path": data[0], "format": data[1]}, "network": {"layers": [{}]}, "loss": "mean_squared_error"})
    for table in (read_source(spec, made), next(iter_tables(made, rows=9, **reading(spec, made)))):
        assert [float(value) for value in table["a"].tolist()] == list(range(7))


def test_stdin_is_text_whatever_the_format(monkeypatch):
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"a,b\n1,2\n")))
    assert read_table("-", format="npz").names == ("a", "b")
