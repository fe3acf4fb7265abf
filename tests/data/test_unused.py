"""Unused columns of any type are not read; used ones of unsupported types are errors that name them."""

from __future__ import annotations

import datetime

import h5py
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import mlpkit
from mlpkit.data.frames import as_table
from mlpkit.data.readers import iter_tables, read_table
from mlpkit.errors import DataError

ROWS = 8
STRUCTS = [{"a": 1, "b": 2}] * ROWS
ODD = {  # what a column may be, by library
    "objects": pd.Series([{"k": row} for row in range(ROWS)]),
    "lists": pd.Series([[row] * (row + 1) for row in range(ROWS)]),
    "sets": pd.Series([{row} for row in range(ROWS)]),
    "durations": pd.Series(pd.to_timedelta(range(ROWS), unit="s")),
    "intervals": pd.Series(pd.interval_range(0, ROWS)),
    "periods": pd.Series(pd.period_range("2020", periods=ROWS, freq="M")),
    "complex": pd.Series(np.arange(ROWS) * 1j),
    "zones": pd.Series(pd.date_range("2020", periods=ROWS, tz="Europe/Berlin")),
    "bytes": pd.Series([b"\xff"] * ROWS),
    "huge": pd.Series([10**400] * ROWS),
    "polars structs": pl.Series(STRUCTS),
    "polars lists": pl.Series([[row] * (row + 1) for row in range(ROWS)]),
    "polars objects": pl.Series([object()] * ROWS, dtype=pl.Object),
    "polars durations": pl.Series([datetime.timedelta(row) for row in range(ROWS)]),
    "polars Int128": pl.Series(range(ROWS), dtype=pl.Int128),
    "polars binary": pl.Series([b"\xff"] * ROWS),
    "Arrow structs": pa.chunked_array([pa.array(STRUCTS)]),
    "Arrow lists": pa.chunked_array([pa.array([[row] * (row + 1) for row in range(ROWS)])]),
    "Arrow maps": pa.chunked_array([pa.array([[("k", row)] for row in range(ROWS)], pa.map_(pa.string(), pa.int64()))]),
    "Arrow durations": pa.chunked_array([pa.array(range(ROWS), pa.duration("s"))]),
    "NumPy records": np.zeros(ROWS, [("a", "i4"), ("b", "f4")]),
    "NumPy cubes": np.zeros((ROWS, 2, 2)),
    "NumPy texts in two dimensions": np.array([["a", "b"]] * ROWS),
    "NumPy raw bytes": np.zeros(ROWS, "V5"),
}
MEANT = {"polars Int128", "zones"}  # whose use is another matter than that it breaks nothing


def spec(**data):
    layers = [{"units": 1, "activation": "sigmoid"}]
    return {"data": {"target": "y", **data}, "network": {"layers": layers}, "loss": "binary_crossentropy", "training": {"epochs": 1}}


def rows_with(odd):
    return {"x": np.arange(float(ROWS)), "odd": odd, "y": np.arange(ROWS) % 2}


def frames(odd):
    """The rows in every container that can hold the column."""
    yield rows_with(odd)
    if isinstance(odd, pd.Series):
        yield pd.DataFrame(rows_with(odd))
        yield [dict(zip(rows_with(odd), row, strict=True)) for row in zip(*rows_with(odd).values(), strict=True)]
    if isinstance(odd, pl.Series):
        yield pl.DataFrame(rows_with(odd))
    if isinstance(odd, pa.ChunkedArray):
        yield pa.table({name: pa.array(column) if isinstance(column, np.ndarray) else column for name, column in rows_with(odd).items()})


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_a_column_that_is_not_in_use_breaks_nothing(odd):
    expected = None
    for rows in frames(odd):
        for ways in ({"inputs": ["x"]}, {}):
            ignoring = {} if ways else {"preprocessing": {"columns": {"odd": "ignore"}}}
            model = mlpkit.train({**spec(**ways), **ignoring}, rows)
            expected = model.predict(rows_with(ODD["objects"])) if expected is None else expected
            np.testing.assert_array_equal(model.predict(rows), expected)
            assert model.evaluate(rows)["loss"] > 0


@pytest.mark.parametrize("name", sorted(ODD.keys() - MEANT))
def test_a_column_in_use_is_an_error_that_names_it(name):
    for rows in frames(ODD[name]):
        with pytest.raises(DataError, match="odd"):
            mlpkit.train(spec(), rows)


