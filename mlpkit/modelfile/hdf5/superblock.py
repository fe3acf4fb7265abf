"""Superblock: the first 48 bytes of a model file.

It gives the kind of HDF5 file and its length. Other formats, truncated files, and files with bytes before or after the HDF5 part
therefore get an error of their own.
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
LOOK = 2**16  # bytes that are inspected to identify a file of another format
# signature, version, size of offsets, size of lengths, flags, base, extension, end, root, checksum
FIELDS = struct.Struct("<8sBBBBQQQQI")


def read_superblock(metadata: Metadata) -> int:
    """Check the superblock and return the address of the root group.

    Raises
    ------
    NotAModelFile
        The file is not HDF5, or HDF5 of another kind than mlpkit writes.
    Truncated
        The file ends before the end that the superblock declares.
    Unsafe, Corrupt
        The superblock has flags, a base address, an extension or a wrong checksum, or bytes follow the declared end.
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
        raise Unsafe(message, help="close it there, or use an unchanged copy", rule=Rule.SUPERBLOCK)
    if flags != 0 or base != 0 or extension != UNDEFINED:
        raise Unsafe("its HDF5 superblock has flags, a base address or an extension", rule=Rule.SUPERBLOCK)
    if end > size:
        raise _truncated(size, end)
    if end < size:
        raise Corrupt(f"{size - end} bytes follow the end of its HDF5 part", rule=Rule.END)
    return int(root)


def _not_hdf5(metadata: Metadata) -> NotAModelFile:
    """Return the error for a file of another format, with the name of the format if it is known."""
    head = metadata.source.at(0, min(metadata.source.size, LOOK))
    if not head:
        return NotAModelFile(
            "it is empty, not an HDF5 file", help="copy or download it again, or train the model again", rule=Rule.SUPERBLOCK
        )
    found = recognised(head)
    message = f"it is {found.name}, not an HDF5 file" if found else "it is not an HDF5 file, so it is not a model file"
    return NotAModelFile(message, help=found.help if found and found.always else "give a file that mlpkit saved", rule=Rule.SUPERBLOCK)


def _other_hdf5(metadata: Metadata) -> NotAModelFile:
    """Return the error for an HDF5 file of another kind, identified by names in its first bytes."""
    head = metadata.source.at(0, min(metadata.source.size, LOOK))
    if b"manifest_sha256" in head and b"format_major" in head:
        message = "it is a copy of a model that another program, such as h5repack or h5py, has written"
        return NotAModelFile(message, help=CHANGED, rule=Rule.SUPERBLOCK)
    keras = b"keras_version" in head or b"model_weights" in head
    message = "it is a Keras model, not an mlpkit model" if keras else "it is an HDF5 file, but mlpkit did not write it"
    return NotAModelFile(message, help="give a file that mlpkit saved", rule=Rule.SUPERBLOCK)


def _truncated(found: int, needed: int) -> Truncated:
    return Truncated(f"its end is missing: it has {found} of at least {needed} bytes", help="copy or download it again", rule=Rule.END)
