"""From the bytes of a model file to contents that can be believed.

The order matters: the structure before any data, the version before the manifest, the manifest's digest before its
JSON, and each array's digest before its numbers. A digest shows that nothing changed by accident; it says nothing of
who made the file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpkit.errors import Corrupt, ModelFileError, NonFinite, TensorMismatch
from mlpkit.modelfile import canonical
from mlpkit.modelfile.contents import Contents
from mlpkit.modelfile.hdf5 import Extent, read_structure
from mlpkit.modelfile.layout import DTYPES, FOLDERS, MANIFEST, SPEC, tensor_name
from mlpkit.modelfile.manifest import Manifest, StoredObject, read_manifest
from mlpkit.modelfile.source import read_bytes

DAMAGED = "copy or download it again"


@dataclass(frozen=True)
class OpenFile:
    """A file whose structure and manifest have been verified. Each array is verified when it is taken.

    Attributes
    ----------
    data : bytes
        The whole file.
    manifest : Manifest
    manifest_sha256 : str
        Its digest, which names the contents of the file.
    extents : dict of str to Extent
        Where each dataset stands.
    """

    data: bytes
    manifest: Manifest
    manifest_sha256: str
    extents: dict[str, Extent]

    def taken(self, stored: StoredObject) -> NDArray[Any]:
        """A copy of one array, after its digest was verified; Corrupt when it is not what was saved."""
        raw = _bytes_at(self.data, self.extents[stored.path])
        if hashlib.sha256(raw).hexdigest() != stored.sha256:
            raise Corrupt(f"{stored.path} is not what was saved: its SHA-256 differs", help=DAMAGED)
        array = np.frombuffer(raw, DTYPES[stored.dtype]).reshape(stored.shape)
        if stored.dtype == "bool" and (array > 1).any():
            raise Corrupt(f"{stored.path} holds bytes other than 0 and 1")
        return array.astype(stored.dtype)

    def taken_by_role(self, role: str) -> dict[str, NDArray[Any]]:
        """Copies of all arrays of a role, by their path below its folder."""
        folder = FOLDERS[role]
        return {stored.path.removeprefix(folder): self.taken(stored) for stored in self.manifest.objects if stored.role == role}

    def spec(self) -> dict[str, Any]:
        """The spec as JSON."""
        stored = next(stored for stored in self.manifest.objects if stored.path == SPEC)
        return canonical.decode(self.taken(stored).tobytes(), "the spec")

    def history(self) -> dict[str, NDArray[np.float64]]:
        """The columns of the history, in their order, all of one length."""
        columns = self.taken_by_role("history")
        shapes = {(column.dtype.name, column.ndim, column.size) for column in columns.values()}
        if len(shapes) > 1 or any(shape[:2] != ("float64", 1) for shape in shapes):
            raise TensorMismatch("the columns of its history are not float64 of one length")
        return {name: columns[name] for name in self.manifest.history}


def read(path: str | Path) -> Contents:
    """The contents of a model file, everything verified.

    Raises
    ------
    ModelFileError
        One of its kinds; the message names the file.
    """
    with naming(path):
        return from_bytes(read_bytes(path))


def from_bytes(data: bytes) -> Contents:
    """The contents of the bytes of a model file, everything verified.

    Raises
    ------
    ModelFileError
        One of its kinds.
    """
    file = open_bytes(data)
    tensors = file.taken_by_role("tensor")
    for name, array in tensors.items():
        if not np.isfinite(array).all():
            raise NonFinite(f"{FOLDERS['tensor']}{name} holds NaN or infinity")
    for stored in file.manifest.objects:
        if stored.role not in FOLDERS:
            file.taken(stored)  # of a later minor version: not understood, but verified all the same
    return Contents(
        spec=file.spec(),
        tensors={tensor_name(name): array for name, array in tensors.items()},
        preprocessing=file.manifest.preprocessing,
        arrays=file.taken_by_role("preprocess"),
        history=file.history(),
        plugins=[record.model_dump() for record in file.manifest.plugins],
        metadata=file.manifest.metadata,
    )


def open_bytes(data: bytes) -> OpenFile:
    """A file with its structure, version and manifest verified, and its datasets held to those that the manifest lists."""
    structure = read_structure(data)
    place = structure.extents.pop(MANIFEST, None)
    if place is None or (place.dtype, len(place.shape)) != (DTYPES["uint8"], 1):
        raise Corrupt(f"it has no {MANIFEST} of bytes")
    raw = bytes(_bytes_at(data, place))
    if hashlib.sha256(raw).hexdigest() != structure.manifest_sha256:
        raise Corrupt(f"{MANIFEST} is not what was saved: its SHA-256 differs", help=DAMAGED)
    manifest = read_manifest(raw, structure.major, structure.minor)
    _compare(manifest.objects, structure.extents)
    return OpenFile(data, manifest, structure.manifest_sha256, structure.extents)


def _compare(listed: list[StoredObject], found: dict[str, Extent]) -> None:
    """Hold the datasets in the file to those in the manifest."""
    expected = {stored.path: (DTYPES[stored.dtype], tuple(stored.shape)) for stored in listed}
    for path in sorted(expected.keys() | found.keys()):
        if path not in found:
            raise TensorMismatch(f"{path} is missing")
        if path not in expected:
            raise TensorMismatch(f"{path} is in the file, but its manifest does not list it")
        if (found[path].dtype, found[path].shape) != expected[path]:
            shown = f"{found[path].dtype} {found[path].shape}", f"{expected[path][0]} {expected[path][1]}"
            raise TensorMismatch(f"{path} is {shown[0]}, its manifest says {shown[1]}")


def _bytes_at(data: bytes, extent: Extent) -> memoryview:
    return memoryview(data)[extent.offset : extent.offset + extent.size]


@contextmanager
def naming(path: str | Path) -> Iterator[None]:
    """Put the file's path before the message of any ModelFileError."""
    try:
        yield
    except ModelFileError as error:
        raise type(error)(f"{path}: {error.message}", help=error.help) from error
