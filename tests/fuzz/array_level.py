"""Changes of arrays, in the structure and the manifest alike: another shape, type or value, one too many or too few.

Everything about such a file is in order but what it means: it is for the checks behind those of the format.
"""

from __future__ import annotations

import hashlib
import json
from io import BytesIO
from random import Random
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from .golden import Golden
from .mutant import Mutant

Arrays = dict[str, NDArray[Any]]
FOLDERS = {"tensor": "/tensors/layers.0/", "preprocess": "/preprocess/inputs/", "history": "/history/", "more": "/more/"}
DTYPES = ("u1", "i1", "<u2", "<i4", "<i8", "<u8", "<f2", "<f4", "<f8")
SHAPES = ((), (0,), (1,), (0, 3), (1,) * 8, (1,) * 9)
STRANGE = (0, 1, 2, -1, 1e-300, 1e300, np.inf, -np.inf, np.nan, 255, 2**31, -(2**63))


def mutate_arrays(mutant: Mutant, rng: Random) -> None:
    """Change one or two arrays and make the file anew."""
    arrays, manifest = _arrays(mutant.golden), mutant.golden.manifest()
    for _ in range(rng.choice((1, 1, 2))):
        listed = [entry for entry in manifest["objects"] if entry["role"] != "spec"]
        if listed:
            rng.choice(CHANGES)(arrays, manifest, rng.choice(listed), rng)
    for entry in manifest["objects"]:
        raw = arrays[entry["path"]]
        entry |= {"shape": list(raw.shape), "bytes": raw.nbytes, "sha256": hashlib.sha256(raw.tobytes()).hexdigest()}
    mutant.data = bytearray(built(manifest, arrays))


def _arrays(golden: Golden) -> Arrays:
    dtypes = {entry["path"]: (stored_dtype(entry["dtype"]), entry["shape"]) for entry in golden.manifest()["objects"]}
    return {path: np.frombuffer(golden.part(path), dtype).reshape(shape) for path, (dtype, shape) in dtypes.items()}


def stored_dtype(name: str) -> np.dtype[Any]:
    """Return the form of an array of a listed dtype in the file."""
    return np.dtype("u1" if name == "bool" else name).newbyteorder("<")


def built(manifest: Any, arrays: Arrays) -> bytes:
    """A file of these datasets, signed."""
    text, buffer = json.dumps(manifest, ensure_ascii=False).encode(), BytesIO()
    with h5py.File(buffer, "w", libver=("v108", "v108"), track_order=False) as file:
        header = {"format": np.bytes_("mlpkit"), "format_major": np.uint32(manifest["format_major"])}
        header |= {"format_minor": np.uint32(manifest["format_minor"]), "manifest_sha256": np.bytes_(hashlib.sha256(text).hexdigest())}
        for name, value in header.items():
            file.attrs.create(name, value)
        for path, array in {**arrays, "/manifest": np.frombuffer(text, np.uint8)}.items():
            file.create_dataset(path, data=array, track_times=False)
    return buffer.getvalue()


def change_type(arrays: Arrays, manifest: Any, entry: Any, rng: Random) -> None:
    with np.errstate(all="ignore"):
        arrays[entry["path"]] = arrays[entry["path"]].astype(rng.choice(DTYPES))
    name = arrays[entry["path"]].dtype.name
    entry["dtype"] = "bool" if name == "uint8" and rng.random() < 0.5 else name


def change_shape(arrays: Arrays, manifest: Any, entry: Any, rng: Random) -> None:
    old = arrays[entry["path"]]
    nearly = tuple(max(length + rng.choice((-1, 1, 5)), 0) for length in old.shape)
    shapes = (*SHAPES, nearly, nearly, old.shape[::-1], (old.size,), (old.size, 1), (1, old.size))
    arrays[entry["path"]] = np.resize(old, rng.choice(shapes)).astype(old.dtype)


def change_values(arrays: Arrays, manifest: Any, entry: Any, rng: Random) -> None:
    changed = arrays[entry["path"]].copy()
    count = rng.choice((1, changed.size))
    for index in rng.sample(range(changed.size), min(count, changed.size)):
        with np.errstate(all="ignore"):
            changed.reshape(-1)[index] = np.float64(rng.choice(STRANGE)).astype(changed.dtype)
    arrays[entry["path"]] = changed


def drop(arrays: Arrays, manifest: Any, entry: Any, rng: Random) -> None:
    del arrays[entry["path"]]
    manifest["objects"].remove(entry)
    if entry["role"] == "history" and rng.random() < 0.8:
        manifest["history"].remove(entry["path"].removeprefix("/history/"))


def add(arrays: Arrays, manifest: Any, entry: Any, rng: Random) -> None:
    role = rng.choice(list(FOLDERS))
    name = rng.choice(("extra", "gaps", "fill", "bias", "epoch", "accuracy", "a:b"))
    path = FOLDERS[role] + name
    if path not in arrays:
        arrays[path] = arrays[entry["path"]]
        manifest["objects"].append({**entry, "path": path, "role": role})
        if role == "history":
            manifest["history"].append(name)


CHANGES = (change_type, change_shape, change_shape, change_values, change_values, drop, add)
