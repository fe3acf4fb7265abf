"""Untrusted data files: those that refer to other files, need libraries or declare too much memory are refused before reading."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
import zipfile
import zlib

import h5py
import numpy as np
import pytest

import mlpkit
from mlpkit.cli import main
from mlpkit.data.readers import iter_tables, read_table
from mlpkit.data.sources import open_source
from mlpkit.errors import DataError
from mlpkit.spec import Spec

from ..sampling import one_in

ROWS = 16
SECRET = b"root:x:0:0:a secret of this machine, of 128 bytes or more".ljust(8 * ROWS, b".")


def spec_of(**data):
    layers = [{"units": 1, "activation": "sigmoid"}]
    spec = {"data": {"target": "y", **data}, "network": {"layers": layers}, "loss": "binary_crossentropy", "training": {"epochs": 1}}
    return Spec.model_validate(spec)


@pytest.fixture
def secret(tmp_path):
    (tmp_path / "secret").write_bytes(SECRET)
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = np.arange(float(ROWS))
        file.create_dataset("growing", data=np.arange(float(ROWS)), maxshape=(None,))
    return tmp_path


def external(file, folder):
    file.create_dataset("x", (ROWS,), "<f8", external=[(str(folder / "secret"), 0, 8 * ROWS)])


def virtual(file, folder):
    layout = h5py.VirtualLayout((ROWS,), "f8")
    layout[:] = h5py.VirtualSource(str(folder / "other.h5"), "x", (ROWS,))
    file.create_virtual_dataset("x", layout)


def virtual_in_itself(file, folder):
    file["plain"] = np.arange(float(ROWS))
    layout = h5py.VirtualLayout((ROWS,), "f8")
    layout[:] = h5py.VirtualSource(".", "plain", (ROWS,))
    file.create_virtual_dataset("x", layout)


def virtual_without_end(file, folder):
    layout = h5py.VirtualLayout((ROWS,), "f8", maxshape=(None,))
    source = h5py.VirtualSource(str(folder / "other.h5"), "growing", (ROWS,), maxshape=(None,))
    layout[: h5py.h5s.UNLIMITED] = source[: h5py.h5s.UNLIMITED]
    file.create_virtual_dataset("x", layout)


def external_link(file, folder):
    file["x"] = h5py.ExternalLink(str(folder / "other.h5"), "/x")


def soft_link(file, folder):
    file["elsewhere/x"] = np.arange(float(ROWS))
    file["x"] = h5py.SoftLink("/elsewhere/x")


def unknown_filter(file, folder):
    options = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    options.set_chunk((ROWS,))
    options.set_filter(32008, h5py.h5z.FLAG_OPTIONAL, (0,))
    space = h5py.h5s.create_simple((ROWS,))
    dataset = h5py.h5d.create(file.id, b"x", h5py.h5t.IEEE_F64LE, space, options)
    h5py.Dataset(dataset)[...] = np.arange(float(ROWS))


OUTSIDE = {
    "external raw storage": (external, "has its values in another file"),
    "a virtual dataset": (virtual, "is virtual"),
    "a virtual dataset of the file itself": (virtual_in_itself, "is virtual"),
    "a virtual dataset without an end": (virtual_without_end, "is virtual"),
    "an external link": (external_link, "is a link to another file|there is no column 'x'"),
    "a soft link": (soft_link, "is a link to another object|there is no column 'x'"),
    "a filter of a library": (unknown_filter, "needs the filter 32008, which HDF5 would load from a library"),
}


@pytest.fixture
def model():
    return mlpkit.train(spec_of(), {"x": np.arange(float(ROWS)), "y": np.arange(ROWS) % 2})


@pytest.mark.parametrize(("make", "message"), OUTSIDE.values(), ids=OUTSIDE)
def test_values_outside_of_the_file_are_not_read(secret, model, make, message):
    path = secret / "upload.h5"
    with h5py.File(path, "w") as file:
        make(file, secret)
        file["y"] = np.arange(ROWS) % 2
    ways = {
        "predict": lambda: model.predict(path),
        "evaluate": lambda: model.evaluate(path),
        "batches": lambda: list(iter_tables(path, rows=4, columns=["x"])),
        "train": lambda: mlpkit.train(spec_of(path=str(path), inputs=["x"])),
        "on disk": lambda: mlpkit.train(spec_of(path=str(path), inputs=["x"], in_memory=False)),
        "validation": lambda: mlpkit.train(spec_of(validation=str(path)), {"x": np.arange(4.0), "y": [0, 1, 0, 1]}),
    }
    for read in ways.values():
        with pytest.raises(DataError, match=message) as caught:
            read()
        assert caught.value.help
        assert not any(text in str(caught.value) for text in ("root:x", "secret of"))


@pytest.mark.parametrize("make", [external, virtual, unknown_filter])
def test_it_is_refused_without_named_columns_too(secret, make):
    path = secret / "upload.h5"
    with h5py.File(path, "w") as file:
        make(file, secret)
    with pytest.raises(DataError, match="the dataset 'x' of"):
        read_table(path)
    with pytest.raises(DataError, match="the dataset 'x' of"):
        open_source(spec_of(), path)


def test_datasets_that_are_not_used_are_not_opened(secret, monkeypatch):
    path = secret / "upload.h5"
    with h5py.File(path, "w") as file:
        external(file.create_group("a"), secret)
        virtual_without_end(file.create_group("b"), secret)
        external_link(file.create_group("c"), secret)
        file["z"] = np.arange(3)
    assert read_table(path, columns=["z"])["z"].tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    "options", [{}, {"compression": "gzip"}, {"compression": "lzf", "shuffle": True}, {"fletcher32": True}, {"scaleoffset": 0}]
)
def test_filters_that_are_built_in_are_used(tmp_path, options):
    with h5py.File(tmp_path / "t.h5", "w") as file:
        file.create_dataset("x", data=np.arange(1000), chunks=(100,) if options else None, **options)
    assert read_table(tmp_path / "t.h5")["x"].tolist() == list(range(1000))


# -- declared sizes


def npy(shape, dtype="<f8", body=b""):
    text = repr({"descr": dtype, "fortran_order": False, "shape": shape}).encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text) + 1) + text + b"\n" + body


def zeros(size):
    """The raw deflate stream of so many MiB of zeros, of which four at a time are the same bytes."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = packer.compress(bytes(2**22)) + packer.flush(zlib.Z_FULL_FLUSH)
    return block * (size // 4) + packer.flush()


def bomb(path, members=1):
    """An NPZ file of some hundred kB whose arrays have 512 MiB in all."""
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(members):
            archive.writestr(f"x{number}.npy" if number else "x.npy", b"")
    head = npy((2**26 // members,))
    stored = b"\x00" + struct.pack("<HH", len(head), len(head) ^ 0xFFFF) + head
    packed, size = stored + zeros(512 // members), len(head) + 2**29 // members
    entries, body = b"", b""
    for number in range(members):
        name = (f"x{number}.npy" if number else "x.npy").encode()
        fields = struct.pack("<HHHHHIIIHH", 20, 0, 8, 0, 0, 0, len(packed), size, len(name), 0)
        entries += b"PK\x01\x02" + struct.pack("<H", 20) + fields + struct.pack("<HHHII", 0, 0, 0, 0, len(body)) + name
        body += b"PK\x03\x04" + fields + name + packed
    end = b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, members, members, len(entries), len(body), 0)
    path.write_bytes(body + entries + end)


def sparse(path):
    with h5py.File(path, "w") as file:
        file.create_dataset("x", (2**34,), "f8", chunks=(1024,))
        file.create_dataset("y", (2**34,), "i1", chunks=(1024,))


def wide_chunk(path):
    with h5py.File(path, "w") as file:
        file.create_dataset("x", (10,), "f8", chunks=(2**28,), maxshape=(None,))


def rows_alone(path):
    with h5py.File(path, "w") as file:
        file.create_dataset("x", (2**40, 0), "f8")


def texts(path):
    with h5py.File(path, "w") as file:
        file.create_dataset("x", (2**33,), h5py.string_dtype(), chunks=(1024,))


def lying(path, shape=(2**40,), dtype="<f8"):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", npy(shape, dtype, bytes(80)))


def long_header(path):
    path.write_bytes(b"\x93NUMPY\x02\x00" + struct.pack("<I", 2**32 - 1) + b" " * 100)


def long_header_in_zip(path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", b"\x93NUMPY\x02\x00" + struct.pack("<I", 2**32 - 1) + b" " * 2**20)


CLAIMS = {  # the file, what makes it, whether it may be allowed
    "2 kB with 2**34 rows": ("t.h5", sparse, True),
    "a chunk of 2 GiB": ("t.h5", wide_chunk, True),
    "texts": ("t.h5", texts, True),
    "a bomb": ("t.npz", bomb, True),
    "a header that declares 8 TiB": ("t.npz", lying, False),
    "a header that declares texts of no letters": ("t.npz", lambda path: lying(path, (2**50,), "<U0"), True),
    "an NPY file that declares 8 TiB": ("t.npy", lambda path: path.write_bytes(npy((2**40,), body=bytes(80))), False),
    "an NPY file with 2**40 rows of no values": ("t.npy", lambda path: path.write_bytes(npy((2**40, 0))), True),
    "an NPZ file with 2**40 rows of no values": ("t.npz", lambda path: lying(path, (2**40, 0)), True),
    "2**40 rows of no values": ("t.h5", rows_alone, True),
    "a header of 4 GiB": ("t.npy", long_header, False),
    "a packed header of 4 GiB": ("t.npz", long_header_in_zip, False),
    "a negative side": ("t.npz", lambda path: lying(path, (-1, 2)), False),
}
TRIED = """
import json, resource, sys
import numpy as np
import mlpkit
from mlpkit.cli import main
from mlpkit.data.readers import iter_tables, read_table
from mlpkit.errors import DataError

resource.setrlimit(resource.RLIMIT_AS, (512 * 2**20, 512 * 2**20))
path, model = sys.argv[1:]
loaded = mlpkit.load(model)
ways = [read_table, lambda path: next(iter_tables(path, rows=4)), loaded.predict, lambda path: loaded.evaluate(path, [0])]
said = []
for read in ways:
    try:
        read(path)
    except DataError as error:
        said.append(f"{error.message} | {error.help}")
print(json.dumps([said, main(["predict", model, path])]))
"""


@pytest.mark.parametrize(("name", "make", "allowable"), one_in(8, CLAIMS.values()), ids=CLAIMS)
def test_large_arrays_are_refused_before_anything_is_allocated(tmp_path, model, name, make, allowable):
    make(tmp_path / name)
    assert (tmp_path / name).stat().st_size < 2**20
    model.save(tmp_path / "model.h5")
    environment = {"OPENBLAS_NUM_THREADS": "1", "PATH": ""}
    command = [sys.executable, "-c", TRIED, str(tmp_path / name), str(tmp_path / "model.h5")]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    said, code = json.loads(done.stdout)
    assert (len(said), code) == (4, 2)
    for text in said:
        assert ("--allow-large" in text) == allowable, text
    assert "Traceback" not in done.stderr


def small_claim(path):
    """300 MiB that are allowed when the caller says so, and read without taking them."""
    with h5py.File(path, "w") as file:
        file.create_dataset("x", (2**25 + 2**22,), "f8", chunks=(2**20,))


def test_only_the_caller_can_allow_large_files(tmp_path, model, monkeypatch):
    path = tmp_path / "t.h5"
    small_claim(path)
    for spec, rows in ((spec_of(), 0), (spec_of(allow_large=True), 4)):
        options = {"allow_large": spec.data.allow_large}
        if rows:
            assert next(iter_tables(path, rows=rows, **options)).rows == rows
            assert open_source(spec, path).stored == 2**25 + 2**22
        else:
            with pytest.raises(DataError, match="declares"):
                open_source(spec, path)
    own = mlpkit.train(spec_of(allow_large=True), {"x": np.arange(float(ROWS)), "y": np.arange(ROWS) % 2})
    own.save(tmp_path / "model.h5")
    assert mlpkit.load(tmp_path / "model.h5").spec.data.allow_large is False
    with pytest.raises(DataError, match="declares"):
        mlpkit.load(tmp_path / "model.h5").predict(path)
    seen = []
    monkeypatch.setattr(
        "mlpkit.data.sources.read_source", lambda spec, *_: seen.append(spec.data.allow_large) or read_table(tmp_path / "small.h5")
    )
    with h5py.File(tmp_path / "small.h5", "w") as file:
        file["x"] = np.arange(3.0)
    model.predict(path, allow_large=True)
    model.predict_proba(path, allow_large=True)
    assert seen == [True, True]


def test_arrays_count_together(tmp_path):
    bomb(tmp_path / "t.npz", 4)
    with pytest.raises(DataError, match="declares 536,870,912 bytes of values"):
        read_table(tmp_path / "t.npz")


def test_the_command_line_allows_it(tmp_path, model, capsys):
    small_claim(tmp_path / "t.h5")
    model.save(tmp_path / "model.h5")
    assert main(["predict", str(tmp_path / "model.h5"), str(tmp_path / "t.h5")]) == 2
    for command in ("predict", "evaluate"):
        main([command, "--help"])
        assert "--allow-large" in capsys.readouterr().out


def test_objects_are_never_unpickled(tmp_path):
    np.savez(tmp_path / "t.npz", x=np.array([{}], dtype=object))
    np.save(tmp_path / "t.npy", np.array([{}], dtype=object))
    for name in ("t.npz", "t.npy"):
        with pytest.raises(DataError, match="holds Python objects, which are never loaded"):
            read_table(tmp_path / name)
