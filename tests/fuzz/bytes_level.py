"""Changes of bytes that know nothing of the format but where its parts stand: bits, numbers, copies, swaps, cuts."""

from __future__ import annotations

from random import Random

from .mutant import Mutant

NUMBERS = (0, 1, 2, 7, 8, 127, 128, 255, 256, 2**15, 2**16 - 1, 2**24, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**40, 2**63 - 1, 2**63, -1, -2)


def mutate_bytes(mutant: Mutant, rng: Random) -> None:
    """Change one to four places, and mostly sign the file again."""
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        rng.choices(CHANGES, WEIGHTS)[0](mutant, rng)
    mutant.sign(rng.choice((0, 1, 1, 2, 2, 2)))


def position(mutant: Mutant, rng: Random) -> int:
    """A place in the file: in its structure, in one of its texts, or anywhere."""
    anatomy = mutant.golden.anatomy
    area = rng.random()
    if area < 0.5:
        start, end, _ = rng.choice(anatomy.blocks)
    elif area < 0.8:
        place = anatomy.datasets[rng.choice(("/manifest", "/spec"))]
        start, end = place.offset, place.offset + place.size
    else:
        start, end = 0, len(mutant.data)
    return min(rng.randrange(start, end), len(mutant.data) - 1)


def flip_bit(mutant: Mutant, rng: Random) -> None:
    mutant.data[position(mutant, rng)] ^= 1 << rng.randrange(8)


def set_byte(mutant: Mutant, rng: Random) -> None:
    mutant.data[position(mutant, rng)] = rng.choice((0, 1, 0x20, 0x22, 0x2D, 0x30, 0x5C, 0x7B, 0x7F, 0x80, 0xFF, rng.randrange(256)))


def write_number(mutant: Mutant, rng: Random) -> None:
    start, size = position(mutant, rng), rng.choice((1, 2, 4, 8))
    value = rng.choice((*NUMBERS, len(mutant.data), start, mutant.number(start, size) + rng.choice((-1, 1))))
    mutant.set_number(min(start, len(mutant.data) - size), size, value)


def copy_range(mutant: Mutant, rng: Random) -> None:
    size = min(rng.choice((1, 4, 8, 16, 64, 256)), len(mutant.data))
    source, target = (min(position(mutant, rng), len(mutant.data) - size) for _ in range(2))
    mutant.data[target : target + size] = mutant.data[source : source + size]


def swap_ranges(mutant: Mutant, rng: Random) -> None:
    size = min(rng.choice((1, 4, 8, 16, 64)), len(mutant.data))
    one, other = (min(position(mutant, rng), len(mutant.data) - size) for _ in range(2))
    kept = mutant.data[one : one + size]
    mutant.data[one : one + size] = mutant.data[other : other + size]
    mutant.data[other : other + size] = kept


def truncate(mutant: Mutant, rng: Random) -> None:
    del mutant.data[rng.choice((position(mutant, rng), len(mutant.data) - rng.randrange(1, 64))) or 1 :]


def append(mutant: Mutant, rng: Random) -> None:
    mutant.data += rng.randbytes(rng.choice((1, 8, 100)))


def insert(mutant: Mutant, rng: Random) -> None:
    start = position(mutant, rng)
    mutant.data[start:start] = rng.randbytes(rng.choice((1, 2, 8, 64)))


def delete(mutant: Mutant, rng: Random) -> None:
    start = position(mutant, rng)
    if len(mutant.data) > 64:
        del mutant.data[start : start + rng.choice((1, 2, 8, 64))]


CHANGES = (flip_bit, set_byte, write_number, copy_range, swap_ranges, truncate, append, insert, delete)
WEIGHTS = (6, 6, 6, 3, 2, 0.5, 0.3, 0.5, 0.5)
