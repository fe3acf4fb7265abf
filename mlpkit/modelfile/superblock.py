"""The first 48 bytes of a model file, checked before an HDF5 library sees them.

They say which kind of HDF5 file it is and where it ends, so that another format, a file whose end is missing and one
with something before or behind the HDF5 part each get their own error.
"""

from __future__ import annotations

import struct

from mlpkit.errors import Corrupt, NotAModelFile, Truncated, Unsafe

SIGNATURE = b"\x89HDF\r\n\x1a\n"
FIELDS = struct.Struct("<8sBBBBQQQQI")  # signature, version, offset size, length size, flags, base, extension, end, root, checksum
UNDEFINED = 2**64 - 1


def check_superblock(data: bytes) -> None:
    """Check the signature and the superblock; its checksum is left to the HDF5 library.

    Raises
    ------
    NotAModelFile
        It is not HDF5, or HDF5 of another kind than mlpkit writes.
    Truncated
        The file ends before the superblock says.
    Unsafe, Corrupt
        A base address, a superblock extension, or bytes behind the end.
    """
    if not data.startswith(SIGNATURE[: len(data)] or SIGNATURE):
        raise NotAModelFile("it is not an HDF5 file, so no model file", help="give a file that mlpkit saved")
    if len(data) > len(SIGNATURE) and data[8] not in (2, 3):
        raise NotAModelFile("it is an HDF5 file, but not one that mlpkit wrote", help="give a file that mlpkit saved")
    if len(data) < FIELDS.size:
        raise _truncated(len(data), FIELDS.size)
    _, _, offset_size, length_size, _, base, extension, end, _, _ = FIELDS.unpack_from(data)
    if (offset_size, length_size) != (8, 8):
        raise Unsafe(f"its HDF5 addresses have {offset_size} and {length_size} bytes, not 8")
    if base != 0 or extension != UNDEFINED:
        raise Unsafe("its HDF5 superblock has a base address or an extension")
    if end > len(data):
        raise _truncated(len(data), end)
    if end < len(data):
        raise Corrupt(f"{len(data) - end} bytes follow the end of its HDF5 part")


def _truncated(found: int, needed: int) -> Truncated:
    return Truncated(f"its end is missing: it has {found} of {needed} bytes or more", help="copy or download it again")
