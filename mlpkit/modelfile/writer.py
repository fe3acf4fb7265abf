"""Writing of a model file. The same contents give the same bytes on any machine at any time.

The file is created in memory, because libhdf5 crashes on a full disk, and because the bytes must not depend on a path.
"""

from __future__ import annotations

import hashlib
import platform
from io import BytesIO, UnsupportedOperation
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from mlpkit.errors import ModelFileError, NonFinite
from mlpkit.files.atomic import save_bytes
from mlpkit.modelfile import strict_json
from mlpkit.modelfile.constants import (
    BASE_MINOR,
    DTYPES,
    FOLDERS,
    FORMAT,
    MAJOR,
    MANIFEST,
    MAX_RANK,
    MINOR,
    SPEC,
    STATE_MINOR,
    is_path,
    is_tensor_path,
    tensor_path,
)
from mlpkit.modelfile.contents import Contents
from mlpkit.modelfile.hdf5.source import named
from mlpkit.modelfile.manifest import Manifest
from mlpkit.modelfile.reader import check_bytes
from mlpkit.version import __version__

Arrays = dict[str, NDArray[Any]]


def write(path: str | Path | BinaryIO, contents: Contents, *, replace: bool = True) -> None:
    """Save a model file atomically and durably. The bytes are verified in memory before the old file is replaced.

    Parameters
    ----------
    path : str, Path or a binary file object
    contents : Contents
    replace : bool
        True to replace an existing file; False to raise FileTaken.

    Raises
    ------
    ModelFileError
        The contents cannot be stored, or the file cannot be written. An existing file is left unchanged.
    """
    write_bytes(path, to_bytes(contents), replace=replace)


def write_bytes(path: str | Path | BinaryIO, data: bytes, *, replace: bool = True) -> None:
    """Save the bytes of a model file; parameters and errors are those of `write`.

    A file object is written at its current position.
    """
    check_bytes(data)
    if not hasattr(path, "write"):
        save_bytes(path, data, replace=replace)
        return
    try:
        _write_all(cast(BinaryIO, path), data)
    except TypeError as error:
        raise ModelFileError(f"cannot write {named(path)}: it does not accept bytes", help="open it in binary mode, 'wb'") from error
    except UnsupportedOperation as error:
        raise ModelFileError(f"cannot write {named(path)}: it is not open for writing", help="open it in mode 'wb'") from error
    except (OSError, ValueError) as error:  # ValueError: the file is closed
        raise ModelFileError(
            f"cannot write {named(path)}: {getattr(error, 'strerror', None) or error}", help="check the file object"
        ) from error


def _write_all(file: BinaryIO, data: bytes) -> None:
    """Write all bytes to a file object. A raw one may accept fewer bytes per call."""
    rest = memoryview(data)
    while rest:
        count = file.write(rest)
        if not isinstance(count, int):  # a file-like object that returns no count has written everything
            return
        if not 0 < count <= len(rest):
            raise OSError(f"it accepted {count} of {len(rest)} bytes")
        rest = rest[count:]


def to_bytes(contents: Contents) -> bytes:
    """Return the bytes of a model file, in the lowest minor version that can store the contents.

    Raises
    ------
    NonFinite
        A tensor holds NaN or infinity.
    ModelFileError
        A name, a dtype, a shape or a JSON value cannot be stored.
    """
    minor = _minor(contents)
    spec = np.frombuffer(strict_json.encode(contents.spec, "spec"), np.uint8)
    roles = {"spec": {SPEC: spec}, **_arrays(contents)}
    stored = {path: np.asarray(array, DTYPES[array.dtype.name], order="C") for arrays in roles.values() for path, array in arrays.items()}
    manifest = _manifest(contents, _objects(roles, stored), minor)
    text = strict_json.encode(manifest.model_dump(exclude_unset=True), "model")
    return _hdf5({**stored, MANIFEST: np.frombuffer(text, np.uint8)}, minor, hashlib.sha256(text).hexdigest())


def _minor(contents: Contents) -> int:
    """Return the lowest minor version of the container that has a place for the contents."""
    inputs = contents.preprocessing.get("inputs")
    has_zeros = isinstance(inputs, dict) and "zeros" in inputs
    return MINOR if contents.features else STATE_MINOR if contents.training is not None or has_zeros else BASE_MINOR


