"""From a model file to contents that can be believed.

The order matters: the structure before any data, the version before the manifest, the manifest's digest before its
JSON, and each array's digest before its numbers. A digest shows that nothing changed by accident; it says nothing of
who made the file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpkit.errors import Corrupt, ModelFileError, TensorMismatch
from mlpkit.modelfile import strict_json
from mlpkit.modelfile.arrays import Arrays
from mlpkit.modelfile.constants import ALTERED, CHANGED, DTYPES, FOLDERS, MANIFEST, SPEC, tensor_name
from mlpkit.modelfile.contents import Contents
from mlpkit.modelfile.hdf5.extent import Extent
from mlpkit.modelfile.hdf5.source import ModelSource, Source, named, open_source
from mlpkit.modelfile.hdf5.structure import read_structure
from mlpkit.modelfile.manifest import StoredObject, read_manifest
from mlpkit.modelfile.migrations import migrate
from mlpkit.modelfile.rules import Rule
from mlpkit.text.shown import LONGEST, shortened


class OpenFile:
    """A model file whose structure and manifest have been verified; each array is verified when it is taken.

    Parameters
    ----------
    source : Source
        The bytes of the file.

    Attributes
    ----------
    manifest : Manifest
    manifest_sha256 : str
        Its digest, which names the contents of the file.
    arrays : Arrays
        The arrays that the manifest lists.

    Raises
    ------
    ModelFileError
        One of its kinds.
    """

    def __init__(self, source: Source) -> None:
        structure = read_structure(source)
        self.source = source
        self.manifest_sha256 = structure.manifest_sha256
        raw = _manifest_bytes(source, structure.extents.pop(MANIFEST, None))
        if hashlib.sha256(raw).hexdigest() != structure.manifest_sha256:
            raise Corrupt(f"{MANIFEST} is not what was saved: its SHA-256 differs", help=ALTERED, rule=Rule.DIGESTS)
        self.manifest = read_manifest(raw, structure.major, structure.minor)
        _compare(self.manifest.objects, structure.extents)
        self.arrays = Arrays(source, structure.extents)

    def listed(self, role: str) -> dict[str, StoredObject]:
        """The entries of a role, by the name that stands for them in `Contents`."""
        folder = FOLDERS[role]
        found = [stored for stored in self.manifest.objects if stored.role == role]
        if role == "tensor":
            return {tensor_name(stored.path): stored for stored in found}
        return {stored.path.removeprefix(folder): stored for stored in found}

    def taken(self, role: str) -> dict[str, NDArray[Any]]:
        """Copies of all arrays of a role."""
        return self.arrays.take(self.listed(role))

    def spec(self) -> dict[str, Any]:
        """The spec as JSON, in today's schema."""
        stored = next(stored for stored in self.manifest.objects if stored.path == SPEC)
        return migrate(strict_json.decode(self.arrays.take({SPEC: stored})[SPEC].tobytes(), "the spec"), self.manifest.spec_schema)

    def history(self) -> dict[str, NDArray[np.float64]]:
        """The columns of the history, in their order, all of one length."""
        columns = self.taken("history")
        shapes = {(column.dtype.name, column.ndim, column.size) for column in columns.values()}
        if len(shapes) > 1 or any(shape[:2] != ("float64", 1) for shape in shapes):
            raise TensorMismatch("the columns of its history are not float64 of one length", rule=Rule.HISTORY)
        return {name: columns[name] for name in self.manifest.history}

    def contents(self, tensors: dict[str, NDArray[Any]] | None = None) -> Contents:
        """Everything in the file, verified; but for `tensors`, when those are given."""
        unknown = {stored.path: stored for stored in self.manifest.objects if stored.role not in FOLDERS and stored.path != SPEC}
        self.arrays.take(unknown)  # of a later minor version: not understood, but verified all the same
        return Contents(
            spec=self.spec(),
            tensors=self.taken("tensor") if tensors is None else tensors,
            preprocessing=self.manifest.preprocessing,
            arrays=self.taken("preprocess"),
            history=self.history(),
            plugins=[record.model_dump(exclude_unset=True) for record in self.manifest.plugins],
            metadata=self.manifest.metadata,
            probe=self.taken("probe"),
            training=self.manifest.training,
            state=self.taken("state"),
            surrogates=self.taken("surrogate"),
        )


@contextmanager
def open_model(path: ModelSource, map_file: bool = False) -> Iterator[OpenFile]:
    """A model file, while the context lasts.

    Raises
    ------
    ModelFileError
        One of its kinds, in the context too; the message names the file.
    """
    with naming(path), open_source(path, map_file) as source:
        yield OpenFile(source)


def read(path: ModelSource) -> Contents:
    """The contents of a model file, everything verified.

    Raises
    ------
    ModelFileError
        One of its kinds; the message names the file.
    """
    with open_model(path) as file:
        return file.contents()


def from_bytes(data: bytes) -> Contents:
    """The contents of the bytes of a model file, everything verified.

    Raises
    ------
    ModelFileError
        One of its kinds.
    """
    return OpenFile(Source(data)).contents()


def check_bytes(data: bytes) -> None:
    """Verify the bytes of a model file without copying its arrays; raises as `from_bytes`."""
    file = OpenFile(Source(data))
    file.arrays.verify(file.manifest.objects)
    file.spec()
    file.history()


def _manifest_bytes(source: Source, place: Extent | None) -> bytes:
    if place is None or (place.dtype, len(place.shape)) != (DTYPES["uint8"], 1):
        raise Corrupt(f"it has no {MANIFEST} of bytes", rule=Rule.TEXT)
    strict_json.check_length(place.size, "the manifest")
    return source.at(place.offset, place.size)


def _compare(listed: list[StoredObject], found: dict[str, Extent]) -> None:
    """Hold the datasets in the file to those in the manifest."""
    expected = {stored.path: (DTYPES[stored.dtype], tuple(stored.shape)) for stored in listed}
    differing = expected.items() ^ {path: extent[:2] for path, extent in found.items()}.items()
    if not differing:
        return
    path = min(path for path, _ in differing)
    if path not in found:
        raise TensorMismatch(f"{path} is missing", help=CHANGED, rule=Rule.LISTED)
    if path not in expected:
        raise TensorMismatch(f"{path} is in the file, but its manifest does not list it", help=CHANGED, rule=Rule.LISTED)
    shown = f"{found[path].dtype} {found[path].shape}", f"{expected[path][0]} {expected[path][1]}"
    raise TensorMismatch(f"{path} is {shown[0]}, its manifest says {shown[1]}", help=CHANGED, rule=Rule.LISTED)


@contextmanager
def naming(path: ModelSource) -> Iterator[None]:
    """Put the file's path before the message of any ModelFileError."""
    try:
        yield
    except ModelFileError as error:
        name = named(path)
        name = name if len(name) <= LONGEST else shortened(name)
        raise type(error)(f"{name}: {error.message}" if name else error.message, help=error.help, rule=error.rule) from error
