"""Forger: a valid model, of which something is changed, its digests made to fit again.

Two ways lead to a file: h5py writes it, or the assembler does, for what h5py would refuse.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Mapping
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import h5py
import numpy as np

import mlpkit

from .assembler import UNDEFINED, Assembler, Message, attribute, link

WEIGHT = "tensors/layers.0/weight"  # of shape (4, 3), float32
ROLES = {"tensors": "tensor"}  # by folder; the others have the name of their role
MANY = [f"future/x{number:02d}" for number in range(60)]  # more than a header takes, or one block of a heap, or one node

SPEC = {
    "name": "hostile",
    "data": {"target": "kind"},
    "network": {"layers": [{"units": 3, "activation": "tanh"}, {"activation": "softmax"}]},
    "loss": "categorical_crossentropy",
    "training": {"epochs": 2},
}


@cache
def valid() -> bytes:
    """A small trained model, as mlpkit saves it."""
    rng = np.random.default_rng(11)
    return saved(mlpkit.train(SPEC, {name: rng.normal(size=12) for name in "abcd"} | {"kind": ["x", "y"] * 6}))


@cache
def resumable() -> bytes:
    """The same model in the middle of its training, with all that it needs to go on."""
    rng = np.random.default_rng(11)
    rows = {name: rng.normal(size=12) for name in "abcd"} | {"kind": ["x", "y"] * 6}
    model = mlpkit.Model(SPEC, inputs=4, outputs=2)
    next(running := mlpkit.epochs(model, rows))
    data = saved(model, training_state=True)
    running.close()
    return data


def saved(model: mlpkit.Model, **options: Any) -> bytes:
    """The bytes of a model's file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.h5"
        model.save(path, **options)
        return path.read_bytes()


@cache
def ensemble() -> bytes:
    """An ensemble of two members, in the middle of the training of the second one."""
    rng = np.random.default_rng(11)
    rows = {name: rng.normal(size=12) for name in "abcd"} | {"kind": ["x", "y"] * 6}
    steps = iter([False] * 3 + [True])
    model = mlpkit.train({**SPEC, "ensemble": {"members": 2, "folds": "rotate"}}, rows, stop=lambda: next(steps, True))
    return saved(model, training_state=True)


class Forger:
    """A valid file, opened to be changed; `signed` puts its digests in order again."""

    def __init__(self, data: bytes) -> None:
        self.buffer = BytesIO(data)
        self.file = h5py.File(self.buffer, "r+", libver=("v108", "latest"))
        self.manifest = json.loads(bytes(self.file["manifest"][()]))
        self.text: bytes | None = None  # of the manifest, when it shall not be JSON of `manifest`
        self.signs = True  # whether the manifest in the file is replaced by that text

    def entry(self, path: str) -> dict[str, Any]:
        return next(entry for entry in self.manifest["objects"] if entry["path"] == f"/{path}")

    def put(self, path: str, array: np.ndarray, **listed: Any) -> None:
        """Replace or add a dataset, and list it with its true digest unless `listed` says otherwise."""
        if path in self.file:
            del self.file[path]
            self.manifest["objects"].remove(self.entry(path))
        self.file.create_dataset(path, data=array)
        raw, folder = array.tobytes(), path.split("/")[0]
        truth = {"dtype": array.dtype.name, "shape": list(array.shape), "bytes": len(raw), "sha256": hashlib.sha256(raw).hexdigest()}
        self.manifest["objects"].append({"path": f"/{path}", "role": ROLES.get(folder, folder), **truth, **listed})

    def spec(self) -> dict[str, Any]:
        return json.loads(bytes(self.file["spec"][()]))

    def put_spec(self, text: bytes) -> None:
        self.put("spec", np.frombuffer(text, np.uint8))

    def replace(self, path: str, make: Callable[[h5py.File, str], object]) -> None:
        """Put another object in the place of a dataset, the manifest left as it is."""
        del self.file[path]
        make(self.file, path)

    def signed(self) -> bytes:
        text = json.dumps(self.manifest).encode() if self.text is None else self.text
        if self.signs:
            del self.file["manifest"]
            self.file["manifest"] = np.frombuffer(text, np.uint8)
            self.file.attrs["manifest_sha256"] = np.bytes_(hashlib.sha256(text).hexdigest())
        self.file.close()
        return self.buffer.getvalue()


