"""Attributes of the root group: the format, its version and the digest of the manifest."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from mlpkit.errors import Corrupt, NotAModelFile, UnsupportedVersion
from mlpkit.modelfile.constants import FORMAT, MAJOR
from mlpkit.modelfile.hdf5 import header
from mlpkit.modelfile.hdf5.datatypes import integer_type, text_type
from mlpkit.modelfile.hdf5.header import Message
from mlpkit.modelfile.rules import Rule

NOT_SHARED = 4  # flag of a message that libhdf5 never shares
ATTRIBUTE = b"\3\0"  # version 3, nothing shared
NO_MORE_ATTRIBUTES = b"\0\0" + b"\xff" * 16  # version 0, no creation order, no heap and no B-tree
SCALAR = b"\2\0\0\0"
TYPES = {
    "format": text_type(6),
    "format_major": integer_type(4, False),
    "format_minor": integer_type(4, False),
    "manifest_sha256": text_type(64),
}


def _attributes(messages: list[Message]) -> Iterator[tuple[str, bytes]]:
    """Yield the name and value of each attribute that has the name and the type of a model file's attribute."""
    for message in messages:
        body = message.body
        if message.type != header.ATTRIBUTE or message.flags or len(body) < 9 or body[:2] != ATTRIBUTE:
            continue
        name_size, type_size, space_size = struct.unpack_from("<HHH", body, 2)
        name = body[9 : 8 + name_size].decode("latin-1")
        start = 9 + name_size
        value = start + type_size + space_size
        expected = TYPES.get(name, b"")
        fits = (type_size, space_size, len(body) - value) == (len(expected), len(SCALAR), int.from_bytes(expected[4:8], "little"))
        if fits and body[8] == body[start - 1] == 0 and body[start:value] == expected + SCALAR:
            yield name, body[value:]


def model_attributes(messages: list[Message]) -> tuple[int, int, str]:
    """Return the major and minor version and the digest of the manifest.

    Raises
    ------
    NotAModelFile, UnsupportedVersion, Corrupt
        The attributes are not those of a model file, or the version is unknown.
    """
    attributes = dict(_attributes(messages))
    if attributes.get("format") != FORMAT.encode():
        raise NotAModelFile("it is an HDF5 file, but not an mlpkit model", help="give a file that mlpkit saved", rule=Rule.ROOT)
    major = int.from_bytes(attributes.get("format_major", b""), "little")
    if "format_major" in attributes and major != MAJOR:
        message = f"it has container version {major}, which this mlpkit does not read: it reads version {MAJOR}"
        help = f"install an mlpkit that reads container version {major}: pip install --upgrade mlpkit"
        raise UnsupportedVersion(message, help=help, rule=Rule.MAJOR)
    information = [message for message in messages if message.type == header.ATTRIBUTE_INFO]
    others = any(message.body != NO_MORE_ATTRIBUTES or message.flags not in (0, NOT_SHARED) for message in information)
    count = sum(message.type == header.ATTRIBUTE for message in messages)
    if attributes.keys() != TYPES.keys() or count != len(TYPES) or others:
        raise Corrupt(f"the attributes of its root are not {', '.join(TYPES)} with their types", rule=Rule.ROOT)
    minor = int.from_bytes(attributes["format_minor"], "little")
    return major, minor, attributes["manifest_sha256"].decode("latin-1")
