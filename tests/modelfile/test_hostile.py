"""Files made to do harm, with digests that fit: each is refused with the error of its kind, by `read` and by `inspect`."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import zipfile
from io import BytesIO

import h5py
import numpy as np
import pytest

from mlpkit.errors import (
    Corrupt,
    ModelFileError,
    NonFinite,
    NotAModelFile,
    ResourceLimit,
    TensorMismatch,
    Unsafe,
    UnsupportedFeature,
    UnsupportedVersion,
)
from mlpkit.modelfile import from_bytes, hdf5, inspect, read, to_bytes

VERSIONS = {"libver": ("v108", "v108")}
WEIGHT = "tensors/layers.0/weight"


class Forger:
    """A valid file, opened to be changed; `signed` puts its digests in order again."""

    def __init__(self, data: bytes) -> None:
        self.buffer = BytesIO(data)
        self.file = h5py.File(self.buffer, "r+", libver=("v108", "latest"))
        self.manifest = json.loads(bytes(self.file["manifest"][()]))
        self.text: bytes | None = None  # of the manifest, when it shall not be JSON of `manifest`

    def entry(self, path: str) -> dict:
        return next(entry for entry in self.manifest["objects"] if entry["path"] == f"/{path}")

    def put(self, path: str, array: np.ndarray, **listed) -> None:
        """Replace or add a dataset, and list it with its true digest unless `listed` says otherwise."""
        if path in self.file:
            del self.file[path]
            self.manifest["objects"].remove(self.entry(path))
        self.file.create_dataset(path, data=array)
        raw, role = array.tobytes(), {"tensors": "tensor"}.get(path.split("/")[0], path.split("/")[0])
        truth = {"dtype": array.dtype.name, "shape": list(array.shape), "bytes": len(raw), "sha256": hashlib.sha256(raw).hexdigest()}
        self.manifest["objects"].append({"path": f"/{path}", "role": role, **truth, **listed})

    def put_spec(self, text: bytes) -> None:
        self.put("spec", np.frombuffer(text, np.uint8))

    def replace(self, path: str, make) -> None:
        """Put another object in the place of a dataset, the manifest left as it is."""
        del self.file[path]
        make(self.file, path)

    def signed(self) -> bytes:
        text = json.dumps(self.manifest).encode() if self.text is None else self.text
        if isinstance(self.file.get("manifest"), h5py.Dataset):
            del self.file["manifest"]
            self.file["manifest"] = np.frombuffer(text, np.uint8)
            self.file.attrs["manifest_sha256"] = np.bytes_(hashlib.sha256(text).hexdigest())
        self.file.close()
        return self.buffer.getvalue()


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


def depth_bomb(forger):
    forger.put_spec(b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}")


def many_keys(forger):
    keys = ",".join(f'"{number}":0' for number in range(200_000))
    forger.put_spec(f'{{{keys},"199999":0}}'.encode())


def with_nan(forger):
    forger.put(WEIGHT, np.full((4, 3), np.nan, np.float32))


def listed(**changes):
    """Change what the manifest says of the weight."""
    return lambda forger: forger.entry(WEIGHT).update(changes)


def said(**changes):
    """Change what the manifest says."""
    return lambda forger: forger.manifest.update(changes)


def header(name, value):
    """Change an attribute of the root."""

    def change(forger):
        forger.file.attrs.pop(name, None)
        if value is not None:
            forger.file.attrs[name] = value

    return change


def weight_is(make):
    return lambda forger: forger.replace(WEIGHT, make)


def spec_is(text):
    return lambda forger: forger.put_spec(text)


def manifest_is(text):
    return lambda forger: setattr(forger, "text", text)


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
    "long JSON": (spec_is(b'{"a":"' + b"a" * 2**24 + b'"}'), ResourceLimit, "16777216"),
    "long manifest": (manifest_is(b" " * (2**24 + 1)), ResourceLimit, "16777216"),
    "deep JSON": (depth_bomb, Corrupt, "nested too deep"),
    "rather deep JSON": (spec_is(b'{"a":' + b"[" * 65 + b"]" * 65 + b"}"), Corrupt, "nested deeper than 64"),
    "many keys": (many_keys, Corrupt, "written twice"),
    "5,000 digits": (spec_is(b'{"a":' + b"9" * 5000 + b"}"), Corrupt, "strict JSON"),
    "65 bits": (spec_is(b'{"a":18446744073709551616}'), Corrupt, "64 bits"),
    # JSON that is not strict
    "key twice": (spec_is(b'{"a":1,"a":2}'), Corrupt, "written twice"),
    "NaN in JSON": (spec_is(b'{"a":NaN}'), Corrupt, "NaN"),
    "Infinity in JSON": (spec_is(b'{"a":-Infinity}'), Corrupt, "Infinity"),
    "1e999 in JSON": (spec_is(b'{"a":1e999}'), Corrupt, "spec.a is inf"),
    "not UTF-8": (spec_is(b'{"a":"\xff"}'), Corrupt, "strict JSON"),
    "half a surrogate pair": (spec_is(b'{"a":"\\ud800"}'), Corrupt, "surrogate"),
    "byte-order mark": (spec_is(b"\xef\xbb\xbf{}"), Corrupt, "byte-order mark"),
    "NUL": (spec_is(b'{"a":"\x00"}'), Corrupt, "strict JSON"),
    "list as the spec": (spec_is(b"[1]"), Corrupt, "not a JSON object"),
    "empty spec": (spec_is(b""), Corrupt, "strict JSON"),
    "pickle as the spec": (spec_is(pickle.dumps(os.getcwd)), Corrupt, "strict JSON"),
    # the header and the manifest
    "no version": (header("format_major", None), Corrupt, "attributes of its root"),
    "version as text": (header("format_major", np.bytes_("1")), Corrupt, "attributes of its root"),
    "version of another size": (header("format_minor", np.uint64(0)), Corrupt, "attributes of its root"),
    "version as an array": (header("format_minor", np.zeros(1, np.uint32)), Corrupt, "attributes of its root"),
    "64 MiB attribute": (header("format_minor", np.zeros(2**24, np.uint32)), Corrupt, "attributes of its root"),
    "no digest": (lambda f: f.file.attrs.__delitem__("manifest_sha256") or f.file.__delitem__("manifest"), Corrupt, "attributes"),
    "one attribute more": (header("more", 1), Corrupt, "attributes of its root"),
    "version 2": (header("format_major", np.uint32(2)), UnsupportedVersion, "version 2, .* reads version 1"),
    "version 999": (header("format_major", np.uint32(999)), UnsupportedVersion, "version 999"),
    "version 0": (header("format_major", np.uint32(0)), UnsupportedVersion, "version 0"),
    "two versions": (header("format_minor", np.uint32(5)), Corrupt, "another format or version"),
    "newer spec": (said(spec_schema=2), UnsupportedVersion, "schema version 2"),
    "unknown feature": (said(required_features=["quantized"]), UnsupportedFeature, "'quantized'"),
    "features that are no list": (said(required_features="all"), Corrupt, "required_features"),
    "no manifest": (lambda f: f.file.__delitem__("manifest"), Corrupt, "no /manifest"),
    "manifest is a group": (lambda f: f.replace("manifest", lambda h, p: h.create_group(p)), Corrupt, "no /manifest"),
    "manifest is no JSON": (manifest_is(b"{"), Corrupt, "the manifest is not strict JSON"),
    "manifest without keys": (manifest_is(b"{}"), Corrupt, "manifest is not valid"),
    "number for text": (said(producer={"mlpkit": 1}), Corrupt, "producer.mlpkit"),
    "truth for a number": (listed(bytes=True), Corrupt, "objects"),
    "plugin without a name": (said(plugins=[{"kind": "losses"}]), Corrupt, "plugins.0.name"),
    # arrays that are not those that are listed
    "missing": (lambda f: f.file.__delitem__(WEIGHT), TensorMismatch, "weight is missing"),
    "extra": (lambda f: f.file.create_dataset("tensors/layers.0/more", data=np.zeros(1)), TensorMismatch, "does not list it"),
    "renamed": (lambda f: f.file.move(WEIGHT, "tensors/layers.0/wait"), TensorMismatch, "wait .*does not list it"),
    "dataset as a group": (weight_is(lambda file, path: file.create_group(path)), TensorMismatch, "is missing"),
    "other shape": (listed(shape=[3, 4]), TensorMismatch, r"\(4, 3\), its manifest says <f4 \(3, 4\)"),
    "other dtype": (listed(dtype="int32"), TensorMismatch, "<f4 .* manifest says <i4"),
    "digest in capitals": (listed(sha256="A" * 64), Corrupt, "sha256"),
    "other size": (listed(bytes=47), Corrupt, "47 bytes"),
    "negative shape": (listed(shape=[-4, -3]), Corrupt, "shape"),
    "shape of large integers": (listed(shape=[2**62, 2**62]), Corrupt, "bytes"),
    "unknown dtype": (listed(dtype="float128"), Corrupt, "not a known dtype"),
    "dtype of objects": (listed(dtype="object"), Corrupt, "not a known dtype"),
    "role of another folder": (listed(role="history"), Corrupt, "cannot be the path"),
    "path out of the file": (listed(path="/tensors/../x"), Corrupt, "cannot be the path"),
    "tensor too deep": (lambda f: f.put("tensors/a/b/c", np.zeros(1)), Corrupt, "cannot be the path"),
    "listed twice": (lambda f: f.manifest["objects"].append(f.entry(WEIGHT)), Corrupt, "listed twice"),
    "spec not listed": (lambda f: f.manifest["objects"].remove(f.entry("spec")), Corrupt, "spec is not listed"),
    "column not listed": (said(history=["epoch"]), Corrupt, "columns of the history"),
    "column of another length": (lambda f: f.put("history/loss", np.zeros(7)), TensorMismatch, "one length"),
    "column of another dtype": (lambda f: f.put("history/loss", np.zeros(2, np.float32)), TensorMismatch, "float64"),
}


@pytest.fixture
def forge(contents, tmp_path):
    def make(change) -> str:
        forger = Forger(to_bytes(contents))
        change(forger)
        path = tmp_path / "hostile.h5"
        path.write_bytes(forger.signed())
        return str(path)

    return make


def test_the_forger_makes_valid_files(forge, contents, same):
    same(read(forge(lambda forger: forger.put(WEIGHT, contents.tensors["layers.0.weight"]))), contents)


@pytest.mark.parametrize(("change", "error", "message"), HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_file_is_refused(change, error, message, forge):
    path = forge(change)
    for function in (read, inspect):
        with pytest.raises(ModelFileError, match=message) as caught:
            function(path)
        assert type(caught.value) is error
        assert caught.value.message.startswith(f"{path}: ")


ONLY_READ = {
    "NaN weight": (with_nan, NonFinite, "layers.0/weight holds NaN"),
    "infinite weight": (lambda f: f.put(WEIGHT, np.full((4, 3), np.inf)), NonFinite, "infinity"),
    "other digest": (listed(sha256="0" * 64), Corrupt, "layers.0/weight is not what was saved"),
    "bool of 2": (lambda f: f.put("preprocess/inputs/present", np.full(3, 2, np.uint8), dtype="bool"), Corrupt, "0 and 1"),
    "unknown role with another digest": (lambda f: f.put("future/x", np.zeros(2), sha256="0" * 64), Corrupt, "SHA-256"),
}


@pytest.mark.parametrize(("change", "error", "message"), ONLY_READ.values(), ids=ONLY_READ)
def test_numbers_that_are_not_right_are_refused_by_read(change, error, message, forge):
    with pytest.raises(error, match=message):
        read(forge(change))


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


def test_a_file_without_required_features_of_a_later_minor_version_is_read(forge, contents, same):
    def change(forger):
        header("format_minor", np.uint32(7))(forger)
        forger.manifest |= {"format_minor": 7, "probe": {"rows": []}}
        forger.manifest["plugins"][0]["schema_hash"] = "abc"
        forger.put("state/optimizer/m", np.zeros(4))

    path = forge(change)
    found = read(path)
    assert found.plugins[0].pop("schema_hash") == "abc"
    same(found, contents)
    assert inspect(path)["container"] == "1.7"


def test_every_kind_of_error_has_a_code_of_its_own():
    kinds = [ModelFileError, *ModelFileError.__subclasses__()]
    assert len(kinds) == 10
    assert len({kind.code for kind in kinds}) == len(kinds)
