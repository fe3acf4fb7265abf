"""Columns on disk: reading, fitting and encoding give the same results as in memory; unsupported columns are errors."""

from __future__ import annotations

import tracemalloc

import h5py
import numpy as np
import pytest

import mlpkit
from mlpkit.data.disk import table as stored
from mlpkit.data.disk.arrays import stored_source
from mlpkit.data.readers import iter_tables, read_table
from mlpkit.errors import ConstantColumnWarning, SpecError
from mlpkit.preprocessing.prepare import prepare
from mlpkit.preprocessing.running_statistics import scan_rows

from .layouts import RNG, ROWS, X, Y, datasets, matrix, spec_with, structured


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """Blocks of a few dozen rows, so that there are many."""
    monkeypatch.setattr(stored, "BLOCK", 1000)


LAYOUTS = {
    "structured": (structured, "y"),
    "matrix": (matrix("C"), "x4"),
    "columns": (matrix("F"), "x4"),
    "HDF5": (datasets(), "y"),
    "chunks": (datasets(chunks=True), "y"),
    "compressed": (datasets(compression="gzip", shuffle=True), "y"),
}
SPLITS = {"none": {}, "share": {"split": {"validation": 0.3}}}


@pytest.mark.parametrize("split", SPLITS.values(), ids=SPLITS)
@pytest.mark.parametrize(("write", "target"), LAYOUTS.values(), ids=LAYOUTS)
def test_rows_on_disk_are_encoded_as_in_memory(write, target, split, tmp_path):
    path, data = write(tmp_path), {"target": target, **split}
    here, there = (prepare(spec_with(path, in_memory=in_memory, data=data)) for in_memory in (True, False))
    assert there.inputs.columns == here.inputs.columns
    for name, array in here.inputs.arrays().items():
        np.testing.assert_allclose(there.inputs.arrays()[name], array, rtol=1e-13)
    again = prepare(spec_with(path, in_memory=True, data=data), encoders=(there.inputs, there.target))
    for part in ("train", "validation"):
        if (rows := getattr(again, part)) is not None:
            found = getattr(there, part)
            assert found.inputs[:].tobytes() == rows.inputs.tobytes()
            assert found.inputs[17:93].tobytes() == rows.inputs[17:93].tobytes()
            assert len(found.inputs) == len(rows.inputs)
            np.testing.assert_array_equal(found.targets, rows.targets)
    model = mlpkit.train(spec_with(path, data=data))
    assert model.evaluate(path).keys() == {"loss", "accuracy", "log_loss"}
    loaded = mlpkit.Model(spec_with(path, in_memory=True, data=data), inputs=here.inputs.width, outputs=1)
    loaded._adopt(here)
    table = read_table(path)
    assert loaded.evaluate(path) == pytest.approx(loaded.evaluate(table), rel=1e-6)
    assert model.predict(path).tolist() == model.predict(table).tolist()


def test_a_column_and_a_file_choose_the_validation_rows(tmp_path):
    path = datasets()(tmp_path)
    with h5py.File(path, "a") as file:
        file["part"] = np.where(np.arange(ROWS) % 5 == 2, b"validation", b"train")
    prepared = prepare(spec_with(path, data={"split": {"column": "part"}, "inputs": ["group/x", "n"]}))
    assert (len(prepared.train.inputs), len(prepared.validation.inputs)) == (400, 100)
    whole = prepare(spec_with(path, data={"inputs": ["group/x", "n"]}), encoders=(prepared.inputs, prepared.target))
    assert prepared.validation.inputs[:].tobytes() == whole.train.inputs[:][2::5].tobytes()
    (tmp_path / "other").mkdir()
    other = datasets()(tmp_path / "other")
    prepared = prepare(spec_with(path, data={"validation": str(other), "inputs": ["group/x"]}))
    assert prepared.validation.inputs[:].tobytes() == prepared.train.inputs[:].tobytes()
    (tmp_path / "rows.csv").write_text("n,y\n1,yes\n2,no\n")
    prepared = prepare(spec_with(path, data={"validation": str(tmp_path / "rows.csv"), "inputs": ["n"]}))
    assert prepared.validation.inputs[:].shape == (2, 1)


def test_mapped_arrays_and_datasets_stay_where_they_are(tmp_path):
    np.save(tmp_path / "x.npy", X)
    mapped, y = np.load(tmp_path / "x.npy", mmap_mode="r"), Y.astype(str)
    with h5py.File(datasets()(tmp_path), "a") as file:
        sources = {
            "mapped": (mapped, y),
            "a slice": (mapped[100:400], y[100:400]),
            "a dataset": (file["group/x"], y),
            "a dictionary": ({"x": mapped, "n": file["n"]}, y),
            "the columns' names": (mapped, y),
        }
        for what, (x, labels) in sources.items():
            data = {"inputs": ["p", "q", "r", "s"]} if what == "the columns' names" else {}
            prepared = prepare(spec_with(data=data), x, labels, validation=(x, labels))
            table = {name: np.array(part) for name, part in x.items()} if isinstance(x, dict) else np.array(x)
            encoders = prepared.inputs, prepared.target
            expected = prepare(spec_with(in_memory=True, data=data), table, labels, encoders=encoders)
            assert prepared.train.inputs[:].tobytes() == expected.train.inputs.tobytes(), what
            assert prepared.validation.inputs[:].tobytes() == expected.train.inputs.tobytes(), what
            assert prepared.inputs.order == expected.inputs.order


