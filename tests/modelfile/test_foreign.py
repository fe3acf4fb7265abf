"""Foreign files given as a model or as data: one sentence names the format and gives advice."""

from __future__ import annotations

import gzip
import pickle
import shutil
import zipfile

import h5py
import numpy as np
import pytest

import mlpkit
from mlpkit.data.readers import read_table


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    path = tmp_path_factory.mktemp("foreign") / "whole.h5"
    spec = {"network": {"layers": [{}]}, "loss": "mean_squared_error", "training": {"epochs": 1}}
    mlpkit.train(spec, np.eye(4), np.arange(4.0)).save(path)
    return path


def zipped(path, *names):
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, "{}")


def writing(content):
    return lambda path: path.write_bytes(content)


FOREIGN = {  # what makes it, the words, the cure for a model
    "git-lfs": (writing(b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"), "a git-lfs pointer", "git lfs pull"),
    "web page": (writing(b"\n<!DOCTYPE html>\n<html><body>404</body></html>"), "a web page", "download"),
    "small web page": (writing(b"<html><head></head></html>"), "a web page", "download"),
    "pickle": (writing(pickle.dumps({"a": 1})), "a pickle", ""),
    "old pickle": (writing(pickle.dumps([1, 2], protocol=2)), "a pickle", ""),
    "keras": (lambda path: zipped(path, "metadata.json", "config.json", "model.weights.h5"), "a Keras model", ""),
    "torch": (lambda path: zipped(path, "archive/data.pkl"), "a PyTorch model", ""),
    "workbook": (lambda path: zipped(path, "[Content_Types].xml", "xl/workbook.xml"), "an Excel workbook", ""),
    "zip": (lambda path: zipped(path, "a.csv"), "a ZIP archive", "unpack"),
    "gzip": (writing(gzip.compress(b"a,b\n1,2\n")), "compressed with gzip", "gunzip"),
    "bzip2": (writing(b"BZh91AY&SY"), "compressed with bzip2", "bunzip2"),
    "xz": (writing(b"\xfd7zXZ\x00\x00"), "compressed with xz", "unxz"),
    "zstd": (writing(b"\x28\xb5\x2f\xfd\x00"), "compressed with zstd", "unzstd"),
    "Parquet": (writing(b"PAR1\x15\x04"), "a Parquet file", ""),
    "PDF": (writing(b"%PDF-1.7\n"), "a PDF document", ""),
    "empty": (writing(b""), "is empty", ""),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_as_a_model(tmp_path, name):
    make, what, cure = FOREIGN[name]
    make(tmp_path / "model.h5")
    for read in (mlpkit.load, mlpkit.inspect, mlpkit.load_arrays):
        with pytest.raises(mlpkit.ModelFileError, match=what) as caught:
            read(tmp_path / "model.h5")
        assert cure in caught.value.help
        assert caught.value.help
        assert "\n" not in caught.value.message


@pytest.mark.parametrize("ending", [".csv", ".h5", ".npy", ".npz"])
@pytest.mark.parametrize("name", FOREIGN)
def test_as_data(tmp_path, name, ending):
    make, what, _ = FOREIGN[name]
    make(tmp_path / f"data{ending}")
    if ending in (".npz", ".npy") and name in ("keras", "torch", "workbook", "zip"):
        what = "has no arrays"
    with pytest.raises(mlpkit.DataError, match=what) as caught:
        read_table(tmp_path / f"data{ending}")
    assert caught.value.help


def test_data_of_another_format_names_it(tmp_path):
    np.save(tmp_path / "a.npy", np.eye(3))
    np.savez(tmp_path / "a.npz", x=np.eye(3))
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"] = np.eye(3)
    for ending, what in ((".npy", "an NPY file"), (".npz", "an NPZ file"), (".h5", "an HDF5 file")):
        shutil.copy(tmp_path / f"a{ending}", tmp_path / "b.csv")
        with pytest.raises(mlpkit.DataError, match=what):
            read_table(tmp_path / "b.csv")


def with_attribute(path):
    with h5py.File(path, "a") as file:
        file.attrs["note"] = "mine"


def with_dataset(path):
    with h5py.File(path, "a") as file:
        file["mine"] = [1]


def without_spec(path):
    with h5py.File(path, "a") as file:
        del file["spec"]


def with_other_numbers(path):
    with h5py.File(path, "a") as file:
        file["tensors/layers.0/weight"][...] = 1


def copied_over(path):
    shutil.copy(path, path.with_suffix(".old"))
    with h5py.File(path.with_suffix(".old")) as old, h5py.File(path, "w") as file:
        for name in old:
            old.copy(name, file)
        for name, value in old.attrs.items():
            file.attrs[name] = value


@pytest.mark.parametrize("change", [with_attribute, with_dataset, without_spec, with_other_numbers, copied_over])
def test_a_change_by_another_program_is_reported_as_such(tmp_path, whole, change):
    shutil.copy(whole, tmp_path / "model.h5")
    change(tmp_path / "model.h5")
    with pytest.raises(mlpkit.ModelFileError, match="another program has changed the file since mlpkit wrote it"):
        mlpkit.load(tmp_path / "model.h5")


def test_damage_is_not_reported_as_a_change(tmp_path, whole):
    content = bytearray(whole.read_bytes())
    content[40] ^= 1  # in the superblock
    (tmp_path / "model.h5").write_bytes(content)
    with pytest.raises(mlpkit.ModelFileError) as caught:
        mlpkit.load(tmp_path / "model.h5")
    assert "another program" not in str(caught.value)


def test_a_file_that_is_open_for_writing(tmp_path, whole):
    shutil.copy(whole, tmp_path / "model.h5")
    with h5py.File(tmp_path / "model.h5", "a"), pytest.raises(mlpkit.ModelFileError, match="is open for writing elsewhere"):
        mlpkit.load(tmp_path / "model.h5")
