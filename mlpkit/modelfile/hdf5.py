"""The structure of a model file: where each dataset stands, found without an HDF5 library.

libhdf5 is not made for files from strangers, and it can do far more than a model file needs: links to other files,
external and virtual storage, filters that load libraries. This reader knows the few structures of the profile that
models/FORMAT.md describes and refuses everything else. What it finds is a table of places: all else works on the bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from math import prod
from typing import NamedTuple

from mlpkit.errors import Corrupt, ModelFileError, NotAModelFile, ResourceLimit, Unsafe, UnsupportedVersion
from mlpkit.modelfile import header
from mlpkit.modelfile.checksum import checksums
from mlpkit.modelfile.dense import dense_links
from mlpkit.modelfile.header import Message, read_header
from mlpkit.modelfile.layout import FORMAT, MAJOR, MAX_DEPTH, MAX_FILE_BYTES, MAX_OBJECTS, MAX_RANK, NAME
from mlpkit.modelfile.metadata import UNDEFINED, Metadata
from mlpkit.modelfile.rules import Rule
from mlpkit.modelfile.source import Source
from mlpkit.modelfile.superblock import read_superblock

GROUP = {header.NIL, header.LINK_INFO, header.LINK, header.GROUP_INFO, header.CONTINUATION}
DATASET = {header.NIL, header.DATASPACE, header.DATATYPE, header.FILL_VALUE, header.LAYOUT, header.CONTINUATION}

NOT_SHARED = 4  # the flag of a message that libhdf5 never puts elsewhere
OF_ATTRIBUTES = {header.ATTRIBUTE, header.ATTRIBUTE_INFO}  # these only the root has
REFUSED = {  # messages that people might meet, with what they mean
    header.EXTERNAL: ("has its data in other files", Rule.STORAGE),
    header.FILTERS: ("is filtered", Rule.STORAGE),
    header.LINK_COUNT: ("is where a second link leads", Rule.LINKS),
    header.ATTRIBUTE: ("has attributes, which only the root may have", Rule.ROOT),
    header.ATTRIBUTE_INFO: ("may have attributes, which only the root may have", Rule.ROOT),
}

ATTRIBUTE = b"\3\0"  # version 3, nothing shared
NO_MORE_ATTRIBUTES = b"\0\0" + b"\xff" * 16  # version 0, no order, no heap and no B-tree of them
SCALAR = b"\2\0\0\0"
LINK_INFO = struct.Struct("<BBQQ")
LAYOUT = struct.Struct("<BBQQ")

EXPLAINED = 2**20  # bytes that are looked through for the reason of an error


class Extent(NamedTuple):
    """Where a dataset stands in the file.

    Attributes
    ----------
    dtype : str
        How its numbers are stored: "<f4".
    shape : tuple of int
    offset, size : int
        Of its bytes; both are 0 for a dataset without elements.
    """

    dtype: str
    shape: tuple[int, ...]
    offset: int
    size: int


class Structure(NamedTuple):
    """The header of a file and the places of its datasets by path."""

    major: int
    minor: int
    manifest_sha256: str
    extents: dict[str, Extent]


def read_structure(source: Source) -> Structure:
    """Walk a whole file.

    Raises
    ------
    ModelFileError
        One of its kinds, for a file that is not a model, is damaged, or leaves the profile.
    """
    metadata = Metadata(source)
    try:
        root = read_superblock(metadata)
        messages = read_header(metadata, root, "the root")
        major, minor, digest = _model_attributes(messages)
        extents = dict(_datasets(metadata, root, [message for message in messages if message.type not in OF_ATTRIBUTES]))
        metadata.check_overlaps()
    except NotAModelFile:
        raise
    except ModelFileError:
        if metadata.signed_bytes <= EXPLAINED:
            metadata.check_checksums()  # damage explains whatever else was found
        raise
    metadata.check_checksums()
    return Structure(major, minor, digest, extents)


# -- the root


def _text_type(size: int) -> bytes:
    return struct.pack("<BBBBI", 0x13, 1, 0, 0, size)  # null-padded ASCII


def _integer_type(size: int, signed: bool) -> bytes:
    return struct.pack("<BBBBIHH", 0x10, 8 * signed, 0, 0, size, 0, 8 * size)


def _float_type(size: int, exponent_at: int, exponent_bits: int, bias: int) -> bytes:
    sign_at = 8 * size - 1  # the mantissa stands below the exponent, with its first bit implied
    return struct.pack("<BBBBIHHBBBBI", 0x11, 0x20, sign_at, 0, size, 0, 8 * size, exponent_at, exponent_bits, 0, exponent_at, bias)


ATTRIBUTES = {
    "format": _text_type(6),
    "format_major": _integer_type(4, False),
    "format_minor": _integer_type(4, False),
    "manifest_sha256": _text_type(64),
}


def _attributes(messages: list[Message]) -> Iterator[tuple[str, bytes]]:
    """The value of each attribute that is one of a model's, in the form that it has there."""
    for message in messages:
        body = message.body
        if message.type != header.ATTRIBUTE or message.flags or len(body) < 9 or body[:2] != ATTRIBUTE:
            continue
        name_size, type_size, space_size = struct.unpack_from("<HHH", body, 2)
        name = body[9 : 8 + name_size].decode("latin-1")
        start = 9 + name_size
        value = start + type_size + space_size
        expected = ATTRIBUTES.get(name, b"")
        fits = (type_size, space_size, len(body) - value) == (len(expected), len(SCALAR), int.from_bytes(expected[4:8], "little"))
        if fits and body[8] == body[start - 1] == 0 and body[start:value] == expected + SCALAR:
            yield name, body[value:]


