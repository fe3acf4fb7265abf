"""Groups with more links than an object header can hold (in libhdf5 more than eight).

The links are stored in a fractal heap, and a version 2 B-tree lists them by the checksum of their names (HDF5 File Format 3.0,
III.G and III.A.2). Only the sizes that libhdf5 uses for every group are accepted. A heap with more than its first nine rows of
blocks, 512 KiB, is refused.
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
ROWS = 9  # rows of direct blocks, which hold objects; later rows hold tables
BLOCK_HEAD = 21  # bytes of a direct block's head: signature, version, heap address, offset in the heap, checksum
TABLE_HEAD = 17
FREE_SPACE_BYTES = 82

# signature, version, type; bytes of a node, of a record, depth, two percentages; root, its records, all records; checksum
TREE = struct.Struct("<4sBB IHHBB QHQ I")
NODE, RECORD, NODE_HEAD = 512, 11, 6
MAX_DEPTH = 4


def dense_links(metadata: Metadata, heap: int, tree: int, label: str) -> tuple[list[bytes], list[int]]:
    """Return the link messages of a group, and the checksums of their names, by which they are sorted."""
    objects, starts, blocks = _read_heap(metadata, heap, label)
    records = _read_tree(metadata, tree, label)
    if len(records) != objects:
        raise Corrupt(f"the heap of {label} holds {objects} links, its B-tree {len(records)}", rule=Rule.DENSE)
    links = []
    for record in records:
        kind, offset, size = struct.unpack_from("<BIH", record, 4)
        row = bisect_right(starts, offset) - 1
        begin = offset - starts[row]
        if kind != 0 or begin < BLOCK_HEAD or begin + size > len(blocks[row]):
            raise Corrupt(f"a link of {label} is outside its heap", rule=Rule.DENSE)
        links.append(blocks[row][begin : begin + size])
    return links, [int.from_bytes(record[:4], "little") for record in records]


# -- the heap


def _read_heap(metadata: Metadata, address: int, label: str) -> tuple[int, list[int], list[bytes]]:
    """Return the number of objects in a heap, the offsets of its blocks, and the blocks. The first offset is 0."""
    label = f"the heap of {label}"
    fields = HEAP.unpack(metadata.block(address, HEAP.size, label))
    objects, huge, tiny = fields[13], fields[15], fields[17]
    if fields[:2] != (b"FRHP", 0) or fields[2:8] != HEAP_SIZES or fields[18:23] != TABLE or huge or tiny:
        raise Unsafe(f"{label} does not have the form used for a group with plain links", rule=Rule.DENSE)
    _check_free_space(metadata, fields[9], label)
    root, rows = fields[23:25]
    if rows <= ROWS and fields[10] != SMALLEST * WIDTH * (1 << max(rows - 1, 0)) // (1 if rows else WIDTH):
        raise Corrupt(f"{label} has another size than it declares", rule=Rule.DENSE)
    if rows == 0:
        return objects, [0], [_direct_block(metadata, root, SMALLEST, address, 0, label)]
    if rows > ROWS:
        raise ResourceLimit(f"{label} has more than {ROWS} rows of blocks", rule=Rule.LIMITS)
    starts, blocks, offset = [], [], 0
    for index, child in enumerate(_table(metadata, root, rows, address, label)):
        size = SMALLEST << max(index // WIDTH - 1, 0)
        if child != UNDEFINED:
            starts.append(offset)
            blocks.append(_direct_block(metadata, child, size, address, offset, label))
        offset += size
    if not starts or starts[0] != 0:
        raise Corrupt(f"{label} has no first block", rule=Rule.DENSE)
    return objects, starts, blocks


def _check_free_space(metadata: Metadata, address: int, label: str) -> None:
    """Verify the checksum of the free-space manager. This reader does not use it, but libhdf5 reads it."""
    if address != UNDEFINED and metadata.block(address, FREE_SPACE_BYTES, label)[:6] != b"FSHD\0\0":
        raise Corrupt(f"{label} has a damaged free-space manager", rule=Rule.DENSE)


def _table(metadata: Metadata, address: int, rows: int, heap: int, label: str) -> tuple[int, ...]:
    """Return the addresses of the blocks in an indirect block, row by row."""
    count = rows * WIDTH
    data = metadata.block(address, TABLE_HEAD + 8 * count + 4, label)
    if data[:TABLE_HEAD] != _head(b"FHIB", heap, 0):
        raise Corrupt(f"{label} has a damaged table", rule=Rule.DENSE)
    return struct.unpack_from(f"<{count}Q", data, TABLE_HEAD)


def _direct_block(metadata: Metadata, address: int, size: int, heap: int, offset: int, label: str) -> bytes:
    metadata.claim(address, size, label)
    data = metadata.source.at(address, size)
    if data[:TABLE_HEAD] != _head(b"FHDB", heap, offset):
        raise Corrupt(f"{label} has a damaged block", rule=Rule.DENSE)
    checksum = int.from_bytes(data[TABLE_HEAD:BLOCK_HEAD], "little")  # computed with zeros in place of the checksum itself
    metadata.sign(data[:TABLE_HEAD] + bytes(4) + data[BLOCK_HEAD:], checksum, label)
    return data


def _head(signature: bytes, heap: int, offset: int) -> bytes:
    """Return the first bytes of a block of a heap."""
    return struct.pack("<4sBQI", signature, 0, heap, offset)


# -- the B-tree


def _read_tree(metadata: Metadata, address: int, label: str) -> list[bytes]:
    """Return the sorted records of a B-tree: the checksum of a name, and the id of the link in the heap."""
    label = f"the B-tree of {label}"
    signature, version, kind, node, record, depth, _, _, root, count, total, _ = TREE.unpack(metadata.block(address, TREE.size, label))
    if (signature, version, kind, node, record) != (b"BTHD", 0, 5, NODE, RECORD):
        raise Unsafe(f"{label} does not index the names of links", rule=Rule.DENSE)
    if depth > MAX_DEPTH or total > MAX_OBJECTS:
        raise ResourceLimit(f"{label} is too large", rule=Rule.LIMITS)
    records = _records(metadata, root, count, depth, label)
    if len(records) != total:
        raise Corrupt(f"{label} has {len(records)} records, not {total}", rule=Rule.DENSE)
    return records


def _records(metadata: Metadata, address: int, count: int, depth: int, label: str) -> list[bytes]:
    """Return the records of a node and of its child nodes."""
    size = NODE_HEAD + count * RECORD
    width = _total_bytes(depth - 1) if depth else 0
    pointer = 8 + 1 + width if depth else 0
    used = size + (count + 1) * pointer
    if used + 4 > NODE:
        raise Corrupt(f"{label} has a node with too many records", rule=Rule.DENSE)
    metadata.claim(address, NODE, label)
    data = metadata.source.at(address, NODE)
    metadata.sign(data[:used], int.from_bytes(data[used : used + 4], "little"), label)
    if data[:NODE_HEAD] != (b"BTIN" if depth else b"BTLF") + b"\0\5":
        raise Corrupt(f"{label} has a damaged node", rule=Rule.DENSE)
    found: list[bytes] = []
    for index in range(count + 1):
        if depth:
            start = size + index * pointer
            child, records = struct.unpack_from("<QB", data, start)
            below = _records(metadata, child, records, depth - 1, label)
            if width and int.from_bytes(data[start + 9 : start + 9 + width], "little") != len(below):
                raise Corrupt(f"{label} has another number of records than it declares", rule=Rule.DENSE)
            found += below
        if index < count:
            found.append(data[NODE_HEAD + index * RECORD : NODE_HEAD + (index + 1) * RECORD])
    return found


def _total_bytes(depth: int) -> int:
    """Return the width of the record count in a pointer to a node of the given depth: enough for the largest count."""
    most, width = (NODE - 10) // RECORD, 0
    for _ in range(depth):
        pointer = 9 + width
        records = (NODE - 10 - pointer) // (RECORD + pointer)
        most = (records + 1) * most + records
        width = (most.bit_length() + 7) // 8
    return width
