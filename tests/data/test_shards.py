"""Files of a folder, a glob or a list as shards of one table."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

import mlpkit
from mlpkit.data.readers import iter_tables, read_table
from mlpkit.data.shards import are_files, shard_paths
from mlpkit.errors import DataError, SpecError

from .test_same_model import SPEC, csv_text, datasets, trained


def write(folder, files):
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        (folder / name).write_text(content)
    return folder


@pytest.fixture
def parts(tmp_path):
    return write(
        tmp_path / "parts", {"b.csv": "x,w\n3,c\n", "a.csv": "w,x\na,1\nb,2\n", "_SUCCESS": "", ".hidden.csv": "no", "README.md": "#"}
    )


def names(paths):
    return [Path(path).name for path in paths]


def test_files_are_sorted_and_others_are_left_out(parts, monkeypatch):
    assert names(shard_paths(parts)) == ["a.csv", "b.csv"]
    assert names(shard_paths(f"{parts}/?.csv")) == ["a.csv", "b.csv"]
    assert names(shard_paths([parts / "b.csv", str(parts / "a*")])) == ["b.csv", "a.csv"]
    assert names(shard_paths(f"{parts.parent}/**/*.csv")) == ["a.csv", "b.csv"]
    assert names(shard_paths(parts, any_suffix=True)) == ["README.md", "a.csv", "b.csv"]
    (parts / "odd[1].csv").write_text("x\n1\n")
    assert shard_paths(parts / "odd[1].csv") is None
    assert [shard_paths(path) for path in ("-", "none.csv", parts / "a.csv")] == [None] * 3


def test_texts_are_files_only_if_all_have_the_suffix_of_data():
    assert all(map(are_files, ("x", Path("x"), [Path("red")], ["a.csv", "b.csv.gz"], ("a.parquet", Path("b")))))
    assert not any(map(are_files, ([], ["red", "blue"], ["a.csv", "red"], [["a.csv"]], [{"a": 1}], np.zeros(3), None)))


def test_rows_are_in_order_and_errors_name_their_file(parts):
    table = read_table(parts)
    assert (table["x"].tolist(), table["w"].tolist()) == (["1", "2", "3"], ["a", "b", "c"])
    assert [table.place(row) for row in (1, 2)] == [f"line 3 of {parts / 'a.csv'}", f"line 2 of {parts / 'b.csv'}"]
    assert table.take(np.array([2, 0])).place(0) == f"line 2 of {parts / 'b.csv'}"
    found = list(iter_tables([parts / "b.csv", parts / "a.csv"], rows=1))
    assert [each["x"].tolist() for each in found] == [["3"], ["1"], ["2"]]
    assert found[0].place(0) == f"line 2 of {parts / 'b.csv'}"


BAD = {
    "a missing column": ({"b.csv": "x\n3\n"}, r"b\.csv has no column 'w', which .*a\.csv has"),
    "another column": ({"b.csv": "x,w,z\n3,c,4\n"}, r"b\.csv has a column 'z', which .*a\.csv has not"),
    "texts for numbers": ({"b.csv": "x,w\nno,c\n"}, r"the column 'x' holds texts in .*b\.csv, but numbers in .*a\.csv"),
    "numbers for texts": ({"b.csv": "x,w\n3,4\n"}, r"the column 'w' holds numbers in .*b\.csv, but texts in .*a\.csv"),
    "other formats": ({"b.jsonl": "{}"}, "is a folder with files of several formats: .csv, .jsonl"),
    "a wrong line": ({"b.csv": "x,w\n3,c,d\n"}, r"line 2 of .*b\.csv has 3 values"),
    "a gzip that is cut short": ({"b.csv.gz": "\x1f"}, r"b\.csv\.gz is not compressed with gzip"),
}


@pytest.mark.parametrize(("files", "message"), BAD.values(), ids=BAD)
def test_a_wrong_shard_is_named(tmp_path, files, message):
    folder = write(tmp_path / "parts", {"a.csv": "x,w\n1,a\n2,b\n", **files})
    with pytest.raises(DataError, match=message) as caught:
        read_table(folder)
    assert caught.value.help
    assert caught.value.problems[0].file.startswith(str(folder))


def test_folders_and_globs_without_files(tmp_path):
    with pytest.raises(DataError, match="is a folder without files of data"):
        read_table(tmp_path)
    with pytest.raises(DataError, match="there are no files"):
        read_table(f"{tmp_path}/*.csv")
    with pytest.raises(DataError, match="there is no file"):
        read_table([tmp_path / "none.csv"])


TYPES = {
    "numbers": ([1, 2], [1.5, None], "f"),
    "integers": ([1, 2], [3, 4], "i"),
    "no value at all": (["a", "b"], pa.nulls(2), "O"),
    "no value at first": (pa.nulls(2), ["a", "b"], "O"),
    "flags": ([True, False], [False, None], "O"),
    "dates": (pa.array([0, 1], pa.date32()), pa.nulls(2), "M"),
    "lists": ([[1, 2], [3, 4]], [[5, 6], [7, 8]], "i"),
    "dictionaries": (pa.array(["a", "b"]).dictionary_encode(), ["c", None], "O"),
}


@pytest.mark.parametrize(("first", "second", "kind"), TYPES.values(), ids=TYPES)
def test_columns_of_parquet_files_are_joined(tmp_path, first, second, kind):
    for name, values in (("a", first), ("b", second)):
        pa.parquet.write_table(pa.table({"v": values}), tmp_path / f"{name}.parquet")
    column = read_table(tmp_path)["v"]
    expected = [value for values in (first, second) for value in (values.to_pylist() if hasattr(values, "to_pylist") else values)]
    found = column.astype("datetime64[D]").tolist() if kind == "M" else column.tolist()
    assert column.dtype.kind == kind
    assert [None if value != value else value for value in found] == [str(value) if type(value) is bool else value for value in expected]


OTHER_TYPES = {
    "texts": ([1, 2], ["a", "b"], "holds texts in .*b.parquet, but numbers in .*a.parquet"),
    "flags": ([1, 2], [True, False], "holds true and false in .*b.parquet"),
    "dates": (["a", "b"], pa.array([0, 1], pa.date32()), "holds dates in .*b.parquet"),
    "another length": ([[1, 2], [3, 4]], [[1], [2]], "holds 1 values per row in .*b.parquet, but 2 values per row in"),
}


@pytest.mark.parametrize(("first", "second", "message"), OTHER_TYPES.values(), ids=OTHER_TYPES)
def test_other_types_are_errors(tmp_path, first, second, message):
    for name, values in (("a", first), ("b", second)):
        pa.parquet.write_table(pa.table({"v": values}), tmp_path / f"{name}.parquet")
    with pytest.raises(DataError, match=message):
        read_table(tmp_path)


def test_json_lines_may_lack_columns(tmp_path):
    write(tmp_path, {"a.jsonl": '{"x": 1}\n', "b.jsonl": '{"x": 2, "w": "b"}\n'})
    table = read_table(tmp_path)
    assert (table["x"].tolist(), table["w"].tolist(), table.place(1)) == ([1, 2], [None, "b"], f"line 1 of {tmp_path / 'b.jsonl'}")


def test_blocks_of_booleans_keep_their_values(tmp_path):
    flags = np.array([[True, False], [False, False], [True, True]])
    np.savez(tmp_path / "a.npz", v=flags[:2])
    np.savez(tmp_path / "b.npz", v=flags[2:])
    assert read_table(tmp_path)["v"].tolist() == flags.tolist()


def shards_of_csv(folder, text, packed):
    header, *lines = text.splitlines(keepends=True)
    for index, start in enumerate(range(0, len(lines), 60)):
        content = (header + "".join(lines[start : start + 60])).encode()
        (folder / f"part-{index}.csv{'.gz' if packed else ''}").write_bytes(gzip.compress(content) if packed else content)


def test_shards_make_the_model_of_one_file(tmp_path):
    (tmp_path / "t.csv").write_text(csv_text())
    expected = trained(tmp_path / "t.csv", tmp_path / "m.h5")
    for packed in (False, True):
        folder = write(tmp_path / f"csv{packed}", {})
        shards_of_csv(folder, csv_text(), packed)
        assert trained(folder, tmp_path / "m.h5") == expected
    table = pyarrow.csv.read_csv(tmp_path / "t.csv", convert_options=pyarrow.csv.ConvertOptions(strings_can_be_null=True))
    paths = [tmp_path / f"{start}.parquet" for start in (0, 60, 120)]
    for path, start in zip(paths, (0, 60, 120), strict=True):
        pa.parquet.write_table(table.slice(start, 80 if start == 120 else 60), path)
    assert trained(paths, tmp_path / "m.h5") == expected
    model = mlpkit.load(tmp_path / "m.h5")
    assert model.predict(paths).tolist() == model.predict(tmp_path / "t.csv").tolist()
    assert model.evaluate(f"{tmp_path}/*.parquet") is not None


def test_a_spec_names_shards(tmp_path):
    shards_of_csv(write(tmp_path / "rows", {}), csv_text(), packed=False)
    (tmp_path / "t.csv").write_text(csv_text())
    expected = trained(tmp_path / "t.csv", tmp_path / "m.h5")
    for path in ("rows", "rows/*.csv", [f"rows/part-{index}.csv" for index in range(4)], ["rows"]):
        (tmp_path / "spec.json").write_text(json.dumps({**SPEC, "data": {**SPEC["data"], "path": path}}))
        model = mlpkit.train(mlpkit.Spec.read(tmp_path / "spec.json"))
        model.save(tmp_path / "m.h5")
        assert datasets(tmp_path / "m.h5") == expected
        facts = mlpkit.inspect(tmp_path / "m.h5")
        assert (facts["spec"]["data"]["path"], facts["spec_schema"] >= 8) == (path, isinstance(path, list))
        assert mlpkit.load(tmp_path / "m.h5").predict(tmp_path / "t.csv").shape == (200,)


@pytest.mark.parametrize("path", [[], [1], ["a.csv", ""], ["a.csv", "-"], 5, ""])
def test_wrong_paths_of_a_spec(path):
    with pytest.raises(SpecError, match=r"data\.path"):
        mlpkit.Spec.model_validate({**SPEC, "data": {"path": path}})
