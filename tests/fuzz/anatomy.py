"""Anatomy: where everything stands in a valid model file, so that a mutation can aim.

The files are mlpkit's own and known to be valid, so nothing is checked here. It shares no code with the reader that it
helps to test.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

UNDEFINED = 2**64 - 1
CONTINUATION, LINK_INFO, LINK, LAYOUT, DATASPACE, DATATYPE, ATTRIBUTE = 16, 2, 6, 8, 1, 3, 12
BODIES = {  # the fields at the start of a message, by its type: kind and size
    DATASPACE: "byte 1 byte 1 byte 1 byte 1 number 8 number 8 number 8 number 8",
    LINK_INFO: "byte 1 byte 1 address 8 address 8",
    DATATYPE: "byte 1 byte 1 byte 1 byte 1 number 4 number 2 number 2 byte 1 byte 1 byte 1 byte 1 number 4",
    5: "byte 1 byte 1",
    LINK: "byte 1 byte 1 byte 1",
    LAYOUT: "byte 1 byte 1 address 8 number 8",
    10: "byte 1 byte 1",
    ATTRIBUTE: "byte 1 byte 1 number 2 number 2 number 2 byte 1",
    CONTINUATION: "address 8 number 8",
}
SUPERBLOCK = "byte 8 byte 1 byte 1 byte 1 byte 1 address 8 address 8 address 8 address 8"
HEAP = "byte 4 byte 1 number 2 number 2 byte 1 number 4" + " number 8 address 8" * 2 + " number 8" * 8
HEAP += " number 2 number 8 number 8 number 2 number 2 address 8 number 2"
TREE = "byte 4 byte 1 byte 1 number 4 number 2 number 2 byte 1 byte 1 address 8 number 2 number 8"


class Block(NamedTuple):
    """A piece of the file with a checksum of its own; that stands at its end, but for the blocks of a heap."""

    start: int
    end: int
    checksum: int


class Field(NamedTuple):
    """A number of the structure: `kind` is byte (a version, flags, a type), number (a size, a count) or address."""

    kind: str
    start: int
    size: int


class Message(NamedTuple):
    """A message of an object header; its head of 4 bytes stands before `start`."""

    type: int
    start: int
    size: int


class Dataset(NamedTuple):
    """A dataset: where its array stands, and where the structure says so."""

    offset: int
    size: int
    shape_at: int
    layout_at: int


@dataclass
class Anatomy:
    """Positions of the structures of a valid file; `explore` fills them."""

    data: bytes
    blocks: list[Block] = field(default_factory=list)
    fields: list[Field] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    names: list[tuple[int, int]] = field(default_factory=list)
    datasets: dict[str, Dataset] = field(default_factory=dict)
    signature_at: int = 0

    @classmethod
    def explore(cls, data: bytes) -> Anatomy:
        """Walk a valid file."""
        anatomy = cls(data)
        anatomy._fields(SUPERBLOCK, 0, 44)
        anatomy.blocks.append(Block(0, 48, 44))
        anatomy._object(anatomy.number(36, 8), "")
        anatomy.signature_at = data.index(b"manifest_sha256\0") + 16 + 8 + 4
        return anatomy

    def number(self, start: int, size: int) -> int:
        """A little-endian number."""
        return int.from_bytes(self.data[start : start + size], "little")

    def _fields(self, kinds: str, start: int, end: int) -> None:
        """Note the fields that stand side by side from `start`."""
        words = kinds.split()
        for kind, size in zip(words[::2], map(int, words[1::2]), strict=True):
            if start + size <= end:
                self.fields.append(Field(kind, start, size))
            start += size

    # -- objects

    def _object(self, start: int, path: str) -> None:
        messages = list(self._messages(start))
        by_type = {message.type: message for message in messages}
        if LAYOUT in by_type:
            at = by_type[LAYOUT].start
            place = Dataset(self.number(at + 2, 8), self.number(at + 10, 8), by_type[DATASPACE].start + 4, at + 2)
            self.datasets[path] = place
        for message in messages:
            if message.type == LINK:
                self._link(message.start, path)
            elif message.type == LINK_INFO and self.number(message.start + 2, 8) != UNDEFINED:
                self._dense_group(self.number(message.start + 2, 8), self.number(message.start + 10, 8), path)

    def _messages(self, start: int) -> Iterator[Message]:
        """All messages of an object header, those of its continuations included."""
        width = 1 << (self.data[start + 5] & 3)
        first = start + 6 + width
        end = first + self.number(start + 6, width)
        self._fields(f"byte 4 byte 1 byte 1 number {width}", start, first)
        self.blocks.append(Block(start, end + 4, end))
        chunks = [(first, end)]
        for position, limit in chunks:
            while position + 4 <= limit:
                message = Message(self.data[position], position + 4, self.number(position + 1, 2))
                self._fields("byte 1 number 2 byte 1", position, limit)
                self._fields(BODIES.get(message.type, ""), message.start, message.start + message.size)
                self.messages.append(message)
                if message.type == CONTINUATION:
                    at, length = self.number(message.start, 8), self.number(message.start + 8, 8)
                    self.blocks.append(Block(at, at + length, at + length - 4))
                    chunks.append((at + 4, at + length - 4))
                yield message
                position = message.start + message.size

    def _link(self, start: int, path: str) -> int:
        """Follow the link that stands at `start`; the address of what it names is its last field."""
        width = 1 << (self.data[start + 1] & 3)
        name = start + 2 + width
        end = name + self.number(start + 2, width)
        self.names.append((name, end))
        self._fields(f"number {width}", start + 2, end)
        self.fields.append(Field("address", end, 8))
        self._object(self.number(end, 8), f"{path}/{self.data[name:end].decode()}")
        return end + 8

    # -- groups of many links: a heap that holds them and a tree that sorts them

    def _dense_group(self, heap: int, tree: int, path: str) -> None:
        self._fields(HEAP, heap, heap + 142)
        self.blocks.append(Block(heap, heap + 146, heap + 142))
        width, first, rows = self.number(heap + 110, 2), self.number(heap + 112, 8), self.number(heap + 140, 2)
        blocks = dict(self._heap_blocks(self.number(heap + 132, 8), width, first, rows))
        self._fields(TREE, tree, tree + 34)
        self.blocks.append(Block(tree, tree + 38, tree + 34))
        for identifier in self._records(self.number(tree + 16, 8), self.number(tree + 24, 2), self.data[tree + 12], tree):
            offset = self.number(identifier + 1, 4)
            start = max(block for block in blocks if block <= offset)
            self._link(blocks[start] + offset - start, path)

    def _heap_blocks(self, root: int, width: int, first: int, rows: int) -> Iterator[tuple[int, int]]:
        """The direct blocks of a heap: offset in the heap and address. Two rows have blocks of the first size, then it doubles."""
        sizes = [first << max(row - 1, 0) for row in range(rows or 1) for _ in range(width if rows else 1)]
        children = [root]
        if rows:
            end = root + 17 + 8 * len(sizes)
            self._fields("byte 4 byte 1 address 8 number 4" + " address 8" * len(sizes), root, end)
            self.blocks.append(Block(root, end + 4, end))
            children = [self.number(root + 17 + 8 * index, 8) for index in range(len(sizes))]
        offset = 0
        for address, size in zip(children, sizes, strict=True):
            if address != UNDEFINED:
                self._fields("byte 4 byte 1 address 8 number 4", address, address + 17)
                self.blocks.append(Block(address, address + size, address + 17))
                yield offset, address
            offset += size

    def _records(self, node: int, count: int, depth: int, tree: int) -> Iterator[int]:
        """Return the positions of the heap identifiers of a node and of all nodes below it."""
        child = 8 + 1 + (1 if depth > 1 else 0)
        children = node + 6 + 11 * count
        end = children + child * (count + 1) * (depth > 0)
        self._fields("byte 4 byte 1 byte 1" + " number 4 byte 1 number 4 number 2" * count, node, children)
        self.blocks.append(Block(node, end + 4, end))
        yield from (node + 6 + 11 * index + 4 for index in range(count))
        for at in range(children, end, child):
            self._fields("address 8 byte 1", at, at + child)
            yield from self._records(self.number(at, 8), self.data[at + 8], depth - 1, tree)
