"""Links of a group: names and object addresses. All of them are hard links with plain names."""

from __future__ import annotations

import struct

from mlpkit.errors import Corrupt, Unsafe
from mlpkit.modelfile.constants import NAME
from mlpkit.modelfile.hdf5 import header
from mlpkit.modelfile.hdf5.checksum import checksums
from mlpkit.modelfile.hdf5.dense import dense_links
from mlpkit.modelfile.hdf5.header import Message
from mlpkit.modelfile.hdf5.metadata import UNDEFINED, Metadata
from mlpkit.modelfile.rules import Rule

LINK_INFO = struct.Struct("<BBQQ")

Links = list[tuple[str, int]]  # name and address


def read_links(metadata: Metadata, messages: list[Message], prefix: str) -> Links:
    """Return the links of a group with these messages and the path `prefix`.

    Raises
    ------
    Corrupt, Unsafe, ResourceLimit
        A link is not plain, or the links are not stored as in a model file.
    """
    label = prefix or "the root"
    body = next(message.body for message in messages if message.type == header.LINK_INFO)
    if len(body) != LINK_INFO.size or body[:2] != b"\0\0":
        raise Unsafe(f"{label} stores the creation order of its links", rule=Rule.OBJECTS)
    _, _, heap, tree = LINK_INFO.unpack(body)
    bodies = [message.body for message in messages if message.type == header.LINK]
    if (heap == UNDEFINED) != (tree == UNDEFINED):
        raise Corrupt(f"{label} has a heap without a B-tree, or a B-tree without a heap", rule=Rule.DENSE)
    if heap == UNDEFINED:
        links = [_link(body, prefix) for body in bodies]
    elif bodies:
        raise Unsafe(f"{label} has links both in its header and in a heap", rule=Rule.DENSE)
    else:
        dense, order = dense_links(metadata, heap, tree, label)
        links = [_link(body, prefix) for body in dense]
        if order != sorted(order) or order != checksums([name.encode() for name, _ in links]):
            raise Corrupt(f"the links of {label} are not in the order of their names' checksums", rule=Rule.DENSE)
    if len({name for name, _ in links}) < len(links):
        raise Unsafe(f"{label} has two links with the same name", rule=Rule.NAMES)
    return links


def _link(body: bytes, prefix: str) -> tuple[str, int]:
    """Return the name and address of one link."""
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
        raise Corrupt(f"{shown} is a link without an address", rule=Rule.LINKS)
    return body[start : start + size].decode(), int.from_bytes(body[-8:], "little")
