"""The same rows make the same model, whatever file or table they come from."""

from __future__ import annotations

import gzip

import h5py
import numpy as np
import pandas
import polars
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet
import pytest

import mlpkit

ROWS = 200
SPEC = {
    "data": {"target": "kind", "split": {"validation": 0.25}},
    "network": {"layers": [{"units": 4, "activation": "tanh"}, {"activation": "softmax"}]},
    "loss": "categorical_crossentropy",
    "training": {"epochs": 3, "batch_size": 16},
}


def csv_text():
    rng = np.random.default_rng(0)
    lines = ["a,n,word,flag,rare,kind"]
    for row in range(ROWS):
        gap = "" if row % 17 == 3 else repr(float(rng.normal()))
        word = "" if row % 19 == 5 else f"w{rng.integers(0, 4)}"
        lines.append(f"{gap},{rng.integers(-9, 9)},{word},{'true' if row % 3 else 'false'},r{row // 90},{'abc'[rng.integers(0, 3)]}")
    return "".join(f"{line}\n" for line in lines)


def write_arrow(folder, name, write):
    table = pyarrow.csv.read_csv(folder / "t.csv", convert_options=pyarrow.csv.ConvertOptions(strings_can_be_null=True))
    write(table, str(folder / name))
    return folder / name


def write_jsonl(folder):
    polars.read_csv(folder / "t.csv").write_ndjson(folder / "t.jsonl")
    return folder / "t.jsonl"


def write_gz(folder):
    (folder / "t.csv.gz").write_bytes(gzip.compress((folder / "t.csv").read_bytes()))
    return folder / "t.csv.gz"


SOURCES = {
    "gzip": write_gz,
    "json lines": write_jsonl,
    "parquet": lambda folder: write_arrow(folder, "t.parquet", pyarrow.parquet.write_table),
    "feather": lambda folder: write_arrow(folder, "t.feather", pyarrow.feather.write_feather),
    "arrow table": lambda folder: pyarrow.csv.read_csv(folder / "t.csv"),
    "polars": lambda folder: polars.read_csv(folder / "t.csv"),
    "pandas": lambda folder: pandas.read_csv(folder / "t.csv"),
}


def datasets(path):
    """The bytes of every dataset of a model file but those of the spec and the manifest."""
    found = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, item: found.update({name: item[...].tobytes()} if isinstance(item, h5py.Dataset) else {}))
    return {name: content for name, content in found.items() if name not in ("spec", "manifest")}


def trained(source, path, **spec):
    mlpkit.train({**SPEC, **spec}, source).save(path)
    return datasets(path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("same")
    (folder / "t.csv").write_text(csv_text())
    return folder


@pytest.fixture(scope="module")
def expected(folder):
    return trained(folder / "t.csv", folder / "csv.h5")


@pytest.mark.parametrize("name", SOURCES)
def test_the_file_of_a_model_has_the_same_bytes(folder, expected, name):
    source = SOURCES[name](folder)
    found = trained(source, folder / "other.h5")
    assert found.keys() == expected.keys()
    assert [key for key in found if found[key] != expected[key]] == []
