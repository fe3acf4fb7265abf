"""Files made to do harm, with digests that fit: each is refused with the error of its kind, by `read` and by `inspect`."""

from __future__ import annotations

import pickle
import zipfile
from io import BytesIO

import h5py
import numpy as np
import pytest

from mlpkit.errors import (
    Corrupt,
    ModelFileError,
    NotAModelFile,
    ResourceLimit,
    Unsafe,
)
from mlpkit.modelfile import from_bytes, hdf5, inspect, read, to_bytes

VERSIONS = {"libver": ("v108", "v108")}
WEIGHT = "tensors/layers.0/weight"


def external_storage(file, path):
    file.create_dataset(path, shape=(4, 3), dtype="f4", external=[("/etc/passwd", 0, 48)])


def virtual(file, path):
    layout = h5py.VirtualLayout((4, 3), "f4")
    layout[...] = h5py.VirtualSource("other.h5", "x", (4, 3))
    file.create_virtual_dataset(path, layout)


def compact(file, path):
    options = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    options.set_layout(h5py.h5d.COMPACT)
    options.set_obj_track_times(False)
    space = h5py.h5s.create_simple((4, 3))
    h5py.h5d.create(file.id, path.encode(), h5py.h5t.IEEE_F32LE, space, options, h5py.h5p.create(h5py.h5p.LINK_CREATE))


def committed(file, path):
    file["tensors/layers.0/type"] = np.dtype("<f4")
    file.create_dataset(path, data=np.zeros((4, 3), "f4"), dtype=file["tensors/layers.0/type"])


def created(**options):
    def make(file, path):
        file.create_dataset(path, **options)

    return make


def linked(link):
    def make(file, path):
        file[path] = link(file) if callable(link) else link

    return make


def nested(forger):
    forger.file.create_group("/".join(["a"] * 30))


def weight_is(make):
    return lambda forger: forger.replace(WEIGHT, make)


def file_has(path, value):
    return lambda forger: forger.file.__setitem__(path, value)


VLEN = h5py.string_dtype()
BIG = np.zeros((4, 3), ">f4")
HOSTILE = {
    # what reaches outside the file, or into libraries
    "soft link": (weight_is(linked(h5py.SoftLink("/spec"))), Unsafe, "soft or external link"),
    "dangling link": (file_has("more", h5py.SoftLink("/nowhere")), Unsafe, "soft or external link"),
    "link to itself": (file_has("more", h5py.SoftLink("/more")), Unsafe, "soft or external link"),
    "external link": (weight_is(linked(h5py.ExternalLink("/etc/passwd", "/"))), Unsafe, "soft or external link"),
    "external storage": (weight_is(external_storage), Unsafe, "external"),
    "virtual dataset": (weight_is(virtual), Unsafe, "virtual"),
    "chunks": (weight_is(created(shape=(4, 3), dtype="f4", chunks=(2, 3))), Unsafe, "chunks"),
    "zeros compressed": (weight_is(created(data=np.zeros(2**22), compression="gzip")), Unsafe, "filtered"),
    "compact": (weight_is(compact), Unsafe, "compact"),
    "shape that grows": (weight_is(created(shape=(4, 3), maxshape=(None, 3), dtype="f4")), Unsafe, "chunks"),
    # types
    "text": (weight_is(created(data="text", dtype=VLEN)), Unsafe, "number types"),
    "reference": (weight_is(created(shape=(1,), dtype=h5py.ref_dtype)), Unsafe, "number types"),
    "variable length": (weight_is(created(shape=(1,), dtype=h5py.vlen_dtype(np.int32))), Unsafe, "number types"),
    "committed type": (weight_is(committed), Unsafe, "type"),
    "1 GiB array type": (weight_is(created(shape=(), dtype=np.dtype(("<f8", (2**27,))))), Unsafe, "number types"),
    "2 GiB string type": (weight_is(created(shape=(), dtype=f"S{2**31 - 1}")), Unsafe, "number types"),
    "compound": (weight_is(created(shape=(1,), dtype=[("a", "f4")])), Unsafe, "number types"),
    "enumeration": (weight_is(created(data=np.zeros((4, 3), bool))), Unsafe, "number types"),
    "complex": (weight_is(created(data=np.zeros((4, 3), complex))), Unsafe, "number types"),
    "big-endian": (weight_is(created(data=BIG)), Unsafe, "number types"),
    "no shape": (weight_is(created(data=h5py.Empty("f4"))), Unsafe, "no shape"),
    # names and links
    "second link": (lambda f: f.file.__setitem__("more", f.file[WEIGHT]), Unsafe, "second link"),
    "group in itself": (lambda f: f.file.__setitem__("tensors/again", f.file["tensors"]), Unsafe, "second link"),
    "root in a group": (lambda f: f.file.__setitem__("tensors/root", f.file["/"]), Unsafe, "second link"),
    "attribute on a dataset": (lambda f: f.file[WEIGHT].attrs.create("a", 1), Unsafe, "attributes"),
    "attribute on a group": (lambda f: f.file["tensors"].attrs.create("a", 1), Unsafe, "attributes"),
    "name of other letters": (lambda f: f.file.create_group("größe"), Unsafe, "plain name"),
    "name of dots": (lambda f: f.file.create_group("..a"), Unsafe, "plain name"),
    "name with a space": (lambda f: f.file.create_group("a b"), Unsafe, "plain name"),
    "name with a line end": (lambda f: f.file.create_group("a\n"), Unsafe, "plain name"),
    "name too long": (lambda f: f.file.create_group("a" * 200), Unsafe, "plain name"),
    # bombs
    "shape bomb": (weight_is(created(shape=(2**40,), dtype="f4")), ResourceLimit, "claims"),
    "overflowing shape": (weight_is(created(shape=(2**31, 2**29), dtype="f4")), ResourceLimit, "claims"),
    "32 dimensions": (weight_is(created(shape=(1,) * 32, dtype="f4")), ResourceLimit, "32 dimensions"),
    "never written": (weight_is(created(shape=(4, 3), dtype="f4")), Corrupt, "does not stand inside"),
    "groups in groups": (nested, ResourceLimit, "deeper"),
}


