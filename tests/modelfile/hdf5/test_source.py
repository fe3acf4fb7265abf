"""Sources that are not readable files."""

from __future__ import annotations

import io
import os

import numpy as np
import pytest

from mlpkit.errors import Corrupt, ModelFileError, NotAModelFile, ResourceLimit
from mlpkit.model.inspection import inspect
from mlpkit.modelfile.contents import Contents
from mlpkit.modelfile.hdf5 import source
from mlpkit.modelfile.reader import read
from mlpkit.modelfile.writer import write


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "empty").touch()
    (tmp_path / "text").write_text("name,value\n")
    return tmp_path


BAD_PATHS = {
    "missing": ("missing.h5", ModelFileError, "no such file"),
    "missing folder": ("missing/model.h5", ModelFileError, "no such file"),
    "folder": ("folder", NotAModelFile, "a folder"),
    "fifo": ("fifo", NotAModelFile, "not a regular file"),
    "device": ("/dev/zero", NotAModelFile, "not a regular file"),
    "file as a folder": ("text/model.h5", ModelFileError, "cannot be read"),
    "NUL": ("a\0b", ModelFileError, "null"),
    "empty": ("empty", NotAModelFile, "not an HDF5 file"),
    "text": ("text", NotAModelFile, "not an HDF5 file"),
}


@pytest.mark.parametrize("function", [read, inspect])
@pytest.mark.parametrize(("name", "error", "message"), BAD_PATHS.values(), ids=BAD_PATHS)
def test_a_path_that_is_not_a_model(function, name, error, message, folder):
    path = os.path.join(folder, name)
    with pytest.raises(ModelFileError, match=message) as caught:
        function(path)
    assert type(caught.value) is error
    assert caught.value.message.startswith(f"{path}: ")


def test_a_file_that_may_not_be_read(folder, monkeypatch):
    def refuse(*arguments):
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", refuse)
        with pytest.raises(ModelFileError, match="no permission to read it"):
            read(folder / "text")


def test_a_file_over_the_limit_is_not_read(tmp_path):
    path = tmp_path / "sparse.h5"
    with path.open("wb") as file:
        file.truncate(source.MAX_FILE_BYTES + 1)  # takes no space on the disk
    with pytest.raises(ResourceLimit, match="more than"):
        read(path)


@pytest.mark.parametrize(("small", "message"), [(0, "follow the end"), (2**20, "could be read")], ids=["piece by piece", "at once"])
def test_a_file_of_another_size_than_the_system_reports(small, message, tmp_path, monkeypatch):
    path = tmp_path / "model.h5"
    write(path, Contents({}, {}))
    status = os.stat_result((0o100644, 0, 0, 1, 0, 0, path.stat().st_size + 1, 0, 0, 0))
    with monkeypatch.context() as patch:
        patch.setattr(os, "fstat", lambda descriptor: status)
        patch.setattr(source, "SMALL", small)
        with pytest.raises(ModelFileError, match=message) as caught:
            read(path)
    assert caught.value.rule == 2


class Failing(io.BytesIO):
    """A disk that can be read no further from some call on."""

    def __init__(self, data: bytes, failing: int) -> None:
        super().__init__(data)
        self.calls, self.failing = 0, failing

    def readinto(self, buffer):
        self.calls += 1
        if self.calls == self.failing:
            raise OSError(5, "Input/output error")
        return super().readinto(buffer[:7])  # a short read is no error


def test_a_disk_that_cannot_be_read():
    data = bytes(range(100))
    assert source.FileSource(Failing(data, 99), 100).at(3, 90) == data[3:93]
    for failing in range(1, 13):
        with pytest.raises(ModelFileError, match="it cannot be read: Input/output error") as caught:
            source.FileSource(Failing(data, failing), 100).at(3, 90)
        assert caught.value.help == "check the disk"


def test_a_large_file_is_read_piece_by_piece(tmp_path, monkeypatch):
    path = tmp_path / "model.h5"
    contents = Contents({"name": "large"}, {f"layers.{index}.weight": np.full((300, 1000), index, np.float32) for index in range(9)})
    write(path, contents)
    assert path.stat().st_size > source.SMALL
    found = read(path)
    assert found.tensors.keys() == contents.tensors.keys()
    assert all(np.array_equal(found.tensors[name], array) for name, array in contents.tensors.items())
    data = bytearray(path.read_bytes())
    data[data.index(contents.tensors["layers.8.weight"].tobytes()) + 5] ^= 1
    path.write_bytes(data)
    with pytest.raises(Corrupt, match=r"layers\.8/weight differs from what was saved"):
        read(path)
