"""Errors for rows on disk that cannot be used or cannot stay on disk, with position and advice."""

from __future__ import annotations

import os

import h5py
import numpy as np
import pytest

from mlpkit.data.disk import table
from mlpkit.data.disk.dataset import StoredDataset
from mlpkit.data.readers import iter_tables, read_table
from mlpkit.errors import DataError, SpecError
from mlpkit.preprocessing import InputEncoder
from mlpkit.preprocessing.prepare import prepare

from .layouts import ROWS, X, Y, datasets, spec_with, structured


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """Blocks of a few dozen rows, so that there are many."""
    monkeypatch.setattr(table, "BLOCK", 1000)


def changed(row, column, value, dtype=np.float64):
    x = np.nan_to_num(X).astype(dtype)
    x[row, column] = value
    return x


WRONG = {
    "infinite": (changed(123, 2, np.inf), {}, DataError, r"'x2' has inf in row 123 of .*x\.npy, which is not finite"),
    "missing": (changed(321, 1, np.nan), {"preprocessing": {"missing": "none"}}, DataError, r"'x1' has a missing value in row 321 of"),
    "too large": (changed(77, 3, 1e300), {"preprocessing": {"numbers": "none"}}, DataError, r"'x3' has a value in row 77 of .* too large"),
    "too large to square": (changed(77, 3, 1e300), {}, DataError, "'x3?' has values too large to compute with"),
    "empty": (changed(slice(None), 0, np.nan), {}, DataError, "'x0' has no value in the training rows"),
    "blurred": (2**62 + np.arange(ROWS * 4).reshape(ROWS, 4) % 5, {}, DataError, "too large to be told apart"),
    "complex": (X.astype(complex), {}, DataError, "'x' of .* holds complex128, which cannot be read from disk as numbers"),
    "an ignored column that is no input": (X, {"preprocessing": {"columns": {"z": "ignore"}}}, SpecError, "'z' is not one of the inputs"),
    "one_hot": (X, {"preprocessing": {"columns": {"x": "one_hot"}}}, DataError, "'x' has 4 values per row, which cannot be one cat"),
    "nothing left": (X, {"preprocessing": {"columns": {"x": "ignore"}}}, DataError, "there are no input columns"),
}


@pytest.mark.parametrize(("values", "rest", "error", "message"), WRONG.values(), ids=WRONG)
def test_rows_that_cannot_be_used(values, rest, error, message, tmp_path):
    np.save(tmp_path / "x.npy", values)
    with pytest.raises(error, match=message):
        prepare(spec_with(**rest), np.load(tmp_path / "x.npy", mmap_mode="r"), Y.astype(str))


def test_validation_rows_that_cannot_be_used(tmp_path):
    np.save(tmp_path / "x.npy", np.nan_to_num(X))
    np.save(tmp_path / "v.npy", changed(123, 2, np.inf))
    mapped, held_out = (np.load(tmp_path / name, mmap_mode="r") for name in ("x.npy", "v.npy"))
    with pytest.raises(DataError, match=r"has inf in row 123 of .*v\.npy"):
        prepare(spec_with(), mapped, Y.astype(str), validation=(held_out, Y.astype(str)))


OTHER_FILES = {
    "CSV": ("rows.csv", lambda path: path.write_text("x,y\n" + "1,yes\n2,no\n" * 9)),
    "NPZ": ("rows.npz", lambda path: np.savez(path, x=X, y=Y)),
    "NPZ by content": ("rows.npy", lambda path: np.savez(path.open("wb"), x=X, y=Y)),
}


@pytest.mark.parametrize(("name", "write"), OTHER_FILES.values(), ids=OTHER_FILES)
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_other_files_are_kept_on_disk_in_a_file_of_their_own(name, write, tmp_path):
    write(tmp_path / name)
    found = prepare(spec_with(tmp_path / name))
    assert isinstance(found.train, StoredDataset)


