"""The arrays of a model file alone: for those who have no use for the rest, or no plugins."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

from mlpkit.modelfile.arrays import Array
from mlpkit.modelfile.hdf5.source import ModelSource
from mlpkit.modelfile.manifest import StoredObject
from mlpkit.modelfile.reader import OpenFile, naming, open_model

Verify = Literal["full", "lazy"]


def check_verify(verify: str, mmap: bool) -> None:
    """Raise ValueError for a way of verifying that there is not."""
    if verify not in ("full", "lazy"):
        raise ValueError(f"verify is {verify!r}: give 'full' or 'lazy'")
    if verify == "lazy" and not mmap:
        raise ValueError("verify='lazy' needs mmap=True: an array that is copied is verified on the way")


def load_arrays(path: ModelSource, *, mmap: bool = False, verify: Verify = "full") -> Mapping[str, Array]:
    """The arrays in a model file, without needing its plugins.

    Parameters
    ----------
    path : str, Path, bytes or a binary file object
    mmap : bool
        Map the file into memory in place of reading it: the arrays are read-only, share their memory with every other
        process that maps the file, and cost nothing until they are used. Such a file must not be written over in place;
        mlpkit itself never does.
    verify : "full" or "lazy"
        Whether each array's digest is verified now, or, with `mmap`, when the array is first taken from the mapping.

    Returns
    -------
    mapping of str to array
        Tensors by their names, such as "layers.0.weight"; all others by their paths, such as "preprocess/inputs/center"
        and "history/loss".

    Raises
    ------
    ModelFileError
        One of its kinds; the message names the file.
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
    """The arrays of a mapped file, each verified when it is first taken.

    Parameters
    ----------
    path : str, Path, bytes or a binary file object
        Named in errors.
    file : OpenFile
        Of a mapped file.
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
