"""Types and shapes that a model file has not, and bombs made of them."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import h5py
import numpy as np

from mlpkit.errors import Corrupt, ResourceLimit, Unsafe
from mlpkit.modelfile.rules import Rule

from .assembler import dataspace, datatype
from .case import Case
from .outside import weight_has, weight_is


def created(**options: Any) -> Callable[[], bytes]:
    """A file with a dataset that h5py made in the place of the weight."""
    return weight_is(lambda file, path: file.create_dataset(path, **options))


def claimed(*shape: int, size: int = 48) -> Callable[[], bytes]:
    """A file whose weight says that it has another shape and size."""
    return weight_has(m1=dataspace(shape), m8=struct.pack("<BBQQ", 3, 1, 64, size))


TYPE = Unsafe, Rule.DATATYPE, "a datatype that model files do not use"
SHAPE = Unsafe, Rule.DATASPACE, "no shape"
CASES = {
    "text": Case(created(data="text", dtype=h5py.string_dtype()), *TYPE),
    "reference": Case(created(shape=(1,), dtype=h5py.ref_dtype), *TYPE),
    "reference to a region": Case(created(shape=(1,), dtype=h5py.regionref_dtype), *TYPE),
    "variable length": Case(created(shape=(1,), dtype=h5py.vlen_dtype(np.int32)), *TYPE),
    "1 GiB array type": Case(created(shape=(), dtype=np.dtype(("<f8", (2**27,)))), *TYPE),
    "2 GiB string type": Case(created(shape=(), dtype=f"S{2**31 - 1}"), *TYPE),
    "opaque": Case(created(shape=(1,), dtype="V12"), *TYPE),
    "compound": Case(created(shape=(1,), dtype=[("a", "f4")]), *TYPE),
    "enumeration": Case(created(data=np.zeros((4, 3), bool)), *TYPE),
    "complex": Case(created(data=np.zeros((4, 3), complex)), *TYPE),
    "big-endian": Case(created(data=np.zeros((4, 3), ">f4")), *TYPE),
    "float of 128 bits": Case(created(data=np.zeros((4, 3), np.longdouble)), *TYPE),
    "float with another bias": Case(weight_has(m3=datatype("<f4")[:-4] + struct.pack("<I", 100)), *TYPE),
    "empty type": Case(weight_has(m3=b""), *TYPE),
    "null dataspace": Case(created(data=h5py.Empty("f4")), *SHAPE),
    "dataspace of version 1": Case(weight_has(m1=struct.pack("<BBB5xQQ", 1, 2, 0, 4, 3)), *SHAPE),
    "dataspace that ends": Case(weight_has(m1=b"\2\2"), *SHAPE),
    "dataspace without its last size": Case(weight_has(m1=dataspace((4, 3))[:-8]), Unsafe, Rule.DATASPACE, "or has no shape"),
    "scalar with sizes": Case(weight_has(m1=struct.pack("<BBBBQQ", 2, 2, 0, 0, 4, 3)), *SHAPE),
    "simple without sizes": Case(weight_has(m1=b"\2\0\0\1"), *SHAPE),
    "shape that grows in chunks": Case(created(shape=(4, 3), maxshape=(None, 3), dtype="f4"), Unsafe, Rule.STORAGE, "chunks"),
    "shape that grows": Case(weight_has(m1=struct.pack("<BBBB4Q", 2, 2, 1, 1, 4, 3, 2**64 - 1, 3)), Unsafe, Rule.DATASPACE, "is resizable"),
    "9 dimensions": Case(created(shape=(1,) * 9, dtype="f4"), ResourceLimit, Rule.DATASPACE, "9 dimensions"),
    "32 dimensions": Case(created(shape=(1,) * 32, dtype="f4"), ResourceLimit, Rule.DATASPACE, "32 dimensions"),
    "255 dimensions": Case(weight_has(m1=b"\2\xff\0\1" + bytes(255 * 8)), ResourceLimit, Rule.DATASPACE, "255 dimensions"),
    "shape bomb": Case(created(shape=(2**40,), dtype="f4"), ResourceLimit, Rule.EXTENTS, "declares"),
    "shape bomb in chunks": Case(created(shape=(2**40,), dtype="f4", chunks=(2**20,)), Unsafe, Rule.STORAGE, "chunks"),
    "shape of more than 64 bits": Case(claimed(2**62, 2**62, size=0), ResourceLimit, Rule.EXTENTS, "declares"),
    "shape that wraps around to its size": Case(claimed(2**63, 2, 3, 2), ResourceLimit, Rule.EXTENTS, "declares"),
    "no elements, but a shape of 2^62": Case(claimed(0, 2**62, size=0), ResourceLimit, Rule.LIMITS, "no elements"),
    "another size than its shape": Case(claimed(4, 2), Corrupt, Rule.STORAGE, "48 bytes, which does not match its shape"),
    "never written": Case(created(shape=(4, 3), dtype="f4"), Corrupt, Rule.EXTENTS, "is not inside"),
    "layout that ends": Case(weight_has(m8=b"\3\1"), Unsafe, Rule.STORAGE, "stored in chunks"),
    "layout of version 4": Case(weight_has(m8=struct.pack("<BBQQ", 4, 1, 64, 48)), Unsafe, Rule.STORAGE, "stored in chunks"),
}
