"""The structure of a model file: where each dataset stands, found with h5py and held to the profile that mlpkit writes.

HDF5 has links to other files, external and virtual storage, filters that load libraries, and types that name other
objects. A model file has none of them, and a file that does is refused before any of its data is touched. What is
found is a table of places: everything behind it works on the bytes alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from math import prod
from typing import Any

import numpy as np

from mlpkit.errors import Corrupt, MLPKitError, NotAModelFile, ResourceLimit, Unsafe, UnsupportedVersion
from mlpkit.modelfile.layout import DTYPES, FORMAT, MAJOR, MAX_DEPTH, MAX_OBJECTS, MAX_RANK, NAME
from mlpkit.modelfile.superblock import check_superblock

HEADER = {"format": "S6", "format_major": "<u4", "format_minor": "<u4", "manifest_sha256": "S64"}


@dataclass(frozen=True)
class Extent:
    """Where a dataset stands in the file.

    Attributes
    ----------
    dtype : str
        How its numbers are stored: "<f4".
    shape : tuple of int
    offset : int
        Of its first byte; 0 for a dataset without elements.
    """

    dtype: str
    shape: tuple[int, ...]
    offset: int

    @property
    def size(self) -> int:
        """Its length in bytes."""
        return prod(self.shape) * np.dtype(self.dtype).itemsize


@dataclass(frozen=True)
class Structure:
    """The header of a file and the places of its datasets by path."""

    major: int
    minor: int
    manifest_sha256: str
    extents: dict[str, Extent]


def read_structure(data: bytes) -> Structure:
    """Walk a whole file.

    Raises
    ------
    ModelFileError
        One of its kinds, for a file that is not a model, is damaged, or leaves the profile.
    """
    import h5py

    check_superblock(data)
    try:
        with h5py.File(BytesIO(data), "r") as file:
            root = file["/"].id
            major, minor, digest = _header(root)
            extents = dict(_datasets(root, len(data)))
    except MLPKitError:
        raise
    except Exception as error:  # on a damaged file libhdf5 may fail in any way: h5py has six exceptions for it
        raise Corrupt(f"its HDF5 structure is damaged: {error}", help="copy or download it again") from error
    _refuse_overlaps(extents)
    return Structure(major, minor, digest, extents)


def _header(root: Any) -> tuple[int, int, str]:
    """Major and minor version and the digest of the manifest, from the attributes of the root."""
    from h5py import h5a

    if _attribute(root, "format") != FORMAT.encode():
        raise NotAModelFile("it is an HDF5 file, but not a model of mlpkit", help="give a file that mlpkit saved")
    major = _attribute(root, "format_major")
    if isinstance(major, int) and major != MAJOR:
        message = f"it has container version {major}, which this mlpkit does not read: it reads version {MAJOR}"
        raise UnsupportedVersion(message, help=f"install an mlpkit that reads container version {major}: pip install --upgrade mlpkit")
    minor, digest = _attribute(root, "format_minor"), _attribute(root, "manifest_sha256")
    if not isinstance(major, int) or not isinstance(minor, int) or not isinstance(digest, bytes) or h5a.get_num_attrs(root) != len(HEADER):
        raise Corrupt(f"the attributes of its root are not {', '.join(HEADER)} with their types")
    return major, minor, digest.decode("ascii", "replace")


def _attribute(root: Any, name: str) -> int | bytes | None:
    """The value of a root attribute, or None when it is missing or not of its type."""
    from h5py import h5a, h5s, h5t

    if not h5a.exists(root, name.encode()):
        return None
    attribute, dtype = h5a.open(root, name.encode()), np.dtype(HEADER[name])
    scalar = attribute.get_space().get_simple_extent_type() == h5s.SCALAR
    if not scalar or not attribute.get_type().equal(h5t.py_create(dtype)):
        return None
    value = np.empty((), dtype)
    attribute.read(value)
    found: int | bytes = value.item()
    return found


def _datasets(root: Any, size: int) -> Iterator[tuple[str, Extent]]:
    """Every dataset below the root, with its path; each object is met once, or it has two links and is refused."""
    from h5py import h5a, h5d, h5g, h5o

    met, pending = {h5o.get_info(root).addr}, [("", root)]
    while pending:
        prefix, group = pending.pop()
        for name in _link_names(group, prefix, MAX_OBJECTS - len(met)):
            path, info = f"{prefix}/{name.decode()}", h5o.get_info(group, name)
            if info.addr in met:
                raise Unsafe(f"{path} is a second link to an object")
            met.add(info.addr)
            if info.type not in (h5o.TYPE_GROUP, h5o.TYPE_DATASET):
                raise Unsafe(f"{path} is neither a group nor a dataset")
            found = (h5g if info.type == h5o.TYPE_GROUP else h5d).open(group, name)
            if h5a.get_num_attrs(found):
                raise Unsafe(f"{path} has attributes, which only the root may have")
            if info.type == h5o.TYPE_DATASET:
                yield path, _extent(found, path, size)
            elif path.count("/") >= MAX_DEPTH:
                raise ResourceLimit(f"{path} is a group deeper than {MAX_DEPTH - 1}")
            else:
                pending.append((path, found))


def _link_names(group: Any, prefix: str, limit: int) -> list[bytes]:
    """The names of a group's links, all of them hard and plainly named. No link is followed."""
    from h5py import h5l

    if group.get_num_objs() > limit:
        raise ResourceLimit(f"it has more than {MAX_OBJECTS} objects")
    links: list[tuple[bytes, int]] = []
    group.links.iterate(lambda name, info: links.append((bytes(name), info.type)), info=True)
    for name, kind in links:
        shown = f"{prefix}/{name.decode('ascii', 'backslashreplace')[:80]}"
        if kind != h5l.TYPE_HARD:
            raise Unsafe(f"{shown} is a soft or external link")
        if not NAME.fullmatch(name.decode("latin-1")):
            raise Unsafe(f"{shown!r} is not a plain name")
    return sorted(name for name, _ in links)


