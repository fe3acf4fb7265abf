"""Reading and verification of a model file.

The order of the checks matters: the structure before any data, the version before the manifest, the manifest's digest before its
JSON, and each array's digest before its values. A digest detects accidental changes. It does not authenticate the author of a file.
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
    """Model file with verified structure and manifest. Each array is verified when it is read.

    Parameters
    ----------
    source : Source
        Bytes of the file.

    Attributes
    ----------
    manifest : Manifest
    manifest_sha256 : str
        Digest of the manifest, which identifies the contents of the file.
    arrays : Arrays
        Arrays that the manifest lists.

    Raises
    ------
    ModelFileError
        The file is not valid; subclasses distinguish the causes.
    """

    def __init__(self, source: Source) -> None:
        structure = read_structure(source)
        self.source = source
        self.manifest_sha256 = structure.manifest_sha256
        raw = _manifest_bytes(source, structure.extents.pop(MANIFEST, None))
        if hashlib.sha256(raw).hexdigest() != structure.manifest_sha256:
            raise Corrupt(f"{MANIFEST} differs from what was saved: its SHA-256 does not match", help=ALTERED, rule=Rule.DIGESTS)
        self.manifest = read_manifest(raw, structure.major, structure.minor)
        _compare(self.manifest.objects, structure.extents)
        self.arrays = Arrays(source, structure.extents)

    def listed(self, role: str) -> dict[str, StoredObject]:
        """Return the entries of a role by the names used in `Contents`."""
        folder = FOLDERS[role]
        found = [stored for stored in self.manifest.objects if stored.role == role]
        if role == "tensor":
            return {tensor_name(stored.path): stored for stored in found}
        return {stored.path.removeprefix(folder): stored for stored in found}

    def taken(self, role: str) -> dict[str, NDArray[Any]]:
        """Return copies of all arrays of a role."""
        return self.arrays.take(self.listed(role))

    def spec(self) -> dict[str, Any]:
        """Return the spec as JSON, in the current schema."""
        stored = next(stored for stored in self.manifest.objects if stored.path == SPEC)
        return migrate(strict_json.decode(self.arrays.take({SPEC: stored})[SPEC].tobytes(), "the spec"), self.manifest.spec_schema)

    def history(self) -> dict[str, NDArray[np.float64]]:
        """Return the columns of the history in their order. Raise TensorMismatch if they differ in length or dtype."""
        columns = self.taken("history")
        shapes = {(column.dtype.name, column.ndim, column.size) for column in columns.values()}
        if len(shapes) > 1 or any(shape[:2] != ("float64", 1) for shape in shapes):
            raise TensorMismatch("the columns of its history are not float64 arrays of equal length", rule=Rule.HISTORY)
        return {name: columns[name] for name in self.manifest.history}

    def contents(self, tensors: dict[str, NDArray[Any]] | None = None) -> Contents:
        """Return all contents, verified, except for `tensors` if they are given."""
        unknown = {stored.path: stored for stored in self.manifest.objects if stored.role not in FOLDERS and stored.path != SPEC}
        self.arrays.take(unknown)  # roles of a later minor version are verified but not used
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
            features=self.manifest.required_features,
        )


@contextmanager
def open_model(path: ModelSource, map_file: bool = False) -> Iterator[OpenFile]:
    """Open a model file for the duration of the context.

    Raises
    ------
    ModelFileError
        The file cannot be read or is not valid, also while the context is active. The message names the file.
    """
    with naming(path), open_source(path, map_file) as source:
        yield OpenFile(source)


def read(path: ModelSource) -> Contents:
    """Return the contents of a model file, completely verified.

    Raises
    ------
    ModelFileError
        The file cannot be read or is not valid. The message names the file.
    """
    with open_model(path) as file:
        return file.contents()


def from_bytes(data: bytes) -> Contents:
    """Return the contents of a model file in memory, completely verified.

    Raises
    ------
    ModelFileError
        The bytes are not a valid model file.
    """
    return OpenFile(Source(data)).contents()


def check_bytes(data: bytes) -> None:
    """Verify a model file in memory without copying its arrays. Errors are those of `from_bytes`."""
    file = OpenFile(Source(data))
    file.arrays.verify(file.manifest.objects)
    file.spec()
    file.history()


def _manifest_bytes(source: Source, extent: Extent | None) -> bytes:
    if extent is None or (extent.dtype, len(extent.shape)) != (DTYPES["uint8"], 1):
        raise Corrupt(f"it has no {MANIFEST} of bytes", rule=Rule.TEXT)
    strict_json.check_length(extent.size, "the manifest")
    return source.at(extent.offset, extent.size)


def _compare(listed: list[StoredObject], found: dict[str, Extent]) -> None:
    """Raise TensorMismatch if the datasets in the file differ from those in the manifest."""
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
    raise TensorMismatch(f"{path} is {shown[0]}, but its manifest declares {shown[1]}", help=CHANGED, rule=Rule.LISTED)


@contextmanager
def naming(path: ModelSource) -> Iterator[None]:
    """Add the file's path to the message of any ModelFileError raised in the context."""
    try:
        yield
    except ModelFileError as error:
        name = named(path)
        name = name if len(name) <= LONGEST else shortened(name)
        raise type(error)(f"{name}: {error.message}" if name else error.message, help=error.help, rule=error.rule) from error
