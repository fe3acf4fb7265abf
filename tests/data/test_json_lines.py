"""Files of JSON lines."""

from __future__ import annotations

import io
import json
import sys
from types import SimpleNamespace

import pytest

from mlpkit.data.readers import iter_tables, read_table
from mlpkit.errors import DataError


def write(folder, *lines, name="t.jsonl"):
    path = folder / name
    path.write_bytes("".join(f"{line}\n" for line in lines).encode())
    return path


def test_values_keep_their_types(tmp_path):
    rows = [
        {"n": 1, "x": 1.5, "w": "a", "f": True, "v": [1, 2], "late": None},
        {"x": None, "n": 2, "w": None, "f": False, "v": [3, 4], "new": "y"},
    ]
    table = read_table(write(tmp_path, "\ufeff" + json.dumps(rows[0]), "", json.dumps(rows[1])))
    assert table.names == ("n", "x", "w", "f", "v", "late", "new")
    assert {name: table[name].dtype.kind for name in ("n", "x", "w", "f", "v")} == {"n": "i", "x": "f", "w": "O", "f": "b", "v": "i"}
    assert (table["w"].tolist(), table["v"].tolist(), table["new"].tolist()) == (["a", None], [[1, 2], [3, 4]], [None, "y"])
    assert table.place(1) == f"line 3 of {tmp_path / 't.jsonl'}"


def test_batches_have_all_columns_seen_before(tmp_path):
    path = write(tmp_path, *(json.dumps({"a": row} if row > 4 else {"a": row, "b": "x"}) for row in range(10)), name="t.ndjson")
    tables = list(iter_tables(path, rows=4))
    assert [table.rows for table in tables] == [4, 4, 2]
    assert [table.names for table in tables] == [("a", "b")] * 3


def test_stdin(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b'{"a": 1}\n')))
    assert read_table("-", format="jsonl")["a"].tolist() == [1]


BAD = {
    "no object": ("[1, 2]", "line 2 of .* has a list, not an object"),
    "a number": ("3", "has a number, not an object"),
    "cut short": ('{"a": 1', "line 2 of .* is not JSON: .* at column"),
    "two objects": ('{"a": 1} {"a": 2}', "is not JSON: Extra data at column 10"),
    "deep": ('{"a": ' + "[" * 100_000, "is not JSON that can be read"),
    "a long number": ('{"a": ' + "1" * 10_000 + "}", "is not JSON that can be read"),
}


@pytest.mark.parametrize(("line", "message"), BAD.values(), ids=BAD)
def test_a_wrong_line_is_named(tmp_path, line, message):
    with pytest.raises(DataError, match=message) as caught:
        read_table(write(tmp_path, '{"a": 0}', line))
    assert (caught.value.problems[0].line, bool(caught.value.help)) == (2, True)


def test_files_without_rows_and_of_other_formats(tmp_path):
    for content, message in (
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (b"{}\n", "without keys"),
        (b"PAR1", "a Parquet file"),
        (b"\xff\n", "not UTF-8"),
    ):
        (tmp_path / "t.jsonl").write_bytes(content)
        with pytest.raises(DataError, match=message):
            read_table(tmp_path / "t.jsonl")