def _model_attributes(messages: list[Message]) -> tuple[int, int, str]:
    """Major and minor version and the digest of the manifest."""
    attributes = dict(_attributes(messages))
    if attributes.get("format") != FORMAT.encode():
        raise NotAModelFile("it is an HDF5 file, but not a model of mlpkit", help="give a file that mlpkit saved", rule=Rule.ROOT)
    major = int.from_bytes(attributes.get("format_major", b""), "little")
    if "format_major" in attributes and major != MAJOR:
        message = f"it has container version {major}, which this mlpkit does not read: it reads version {MAJOR}"
        help = f"install an mlpkit that reads container version {major}: pip install --upgrade mlpkit"
        raise UnsupportedVersion(message, help=help, rule=Rule.MAJOR)
    information = [message for message in messages if message.type == header.ATTRIBUTE_INFO]
    others = any(message.body != NO_MORE_ATTRIBUTES or message.flags not in (0, NOT_SHARED) for message in information)
    count = sum(message.type == header.ATTRIBUTE for message in messages)
    if attributes.keys() != ATTRIBUTES.keys() or count != len(ATTRIBUTES) or others:
        raise Corrupt(f"the attributes of its root are not {', '.join(ATTRIBUTES)} with their types", rule=Rule.ROOT)
    minor = int.from_bytes(attributes["format_minor"], "little")
    return major, minor, attributes["manifest_sha256"].decode("latin-1")


# -- groups


def _datasets(metadata: Metadata, root: int, messages: list[Message]) -> Iterator[tuple[str, Extent]]:
    """Every dataset below the root, with its path."""
    met, pending = {root}, [("", messages)]
    while pending:
        prefix, messages = pending.pop()
        for name, address in _links(metadata, messages, prefix):
            path = f"{prefix}/{name}"
            if address in met:
                raise Unsafe(f"{path} is a second link to an object", rule=Rule.LINKS)
            met.add(address)
            if len(met) > MAX_OBJECTS:
                raise ResourceLimit(f"it has more than {MAX_OBJECTS} objects", rule=Rule.LIMITS)
            found = read_header(metadata, address, path)
            if _check_messages(found, path) == GROUP:
                if path.count("/") >= MAX_DEPTH:
                    raise ResourceLimit(f"{path} is a group deeper than {MAX_DEPTH - 1}", rule=Rule.LIMITS)
                pending.append((path, found))
            else:
                yield path, _extent(metadata, found, path)


def _check_messages(messages: list[Message], path: str) -> set[int]:
    """The kind of an object, after everything else was refused."""
    types = [message.type for message in messages]
    kind = GROUP if header.LINK_INFO in types else DATASET
    for message in messages:
        if message.type not in kind or message.flags > 1:
            unknown = f"is neither a plain group nor a plain dataset: it has a message {message.type} with flags {message.flags}"
            what, rule = REFUSED.get(message.type, (unknown, Rule.OBJECTS))
            raise Unsafe(f"{path} {what}", rule=rule)
    once = {header.LINK_INFO} if kind is GROUP else {header.DATASPACE, header.DATATYPE, header.LAYOUT}
    if any(types.count(type) != 1 for type in once):
        raise Unsafe(f"{path} is neither a group nor a dataset", rule=Rule.OBJECTS)
    for message in messages:
        if message.type in PLAIN and not PLAIN[message.type](message.body):
            raise Unsafe(f"{path} has a message {message.type} of an unknown form", rule=Rule.OBJECTS)
    return kind


def _is_group_info(body: bytes) -> bool:
    """Version 0, with or without its two pairs of estimates."""
    return len(body) >= 2 and body[0] == 0 and body[1] <= 3 and len(body) == 2 + 4 * (body[1] & 1) + 2 * (body[1] & 2)


def _is_fill_value(body: bytes) -> bool:
    """Version 3, when to write a value and when to make room for it, and no value."""
    return len(body) == 2 and body[0] == 3 and body[1] & 3 in (1, 2, 3) and body[1] >> 2 in (0, 1, 2)


PLAIN = {header.GROUP_INFO: _is_group_info, header.FILL_VALUE: _is_fill_value}  # what means nothing, but has its form


