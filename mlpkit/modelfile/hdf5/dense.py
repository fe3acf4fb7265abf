"""Groups with more links than an object header takes (libhdf5: more than eight).

The links stand in a fractal heap, and a version 2 B-tree lists them by the checksum of their names (HDF5 File Format 3.0,
III.G and III.A.2). Both have the sizes that libhdf5 gives them in every group; a heap with other sizes is refused, and so
is one that holds more than its first nine rows of blocks, 512 KiB.
"""

from __future__ import annotations

import struct
from bisect import bisect_right

from mlpkit.errors import Corrupt, ResourceLimit, Unsafe
from mlpkit.modelfile.constants import MAX_OBJECTS
from mlpkit.modelfile.hdf5.metadata import UNDEFINED, Metadata
from mlpkit.modelfile.rules import Rule

# signature, version; length of ids, of filters, flags, largest object; 7 fields of huge objects, free and used space;
# objects; huge and tiny ones, size and number; width of the table, smallest and largest block, bits of an offset, rows at
# first; the root block and its rows; checksum
HEAP = struct.Struct("<4sB HHBI 7Q Q QQQQ HQQHH QH I")
HEAP_SIZES = (7, 0, 2, 4096, 0, UNDEFINED)  # bytes of an id, no filters, blocks with checksums, no huge objects
WIDTH, SMALLEST, LARGEST, OFFSET_BITS, FIRST_ROWS = TABLE = (4, 512, 65536, 32, 1)
ROWS = 9  # those of which each block holds objects; later ones hold tables
BLOCK_HEAD = 21  # of a direct block: signature, version, address of the heap, offset in it, checksum
TABLE_HEAD = 17
FREE_SPACE_BYTES = 82

# signature, version, type; bytes of a node, of a record, depth, two percentages; root, its records, all records; checksum
TREE = struct.Struct("<4sBB IHHBB QHQ I")
NODE, RECORD, NODE_HEAD = 512, 11, 6
MAX_DEPTH = 4


def dense_links(metadata: Metadata, heap: int, tree: int, what: str) -> tuple[list[bytes], list[int]]:
    """The link messages of a group, and the checksums of their names by which they are ordered."""
    objects, starts, blocks = _read_heap(metadata, heap, what)
    records = _read_tree(metadata, tree, what)
    if len(records) != objects:
        raise Corrupt(f"the heap of {what} holds {objects} links, its B-tree {len(records)}", rule=Rule.DENSE)
    links = []
    for record in records:
        kind, offset, size = struct.unpack_from("<BIH", record, 4)
        row = bisect_right(starts, offset) - 1
        begin = offset - starts[row]
        if kind != 0 or begin < BLOCK_HEAD or begin + size > len(blocks[row]):
            raise Corrupt(f"a link of {what} does not stand in its heap", rule=Rule.DENSE)
        links.append(blocks[row][begin : begin + size])
    return links, [int.from_bytes(record[:4], "little") for record in records]


# -- the heap


