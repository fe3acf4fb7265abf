"""Compare an accepted file with the arrays that h5py reads: two readers must agree about one file."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from mlpkit.modelfile.contents import Contents

from .array_level import stored_dtype


class OtherReader(Exception):
    """h5py does not read a file that mlpkit took."""


def difference(data: bytes, contents: Contents) -> str:
    """Return the differences between h5py and mlpkit for the same bytes; empty if there are none.

    Raises
    ------
    OtherReader
        h5py fails at it.
    """
    try:
        arrays = _arrays(data)
    except Exception as error:
        raise OtherReader(f"{type(error).__name__}: {error}") from error
    objects = json.loads(arrays.pop("/manifest").tobytes())["objects"]
    listed = {entry["path"]: entry for entry in objects}
    if listed.keys() != arrays.keys():
        return f"h5py finds {sorted(listed.keys() ^ arrays.keys())} more or less than the manifest lists"
    for path, array in _by_path(contents).items():
        stored = arrays[path]
        expected = np.asarray(array, stored_dtype(array.dtype.name))
        if (stored.dtype, stored.shape, stored.tobytes()) != (expected.dtype, expected.shape, expected.tobytes()):
            return f"{path} is not what h5py reads"
    known = {path for path in arrays if path.startswith(("/tensors/", "/preprocess/", "/history/", "/probe/", "/state/"))}
    unread = {path for path in known if listed[path]["role"] in FOLDERS} - _by_path(contents).keys()
    return f"mlpkit does not give {sorted(unread)}" if unread else ""


FOLDERS = {"tensor": "tensors", "preprocess": "arrays", "history": "history", "probe": "probe", "state": "state"}  # role: name in Contents


def _arrays(data: bytes) -> dict[str, NDArray[Any]]:
    """Every dataset of a file, by path."""
    found: dict[str, NDArray[Any]] = {}

    def keep(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            found[f"/{name}"] = np.asarray(item[()])

    with h5py.File(BytesIO(data), "r") as file:
        file.visititems(keep)
    return found


def _by_path(contents: Contents) -> dict[str, NDArray[Any]]:
    """The arrays of the contents, by their paths in the file."""
    places = {"preprocess": contents.arrays, "history": contents.history, "probe": contents.probe, "state": contents.state}
    arrays = {f"/{folder}/{name}": array for folder, group in places.items() for name, array in group.items()}
    return arrays | {"/tensors/" + "/".join(name.rsplit(".", 1)): array for name, array in contents.tensors.items()}
