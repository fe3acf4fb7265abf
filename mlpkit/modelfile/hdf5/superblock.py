"""The first 48 bytes of a model file.

They say which kind of HDF5 file it is and where it ends, so that another format, a file whose end is missing and one
with something before or behind the HDF5 part each get their own error.
"""

from __future__ import annotations

import struct

from mlpkit.errors import Corrupt, NotAModelFile, Truncated, Unsafe
from mlpkit.files.signatures import recognised
from mlpkit.modelfile.constants import CHANGED
from mlpkit.modelfile.hdf5.metadata import UNDEFINED, Metadata
from mlpkit.modelfile.rules import Rule

SIGNATURE = b"\x89HDF\r\n\x1a\n"
OPEN, SWMR = 1, 4  # flags of a file that a program is writing
LOOK = 2**16  # bytes by which a file is told that is no model
# signature, version, size of offsets, size of lengths, flags, base, extension, end, root, checksum
FIELDS = struct.Struct("<8sBBBBQQQQI")


def read_superblock(metadata: Metadata) -> int:
    """Check the superblock; the address of the root group.

    Raises
    ------
    NotAModelFile
        It is not HDF5, or HDF5 of another kind than mlpkit writes.
    Truncated
        The file ends before the superblock says.
    Unsafe, Corrupt
        Flags, a base address or an extension, a wrong checksum, or bytes behind the end.
    """
    size = metadata.source.size
    start = metadata.source.at(0, min(size, FIELDS.size))
    if not start.startswith(SIGNATURE[:size] or SIGNATURE):
        raise _not_hdf5(metadata)
    if size > len(SIGNATURE) and start[8] not in (2, 3):
        raise _other_hdf5(metadata)
    if size < FIELDS.size:
        raise _truncated(size, FIELDS.size)
    _, _, offset_size, length_size, flags, base, extension, end, root, checksum = FIELDS.unpack(start)
    metadata.claim(0, FIELDS.size, "its superblock")
    metadata.sign(start[:-4], checksum, "its superblock")
    if (offset_size, length_size) != (8, 8):
        raise Unsafe(f"its HDF5 addresses have {offset_size} and {length_size} bytes, not 8", rule=Rule.SUPERBLOCK)
    if flags & (OPEN | SWMR):
        message = "it is open for writing elsewhere, or the program that had it open has crashed"
        raise Unsafe(message, help="close it there; or take a copy that is as mlpkit saved it", rule=Rule.SUPERBLOCK)
    if flags != 0 or base != 0 or extension != UNDEFINED:
        raise Unsafe("its HDF5 superblock has flags, a base address or an extension", rule=Rule.SUPERBLOCK)
    if end > size:
        raise _truncated(size, end)
    if end < size:
        raise Corrupt(f"{size - end} bytes follow the end of its HDF5 part", rule=Rule.END)
    return int(root)


def _not_hdf5(metadata: Metadata) -> NotAModelFile:
    """The error for a file of another kind, which it names when it is one of those that are given by mistake."""
    head = metadata.source.at(0, min(metadata.source.size, LOOK))
    if not head:
        return NotAModelFile(
            "it is empty, not an HDF5 file", help="copy or download it again, or train the model anew", rule=Rule.SUPERBLOCK
        )
    found = recognised(head)
    what = f"it is {found.what}, not an HDF5 file" if found else "it is not an HDF5 file, so no model file"
    return NotAModelFile(what, help=found.help if found and found.always else "give a file that mlpkit saved", rule=Rule.SUPERBLOCK)


def _other_hdf5(metadata: Metadata) -> NotAModelFile:
    """The error for an HDF5 file of another kind, as far as the names in its first bytes tell what it is."""
    head = metadata.source.at(0, min(metadata.source.size, LOOK))
    if b"manifest_sha256" in head and b"format_major" in head:
        message = "it is a model, but not one that mlpkit wrote: another program, such as h5repack or h5py, has copied it"
        return NotAModelFile(message, help=CHANGED, rule=Rule.SUPERBLOCK)
    keras = b"keras_version" in head or b"model_weights" in head
    what = "it is a Keras model, not one of mlpkit" if keras else "it is an HDF5 file, but not one that mlpkit wrote"
    return NotAModelFile(what, help="give a file that mlpkit saved", rule=Rule.SUPERBLOCK)


def _truncated(found: int, needed: int) -> Truncated:
    return Truncated(f"its end is missing: it has {found} of {needed} bytes or more", help="copy or download it again", rule=Rule.END)