def _links(metadata: Metadata, messages: list[Message], prefix: str) -> list[tuple[str, int]]:
    """The names and addresses of a group's links, all of them hard and plainly named."""
    what = prefix or "the root"
    _check_messages(messages, what)
    body = next(message.body for message in messages if message.type == header.LINK_INFO)
    if len(body) != LINK_INFO.size or body[:2] != b"\0\0":
        raise Unsafe(f"{what} keeps an order of its links", rule=Rule.OBJECTS)
    _, _, heap, tree = LINK_INFO.unpack(body)
    bodies = [message.body for message in messages if message.type == header.LINK]
    if (heap == UNDEFINED) != (tree == UNDEFINED):
        raise Corrupt(f"{what} has one half of a heap and its B-tree", rule=Rule.DENSE)
    if heap == UNDEFINED:
        links = [_link(body, prefix) for body in bodies]
    elif bodies:
        raise Unsafe(f"{what} has links in two places", rule=Rule.DENSE)
    else:
        dense, order = dense_links(metadata, heap, tree, what)
        links = [_link(body, prefix) for body in dense]
        if order != sorted(order) or order != checksums([name.encode() for name, _ in links]):
            raise Corrupt(f"the links of {what} are not in the order of their names' checksums", rule=Rule.DENSE)
    if len({name for name, _ in links}) < len(links):
        raise Unsafe(f"{what} has two links of one name", rule=Rule.NAMES)
    return links


def _link(body: bytes, prefix: str) -> tuple[str, int]:
    """The name and address of one link."""
    if len(body) < 3 or body[0] != 1 or body[1] & ~0b11011:
        raise Unsafe(f"{prefix or 'the root'} has a link of an unknown form", rule=Rule.LINKS)
    flags, position = body[1], 2
    kind = body[position] if flags & 0b1000 else 0
    position += bool(flags & 0b1000) + bool(flags & 0b10000)
    start = position + (1 << (flags & 3))
    size = int.from_bytes(body[position:start], "little")
    shown = f"{prefix}/{body[start : start + min(size, 80)].decode('ascii', 'backslashreplace')}"
    if kind:
        raise Unsafe(f"{shown} is a soft or external link", rule=Rule.LINKS)
    if not NAME.fullmatch(body[start : start + size].decode("latin-1")):
        raise Unsafe(f"{shown!r} is not a plain name", rule=Rule.NAMES)
    if len(body) != start + size + 8:
        raise Corrupt(f"{shown} leads nowhere", rule=Rule.LINKS)
    return body[start : start + size].decode(), int.from_bytes(body[-8:], "little")


# -- datasets

STORED = {_integer_type(size, signed): f"<{'i' if signed else 'u'}{size}" for size in (1, 2, 4, 8) for signed in (False, True)}
STORED |= {_float_type(2, 10, 5, 15): "<f2", _float_type(4, 23, 8, 127): "<f4", _float_type(8, 52, 11, 1023): "<f8"}


def _extent(metadata: Metadata, messages: list[Message], path: str) -> Extent:
    """Where a dataset stands, after everything that is not plain, contiguous storage was refused."""
    bodies = {message.type: message.body for message in messages}
    layout = bodies[header.LAYOUT]
    if len(layout) != LAYOUT.size or layout[:2] != b"\3\1":
        raise Unsafe(f"{path} is stored in chunks, filtered, compact, virtual or external", rule=Rule.STORAGE)
    dtype = STORED.get(bodies[header.DATATYPE])
    if dtype is None:
        raise Unsafe(f"{path} is not of one of the number types of a model file", rule=Rule.DATATYPE)
    shape = _shape(bodies[header.DATASPACE], path)
    _, _, offset, stored = LAYOUT.unpack(layout)
    size = prod(shape) * int(dtype[2])
    if size > metadata.source.size:
        raise ResourceLimit(f"{path} claims {size} bytes, shape {shape}, of a file of {metadata.source.size}", rule=Rule.EXTENTS)
    if prod(length or 1 for length in shape) > MAX_FILE_BYTES:
        raise ResourceLimit(f"{path} has no elements, but a shape that is too large: {shape}", rule=Rule.LIMITS)
    if stored != size or (size == 0 and offset != UNDEFINED):
        raise Corrupt(f"{path} has {stored} bytes, which its shape and type do not give", rule=Rule.STORAGE)
    if size:
        metadata.claim(offset, size, path)
    return Extent(dtype, shape, offset if size else 0, size)


def _shape(body: bytes, path: str) -> tuple[int, ...]:
    if len(body) < 4 or body[0] != 2 or body[2] > 1 or body[3] != (body[1] > 0):
        raise Unsafe(f"{path} has no shape", rule=Rule.DATASPACE)
    rank, has_limits = body[1], body[2]
    if rank > MAX_RANK:
        raise ResourceLimit(f"{path} has {rank} dimensions, more than {MAX_RANK}", rule=Rule.DATASPACE)
    sizes = body[4 : 4 + 8 * rank]
    if body[4:] != sizes * (1 + has_limits) or len(sizes) != 8 * rank:
        raise Unsafe(f"{path} can grow, or has no shape", rule=Rule.DATASPACE)
    return struct.unpack(f"<{rank}Q", sizes)