def _arrays(contents: Contents) -> dict[str, Arrays]:
    """Return the arrays of the contents by role and path. Raise ModelFileError for one that cannot be stored."""
    columns = {name: np.asarray(column, np.float64) for name, column in contents.history.items()}
    if len({column.shape for column in columns.values()}) > 1 or any(column.ndim != 1 for column in columns.values()):
        raise ModelFileError("the columns of the history differ in length")
    roles = {
        "tensor": {tensor_path(name): np.asarray(array) for name, array in contents.tensors.items()},
        "preprocess": {FOLDERS["preprocess"] + name: np.asarray(array) for name, array in contents.arrays.items()},
        "history": {FOLDERS["history"] + name: column for name, column in columns.items()},
        "probe": {FOLDERS["probe"] + name: np.asarray(array) for name, array in contents.probe.items()},
        "state": {FOLDERS["state"] + name: np.asarray(array) for name, array in contents.state.items()},
        "surrogate": {FOLDERS["surrogate"] + name: np.asarray(array) for name, array in contents.surrogates.items()},
    }
    for role, arrays in roles.items():
        for path, array in arrays.items():
            _check_array(role, path, array)
        _refuse_nesting(arrays)
    return roles


def _check_array(role: str, path: str, array: NDArray[Any]) -> None:
    if not is_path(path) or (role == "tensor" and not is_tensor_path(path)):
        advice = "use letters, digits, _ . : and -; a tensor is LAYER.NAME, such as layers.0.weight"
        raise ModelFileError(f"{path!r} cannot be the name of an array in a model file", help=advice)
    if array.dtype.name not in DTYPES:
        raise ModelFileError(
            f"{path} is of dtype {array.dtype}, which a model file cannot store", help=f"convert it to one of {', '.join(DTYPES)}"
        )
    if array.ndim > MAX_RANK:
        raise ModelFileError(f"{path} has {array.ndim} dimensions, more than {MAX_RANK}")
    if role == "tensor" and not np.isfinite(array).all():
        raise NonFinite(f"{path} holds NaN or infinity", help="the training has diverged: try a smaller learning rate")


def _refuse_nesting(arrays: Arrays) -> None:
    for path in arrays:
        folder = next((folder for folder in map(str, PurePosixPath(path).parents) if folder in arrays), None)
        if folder is not None:
            raise ModelFileError(f"{folder} cannot be both an array and the folder of {path}", help="rename one of them")


def _objects(roles: dict[str, Arrays], stored: Arrays) -> list[dict[str, Any]]:
    """Return the manifest's entry of each array, sorted by path."""
    objects = [
        {
            "path": path,
            "role": role,
            "dtype": array.dtype.name,
            "shape": list(array.shape),
            "bytes": stored[path].nbytes,
            "sha256": hashlib.sha256(stored[path].reshape(-1).view(np.uint8).data).hexdigest(),
        }
        for role, arrays in roles.items()
        for path, array in arrays.items()
    ]
    return sorted(objects, key=lambda entry: str(entry["path"]))


def _manifest(contents: Contents, objects: list[dict[str, Any]], minor: int) -> Manifest:
    values: dict[str, Any] = {
        "format": FORMAT,
        "format_major": MAJOR,
        "format_minor": minor,
        "spec_schema": contents.spec_schema,
        "required_features": contents.features,
        "producer": {"mlpkit": __version__, "numpy": np.__version__, "python": platform.python_version()},
        "plugins": contents.plugins,
        "objects": objects,
        "preprocessing": contents.preprocessing,
        "history": list(contents.history),
        "metadata": contents.metadata,
        "training": contents.training,
    }
    try:
        return Manifest.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        raise ModelFileError(f"{'.'.join(map(str, first['loc']))} cannot be stored: {first['msg']}") from error


def _hdf5(stored: Arrays, minor: int, manifest_sha256: str) -> bytes:
    """Return the HDF5 file of these datasets, in the profile that models/FORMAT.md describes."""
    try:
        import h5py
    except ImportError as error:
        raise ModelFileError("a model is saved with h5py, which is not installed", help="install it: pip install h5py") from error
    buffer = BytesIO()
    options: dict[str, Any] = {"libver": ("v108", "v108"), "alignment_threshold": 16, "alignment_interval": 64, "track_order": False}
    with h5py.File(buffer, "w", **options) as file:
        file.attrs.create("format", np.bytes_(FORMAT))
        file.attrs.create("format_major", np.uint32(MAJOR))
        file.attrs.create("format_minor", np.uint32(minor))
        file.attrs.create("manifest_sha256", np.bytes_(manifest_sha256))
        for path in sorted(stored):
            folder, name = path.rsplit("/", 1)
            folder = folder or "/"
            group = file[folder] if folder in file else file.create_group(folder, track_order=False)
            group.create_dataset(name, data=stored[path], track_times=False, track_order=False)
    return buffer.getvalue()