def _read_heap(metadata: Metadata, address: int, what: str) -> tuple[int, list[int], list[bytes]]:
    """The number of objects in a heap, and its blocks with their offsets, the first at 0."""
    what = f"the heap of {what}"
    fields = HEAP.unpack(metadata.block(address, HEAP.size, what))
    objects, huge, tiny = fields[13], fields[15], fields[17]
    if fields[:2] != (b"FRHP", 0) or fields[2:8] != HEAP_SIZES or fields[18:23] != TABLE or huge or tiny:
        raise Unsafe(f"{what} is not one of a group with plain links", rule=Rule.DENSE)
    _check_free_space(metadata, fields[9], what)
    root, rows = fields[23:25]
    if rows <= ROWS and fields[10] != SMALLEST * WIDTH * (1 << max(rows - 1, 0)) // (1 if rows else WIDTH):
        raise Corrupt(f"{what} is not as large as it says", rule=Rule.DENSE)
    if rows == 0:
        return objects, [0], [_direct_block(metadata, root, SMALLEST, address, 0, what)]
    if rows > ROWS:
        raise ResourceLimit(f"{what} has more than {ROWS} rows of blocks", rule=Rule.LIMITS)
    starts, blocks, offset = [], [], 0
    for index, child in enumerate(_table(metadata, root, rows, address, what)):
        size = SMALLEST << max(index // WIDTH - 1, 0)
        if child != UNDEFINED:
            starts.append(offset)
            blocks.append(_direct_block(metadata, child, size, address, offset, what))
        offset += size
    if not starts or starts[0] != 0:
        raise Corrupt(f"{what} has no first block", rule=Rule.DENSE)
    return objects, starts, blocks


def _check_free_space(metadata: Metadata, address: int, what: str) -> None:
    """Hold the header of the free-space manager, which a reader has no use for, to its checksum: libhdf5 reads it."""
    if address != UNDEFINED and metadata.block(address, FREE_SPACE_BYTES, what)[:6] != b"FSHD\0\0":
        raise Corrupt(f"{what} has a damaged free-space manager", rule=Rule.DENSE)


def _table(metadata: Metadata, address: int, rows: int, heap: int, what: str) -> tuple[int, ...]:
    """The addresses of the blocks in an indirect block, row by row."""
    count = rows * WIDTH
    data = metadata.block(address, TABLE_HEAD + 8 * count + 4, what)
    if data[:TABLE_HEAD] != _head(b"FHIB", heap, 0):
        raise Corrupt(f"{what} has a damaged table", rule=Rule.DENSE)
    return struct.unpack_from(f"<{count}Q", data, TABLE_HEAD)


def _direct_block(metadata: Metadata, address: int, size: int, heap: int, offset: int, what: str) -> bytes:
    metadata.claim(address, size, what)
    data = metadata.source.at(address, size)
    if data[:TABLE_HEAD] != _head(b"FHDB", heap, offset):
        raise Corrupt(f"{what} has a damaged block", rule=Rule.DENSE)
    checksum = int.from_bytes(data[TABLE_HEAD:BLOCK_HEAD], "little")  # computed with zeros in its own place
    metadata.sign(data[:TABLE_HEAD] + bytes(4) + data[BLOCK_HEAD:], checksum, what)
    return data


def _head(signature: bytes, heap: int, offset: int) -> bytes:
    """Return how a block of a heap begins."""
    return struct.pack("<4sBQI", signature, 0, heap, offset)


# -- the B-tree


def _read_tree(metadata: Metadata, address: int, what: str) -> list[bytes]:
    """The records of a B-tree in their order: the checksum of a name, and the id of the link in the heap."""
    what = f"the B-tree of {what}"
    signature, version, kind, node, record, depth, _, _, root, count, total, _ = TREE.unpack(metadata.block(address, TREE.size, what))
    if (signature, version, kind, node, record) != (b"BTHD", 0, 5, NODE, RECORD):
        raise Unsafe(f"{what} is not one of the names of links", rule=Rule.DENSE)
    if depth > MAX_DEPTH or total > MAX_OBJECTS:
        raise ResourceLimit(f"{what} is too large", rule=Rule.LIMITS)
    records = _records(metadata, root, count, depth, what)
    if len(records) != total:
        raise Corrupt(f"{what} has {len(records)} records, not {total}", rule=Rule.DENSE)
    return records


def _records(metadata: Metadata, address: int, count: int, depth: int, what: str) -> list[bytes]:
    """The records of a node and of those below it."""
    size = NODE_HEAD + count * RECORD
    width = _total_bytes(depth - 1) if depth else 0
    pointer = 8 + 1 + width if depth else 0
    used = size + (count + 1) * pointer
    if used + 4 > NODE:
        raise Corrupt(f"{what} has a node with too many records", rule=Rule.DENSE)
    metadata.claim(address, NODE, what)
    data = metadata.source.at(address, NODE)
    metadata.sign(data[:used], int.from_bytes(data[used : used + 4], "little"), what)
    if data[:NODE_HEAD] != (b"BTIN" if depth else b"BTLF") + b"\0\5":
        raise Corrupt(f"{what} has a damaged node", rule=Rule.DENSE)
    found: list[bytes] = []
    for index in range(count + 1):
        if depth:
            start = size + index * pointer
            child, records = struct.unpack_from("<QB", data, start)
            below = _records(metadata, child, records, depth - 1, what)
            if width and int.from_bytes(data[start + 9 : start + 9 + width], "little") != len(below):
                raise Corrupt(f"{what} has another number of records than it says", rule=Rule.DENSE)
            found += below
        if index < count:
            found.append(data[NODE_HEAD + index * RECORD : NODE_HEAD + (index + 1) * RECORD])
    return found


def _total_bytes(depth: int) -> int:
    """The bytes in which a pointer to a node of some depth says how many records are below it: as many as the most need."""
    most, width = (NODE - 10) // RECORD, 0
    for _ in range(depth):
        pointer = 9 + width
        records = (NODE - 10 - pointer) // (RECORD + pointer)
        most = (records + 1) * most + records
        width = (most.bit_length() + 7) // 8
    return width
