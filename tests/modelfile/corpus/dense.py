"""Files whose group of many links is not what libhdf5 makes: the heap, its blocks, the B-tree, what both say of each other."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import numpy as np

from mlpkit.errors import Corrupt, ResourceLimit, Unsafe
from mlpkit.modelfile.rules import Rule

from .assembler import UNDEFINED, Assembler, link, link_info
from .case import Case
from .forger import Parts, assembled, patched

HEAP, TREE, TABLE, BLOCK = "heap /future", "tree /future", "table /future", "block 1 /future"
LEAF, INNER = "node 0 /future", "node 2 /future"


def heap(offset: int, layout: str, *values: Any) -> Callable[[], bytes]:
    return patched(HEAP, offset, layout, *values)


def tree(offset: int, layout: str, *values: Any) -> Callable[[], bytes]:
    return patched(TREE, offset, layout, *values)


def leading(name: str, offset: int, target: str) -> Callable[[], bytes]:
    """A file in which an address in one block is that of another."""
    return assembled(patch=lambda file: file.set(name, offset, "Q", file.places[target][0]))


def sealed(name: str, size: int, *changes: tuple[str, int, str, Any]) -> Callable[[], bytes]:
    """A file in which numbers were changed, and a block has a checksum where these numbers say that it ends."""

    def patch(file: Assembler) -> None:
        for change in changes:
            file.set(*change)
        start = file.places[name][0]
        file.seals.append((start, start + size, start + size))

    return assembled(patch=patch)


def exchanged(file: Assembler) -> None:
    """The first two records of a leaf change places."""
    start = file.places[LEAF][0] + 6
    file.data[start : start + 22] = file.data[start + 11 : start + 22] + file.data[start : start + 11]


def renamed(file: Assembler) -> None:
    """A link in the heap has another name than the one that was sorted."""
    at = file.data.index(b"x07", file.places["block 0 /future"][0])
    file.data[at : at + 3] = b"y07"


def both(parts: Parts, file: Assembler) -> None:
    """A group has links in its header and in a heap."""
    parts.messages["/future"] = [(6, link("more", 64))]


def unwritten(parts: Parts, file: Assembler) -> None:
    """A group says that it has a heap, which is not there."""
    parts.links["/"] = [link("more", file.header("/more", [link_info(2**40, 2**40)]))]


def looping(file: Assembler) -> None:
    """A node of a tree that says that it has 4 levels leads to itself."""
    file.set(TREE, 12, "H", 4)
    for number in range(2):
        file.set(INNER, 6 + 11 + number * 11, "QBH", file.places[INNER][0], 1, 60)
    start = file.places[INNER][0]
    file.seals.append((start, start + 39, start + 39))


def repeated(file: Assembler) -> None:
    """A leaf is met twice, and the heap says that it holds as many links."""
    file.set(INNER, 26, "QB", file.places[LEAF][0], file.data[file.places[INNER][0] + 25])
    file.set(HEAP, 70, "Q", 61)


def tall(parts: Parts, file: Assembler) -> None:
    """A group of so many links that its B-tree has two levels of inner nodes."""
    addresses = {f"x{number}": file.dataset(f"/deep/{number}", np.zeros(1)) for number in range(1200)}
    parts.links["/"] = [link("deep", file.dense_group("/deep", addresses))]


def miscounted(file: Assembler) -> None:
    """The root of a tall tree says that one record more is below its first child."""
    (root,) = struct.unpack_from("<Q", file.data, file.places["tree /deep"][0] + 16)
    file.data[root + 6 + 11 + 9] += 1


PLAIN = Unsafe, Rule.DENSE, "not have the form used for a group with plain links"
NODES = Unsafe, Rule.DENSE, "does not index the names of links"
ORDER = Corrupt, Rule.DENSE, "not in the order of their names' checksums"
STANDS = Corrupt, Rule.DENSE, "is outside its heap"
CASES = {
    "links both in its header and in a heap": Case(assembled(both), Unsafe, Rule.DENSE, "links both in its header and in a heap"),
    "heap that is not there": Case(assembled(unwritten), Corrupt, Rule.EXTENTS, "is not inside"),
    "heap without its signature": Case(heap(0, "4s", b"FRHX"), *PLAIN),
    "heap of another version": Case(heap(4, "B", 1), *PLAIN),
    "heap with other identifiers": Case(heap(5, "H", 8), *PLAIN),
    "heap with filters": Case(heap(7, "H", 12), *PLAIN),
    "heap without checksums": Case(heap(9, "B", 0), *PLAIN),
    "heap of other objects": Case(heap(10, "I", 2**31), *PLAIN),
    "heap with huge objects": Case(heap(86, "Q", 1), *PLAIN),
    "heap with tiny objects": Case(heap(102, "Q", 1), *PLAIN),
    "heap of another width": Case(heap(110, "H", 1024), *PLAIN),
    "heap of other blocks": Case(heap(112, "Q", 2**40), *PLAIN),
    "heap of larger blocks": Case(heap(120, "Q", 2**40), *PLAIN),
    "heap of more bits": Case(heap(128, "H", 64), *PLAIN),
    "heap of 60,000 rows": Case(heap(140, "H", 60_000), ResourceLimit, Rule.LIMITS, "more than 9 rows"),
    "heap of more rows": Case(heap(140, "H", 3), Corrupt, Rule.DENSE, "the heap of /future has another size than it declares"),
    "heap of fewer rows": Case(sealed(TABLE, 17 + 8, (HEAP, 140, "H", 0)), Corrupt, Rule.DENSE, "."),
    "heap that counts other links": Case(heap(70, "Q", 61), Corrupt, Rule.DENSE, "holds 61 links, its B-tree 60"),
    "heap with its table at the first block": Case(
        leading(HEAP, 132, "block 0 /future"), Corrupt, Rule.CHECKSUMS, "the heap of /future is damaged"
    ),
    "heap without a root": Case(heap(132, "Q", UNDEFINED), Corrupt, Rule.EXTENTS, "is not inside"),
    "table of another heap": Case(patched(TABLE, 5, "Q", 64), Corrupt, Rule.DENSE, "damaged table"),
    "table without a first block": Case(patched(TABLE, 17, "Q", UNDEFINED), Corrupt, Rule.DENSE, "no first block"),
    "table with a block twice": Case(leading(TABLE, 17 + 8, "block 0 /future"), Corrupt, Rule.DENSE, "damaged block"),
    "table that leads to itself": Case(leading(TABLE, 17, TABLE), Corrupt, Rule.DENSE, "damaged block"),
    "block outside the file": Case(patched(TABLE, 17 + 8, "Q", 2**40), Corrupt, Rule.EXTENTS, "is not inside"),
    "block without its signature": Case(patched(BLOCK, 0, "4s", b"FHIB"), Corrupt, Rule.DENSE, "damaged block"),
    "block of another heap": Case(patched(BLOCK, 5, "Q", 64), Corrupt, Rule.DENSE, "damaged block"),
    "block at another offset": Case(patched(BLOCK, 13, "I", 0), Corrupt, Rule.DENSE, "damaged block"),
    "tree without its signature": Case(tree(0, "4s", b"BTHX"), *NODES),
    "tree of another version": Case(tree(4, "B", 1), *NODES),
    "tree of other records": Case(tree(5, "B", 6), *NODES),
    "tree with other nodes": Case(tree(6, "I", 2**31), *NODES),
    "tree with longer records": Case(tree(10, "H", 17), *NODES),
    "tree of 60,000 levels": Case(tree(12, "H", 60_000), ResourceLimit, Rule.LIMITS, "too large"),
    "tree of 2^60 links": Case(tree(26, "Q", 2**60), ResourceLimit, Rule.LIMITS, "too large"),
    "tree of fewer levels": Case(sealed(INNER, 17, (TREE, 12, "H", 0)), Corrupt, Rule.DENSE, "damaged node"),
    "tree of more levels": Case(tree(12, "H", 2), Corrupt, Rule.CHECKSUMS, "the B-tree of /future is damaged"),
    "tree of more records": Case(tree(24, "H", 200), Corrupt, Rule.DENSE, "too many records"),
    "tree of no records": Case(
        sealed(INNER, 6, (TREE, 24, "H", 0), (TREE, 12, "H", 0), (INNER, 0, "4s", b"BTLF")), Corrupt, Rule.DENSE, "has 0 records, not 60"
    ),
    "tree outside the file": Case(tree(16, "Q", 2**63), Corrupt, Rule.EXTENTS, "is not inside"),
    "node that leads to itself": Case(leading(INNER, 17, INNER), Corrupt, Rule.CHECKSUMS, "the B-tree of /future is damaged"),
    "node that leads to itself on every level": Case(assembled(patch=looping), Corrupt, Rule.CHECKSUMS, "."),
    "node with a leaf twice": Case(assembled(patch=repeated), Corrupt, Rule.DENSE, "has 61 records, not 60"),
    "node with more records": Case(patched(INNER, 25, "B", 255), Corrupt, Rule.DENSE, "too many records"),
    "node that miscounts what is below it": Case(assembled(tall, miscounted), Corrupt, Rule.DENSE, "another number of records"),
    "leaf of another version": Case(patched(LEAF, 4, "B", 1), Corrupt, Rule.DENSE, "damaged node"),
    "leaf of other records": Case(patched(LEAF, 5, "B", 6), Corrupt, Rule.DENSE, "damaged node"),
    "record with another checksum": Case(patched(LEAF, 6, "I", 0), *ORDER),
    "records in another order": Case(assembled(patch=exchanged), *ORDER),
    "record of a huge object": Case(patched(LEAF, 10, "B", 0x10), *STANDS),
    "record behind the heap": Case(patched(LEAF, 11, "I", 2**31), *STANDS),
    "record in the head of a block": Case(patched(LEAF, 11, "I", 4), *STANDS),
    "record over the end of a block": Case(patched(LEAF, 15, "H", 60_000), *STANDS),
    "record of no bytes": Case(patched(LEAF, 15, "H", 0), Unsafe, Rule.LINKS, "unknown form"),
    "record in the midst of a link": Case(patched(LEAF, 15, "H", 5), Corrupt, Rule.LINKS, "a link without an address"),
    "link with another name than its record": Case(assembled(patch=renamed), *ORDER),
}
