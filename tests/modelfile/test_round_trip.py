"""Contents are read as written, and the file follows models/FORMAT.md as seen by h5py."""

from __future__ import annotations

import hashlib
import json
import os
import struct
import subprocess
import sys
from dataclasses import replace
from io import BytesIO

import h5py
import numpy as np
import pytest

import mlpkit
from mlpkit.errors import Corrupt, ModelFileError, NonFinite
from mlpkit.modelfile import writer
from mlpkit.modelfile.constants import DTYPES
from mlpkit.modelfile.contents import Contents
from mlpkit.modelfile.hdf5.source import Source
from mlpkit.modelfile.hdf5.structure import read_structure
from mlpkit.modelfile.reader import from_bytes, read
from mlpkit.modelfile.writer import to_bytes, write

ARRAYS = {
    **{name: np.arange(6).reshape(2, 3).astype(name) for name in DTYPES if name != "bool"},
    "bool": np.array([[True], [False]]),
    "scalar": np.array(2.5),
    "no rows": np.zeros((0, 3), np.float32),
    "extremes": np.array([-(2**63), 2**63 - 1]),
    "special": np.array([np.nan, np.inf, -np.inf, -0.0, 5e-324]),
    "8 dimensions": np.arange(4).reshape(1, 2, 1, 1, 2, 1, 1, 1),
}


def test_a_model_comes_back_bit_for_bit(contents, same, tmp_path):
    write(tmp_path / "model.h5", contents)
    same(read(tmp_path / "model.h5"), contents)


def test_the_smallest_contents_come_back(same):
    same(from_bytes(to_bytes(Contents({}, {}))), Contents({}, {}))


def test_a_history_without_epochs_comes_back(same):
    empty = Contents({}, {}, history={"epoch": np.zeros(0), "loss": np.zeros(0)})
    same(from_bytes(to_bytes(empty)), empty)


@pytest.mark.parametrize("array", ARRAYS.values(), ids=ARRAYS)
def test_every_kind_of_array_comes_back(array, same):
    one = Contents({}, {}, arrays={"a": array, "step/b": array})
    same(from_bytes(to_bytes(one)), one)


@pytest.mark.parametrize(
    "array",
    [np.arange(6.0).reshape(2, 3).T, np.arange(6.0)[::-2], np.arange(6, dtype=">f4"), np.asfortranarray(np.eye(3))],
    ids=["transposed", "strided", "big-endian", "fortran"],
)
def test_memory_layout_does_not_matter(array):
    stored = from_bytes(to_bytes(Contents({}, {"layers.0.weight": array}))).tensors["layers.0.weight"]
    assert np.array_equal(stored, array)
    assert stored.dtype.isnative
    assert stored.flags.c_contiguous
    assert stored.flags.writeable


def test_history_columns_keep_their_order():
    columns = {name: np.zeros(1) for name in ("epoch", "loss", "accuracy")}
    assert list(from_bytes(to_bytes(Contents({}, {}, history=columns))).history) == ["epoch", "loss", "accuracy"]


def test_the_order_of_keys_does_not_change_the_bytes(contents):
    turned = {name: dict(reversed(getattr(contents, name).items())) for name in ("spec", "tensors", "arrays", "metadata")}
    assert to_bytes(replace(contents, **turned)) == to_bytes(contents)


SAVE = """
import sys
import numpy as np
from mlpkit.modelfile.contents import Contents
from mlpkit.modelfile.writer import write
names = {"b", "a", "épée", "layers"}
write(sys.argv[1], Contents({name: 1 for name in names}, {f"layers.{i}.weight": np.full((i + 1, 7), i / 3) for i in range(12)}))
"""


@pytest.mark.slow
def test_the_bytes_are_the_same_in_every_process(tmp_path):
    saved = []
    for number, zone in enumerate(("UTC", "Asia/Tokyo", "America/New_York")):
        path = tmp_path / str(number) / f"{number}.h5"
        path.parent.mkdir()
        environment = {**os.environ, "PYTHONHASHSEED": str(number), "TZ": zone}
        subprocess.run([sys.executable, "-c", SAVE, str(path)], check=True, env=environment)
        saved.append(path.read_bytes())
    assert saved[0] == saved[1] == saved[2]


def test_the_settings_of_h5py_do_not_change_the_bytes(contents, monkeypatch):
    usual = to_bytes(contents)
    monkeypatch.setattr(h5py.get_config(), "track_order", True)
    assert to_bytes(contents) == usual


def test_plain_h5py_reads_named_tensors(contents, tmp_path):
    write(tmp_path / "model.h5", contents)
    with h5py.File(tmp_path / "model.h5") as file:
        assert np.array_equal(file["tensors/layers.0/weight"], contents.tensors["layers.0.weight"])
        assert np.array_equal(file["tensors/layers.0.normalization/mean"], contents.tensors["layers.0.normalization.mean"])
        assert np.array_equal(file["history/loss"], [0.5, 0.25])
        assert json.loads(bytes(file["spec"][()])) == contents.spec


def test_the_digests_are_those_of_the_bytes(contents):
    with h5py.File(BytesIO(to_bytes(contents))) as file:
        manifest = bytes(file["manifest"][()])
        assert file.attrs["manifest_sha256"] == hashlib.sha256(manifest).hexdigest().encode()
        listed = json.loads(manifest)["objects"]
        for stored in listed:
            raw = file[stored["path"]][()].tobytes()
            assert (stored["sha256"], stored["bytes"]) == (hashlib.sha256(raw).hexdigest(), len(raw))
        assert len(listed) == 1 + 3 + 3 + 3