def _extent(dataset: Any, path: str, file_size: int) -> Extent:
    """Where a dataset stands, after everything that is not plain, contiguous storage was refused."""
    from h5py import h5d, h5s

    storage = dataset.get_create_plist()
    if storage.get_layout() != h5d.CONTIGUOUS or storage.get_nfilters() or storage.get_external_count():
        raise Unsafe(f"{path} is stored in chunks, filtered, compact, virtual or external")
    dtype = _stored_dtype(dataset.get_type(), path)
    space = dataset.get_space()
    if space.get_simple_extent_type() not in (h5s.SIMPLE, h5s.SCALAR):
        raise Unsafe(f"{path} has no shape")
    if space.get_simple_extent_ndims() > MAX_RANK:
        raise ResourceLimit(f"{path} has {space.get_simple_extent_ndims()} dimensions, more than {MAX_RANK}")
    extent = Extent(dtype, tuple(space.get_simple_extent_dims()), dataset.get_offset() or 0)
    if extent.size > file_size:
        raise ResourceLimit(f"{path} claims {extent.size} bytes of a file of {file_size}")
    if extent.size and not 0 < extent.offset <= file_size - extent.size:
        raise Corrupt(f"{path} does not stand inside the file")
    return extent


def _stored_dtype(datatype: Any, path: str) -> str:
    from h5py import h5t

    if not datatype.committed():
        for dtype in DTYPES.values():
            if datatype.equal(h5t.py_create(np.dtype(dtype))):
                return dtype
    raise Unsafe(f"{path} is not of one of the number types of a model file")


def _refuse_overlaps(extents: dict[str, Extent]) -> None:
    end, before = 0, ""
    for path, extent in sorted(extents.items(), key=lambda item: item[1].offset):
        if extent.size and extent.offset < end:
            raise Unsafe(f"{path} overlaps {before}")
        if extent.size:
            end, before = extent.offset + extent.size, path
