"""Loading of a model file's arrays alone, without its spec and its plugins."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

from mlpkit.modelfile.arrays import Array
from mlpkit.modelfile.hdf5.source import ModelSource
from mlpkit.modelfile.manifest import StoredObject
from mlpkit.modelfile.reader import OpenFile, naming, open_model

Verify = Literal["full", "lazy"]


def check_verify(verify: str, mmap: bool) -> None:
    """Raise ValueError for an unknown value of `verify`, or one that does not go with `mmap`."""
    if verify not in ("full", "lazy"):
        raise ValueError(f"verify is {verify!r}, which is unknown: give 'full' or 'lazy'")
    if verify == "lazy" and not mmap:
        raise ValueError("verify='lazy' needs mmap=True: without it arrays are copied, and verified while they are copied")


def load_arrays(path: ModelSource, *, mmap: bool = False, verify: Verify = "full") -> Mapping[str, Array]:
    """Return the arrays of a model file, without its plugins.

    Parameters
    ----------
    path : str, Path, bytes or a binary file object
    mmap : bool
        Map the file into memory instead of reading it. The arrays are read-only, share memory with every other process that maps
        the file, and are loaded when they are used. Such a file must not be overwritten in place; mlpkit never does that.
    verify : "full" or "lazy"
        "full" verifies the digests of all arrays now. "lazy" needs `mmap` and verifies each array on first access.

    Returns
    -------
    mapping of str to array
        Tensors by name, such as "layers.0.weight"; other arrays by path, such as "preprocess/inputs/center" and "history/loss".

    Raises
    ------
    ModelFileError
        The file cannot be read or is not valid. The message names the file; subclasses distinguish the causes.
    """
    check_verify(verify, mmap)
    with open_model(path, mmap) as file:
        listed = {stored.path.removeprefix("/"): stored for stored in file.manifest.objects if stored.role not in ("tensor", "spec")}
        listed = {**file.listed("tensor"), **listed}
        if not mmap:
            return file.arrays.take(listed)
        if verify == "lazy":
            return LazyArrays(path, file, listed)
        file.arrays.verify(listed.values())
        return {name: file.arrays.mapped(stored) for name, stored in listed.items()}


class LazyArrays(Mapping[str, Array]):
    """Arrays of a memory-mapped file, each verified on first access.

    Parameters
    ----------
    path : str, Path, bytes or a binary file object
        File for error messages.
    file : OpenFile
        Model file opened with `map_file`.
    listed : dict of str to StoredObject
    """

    def __init__(self, path: ModelSource, file: OpenFile, listed: dict[str, StoredObject]) -> None:
        self._path, self._file, self._listed = path, file, listed
        self._verified: dict[str, Array] = {}

    def __getitem__(self, name: str) -> Array:
        if name not in self._verified:
            stored = self._listed[name]
            with naming(self._path):
                self._file.arrays.verify([stored])
            self._verified[name] = self._file.arrays.mapped(stored)
        return self._verified[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._listed)

    def __len__(self) -> int:
        return len(self._listed)