def test_an_open_file_is_a_table(tmp_path):
    path = datasets()(tmp_path)
    with h5py.File(path, "a") as file:
        del file["scalar"], file["half"]
        file["x"] = file["group/x"]
        del file["group"]
        found = prepare(spec_with(), file)
        rows = found.train.inputs[:].tobytes()
        assert set(found.inputs.order) == {"x", "n", "b"}
        with pytest.raises(SpecError, match="cannot stay on disk"):
            prepare(spec_with(), {"x": file["x"], "y": Y})
    assert prepare(spec_with(path)).train.inputs[:].tobytes() == rows


def test_values_written_to_a_mapped_array_are_read(tmp_path):
    mapped = np.lib.format.open_memmap(tmp_path / "x.npy", "w+", np.float64, (ROWS, 4))
    mapped[:] = X
    assert prepare(spec_with(), mapped, Y.astype(str)).inputs.numbers.center[0] == pytest.approx(X[:, 0].mean())


def test_a_model_trained_in_memory_is_trained_further_on_disk(tmp_path):
    np.save(tmp_path / "x.npy", X)
    model = mlpkit.Model(spec_with(in_memory=True), inputs=5, outputs=1)
    for _ in mlpkit.epochs(model, X, Y.astype(str)):
        break
    encoder, model.spec = model.input_encoder, model.spec.model_copy(update={"data": spec_with().data})
    for _ in mlpkit.epochs(model, np.load(tmp_path / "x.npy", mmap_mode="r"), Y.astype(str)):
        break
    assert model.input_encoder is encoder
    assert [epoch.number for epoch in model.history] == [1, 2]


# -- the look


VALUES = {
    "far from 0": RNG.normal(1e8, 1e-2, (3000, 2)),
    "an outlier first": np.concatenate([np.full((1, 2), 1e9), RNG.normal(0, 1, (2999, 2))]),
    "constant": np.full((3000, 2), 0.1),
    "mostly missing": np.where(RNG.random((3000, 2)) < 0.95, np.nan, RNG.normal(5, 3, (3000, 2))),
    "missing at first": np.concatenate([np.full((1500, 2), np.nan), np.full((1500, 2), 0.3)]),
    "small": RNG.normal(0, 1e-30, (3000, 2)),
}


@pytest.mark.parametrize("values", VALUES.values(), ids=VALUES)
def test_means_and_deviations_are_exact(values, tmp_path):
    np.save(tmp_path / "x.npy", values)
    table = stored_source(np.load(tmp_path / "x.npy", mmap_mode="r"))
    rows = np.flatnonzero(RNG.random(3000) < 0.5)
    for index, found in zip((None, rows), scan_rows(table, table.numbers(["x"]), [None, rows]), strict=True):
        some = values if index is None else values[index]
        np.testing.assert_array_equal(found.count, np.isfinite(some).sum(axis=0))
        largest = np.nanmax(np.abs(some))
        exact = np.nanmean(some.astype(np.longdouble), axis=0), np.nanstd(some.astype(np.longdouble), axis=0)
        np.testing.assert_allclose(found.mean, exact[0].astype(float), rtol=0, atol=1e-15 * largest)
        np.testing.assert_allclose(found.deviation, exact[1].astype(float), rtol=1e-7, atol=1e-16 * largest)
        np.testing.assert_array_equal(found.medians(), np.nanmedian(some, axis=0))


def test_a_constant_column_on_disk_is_one_in_memory(tmp_path):
    np.save(tmp_path / "x.npy", np.column_stack([np.full(ROWS, 0.1), X[:, 0]]))
    with pytest.warns(ConstantColumnWarning, match="'x0'"):
        prepared = prepare(spec_with(), np.load(tmp_path / "x.npy", mmap_mode="r"), Y.astype(str))
    assert prepared.inputs.numbers.scale[0] == 1.0
    assert not prepared.train.inputs[:][:, 0].any()
    assert prepared.train.inputs[:][:, 1].all()


def test_medians_of_many_rows_are_those_of_a_sample(tmp_path, monkeypatch):
    monkeypatch.setattr("mlpkit.preprocessing.running_statistics.SAMPLE", 2000)
    monkeypatch.setattr("mlpkit.preprocessing.running_statistics.FEWEST", 100)
    values = RNG.normal(0, 1, (20_000, 2))
    values[1:, 1] = np.nan
    np.save(tmp_path / "x.npy", values)
    table = stored_source(np.load(tmp_path / "x.npy", mmap_mode="r"))
    [found] = scan_rows(table, table.numbers(["x"]), [None])
    assert found.sample.shape == (1000, 2)
    np.testing.assert_array_equal(found.sample, values[::20])
    assert found.medians().tolist() == [np.median(values[::20, 0]), values[0, 1]]
    values[0, 1], values[1, 1] = np.nan, 5.0
    np.save(tmp_path / "x.npy", values)
    table = stored_source(np.load(tmp_path / "x.npy", mmap_mode="r"))
    [found] = scan_rows(table, table.numbers(["x"]), [None])
    assert found.medians()[1] == 5.0  # none of the sample's rows has it: the mean


def test_npy_files_are_read_some_rows_at_a_time(tmp_path):
    for write in (structured, matrix("C"), matrix("F")):
        path = write(tmp_path)
        whole, parts = read_table(path), list(iter_tables(path, rows=77))
        assert [part.rows for part in parts] == [77] * 6 + [38]
        assert parts[1].place(0) == f"row 77 of {path}"
        for name in whole.names:
            np.testing.assert_array_equal(np.concatenate([part[name] for part in parts]), whole[name])


def test_an_npy_file_is_not_read_whole(tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((200_000, 5)))
    tracemalloc.start()
    try:
        assert sum(table.rows for table in iter_tables(tmp_path / "x.npy", rows=1000)) == 200_000
        assert tracemalloc.get_traced_memory()[1] < 1e6
    finally:
        tracemalloc.stop()