def forged(change: Callable[[Forger], object]) -> Callable[[], bytes]:
    """A file in which one thing was changed through h5py."""

    def build() -> bytes:
        forger = Forger(valid())
        change(forger)
        return forger.signed()

    return build


# -- the same model through the assembler


@cache
def valid_arrays() -> dict[str, np.ndarray]:
    """Every dataset of the model by path, with those of `MANY` beside them, as a later version of mlpkit might have them."""
    forger = Forger(valid())
    for path in MANY:
        forger.put(path, np.arange(2.0))
    with h5py.File(BytesIO(forger.signed())) as file:
        arrays: dict[str, np.ndarray] = {}
        file.visititems(lambda path, item: arrays.update({path: item[()]}) if isinstance(item, h5py.Dataset) else None)
    return arrays


class Parts:
    """Parts from which a file is assembled, and which a test changes first.

    Attributes
    ----------
    links : dict of str to list of bytes
        Links that a group has besides its own, by its path: "/", "/tensors".
    messages : dict of str to list of (int, bytes)
        Messages that a group has besides its own.
    replaced : dict of str to dict
        Messages of a dataset that are replaced, added or left out (None), by its path and their types.
    dense : bool
        Whether the many datasets stand in a heap.
    extension : int
        The address of the superblock's extension.
    """

    def __init__(self) -> None:
        self.links: dict[str, list[bytes]] = {}
        self.messages: dict[str, list[Message]] = {"/": self.attributes()}
        self.replaced: dict[str, dict[int, bytes | None]] = {}
        self.dense = True
        self.extension = UNDEFINED

    @staticmethod
    def attributes() -> list[Message]:
        digest = hashlib.sha256(valid_arrays()["manifest"].tobytes()).hexdigest().encode()
        values = {
            "format": np.bytes_("mlpkit"),
            "format_major": np.uint32(1),
            "format_minor": np.uint32(1),
            "manifest_sha256": np.bytes_(digest),
        }
        return [attribute(name, value) for name, value in values.items()]

    def group(self, file: Assembler, path: str, members: Mapping[str, Any]) -> int:
        """Put a group with everything below it; its address."""
        addresses = {}
        for name, member in members.items():
            below = f"{path.rstrip('/')}/{name}"
            if isinstance(member, np.ndarray):
                addresses[name] = file.dataset(below, member, self.replaced.get(below))
            else:
                addresses[name] = self.group(file, below, member)
        more = self.messages.get(path, [])
        if path == "/future" and self.dense:
            return file.dense_group(path, addresses, more)
        links = [link(name, address) for name, address in addresses.items()]
        return file.group(path, [*links, *self.links.get(path, [])], more)


def assembled(
    change: Callable[[Parts, Assembler], object] | None = None, patch: Callable[[Assembler], object] | None = None
) -> Callable[[], bytes]:
    """A file in which one thing was changed before it was assembled, or afterwards."""

    def build() -> bytes:
        parts, file = Parts(), Assembler()
        if change:
            change(parts, file)
        tree: dict[str, Any] = {}
        for path, array in valid_arrays().items():
            *folders, name = path.split("/")
            folder = tree
            for part in folders:
                folder = folder.setdefault(part, {})
            folder[name] = array
        data = file.file(parts.group(file, "/", tree), parts.extension)
        if patch:
            patch(file)
            data = file.signed()
        return data

    return build


def patched(name: str, offset: int, layout: str, *values: Any) -> Callable[[], bytes]:
    """A file in which numbers of one block were changed; see `Assembler.set`."""
    return assembled(patch=lambda file: file.set(name, offset, layout, *values))
