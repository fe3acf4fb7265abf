"""Assembler: HDF5 files put together block by block, for what libhdf5 cannot or will not write.

Every block has a name, so that a number in it can be changed afterwards; the checksums are computed at the end, and so
they are right whatever was changed.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import h5py
import numpy as np

from mlpkit.modelfile.hdf5.checksum import checksums

UNDEFINED = 2**64 - 1
DATASPACE, LINK_INFO, DATATYPE, FILL_VALUE, LINK, LAYOUT, GROUP_INFO, ATTRIBUTE = 1, 2, 3, 5, 6, 8, 10, 12
LEAF, INNER = 45, 24  # the most records in a node of 512 bytes without children, and with them

Message = tuple[int, bytes]


def link(name: bytes | str, address: int) -> bytes:
    """The body of a hard link's message."""
    name = name.encode() if isinstance(name, str) else name
    return struct.pack("<BBH", 1, 1, len(name)) + name + struct.pack("<Q", address)


def link_info(heap: int = UNDEFINED, tree: int = UNDEFINED) -> Message:
    return LINK_INFO, struct.pack("<BBQQ", 0, 0, heap, tree)


def datatype(dtype: Any) -> bytes:
    """The body of a datatype's message."""
    return bytes(h5py.h5t.py_create(np.dtype(dtype)).encode()[2:])


def dataspace(shape: Sequence[int]) -> bytes:
    """The body of a dataspace's message."""
    return struct.pack(f"<BBBB{len(shape)}Q", 2, len(shape), 0, bool(shape), *shape)


def attribute(name: str, value: np.generic) -> Message:
    """A scalar attribute."""
    kind, space, text = datatype(value.dtype), dataspace(()), name.encode() + b"\0"
    return ATTRIBUTE, struct.pack("<BBHHHB", 3, 0, len(text), len(kind), len(space), 0) + text + kind + space + value.tobytes()


