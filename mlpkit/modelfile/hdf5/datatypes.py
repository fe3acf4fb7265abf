"""HDF5 datatype messages, version 1, for the few types of a model file."""

from __future__ import annotations

import struct


def text_type(size: int) -> bytes:
    """Return the encoding of null-padded ASCII of fixed size."""
    return struct.pack("<BBBBI", 0x13, 1, 0, 0, size)


def integer_type(size: int, signed: bool) -> bytes:
    """Return the encoding of a little-endian integer."""
    return struct.pack("<BBBBIHH", 0x10, 8 * signed, 0, 0, size, 0, 8 * size)


def float_type(size: int, exponent_at: int, exponent_bits: int, bias: int) -> bytes:
    """Return the encoding of a little-endian IEEE float."""
    sign_at = 8 * size - 1  # the mantissa is below the exponent, and its first bit is implied
    return struct.pack("<BBBBIHHBBBBI", 0x11, 0x20, sign_at, 0, size, 0, 8 * size, exponent_at, exponent_bits, 0, exponent_at, bias)


NUMBERS = {integer_type(size, signed): f"<{'i' if signed else 'u'}{size}" for size in (1, 2, 4, 8) for signed in (False, True)}
NUMBERS |= {float_type(2, 10, 5, 15): "<f2", float_type(4, 23, 8, 127): "<f4", float_type(8, 52, 11, 1023): "<f8"}