def test_rows_are_taken_from_it_all_the_same():
    table = as_table(rows_with(ODD["objects"])).take(np.array([1, 2]))
    assert len(table.columns["odd"]) == table.rows == 2
    with pytest.raises(DataError, match="'odd' has values of type dict"):
        table.select(["odd"])["odd"]


def write_hdf5(path):
    with h5py.File(path, "w") as file:
        file["x"], file["y"] = np.arange(float(ROWS)), np.arange(ROWS) % 2
        file["cubes"], file["complex"] = np.zeros((ROWS, 2, 2)), np.zeros(ROWS, complex)
        file["other"] = np.zeros(3)
        file.create_dataset("lists", (ROWS,), h5py.vlen_dtype(np.int32))
        file.create_dataset("opaque", data=np.zeros(ROWS, "V5"))
        file.create_dataset("records", data=np.zeros(ROWS, [("a", "i4")]))
        file.create_dataset("references", (ROWS,), h5py.ref_dtype)


def write_npz(path):
    objects = np.array([{}] * ROWS, dtype=object)
    np.savez(path, x=np.arange(float(ROWS)), y=np.arange(ROWS) % 2, objects=objects, cubes=np.zeros((ROWS, 2, 2)), other=np.zeros(3))


@pytest.mark.parametrize(
    ("name", "write", "in_memory"), [("t.h5", write_hdf5, True), ("t.h5", write_hdf5, False), ("t.npz", write_npz, True)]
)
def test_arrays_of_a_file_that_are_not_in_use_are_not_read(tmp_path, name, write, in_memory):
    write(tmp_path / name)
    model = mlpkit.train(spec(path=str(tmp_path / name), inputs=["x"], in_memory=in_memory))
    assert len(model.predict(tmp_path / name)) == ROWS
    assert model.evaluate(tmp_path / name)["loss"] > 0
    assert [table.names for table in iter_tables(tmp_path / name, rows=5, columns=["x"])] == [("x",)] * 2
    with pytest.raises(DataError):
        read_table(tmp_path / name, columns=["cubes"])["cubes"]


def test_objects_in_an_npz_file_that_are_left_out_are_not_loaded(tmp_path):
    np.savez(tmp_path / "t.npz", x=np.arange(float(ROWS)), y=np.arange(ROWS) % 2, objects=np.array([{}] * ROWS, dtype=object))
    path = str(tmp_path / "t.npz")
    model = mlpkit.train({**spec(path=path), "preprocessing": {"columns": {"objects": "ignore"}}})
    assert len(model.predict(path)) == ROWS
    with pytest.raises(DataError, match=r"'objects' of .* holds Python objects, which are never loaded"):
        mlpkit.train(spec(path=path))


def test_a_dataset_that_is_not_in_use_may_be_of_any_shape(tmp_path):
    with h5py.File(tmp_path / "t.h5", "w") as file:
        file["a"], file["b"], file["y"] = np.arange(float(ROWS)), np.ones(ROWS) * np.arange(ROWS) ** 2, np.arange(ROWS) % 2
        file["img"] = np.zeros((ROWS, 2, 2))
        rows = dict(file)
        model = mlpkit.train(spec(inputs=["a", "b"], in_memory=False), rows)
        assert model.evaluate(rows)["loss"] > 0
        assert len(model.predict(rows)) == ROWS
        model = mlpkit.train(spec(inputs=["a", "b"], in_memory=False), rows, validation=rows)
        assert len(model.history) == 1
        with pytest.raises(DataError, match="there is no column 'b'"):
            model.evaluate({name: rows[name] for name in ("a", "y", "img")})


def test_an_array_on_disk_that_is_left_out_may_be_of_any_type(tmp_path):
    with h5py.File(tmp_path / "t.h5", "w") as file:
        file["x"], file["y"], file["cubes"] = np.arange(float(ROWS)), np.arange(ROWS) % 2, np.zeros((ROWS, 2, 2))
    ignoring = {"preprocessing": {"columns": {"cubes": "ignore"}}}
    model = mlpkit.train({**spec(path=str(tmp_path / "t.h5"), in_memory=False), **ignoring})
    assert model.input_encoder.order == ("x",)