class Assembler:
    """A file that grows.

    Attributes
    ----------
    data : bytearray
    places : dict of str to (int, int)
        Start and end of each block by its name, such as "header /spec" or "heap /tensors".
    """

    def __init__(self) -> None:
        self.data = bytearray(48)
        self.places: dict[str, tuple[int, int]] = {"superblock": (0, 48)}
        self.seals: list[tuple[int, int, int]] = [(0, 44, 44)]  # start and end of what is covered, place of the checksum

    # -- blocks

    def put(self, name: str, block: bytes, sealed: int | None = None) -> int:
        """Append a block; its address. The first `sealed` bytes are followed by their checksum, if that is given."""
        start = len(self.data) + -len(self.data) % 8
        self.data += bytes(start - len(self.data)) + block
        self.places[name] = start, start + len(block)
        if sealed is not None:
            self.seals.append((start, start + sealed, start + sealed))
        return start

    def fill(self, name: str, block: bytes) -> None:
        """Write a block, or its beginning, into a place that was put before."""
        start = self.places[name][0]
        self.data[start : start + len(block)] = block

    def set(self, name: str, offset: int, layout: str, *values: Any) -> None:
        """Change numbers of a block, an offset below 0 counting from its end."""
        start, end = self.places[name]
        struct.pack_into(f"<{layout}", self.data, (start if offset >= 0 else end) + offset, *values)

    def file(self, root: int, extension: int = UNDEFINED) -> bytes:
        """The whole file: with the superblock, all checksums right."""
        fields = b"\x89HDF\r\n\x1a\n", 2, 8, 8, 0, 0, extension, len(self.data), root
        self.data[:44] = struct.pack("<8sBBBBQQQQ", *fields)
        return self.signed()

    def signed(self) -> bytes:
        """The bytes as they are, all checksums right."""
        for _, _, at in self.seals:  # those of a heap's blocks stand in the midst of what they cover, and count as zeros there
            self.data[at : at + 4] = bytes(4)
        blocks = [bytes(self.data[start:end]) for start, end, _ in self.seals]
        unique = list(set(blocks))
        found = dict(zip(unique, checksums(unique), strict=True))
        for (_, _, at), block in zip(self.seals, blocks, strict=True):
            self.data[at : at + 4] = found[block].to_bytes(4, "little")
        return bytes(self.data)

    # -- objects

    def header(self, name: str, messages: Iterable[Message]) -> int:
        """An object header; its address."""
        body = b"".join(struct.pack("<BHB", kind, len(content), 0) + content for kind, content in messages)
        block = struct.pack("<4sBBI", b"OHDR", 2, 2, len(body)) + body + bytes(4)
        return self.put(f"header {name}", block, len(block) - 4)

    def continuation(self, name: str, messages: Iterable[Message]) -> Message:
        """Messages that stand in a block of their own, and the message that leads there."""
        body = b"".join(struct.pack("<BHB", kind, len(content), 0) + content for kind, content in messages)
        address = self.put(f"continuation {name}", b"OCHK" + body + bytes(4), 4 + len(body))
        return 16, struct.pack("<QQ", address, len(body) + 8)

    def dataset(self, name: str, array: np.ndarray, replaced: Mapping[int, bytes | None] | None = None) -> int:
        """A contiguous dataset; messages may be replaced by type, added, or left out (None)."""
        address = self.put(f"data {name}", array.tobytes())
        messages: dict[int, bytes | None] = {
            DATASPACE: dataspace(array.shape),
            DATATYPE: datatype(array.dtype),
            FILL_VALUE: b"\3\x0a",
            LAYOUT: struct.pack("<BBQQ", 3, 1, address if array.size else UNDEFINED, array.nbytes),
        }
        return self.header(name, [(kind, body) for kind, body in {**messages, **(replaced or {})}.items() if body is not None])

    def group(self, name: str, links: Iterable[bytes], more: Iterable[Message] = ()) -> int:
        """A group whose links stand in its header."""
        return self.header(name, [link_info(), (GROUP_INFO, b"\0\0"), *more, *((LINK, body) for body in links)])

    # -- groups of many links

    def dense_group(self, name: str, links: Mapping[str, int], more: Iterable[Message] = ()) -> int:
        """A group whose links stand in a fractal heap, with a B-tree of the checksums of their names."""
        bodies = [link(text, address) for text, address in links.items()]
        heap = self.put(f"heap {name}", bytes(146), 142)
        identifiers = self._heap(name, heap, bodies)
        hashes = checksums([text.encode() for text in links])
        records = sorted(struct.pack("<I", value)[::-1] + identifier for value, identifier in zip(hashes, identifiers, strict=True))
        tree = self._tree(name, [record[3::-1] + record[4:] for record in records])
        return self.header(name, [link_info(heap, tree), (GROUP_INFO, b"\0\0"), *more])

    def _heap(self, name: str, heap: int, bodies: Sequence[bytes]) -> list[bytes]:
        """Put the blocks of a heap and its table, and fill its header; the identifier of each body."""
        blocks: list[bytes] = []
        identifiers, start = [], 0
        for body in bodies:
            size = _block_size(len(blocks) - 1) if blocks else 0
            if not blocks or len(blocks[-1]) + len(body) > size:
                start += size
                blocks.append(bytes(21))
            identifiers.append(struct.pack("<BIH", 0, start + len(blocks[-1]), len(body)))
            blocks[-1] += body
        addresses, offset = [], 0
        for number, block in enumerate(blocks):
            size = _block_size(number)
            addresses.append(self.put(f"block {number} {name}", block.ljust(size, b"\0")))
            self.set(f"block {number} {name}", 0, "4sBQI", b"FHDB", 0, heap, offset)
            self.seals.append((addresses[-1], addresses[-1] + size, addresses[-1] + 17))
            offset += size
        rows = -(-len(blocks) // 4) if len(blocks) > 1 else 0
        root = addresses[0]
        if rows:
            table = struct.pack("<4sBQI", b"FHIB", 0, heap, 0) + struct.pack(f"<{rows * 4}Q", *addresses, *_missing(rows * 4 - len(blocks)))
            root = self.put(f"table {name}", table + bytes(4), len(table))
        managed = sum(_block_size(number) for number in range(rows * 4)) or 512
        numbers = 7, 0, 2, 4096, 0, UNDEFINED, 0, UNDEFINED, managed, offset, offset, len(bodies), 0, 0, 0, 0
        self.set(f"heap {name}", 0, "4sB HHBI 7Q Q QQQQ HQQHH QH", b"FRHP", 0, *numbers, 4, 512, 65536, 32, 1, root, rows)
        return identifiers

    def _tree(self, name: str, records: list[bytes]) -> int:
        depth = 0
        while len(records) > _most(depth):
            depth += 1
        self.nodes = 0
        root, count = self._node(name, records, depth)
        fields = b"BTHD", 0, 5, 512, 11, depth, 100, 40, root, count, len(records)
        return self.put(f"tree {name}", struct.pack("<4sBBIHHBBQHQ", *fields) + bytes(4), 34)

    def _node(self, name: str, records: list[bytes], depth: int) -> tuple[int, int]:
        """Put a node with all below it; its address and the number of its own records."""
        own, pointers = records, b""
        if depth:
            parts = -(-(len(records) + 1) // (_most(depth - 1) + 1))
            cuts = [len(records) * part // parts for part in range(1, parts)]
            own = [records[cut] for cut in cuts]
            for start, stop in zip([0, *(cut + 1 for cut in cuts)], [*cuts, len(records)], strict=True):
                address, count = self._node(name, records[start:stop], depth - 1)
                total = struct.pack("<H", stop - start) if depth > 1 else b""
                pointers += struct.pack("<QB", address, count) + total
        block = struct.pack("<4sBB", b"BTIN" if depth else b"BTLF", 0, 5) + b"".join(own) + pointers
        address = self.put(f"node {self.nodes} {name}", block.ljust(512, b"\0"), len(block))
        self.nodes += 1
        return address, len(own)


def _block_size(number: int) -> int:
    """That of a heap's block: two rows of four have 512 bytes, then each row twice that of the one before."""
    return 512 << max(number // 4 - 1, 0)


def _missing(count: int) -> list[int]:
    return [UNDEFINED] * count


def _most(depth: int) -> int:
    """The most records in a node and all below it, for trees of at most two levels of inner nodes."""
    return LEAF if depth == 0 else (_most(depth - 1) + 1) * (INNER - 2 * (depth - 1)) + INNER - 2 * (depth - 1)
