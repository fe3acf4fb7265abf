"""Text files, Parquet and shards with `in_memory: false`: their rows are on disk while they are trained on."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import tempfile

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

import mlpkit
from mlpkit.data.disk.spill import spill
from mlpkit.data.readers import iter_tables
from mlpkit.errors import DataError

from ..test_same_model import datasets

ROWS = 700
X = np.random.default_rng(0).normal(size=(ROWS, 3)).round(4)
COLOURS = [f"c{code}" for code in np.random.default_rng(1).integers(0, 4, ROWS)]
LABELS = np.random.default_rng(2).integers(0, 3, ROWS)
SPEC = {
    "data": {"target": "kind", "inputs": ["a", "b", "c"], "in_memory": False, "split": {"validation": 0.2}},
    "network": {"layers": [{"units": 4, "activation": "tanh"}, {"activation": "softmax"}]},
    "loss": "categorical_crossentropy",
    "training": {"epochs": 2, "batch_size": 32},
}


def write_hdf5(path):
    with h5py.File(path, "w") as file:
        for index, name in enumerate("abc"):
            file[name] = X[:, index]
        file["kind"] = LABELS


def write_csv(folder, labels=LABELS, size=200):
    folder.mkdir(exist_ok=True)
    for start in range(0, ROWS, size):
        rows = range(start, min(ROWS, start + size))
        lines = "".join(
            f"{','.join(map(str, X[row].tolist()))},{COLOURS[row]},{'true' if row % 2 else 'false'},{labels[row]}\n" for row in rows
        )
        (folder / f"{start:05}.csv").write_text(f"a,b,c,colour,flag,kind\n{lines}")
    return folder


def write_parquet(folder):
    folder.mkdir()
    columns = {**{name: X[:, index] for index, name in enumerate("abc")}, "colour": COLOURS, "kind": LABELS}
    table = pa.table(columns)
    for start in range(0, ROWS, 300):
        pa.parquet.write_table(table.slice(start, 300), folder / f"{start:05}.parquet")
    return folder


def trained(source, path, **data):
    model = mlpkit.train({**SPEC, "data": {**SPEC["data"], **data}}, source)
    model.save(path)
    return datasets(path), model


def test_the_model_is_that_of_an_hdf5_file(tmp_path):
    write_hdf5(tmp_path / "t.h5")
    expected, _ = trained(tmp_path / "t.h5", tmp_path / "m.h5")
    for source in (write_csv(tmp_path / "csv"), write_parquet(tmp_path / "parquet")):
        found, model = trained(source, tmp_path / "m.h5")
        assert [key for key in expected if found[key] != expected[key]] == []
        assert model.classes.tolist() == [0, 1, 2]
        assert model.predict(source).dtype.kind == "i"


def test_texts_and_booleans(tmp_path):
    source = write_csv(tmp_path / "csv", labels=COLOURS)
    layers = SPEC["network"]["layers"]
    spec = {**SPEC, "network": {"layers": layers, "embeddings": [{"type": "category"}]}}
    spec["preprocessing"] = {"columns": {"colour": "embed"}}
    spec["data"] = {**SPEC["data"], "inputs": ["a", "flag", "colour"]}
    model = mlpkit.train(spec, source)
    assert model.classes.tolist() == ["c0", "c1", "c2", "c3"]
    assert [column.kind for column in model.input_encoder.columns] == ["number", "boolean", "category"]
    in_memory = mlpkit.train({**spec, "data": {**spec["data"], "in_memory": True}}, source)
    assert model.input_encoder.feature_names == in_memory.input_encoder.feature_names


def test_the_file_of_the_rows_is_removed(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    model = mlpkit.train(SPEC, write_csv(tmp_path / "csv"))
    del model
    gc.collect()
    assert os.listdir(tmp_path / "tmp") == []
    (tmp_path / "csv" / "99999.csv").write_text("a,b,c,colour,flag,kind\n1,2,3\n")
    with pytest.raises(DataError, match=r"99999\.csv"):
        mlpkit.train(SPEC, tmp_path / "csv")
    assert os.listdir(tmp_path / "tmp") == []


BAD = {
    "texts for numbers": (
        "no,2,3,c1,true,1",
        r"the column 'a' holds numbers in .*00000\.csv, but line 2 of .*99999\.csv has 'no'",
    ),
    "an infinite value": ("inf,2,3,c1,true,1", r"the column 'a' has inf in row 0 of .*99999\.csv"),
}


@pytest.mark.parametrize(("line", "message"), BAD.values(), ids=BAD)
def test_a_wrong_shard_is_named(tmp_path, line, message):
    folder = write_csv(tmp_path / "csv")
    (folder / "99999.csv").write_text(f"a,b,c,colour,flag,kind\n{line}\n")
    with pytest.raises(DataError, match=message):
        mlpkit.train(SPEC, folder)


def test_columns_of_other_shards_differ(tmp_path):
    folder = write_csv(tmp_path / "csv")
    (folder / "99999.csv").write_text("a,b,colour,flag,kind\n1,2,c1,true,1\n")
    with pytest.raises(DataError, match=r"99999\.csv has no column 'c'"):
        mlpkit.train(SPEC, folder)


def test_values_of_a_batch(tmp_path):
    table = spill(iter_tables(write_csv(tmp_path / "csv"), rows=64), "rows", ["kind"])
    assert table.rows == ROWS
    part = table.take(np.array([3, 250, 699])).select(["a", "colour", "kind", "flag"])
    assert part["a"].tolist() == X[[3, 250, 699], 0].tolist()
    assert part["colour"].tolist() == [COLOURS[row] for row in (3, 250, 699)]
    assert part["kind"].tolist() == [str(LABELS[row]) for row in (3, 250, 699)]
    assert part["flag"].tolist() == ["true", "false", "true"]


def on_disk(folder, whole=()):
    return spill(iter_tables(folder, rows=64), "rows", whole)


def test_large_integers_of_the_target_keep_their_sign(tmp_path):
    labels = np.array([2**63 + 1, 2**64 - 1], np.uint64)
    pa.parquet.write_table(pa.table({"y": labels}), tmp_path / "a.parquet")
    assert on_disk(tmp_path, ["y"]).select(["y"])["y"].tolist() == labels.tolist()
    pa.parquet.write_table(pa.table({"y": np.array([-1, 2])}), tmp_path / "b.parquet")
    with pytest.raises(DataError, match=r"'y' holds whole numbers in .*a\.parquet, but other values from row 0 of .*b\.parquet"):
        on_disk(tmp_path, ["y"])


def test_rows_of_json_may_lack_columns_of_the_first(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"x": 1, "w": "a", "v": [1, 2]}\n')
    (tmp_path / "b.jsonl").write_text('{"u": 3}\n')
    table = on_disk(tmp_path)
    found = table.select(["x", "w", "v"])
    np.testing.assert_array_equal(found["x"], [1, np.nan])
    np.testing.assert_array_equal(found["v"], [[1, 2], [np.nan, np.nan]])
    assert found["w"].tolist() == ["a", None]
    with pytest.raises(DataError, match=r"'u' of .*b\.jsonl is not in the first rows"):
        table.select(["u"])


def test_batches_without_values_are_missing_values(tmp_path):
    columns = {"x": [1.5], "w": ["a"], "t": np.array(["2020-01-01"], "datetime64[us]")}
    pa.parquet.write_table(pa.table(columns), tmp_path / "a.parquet")
    pa.parquet.write_table(pa.table({name: pa.nulls(1) for name in columns}), tmp_path / "b.parquet")
    found = on_disk(tmp_path).select([*columns])
    assert [str(found[name].tolist()[1]) for name in columns] == ["nan", "None", "None"]


PROGRAM = """
import resource, sys
import mlpkit
spec = {"data": {"target": "y", "in_memory": False}, "network": {"layers": [{}]}, "loss": "mse"}
spec["training"] = {"epochs": 1, "batch_size": 4096}
spec["preprocessing"] = {"columns": dict.fromkeys(sys.argv[2:], "ignore")}
mlpkit.train(spec, sys.argv[1])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def peak(folder, *ignored):
    """Return the most memory of a process that trains on the files of a folder, in MB."""
    done = subprocess.run([sys.executable, "-c", PROGRAM, str(folder), *ignored], capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.slow
def test_many_shards_take_little_more_memory_than_one(tmp_path):
    """100 shards of 2 MB each: the rows of all are far more than the memory that they may take."""
    rng = np.random.default_rng(0)
    table = pa.table({**{f"x{index}": rng.normal(size=50_000).astype(np.float32) for index in range(10)}, "y": rng.normal(size=50_000)})
    for name, count in (("one", 1), ("many", 100)):
        (tmp_path / name).mkdir()
        for index in range(count):
            if index == 0:
                pa.parquet.write_table(table, tmp_path / name / "000.parquet")
            else:
                os.link(tmp_path / name / "000.parquet", tmp_path / name / f"{index:03}.parquet")
    one, many = peak(tmp_path / "one"), peak(tmp_path / "many")
    assert many - one <= 200, (one, many)


@pytest.mark.slow
def test_columns_of_texts_take_no_memory_per_row(tmp_path):
    """Two million rows with 18 numbers and 2 texts: the codes of the texts would take 32 MB, and their categories 290 MB."""
    rng = np.random.default_rng(0)
    columns = {f"x{index}": rng.normal(size=70_000) for index in range(19)}
    for name, count in (("kind", 6), ("place", 30)):
        columns[name] = pa.array([f"{name} {code}" for code in rng.integers(0, count, 70_000)])
    pa.parquet.write_table(pa.table(columns).rename_columns([*list(columns)[:18], "y", "kind", "place"]), tmp_path / "00.parquet")
    for index in range(1, 30):
        os.link(tmp_path / "00.parquet", tmp_path / f"{index:02}.parquet")
    with_texts, without = peak(tmp_path), peak(tmp_path, "kind", "place")
    assert with_texts - without <= 30, (with_texts, without)
