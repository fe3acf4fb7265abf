"""The fixed points of the format: its versions, its names, its number types and its limits.

Writer and reader share them, and models/FORMAT.md lists them.
"""

from __future__ import annotations

import re

FORMAT = "mlpkit"
MAJOR, MINOR = 1, 4
SPEC_SCHEMA = 4
FEATURES: frozenset[str] = frozenset()  # what a file may require of its reader; versions 1.0 to 1.4 have none

MANIFEST, SPEC = "/manifest", "/spec"
FOLDERS = {  # by role
    "tensor": "/tensors/",
    "preprocess": "/preprocess/",
    "history": "/history/",
    "probe": "/probe/",
    "state": "/state/",
    "surrogate": "/surrogate/",
}

# The name of a dtype, and how its numbers stand in the file: little-endian, bool as bytes of 0 and 1.
INTEGERS = {f"{sign}int{8 * size}": f"<{sign or 'i'}{size}" for sign in ("", "u") for size in (1, 2, 4, 8)}
DTYPES = {"bool": "<u1", **INTEGERS, "float16": "<f2", "float32": "<f4", "float64": "<f8"}

DAMAGED = "copy or download it again"  # what to do about a file that changed on its way
CHANGED = "it was changed by another program since mlpkit wrote it: take a copy that is as mlpkit saved it"
ALTERED = f"{DAMAGED}: it was damaged on its way, or changed by another program since mlpkit wrote it"

MAX_FILE_BYTES = 16 * 2**30
MAX_JSON_BYTES = 16 * 2**20
MAX_JSON_DEPTH = 64
MAX_JSON_SIGNS = 400_000
MAX_JSON_SIGNS_OF_LONG = 2_000_000  # of JSON with at least so many bytes for each: a table may have 100,000 columns
LONG_SIGN_BYTES = 4
MAX_OBJECTS = 20_000
MAX_HEADER_BYTES = 2**20
MAX_DEPTH = 8
MAX_RANK = 8

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:-]{0,127}")
_PATH = re.compile(rf"(?:/{NAME.pattern}){{1,{MAX_DEPTH}}}")
_TENSOR_PATH = re.compile(rf"/tensors/{NAME.pattern}/[A-Za-z0-9_][A-Za-z0-9_:-]{{0,127}}")


def is_path(path: str) -> bool:
    """Return whether a path in the file has plain names only and is not too deep."""
    return _PATH.fullmatch(path) is not None


def tensor_path(name: str) -> str:
    """``layers.0.weight`` -> ``/tensors/layers.0/weight``: the last dot parts the layer from its tensor."""
    return FOLDERS["tensor"] + "/".join(name.rsplit(".", 1))


def tensor_name(path: str) -> str:
    """``/tensors/layers.0/weight`` -> ``layers.0.weight``."""
    return path.removeprefix(FOLDERS["tensor"]).replace("/", ".")


def is_tensor_path(path: str) -> bool:
    """Return whether a path is that of a tensor, all its names plain: its folder, a layer, and a name without a dot."""
    return _TENSOR_PATH.fullmatch(path) is not None
