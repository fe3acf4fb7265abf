"""Detection of foreign files, which are neither tables nor models, by their first bytes, with advice for each."""

from __future__ import annotations

import re
from typing import NamedTuple

from mlpkit.errors import DataError, Problem


class Foreign(NamedTuple):
    """Description of a format, advice if data are expected, and True if the advice also applies if a model is expected."""

    name: str
    help: str
    always: bool = False


_HTML = re.compile(rb"\s*(<!--.*?-->\s*)?<(!doctype\s+html|html|head)\b", re.IGNORECASE | re.DOTALL)
_SIGNS = (
    (b"version https://git-lfs", Foreign("a git-lfs pointer", "fetch the file itself: git lfs pull", True)),
    (b"\x1f\x8b", Foreign("compressed with gzip", "unpack it: gunzip FILE", True)),
    (b"BZh", Foreign("compressed with bzip2", "unpack it: bunzip2 FILE", True)),
    (b"\xfd7zXZ\x00", Foreign("compressed with xz", "unpack it: unxz FILE", True)),
    (b"\x28\xb5\x2f\xfd", Foreign("compressed with zstd", "unpack it: unzstd FILE", True)),
    (b"7z\xbc\xaf\x27\x1c", Foreign("a 7z archive", "unpack it", True)),
    (b"Rar!\x1a\x07", Foreign("a RAR archive", "unpack it", True)),
    (b"PAR1", Foreign("a Parquet file", "rename it to end with .parquet, or set the format to parquet")),
    (b"ARROW1", Foreign("an Arrow file", "rename it to end with .arrow, or set the format to arrow")),
    (b"SQLite format 3", Foreign("an SQLite database", "save the rows of a query as CSV")),
    (b"%PDF-", Foreign("a PDF document", "give the data file")),
    (b"\xd0\xcf\x11\xe0", Foreign("an old Office document", "save the sheet as CSV")),
)
_PICKLE = re.compile(rb"\x80[\x02-\x05](\x95.{8}|[\x58\x63\x7d\x5d\x8a\x4e}\]])", re.DOTALL)


def recognised(head: bytes) -> Foreign | None:
    """Return the description of a file with these first bytes, or None if it is not a known format."""
    for sign, foreign in _SIGNS:
        if head.startswith(sign):
            return foreign
    if _HTML.match(head):
        return Foreign("a web page", "download the raw file, not the page about it", True)
    if _PICKLE.match(head):
        return Foreign(
            "a pickle", "pickles are never loaded, because they can execute code: save arrays with numpy.save, or a table as CSV"
        )
    if head.startswith(b"PK\x03\x04"):
        return _zip(head)
    return None


def _zip(head: bytes) -> Foreign:
    if b"metadata.json" in head or b"config.json" in head or b"model.weights.h5" in head:
        return Foreign("a Keras model", "give a file that mlpkit saved")
    if b"data.pkl" in head:
        return Foreign("a PyTorch model, which is a pickle", "give a file that mlpkit saved")
    if b"[Content_Types].xml" in head or b"xl/" in head:
        return Foreign("an Excel workbook", "rename it to end with .xlsx, or save the sheet as CSV")
    if b".npy" in head[:400]:
        return Foreign("an NPZ file", "rename it to end with .npz, or set the format to npz")
    return Foreign("a ZIP archive", "unpack it", True)


def check_data(head: bytes, source: str) -> None:
    """Raise DataError if a file with these first bytes cannot be a CSV file."""
    found = recognised(head)
    if found is None and head.startswith(b"\x89HDF\r\n\x1a\n"):
        found = Foreign("an HDF5 file", "rename it to end with .h5, or set the format to hdf5")
    if found is None and head.startswith(b"\x93NUMPY"):
        found = Foreign("an NPY file", "rename it to end with .npy, or set the format to npy")
    if found is not None:
        message = f"{source} is {found.name}"
        raise DataError(message, help=found.help, problems=[Problem(message, help=found.help, file=source)])
