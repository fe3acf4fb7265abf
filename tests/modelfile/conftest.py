"""A small model's contents with every kind of value, how two of them are compared, and a forger of signed files."""

from __future__ import annotations

import hashlib
import json
from dataclasses import fields
from io import BytesIO

import h5py
import numpy as np
import pytest

from mlpkit.modelfile.contents import Contents
from mlpkit.modelfile.writer import to_bytes


@pytest.fixture
def contents() -> Contents:
    rng = np.random.default_rng(7)
    return Contents(
        spec={"name": "é 日本 😀", "seed": 2**63 - 1, "network": {"layers": [{"units": 3, "bias": True, "rate": 0.1, "none": None}]}},
        tensors={
            "layers.0.weight": rng.normal(size=(4, 3)).astype(np.float32),
            "layers.0.bias": rng.normal(size=3).astype(np.float32),
            "layers.0.normalization.mean": rng.normal(size=3),
        },
        preprocessing={"inputs": {"columns": [{"name": "bill length", "kind": "number"}]}, "target": {"classes": ["Adélie", "Gentoo"]}},
        arrays={"inputs/mean": rng.normal(size=4), "inputs/present": np.array([True, False, True]), "target/codes": np.arange(5)},
        history={"epoch": np.array([1.0, 2.0]), "loss": np.array([0.5, 0.25]), "validation_loss": np.array([0.75, np.nan])},
        plugins=[
            {"kind": "activations", "name": "relu", "distribution": "mlpkit", "version": "0.1.0", "target": "a:B", "options": {"x": [1]}},
            {"kind": "losses", "name": "own", "distribution": None, "version": None, "target": "__main__:Own", "options": {}},
        ],
        metadata={"authör": "Ünïcode", "tiny": 5e-324, "negative zero": -0.0, "quote": '"\\\n\u2028', "large": 2**64 - 1, "empty": {}},
    )


def assert_same(one: Contents, other: Contents) -> None:
    """Equal values, and arrays equal in dtype, shape and every bit."""
    for field in fields(Contents):
        left, right = getattr(one, field.name), getattr(other, field.name)
        if field.name not in ("tensors", "arrays", "history"):
            assert left == right, field.name
            continue
        assert left.keys() == right.keys()
        for name in left:
            assert (left[name].dtype, left[name].shape) == (right[name].dtype, right[name].shape), name
            assert left[name].tobytes() == right[name].tobytes(), name


@pytest.fixture
def same():
    return assert_same


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


@pytest.fixture
def forge(contents, tmp_path):
    def make(change) -> str:
        forger = Forger(to_bytes(contents))
        change(forger)
        path = tmp_path / "hostile.h5"
        path.write_bytes(forger.signed())
        return str(path)

    return make