@pytest.mark.parametrize(("change", "error", "message"), HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_file_is_refused(change, error, message, forge):
    path = forge(change)
    for function in (read, inspect):
        with pytest.raises(ModelFileError, match=message) as caught:
            function(path)
        assert type(caught.value) is error
        assert caught.value.message.startswith(f"{path}: ")


def plain_hdf5(attributes: dict, **options) -> bytes:
    buffer = BytesIO()
    with h5py.File(buffer, "w", **options) as file:
        file["weights"] = np.ones(3)
        file.attrs.update(attributes)
    return buffer.getvalue()


def zip_file() -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("model.json", "{}")
    return buffer.getvalue()


OTHER_FORMATS = {
    "pickle": (pickle.dumps({"a": 1}), "not an HDF5 file"),
    "zip": (zip_file(), "not an HDF5 file"),
    "zeros": (bytes(4096), "not an HDF5 file"),
    "old HDF5": (plain_hdf5({"format": "mlpkit"}, libver="earliest"), "not one that mlpkit wrote"),
    "HDF5 with a user block": (plain_hdf5({}, userblock_size=512, **VERSIONS), "not an HDF5 file"),
    "HDF5 without attributes": (plain_hdf5({}, **VERSIONS), "not a model of mlpkit"),
    "HDF5 of another program": (plain_hdf5({"format": np.bytes_("others")}, **VERSIONS), "not a model of mlpkit"),
    "HDF5 with text of any length": (plain_hdf5({"format": "mlpkit"}, **VERSIONS), "not a model of mlpkit"),
}


@pytest.mark.parametrize(("data", "message"), OTHER_FORMATS.values(), ids=OTHER_FORMATS)
def test_another_format_is_no_model(data, message):
    with pytest.raises(NotAModelFile, match=message):
        from_bytes(data)


@pytest.mark.parametrize(("position", "value"), [(9, 4), (10, 4), (12, 1), (20, 0)], ids=["offsets", "lengths", "base", "extension"])
def test_another_kind_of_superblock_is_refused(position, value, contents):
    data = bytearray(to_bytes(contents))
    data[position] = value
    with pytest.raises(Unsafe):
        from_bytes(bytes(data))


def test_more_objects_than_the_limit_are_refused(contents, monkeypatch):
    data = to_bytes(contents)
    monkeypatch.setattr(hdf5, "MAX_OBJECTS", 10)
    with pytest.raises(ResourceLimit, match="more than 10 objects"):
        from_bytes(data)


def test_overlapping_datasets_are_refused():
    extents = {"/a": hdf5.Extent("<f4", (4,), 64), "/none": hdf5.Extent("<f4", (0,), 0), "/b": hdf5.Extent("<f4", (1,), 79)}
    with pytest.raises(Unsafe, match="/b overlaps /a"):
        hdf5._refuse_overlaps(extents)
    hdf5._refuse_overlaps({**extents, "/b": hdf5.Extent("<f4", (1,), 80)})


def test_every_kind_of_error_has_a_code_of_its_own():
    kinds = [ModelFileError, *ModelFileError.__subclasses__()]
    assert len(kinds) == 10
    assert len({kind.code for kind in kinds}) == len(kinds)
