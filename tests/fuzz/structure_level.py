"""Changes of HDF5's structures: their numbers and addresses, messages that do not belong there, links that lead elsewhere."""

from __future__ import annotations

import struct
from random import Random

from .anatomy import LAYOUT, LINK, Message
from .bytes_level import NUMBERS
from .mutant import CHECKSUMS, Mutant

NIL = 0
SOFT, EXTERNAL, OTHER = 1, 64, 65


def mutate_structure(mutant: Mutant, rng: Random) -> None:
    """Change one to three things, and nearly always sign the checksums again."""
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        rng.choices(CHANGES, WEIGHTS)[0](mutant, rng)
    mutant.sign(CHECKSUMS if rng.random() < 0.95 else 0)


def change_field(mutant: Mutant, rng: Random) -> None:
    kind, start, size = rng.choice(mutant.golden.anatomy.fields)
    old = mutant.number(start, size)
    if kind == "byte":
        value = rng.choice((old ^ 1 << rng.randrange(8), old + 1, old - 1, 0, 0xFF, rng.randrange(256)))
    elif kind == "number":
        value = rng.choice((*NUMBERS, old + 1, old - 1, old * 2, old // 2, old + 2**32, len(mutant.data), start))
    else:
        value = _address(mutant, rng, old)
    mutant.set_number(start, size, value)


def _address(mutant: Mutant, rng: Random, old: int) -> int:
    anatomy = mutant.golden.anatomy
    known = rng.choice((rng.choice(anatomy.blocks).start, rng.choice(list(anatomy.datasets.values())).offset))
    near, end = old + rng.choice((-8, -1, 1, 4, 8)), len(mutant.data)
    return rng.choice((known, known, known, near, 0, 48, end, end - 1, end - 8, 2**63, -1, rng.randrange(end)))


def exchange_fields(mutant: Mutant, rng: Random) -> None:
    kind, start, size = rng.choice(mutant.golden.anatomy.fields)
    alike = [field for field in mutant.golden.anatomy.fields if field.kind == kind and field.size == size]
    other = rng.choice(alike).start
    one, two = mutant.number(start, size), mutant.number(other, size)
    mutant.set_number(start, size, two)
    mutant.set_number(other, size, one)


def change_message_type(mutant: Mutant, rng: Random) -> None:
    mutant.data[rng.choice(mutant.golden.anatomy.messages).start - 4] = rng.choice((*range(26), 255))


def change_message_size(mutant: Mutant, rng: Random) -> None:
    message = rng.choice(mutant.golden.anatomy.messages)
    mutant.set_number(message.start - 3, 2, message.size + rng.choice((-4, -1, 1, 4, 8, rng.randrange(65536))))


def copy_message(mutant: Mutant, rng: Random) -> None:
    """Put a message in the place of another of its size, or into free space."""
    messages = mutant.golden.anatomy.messages
    source = rng.choice(messages)
    fitting = [message for message in messages if message.size == source.size]
    target = rng.choice(fitting if rng.random() < 0.7 else _gaps(mutant, source.size))
    mutant.data[target.start : target.start + source.size] = mutant.data[source.start : source.start + source.size]
    _fill(mutant, target, source.type, source.size)


def insert_message(mutant: Mutant, rng: Random) -> None:
    """Put a message that a model file never has into the free space of an object header."""
    kind, body = rng.choice(STRANGE)
    if kind == 16:
        body = struct.pack("<QQ", rng.choice(mutant.golden.anatomy.blocks).start, rng.choice((32, 64, 2**40)))
    target = rng.choice(_gaps(mutant, len(body)))
    mutant.data[target.start : target.start + len(body)] = body
    _fill(mutant, target, kind, len(body), rng.choice((0, 0, 1, 2, 0x80)))


def _gaps(mutant: Mutant, size: int) -> list[Message]:
    messages = mutant.golden.anatomy.messages
    return [message for message in messages if message.type == NIL and message.size >= size + 4] or messages[:1]


def _fill(mutant: Mutant, target: Message, kind: int, size: int, flags: int = 0) -> None:
    """The head of a message that was put somewhere, and the head of the free space behind it."""
    size = min(size, 65535)
    mutant.data[target.start - 4 : target.start] = struct.pack("<BHB", kind, size, flags)
    rest = target.size - size - 4
    if rest >= 0:
        mutant.data[target.start + size : target.start + size + 4] = struct.pack("<BHB", NIL, rest, 0)


def redirect_link(mutant: Mutant, rng: Random) -> None:
    """Make a hard link one to a path, in a file or in another: its body keeps its length."""
    links = [message for message in mutant.golden.anatomy.messages if message.type == LINK]
    start, size = (link := rng.choice(links)).start, link.size
    name = mutant.data[start + 3 : start + size - 8]
    kind = rng.choice((SOFT, EXTERNAL, OTHER, rng.randrange(256)))
    value = rng.choice((b"/spec", b"\0a\0/\0", b"/dev\0"))
    mutant.data[start : start + size] = bytes([1, 8, kind, len(name)]) + name + struct.pack("<H", 5) + value


def change_name(mutant: Mutant, rng: Random) -> None:
    """Give a link another name of its length: that of another link, or one that leads somewhere."""
    start, end = rng.choice(mutant.golden.anatomy.names)
    alike = [bytes(mutant.data[a:b]) for a, b in mutant.golden.anatomy.names if b - a == end - start]
    strange = rng.choice((b"..", b"/", b"../spec", b"a\0", b"\xff")).ljust(end - start, rng.choice((b".", b"a", b"/")))
    mutant.data[start:end] = rng.choice((rng.choice(alike), strange[: end - start]))


def move_dataset(mutant: Mutant, rng: Random) -> None:
    """Let a dataset stand somewhere else: on another one, on the structure, beyond the end."""
    layouts = [message for message in mutant.golden.anatomy.messages if message.type == LAYOUT]
    start = rng.choice(layouts).start
    mutant.set_number(start + 2, 8, _address(mutant, rng, mutant.number(start + 2, 8)))


STRANGE = (
    (7, struct.pack("<BBHQQQQ", 1, 0, 1, 0, 0, 0, 48)[:32]),  # external files
    (8, bytes([3, 0, 4, 0]) + b"abcd"),  # compact
    (8, bytes([4, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])),  # virtual
    (8, bytes([3, 2, 2]) + struct.pack("<QII", 64, 4, 4)),  # chunks
    (11, bytes([2, 1]) + struct.pack("<HHH", 1, 0, 0)),  # a filter: deflate
    (11, bytes([2, 1]) + struct.pack("<HHHH", 32015, 0, 0, 0)),  # a filter of a library
    (12, bytes([3, 0, 2, 0, 12, 0, 4, 0, 0]) + b"a\0" + bytes.fromhex("100000000100000000000800") + bytes([2, 0, 0, 0, 1])),
    (15, struct.pack("<BBBQ", 0, 0, 1, 64)),  # shared message table
    (16, b""),
    (17, struct.pack("<QQ", 64, 64)),  # an old group
    (18, bytes([1, 0, 0, 0, 0, 0, 0, 0])),  # a time
    (19, bytes(24)),  # a tree's limits
    (20, bytes([0, 0, 0, 0]) + b"NCSAfami" + bytes(8)),  # a driver
    (21, struct.pack("<BBQQ", 0, 0, 64, 64)),  # many attributes
    (22, struct.pack("<BI", 0, 1000)),  # a count of links
    (23, bytes(24)),
    (6, bytes([1, 8, 1, 1, 97, 5, 0]) + b"/spec"),
    (6, bytes([1, 0, 1, 97]) + struct.pack("<Q", 64)),
    (24, b"unknown"),
)
CHANGES = (
    change_field,
    exchange_fields,
    change_message_type,
    change_message_size,
    copy_message,
    insert_message,
    redirect_link,
    change_name,
    move_dataset,
)
WEIGHTS = (10, 2, 1, 1, 2, 2, 0.5, 1, 1)