def test_arrays_in_memory_are_not_on_disk(tmp_path):
    for rows in (X, {"x": X}, [{"x": 1.0}]):
        with pytest.raises(SpecError, match=r"the given (ndarray|dict|list) cannot stay on disk"):
            prepare(spec_with(), rows, Y.astype(str)[: len(rows)])
    mapped = np.memmap(tmp_path / "raw", np.float32, "w+", shape=(ROWS, 4))
    private = np.memmap(tmp_path / "raw", np.float32, "c", shape=(ROWS, 4))
    for array, message in ((mapped[:, :2], "a slice that skips values"), (private, "differs from its file"), (mapped[None], "of shape")):
        with pytest.raises(DataError, match=message):
            prepare(spec_with(), array, Y.astype(str))
    with pytest.raises(DataError, match="differ in length: x 500, z 499"):
        prepare(spec_with(), {"x": mapped, "z": mapped[1:]}, Y.astype(str))


def test_columns_that_cannot_be_inputs_are_named(tmp_path):
    path = datasets()(tmp_path)
    with h5py.File(path, "a") as file:
        file["colour"] = Y
        file["images"] = np.zeros((ROWS, 2, 2))
        file["digits"] = np.arange(ROWS).astype("S")
    with pytest.raises(DataError, match=r"the column 'images' of .* has 3 dimensions"):
        prepare(spec_with(path))
    with pytest.raises(DataError, match=r"the input 'digits' of .* holds texts, which cannot be read from disk as numbers") as caught:
        prepare(spec_with(path, data={"inputs": ["n", "digits"]}))
    assert '"digits": "ignore"' in caught.value.help
    with pytest.raises(DataError, match="no column 'm' in"):
        prepare(spec_with(path, data={"inputs": ["m"]}))
    with pytest.raises(DataError, match="no column 'z'"):
        prepare(spec_with(path, data={"target": "z", "inputs": ["n"]}))
    ignored = {"columns": {"colour": "ignore"}}
    assert prepare(spec_with(path, data={"inputs": ["n", "colour"]}, preprocessing=ignored)).inputs.order == ("n",)


def test_numbers_for_booleans_are_0_and_1(tmp_path):
    rows = {"b": [True, False] * 50, "c": [True, False] * 50}
    spec = spec_with(in_memory=True)
    encoders = (prepared := prepare(spec, rows, ["u", "v"] * 50)).inputs, prepared.target
    values = np.array([(1.0, True), (0.0, False)] * 50, [("b", "f8"), ("c", "?")])
    np.save(tmp_path / "x.npy", values)
    found = prepare(spec_with(), np.load(tmp_path / "x.npy", mmap_mode="r"), ["u", "v"] * 50, encoders=encoders)
    assert found.train.inputs[:].tolist() == [[1, 1], [0, 0]] * 50
    values["b"][7] = 2
    np.save(tmp_path / "y.npy", values)
    with pytest.raises(DataError, match=r"'b' has 2.0 in row 7 of .*y\.npy, which is neither true nor false"):
        prepare(spec_with(), np.load(tmp_path / "y.npy", mmap_mode="r"), ["u", "v"] * 50, encoders=encoders)


def test_all_rows_in_a_batch_are_in_memory():
    with pytest.raises(SpecError, match="a batch of all rows needs them in memory") as caught:
        spec_with(training={"batch_size": None})
    assert caught.value.problems[0].path == "training.batch_size"


def test_the_error_for_too_little_memory_names_the_options(tmp_path, monkeypatch):
    def fail(*arguments):
        raise MemoryError

    monkeypatch.setattr(InputEncoder, "encode", fail)
    with pytest.raises(DataError, match="do not fit in memory") as caught:
        prepare(spec_with(structured(tmp_path), in_memory=True))
    assert '"in_memory" in "data" to false' in caught.value.help


@pytest.mark.parametrize("change", [lambda file: file.truncate(3000), lambda file: os.utime(file.fileno(), (1, 1))], ids=["cut", "touched"])
def test_a_file_that_changes_is_an_error(change, tmp_path):
    path = structured(tmp_path)
    prepared = prepare(spec_with(path))
    with path.open("r+b") as file:
        change(file)
    with pytest.raises(DataError, match=r"rows\.npy (was cut short|has changed) while its rows were in use"):
        prepared.train.inputs[:]


def test_a_file_that_ends_early_is_an_error(tmp_path):
    path = structured(tmp_path)
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.truncate(size - 10)
    for read in (lambda: prepare(spec_with(path)), lambda: list(iter_tables(path, rows=100)), lambda: read_table(path)):
        with pytest.raises(DataError, match=r"rows\.npy"):
            read()