def test_the_file_keeps_the_profile(contents):
    data = to_bytes(replace(contents, tensors={f"layers.{i}.weight": np.ones((5, 5)) for i in range(30)}))
    assert struct.unpack_from("<BBBBQQQ", data, 8) == (2, 8, 8, 0, 0, 2**64 - 1, len(data))
    with h5py.File(BytesIO(data)) as file:
        header = {name: (file.attrs[name].dtype.str, file.attrs[name].shape) for name in file.attrs}
        found = []
        file.visititems(lambda name, item: found.append((name, len(item.attrs), getattr(item, "chunks", None))))
    assert header == {"format": ("|S6", ()), "format_major": ("<u4", ()), "format_minor": ("<u4", ()), "manifest_sha256": ("|S64", ())}
    assert all(attributes == 0 and chunks is None for _, attributes, chunks in found)
    assert all(extent.offset % 64 == 0 for extent in read_structure(Source(data)).extents.values() if extent.size >= 16)


def test_nothing_of_the_machine_or_the_time_is_stored(contents):
    with h5py.File(BytesIO(to_bytes(contents))) as file:
        producer = json.loads(bytes(file["manifest"][()]))["producer"]
    assert sorted(producer) == ["mlpkit", "numpy", "python"]
    assert producer["mlpkit"] == mlpkit.__version__


def test_importing_the_module_does_not_import_h5py():
    code = "import sys, mlpkit.modelfile; sys.exit('h5py' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def nested(depth):
    value = {}
    for _ in range(depth):
        value = {"a": value}
    return value


ONE = np.zeros(1)
UNSTORABLE = {
    "NaN in a weight": ({"tensors": {"layers.0.weight": np.array([[np.nan]])}}, NonFinite, "/tensors/layers.0/weight holds NaN"),
    "infinite weight": ({"tensors": {"layers.0.weight": np.array([[-np.inf]])}}, NonFinite, "infinity"),
    "tensor without a layer": ({"tensors": {"weight": ONE}}, ModelFileError, "cannot be the name"),
    "tensor with a slash": ({"tensors": {"a/b.c": ONE}}, ModelFileError, "cannot be the name"),
    "name with a letter of its own": ({"arrays": {"größe": ONE}}, ModelFileError, "cannot be the name"),
    "name of dots": ({"arrays": {"../a": ONE}}, ModelFileError, "cannot be the name"),
    "empty name": ({"arrays": {"": ONE}}, ModelFileError, "cannot be the name"),
    "name too long": ({"arrays": {"a" * 200: ONE}}, ModelFileError, "cannot be the name"),
    "name too deep": ({"arrays": {"/".join("abcdefgh"): ONE}}, ModelFileError, "cannot be the name"),
    "array in an array": ({"arrays": {"a": ONE, "a/b/c": ONE}}, ModelFileError, "cannot be both an array and the folder of"),
    "text array": ({"arrays": {"a": np.array(["x"])}}, ModelFileError, "dtype <U1"),
    "object array": ({"arrays": {"a": np.array([None])}}, ModelFileError, "dtype object"),
    "complex array": ({"arrays": {"a": np.array([1j])}}, ModelFileError, "dtype complex128"),
    "9 dimensions": ({"arrays": {"a": np.zeros((1,) * 9)}}, ModelFileError, "9 dimensions"),
    "columns of two lengths": ({"history": {"a": np.zeros(1), "b": np.zeros(2)}}, ModelFileError, "differ in length"),
    "column of two dimensions": ({"history": {"a": np.zeros((1, 1))}}, ModelFileError, "differ in length"),
    "NaN in JSON": ({"spec": {"a": [1.0, float("nan")]}}, ModelFileError, r"spec\.a\[1\] is nan"),
    "object in JSON": ({"metadata": {"a": {"b": object()}}}, ModelFileError, r"metadata\.a\.b is of type object"),
    "numpy integer in JSON": ({"metadata": {"a": np.int64(1)}}, ModelFileError, r"metadata\.a is of type int64"),
    "key that is no text": ({"metadata": {1: "a"}}, ModelFileError, r"metadata\.1.*string"),
    "integer of 65 bits": ({"metadata": {"a": 2**64}}, ModelFileError, "more than 64 bits"),
    "half a surrogate pair": ({"metadata": {"a": "\ud800"}}, ModelFileError, "surrogate"),
    "too deep": ({"metadata": nested(70)}, ModelFileError, "nested deeper than 64"),
    "plugin without a name": ({"plugins": [{"kind": "losses"}]}, ModelFileError, r"plugins\.0\.name"),
}


@pytest.mark.parametrize(("change", "error", "message"), UNSTORABLE.values(), ids=UNSTORABLE)
def test_contents_that_cannot_be_stored_are_refused_and_the_old_file_stays(change, error, message, contents, tmp_path):
    path = tmp_path / "model.h5"
    path.write_bytes(b"old")
    with pytest.raises(ModelFileError, match=message) as caught:
        write(path, replace(contents, **change))
    assert type(caught.value) is error
    with pytest.raises(error, match=message):
        to_bytes(replace(contents, **change))
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["model.h5"]


def test_a_file_is_verified_before_the_old_one_is_replaced(contents, tmp_path, monkeypatch):
    """As it would be with a fault in the memory of the machine, or in HDF5."""
    write(tmp_path / "model.h5", contents)
    before, place = (tmp_path / "model.h5").read_bytes(), contents.tensors["layers.0.weight"].tobytes()

    def damaged(contents):
        data = bytearray(to_bytes(contents))
        data[data.index(place) + 5] ^= 1
        return bytes(data)

    monkeypatch.setattr(writer, "to_bytes", damaged)
    with pytest.raises(Corrupt, match=r"layers\.0/weight differs from what was saved"):
        write(tmp_path / "model.h5", replace(contents, metadata={}))
    assert (tmp_path / "model.h5").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["model.h5"]
