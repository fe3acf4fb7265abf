"""Parquet and Arrow files, and tables that Arrow can stream."""

from __future__ import annotations

import builtins
import contextlib
import datetime

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest

import mlpkit
from mlpkit.data import coded_column, size_limits
from mlpkit.data.column_types import column_kind, text_counts
from mlpkit.data.frames import as_table
from mlpkit.data.readers import iter_tables, read_table
from mlpkit.errors import DataError

ROWS = 300
COLUMNS = {
    "i": [row if row % 9 else None for row in range(ROWS)],
    "whole": list(range(ROWS)),
    "x": [row / 7 for row in range(ROWS)],
    "half": pa.array(np.arange(ROWS, dtype=np.float16)),
    "word": [f"w{row % 5}" if row % 11 else None for row in range(ROWS)],
    "kind": pa.array([f"k{row % 3}" for row in range(ROWS)]).dictionary_encode(),
    "flag": [row % 2 == 0 for row in range(ROWS)],
    "gap": [None if row % 4 == 0 else row % 3 == 0 for row in range(ROWS)],
    "day": [datetime.date(2024, 1, 1) + datetime.timedelta(row) if row % 13 else None for row in range(ROWS)],
    "pair": [[row, row + 1] for row in range(ROWS)],
    "none": pa.nulls(ROWS),
}
TABLE = pa.table(COLUMNS)


def stream(table, path):
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=70)


FORMATS = {
    "t.parquet": lambda table, path: pa.parquet.write_table(table, path, row_group_size=90),
    "t.pq": lambda table, path: pa.parquet.write_table(table, path, use_dictionary=False),
    "t.feather": lambda table, path: pa.feather.write_feather(table, str(path), chunksize=70),
    "t.arrow": stream,
}


def check(table):
    assert table.names == tuple(COLUMNS)
    kinds = {name: table[name].dtype.kind for name in table.names}
    expected = {"i": "f", "whole": "i", "x": "f", "half": "f", "word": "O", "kind": "O", "flag": "b", "gap": "O", "day": "M", "pair": "i"}
    assert kinds == {**expected, "none": "f"}
    assert [None if np.isnan(value) else value for value in table["i"].tolist()] == COLUMNS["i"]
    for name in ("whole", "x", "word", "flag", "pair"):
        assert table[name].tolist() == COLUMNS[name]
    assert table["kind"].tolist() == COLUMNS["kind"].to_pylist()
    assert table["gap"].tolist() == [None if value is None else str(value) for value in COLUMNS["gap"]]
    assert table["day"].astype("datetime64[D]").tolist() == COLUMNS["day"]
    assert (table.declared, column_kind(table, "word"), column_kind(table, "gap")) == ({"kind": False}, "category", "boolean")
    assert text_counts(table["word"], ()) == text_counts(as_table({"word": COLUMNS["word"]})["word"], ())
    assert np.isnan(table["none"]).all()


@pytest.mark.parametrize("name", FORMATS)
def test_files_have_the_values_and_types_of_their_columns(tmp_path, name):
    FORMATS[name](TABLE, tmp_path / name)
    check(read_table(tmp_path / name))
    parts = list(iter_tables(tmp_path / name, rows=64))
    assert [part.rows for part in parts][:2] == [64, 64] or name == "t.parquet" or sum(part.rows for part in parts) == ROWS
    assert [text for part in parts for text in part["word"].tolist()] == COLUMNS["word"]
    assert parts[-1].place(parts[-1].rows - 1) == f"row {ROWS - 1} of {tmp_path / name}"
    assert read_table(tmp_path / name, columns=["x", "word", "absent"]).names == ("x", "word")


def test_tables_of_arrow_in_memory():
    check(as_table(TABLE))
    check(as_table(TABLE.combine_chunks().to_batches()[0]))


class Stream:
    """An object of a library that mlpkit does not know."""

    def __init__(self, table):
        self.table = table
        self.columns = ["no", "such"]

    def __arrow_c_stream__(self, requested_schema=None):
        return self.table.__arrow_c_stream__(requested_schema)


def test_anything_that_arrow_streams_is_a_table():
    check(as_table(Stream(TABLE)))
    assert as_table(Stream(TABLE["x"])).rows == ROWS


def test_without_pyarrow_the_errors_tell_what_to_install(tmp_path, monkeypatch):
    FORMATS["t.parquet"](TABLE, tmp_path / "t.parquet")
    real = builtins.__import__

    def refuse(name, *args, **kwargs):
        if name.startswith(("pyarrow", "mlpkit.data.arrow")) or (name == "mlpkit.data" and "arrow_files" in (args[2] or ())):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)
    for read in (lambda: read_table(tmp_path / "t.parquet"), lambda: as_table(Stream(TABLE))):
        with pytest.raises(DataError, match="by pyarrow, which is not installed") as caught:
            read()
        assert "mlpkit[parquet]" in (caught.value.help or "")


HARD = {
    "struct": ([{"a": 1, "b": 2}] * 3, "several fields in each row"),
    "map": (pa.array([[("a", 1)]] * 3, pa.map_(pa.string(), pa.int64())), "several fields in each row"),
    "lists": ([[1], [1, 2], [3]], "lists of different lengths"),
    "lists of texts": ([["a"], ["b"], ["c"]], "values of type list"),
    "lists with nulls": ([[1], None, [2]], "lists with nulls"),
    "durations": (pa.array([1, 2, 3], pa.duration("s")), "timedelta"),
}


