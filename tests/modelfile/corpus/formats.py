"""Other formats under the name of a model file."""

from __future__ import annotations

import os
import pickle
import zipfile
from collections.abc import Callable
from io import BytesIO
from typing import Any

import h5py
import numpy as np

from mlpkit.errors import NotAModelFile
from mlpkit.modelfile.rules import Rule

from .case import Case
from .forger import valid


class Runs:
    """A pickle of it runs a program when it is loaded."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch executed",)


def hdf5(attributes: dict[str, Any], **options: Any) -> Callable[[], bytes]:
    """A file of another program."""

    def build() -> bytes:
        buffer = BytesIO()
        with h5py.File(buffer, "w", **options) as file:
            file["weights"] = np.ones(3)
            file.attrs.update(attributes)
        return buffer.getvalue()

    return build


def zipped() -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("model.json", "{}")
    return buffer.getvalue()


def npz() -> bytes:
    buffer = BytesIO()
    np.savez(buffer, weight=np.ones(3))
    return buffer.getvalue()


NEW = {"libver": ("v108", "v108")}
OTHER = NotAModelFile, Rule.SUPERBLOCK, "not an HDF5 file"
OTHERS = NotAModelFile, Rule.ROOT, "not an mlpkit model"
CASES = {
    "empty": Case(lambda: b"", *OTHER),
    "one byte": Case(lambda: b"\0", *OTHER),
    "pickle": Case(lambda: pickle.dumps({"a": 1}), *OTHER),
    "pickle that runs a program": Case(lambda: pickle.dumps(Runs()), *OTHER),
    "zip": Case(zipped, *OTHER),
    "npz": Case(npz, *OTHER),
    "table": Case(lambda: b"length,width\n1,2\n", *OTHER),
    "JSON": Case(lambda: b'{"network": {"layers": []}}', *OTHER),
    "program": Case(lambda: b"\x7fELF" + bytes(60), *OTHER),
    "zeros": Case(lambda: bytes(4096), *OTHER),
    "user block": Case(lambda: bytes(512) + valid(), *OTHER),
    "user block of HDF5": Case(hdf5({}, userblock_size=512, **NEW), *OTHER),
    "old HDF5": Case(hdf5({"format": "mlpkit"}, libver="earliest"), NotAModelFile, Rule.SUPERBLOCK, "mlpkit did not write it"),
    "HDF5 without attributes": Case(hdf5({}, **NEW), *OTHERS),
    "HDF5 of another program": Case(hdf5({"format": np.bytes_("others")}, **NEW), *OTHERS),
    "HDF5 with a text of any length": Case(hdf5({"format": "mlpkit"}, **NEW), *OTHERS),
}
