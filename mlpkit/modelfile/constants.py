"""Constants of the format: versions, names, dtypes and limits.

Writer and reader share them, and models/FORMAT.md lists them.
"""

from __future__ import annotations

import re

FORMAT = "mlpkit"
MAJOR, MINOR = 1, 5  # version of the container; MINOR increases if the container changes, but not if the spec does
STATE_MINOR = 4  # minor version of a state of a run, and of constant inputs
BASE_MINOR = 3  # minor version of mlpkit 0.3; every file has at least its parts
SPEC_SCHEMA = 9  # highest known schema; increases once per release that adds keys, options or plugins
ENSEMBLE = "ensemble"  # the tensors are those of several networks, the members of an ensemble
FEATURES = frozenset({ENSEMBLE})  # optional features that a file may require; versions 1.0 to 1.4 define none

MANIFEST, SPEC = "/manifest", "/spec"
FOLDERS = {  # by role
    "tensor": "/tensors/",
    "preprocess": "/preprocess/",
    "history": "/history/",
    "probe": "/probe/",
    "state": "/state/",
    "surrogate": "/surrogate/",
}

# The name of a dtype and its encoding in the file: little-endian, bool as bytes of 0 and 1.
INTEGERS = {f"{sign}int{8 * size}": f"<{sign or 'i'}{size}" for sign in ("", "u") for size in (1, 2, 4, 8)}
DTYPES = {"bool": "<u1", **INTEGERS, "float16": "<f2", "float32": "<f4", "float64": "<f8"}

DAMAGED = "copy or download it again"
CHANGED = "another program has changed the file since mlpkit wrote it: use an unchanged copy"
ALTERED = f"{DAMAGED}: it was damaged in transfer, or another program has changed the file since mlpkit wrote it"

MAX_FILE_BYTES = 16 * 2**30
MAX_JSON_BYTES = 16 * 2**20
MAX_JSON_DEPTH = 64
MAX_JSON_SIGNS = 400_000
MAX_JSON_SIGNS_OF_LONG = 2_000_000  # for JSON with at least LONG_SIGN_BYTES bytes per sign: a table may have 100,000 columns
LONG_SIGN_BYTES = 4
MAX_OBJECTS = 20_000
MAX_HEADER_BYTES = 2**20
MAX_DEPTH = 8
MAX_RANK = 8

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:-]{0,127}")
_PATH = re.compile(rf"(?:/{NAME.pattern}){{1,{MAX_DEPTH}}}")
_TENSOR_PATH = re.compile(rf"/tensors/{NAME.pattern}/[A-Za-z0-9_][A-Za-z0-9_:-]{{0,127}}")


def is_path(path: str) -> bool:
    """Return True if a path in the file has plain names only and is not too deep."""
    return _PATH.fullmatch(path) is not None


def tensor_path(name: str) -> str:
    """Return the path of a tensor: ``layers.0.weight`` -> ``/tensors/layers.0/weight``, split at the last dot."""
    return FOLDERS["tensor"] + "/".join(name.rsplit(".", 1))


def tensor_name(path: str) -> str:
    """Return the name of a tensor: ``/tensors/layers.0/weight`` -> ``layers.0.weight``."""
    return path.removeprefix(FOLDERS["tensor"]).replace("/", ".")


def is_tensor_path(path: str) -> bool:
    """Return True for the path of a tensor: the folder of tensors, a layer, and a plain name without a dot."""
    return _TENSOR_PATH.fullmatch(path) is not None