@pytest.mark.parametrize(("values", "message"), HARD.values(), ids=HARD)
def test_a_nested_column_is_an_error_only_if_it_is_used(tmp_path, values, message):
    pa.parquet.write_table(pa.table({"x": [1, 2, 3], "odd": values}), tmp_path / "t.parquet")
    table = read_table(tmp_path / "t.parquet")
    assert table["x"].tolist() == [1, 2, 3]
    with pytest.raises(DataError, match=message):
        table["odd"]


@pytest.mark.parametrize("name", FORMATS)
def test_damaged_files_raise_no_other_errors(tmp_path, name):
    FORMATS[name](TABLE.select(["x", "word", "i"]), tmp_path / name)
    whole = (tmp_path / name).read_bytes()
    rng = np.random.default_rng(0)
    damaged = [whole[:length] for length in range(0, len(whole), max(1, len(whole) // 25))]
    for _ in range(60):
        changed = bytearray(whole)
        for place in rng.integers(0, len(whole), 3):
            changed[place] ^= int(rng.integers(1, 256))
        damaged.append(bytes(changed))
    for content in damaged:
        (tmp_path / name).write_bytes(content)
        with contextlib.suppress(DataError):  # changes of values alone are not found
            table = read_table(tmp_path / name)
            for column in table.names:
                table[column].tolist()


def test_other_formats_and_empty_files(tmp_path):
    for name, kind in (("t.parquet", "Parquet"), ("t.feather", "Arrow")):
        for content, message in ((b"", "is empty"), (b"a,b\n1,2\n", f"not a file of {kind}"), (b"\x1f\x8b", "compressed with gzip")):
            (tmp_path / name).write_bytes(content)
            with pytest.raises(DataError, match=message):
                read_table(tmp_path / name)
        FORMATS[name](TABLE.slice(0, 0), tmp_path / name)
        for read in (read_table, lambda path: list(iter_tables(path, rows=5))):
            with pytest.raises(DataError, match="has no rows"):
                read(tmp_path / name)
    pa.parquet.write_table(TABLE, tmp_path / "t.csv")
    with pytest.raises(DataError, match="is a Parquet file"):
        read_table(tmp_path / "t.csv")


@pytest.mark.parametrize("name", ["t.parquet", "t.feather"])
def test_files_that_declare_far_more_than_their_size(tmp_path, name, monkeypatch):
    monkeypatch.setattr(size_limits, "FREE", 2**16)
    monkeypatch.setattr(size_limits, "RATIO", 10)
    table = pa.table({"x": np.zeros(2**17)})
    if name == "t.feather":
        pa.feather.write_feather(table, str(tmp_path / name), compression="zstd")
    else:
        pa.parquet.write_table(table, tmp_path / name)
    with pytest.raises(DataError, match=r"(more than|over) 10 times as many"):
        read_table(tmp_path / name)
    assert read_table(tmp_path / name, allow_large=True).rows == 2**17


@pytest.mark.parametrize("name", ["t.parquet", "t.arrow"])
def test_a_repeated_name_is_an_error(tmp_path, name):
    table = pa.table([[1], [2]], names=["a", "a"])
    if name == "t.parquet":
        pa.parquet.write_table(table, tmp_path / name)
    else:
        with pa.ipc.new_stream(str(tmp_path / name), table.schema) as stream:
            stream.write_table(table)
    with pytest.raises(DataError, match=f"{name} has several columns named 'a'"):
        read_table(tmp_path / name)


def test_texts_are_coded_once_for_all_uses(monkeypatch):
    """The codes of a column in Python are found by one pass over its values, whatever a run asks for."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=400)
    frame = {"w": np.array([f"w{code}" for code in rng.integers(0, 5, 400)], object), "x": x, "y": x > 0}
    spec = {"data": {"target": "y", "split": {"validation": 0.2}}, "loss": "binary_crossentropy", "training": {"epochs": 1}}
    spec["network"] = {"layers": [{"activation": "sigmoid"}]}
    made = []
    real = coded_column._PythonTexts.coded.func
    monkeypatch.setattr(coded_column._PythonTexts.coded, "func", lambda self: made.append(self) or real(self))
    mlpkit.train(spec, frame)
    assert len(made) == 1


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_texts_of_frames_are_the_same_as_of_lists(library):
    words = [f"w{row % 5}" if row % 11 else None for row in range(ROWS)]
    module = __import__(library)
    plain = as_table({"w": words})
    for values in (module.Series(words), module.Series(words, dtype="category" if library == "pandas" else module.Categorical)):
        table = as_table({"w": values})
        assert table["w"].tolist() == words
        assert text_counts(table["w"], ()) == text_counts(plain["w"], ())
        assert list(text_counts(table["w"], ())) == list(text_counts(plain["w"], ()))
        part = table.take(np.array([7, 3, 7, 0]))
        assert part["w"].tolist() == [words[7], words[3], words[7], words[0]]
        assert part["w"][1] == words[3]
