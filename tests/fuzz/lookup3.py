"""The checksum of HDF5's metadata: Bob Jenkins' lookup3, written from its published description.

It signs mutants, so that they get behind the check that would else refuse nearly all of them.
"""

from __future__ import annotations

import struct

MASK = 0xFFFFFFFF


def lookup3(data: bytes) -> int:
    """The 32-bit hash of some bytes, with the initial value 0."""
    a = b = c = 0xDEADBEEF + len(data) & MASK
    if not data:
        return c
    whole = (len(data) - 1) // 12 * 12
    for x, y, z in struct.iter_unpack("<III", data[:whole]):
        a, b, c = a + x, b + y, c + z & MASK
        a = ((a - c) ^ (c << 4 | c >> 28)) & MASK
        c = c + b & MASK
        b = ((b - a) ^ (a << 6 | a >> 26)) & MASK
        a = a + c & MASK
        c = ((c - b) ^ (b << 8 | b >> 24)) & MASK
        b = b + a & MASK
        a = ((a - c) ^ (c << 16 | c >> 16)) & MASK
        c = c + b & MASK
        b = ((b - a) ^ (a << 19 | a >> 13)) & MASK
        a = a + c & MASK
        c = ((c - b) ^ (b << 4 | b >> 28)) & MASK
        b = b + a & MASK
    x, y, z = struct.unpack("<III", data[whole:].ljust(12, b"\0"))
    return _final(a + x & MASK, b + y & MASK, c + z & MASK)


def _final(a: int, b: int, c: int) -> int:
    def rotated(value: int, bits: int) -> int:
        return value << bits & MASK | value >> 32 - bits

    c = (c ^ b) - rotated(b, 14) & MASK
    a = (a ^ c) - rotated(c, 11) & MASK
    b = (b ^ a) - rotated(a, 25) & MASK
    c = (c ^ b) - rotated(b, 16) & MASK
    a = (a ^ c) - rotated(c, 4) & MASK
    b = (b ^ a) - rotated(a, 14) & MASK
    return (c ^ b) - rotated(b, 24) & MASK
