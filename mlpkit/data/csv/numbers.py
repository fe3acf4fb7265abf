"""Decimal numbers in a buffer of bytes, read for many rows at once with the same bits as Python's float.

Eight characters form one 64-bit integer, whose bytes are checked and added up by a few operations on the whole (D. Lemire,
"Number parsing at a gigabyte per second", 2021). An integer below 2**53 divided by a power of ten up to 10**22 needs one
rounding and is exact (W. Clinger, "How to read floating point numbers accurately", 1990). Longer numbers are divided in twice the
precision, with a test that the rounding is certain (A. Ziv, 1991). Everything else, including exponents, is read by float.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from mlpkit.numerics.blocks import row_blocks

Bytes: TypeAlias = NDArray[np.uint8]
Places: TypeAlias = NDArray[np.int32]  # offsets into the bytes
Words: TypeAlias = NDArray[np.uint64]  # eight characters each, the first one in the lowest byte
Vector: TypeAlias = NDArray[np.float64]
Flags: TypeAlias = NDArray[np.bool_]

WORDS = 3  # most words of a number: 24 characters
BEFORE = 8 * WORDS  # bytes before the first number
ROWS = 16384  # rows of a block: its temporary arrays fit in the cache

_MINUS, _PLUS = b"-+"
_ONES = 0x0101010101010101  # multiplied by a byte: the byte eight times
_ZEROS, _POINTS = np.uint64(_ONES * ord("0")), np.uint64(_ONES * (ord(".") ^ ord("0")))
_ONE, _TOP, _ALL = np.uint64(_ONES), np.uint64(_ONES * 0x80), np.uint64(2**64 - 1)
_BYTE, _POINT = np.uint64(0xFF), np.uint64(ord(".") ^ ord("0"))
_ABOVE_NINE = np.uint64(_ONES * (0x80 - 10))  # added to a byte above 9, sets its top bit
_LAST_BYTES = np.array([(2**64 - 1) & ~(2 ** (64 - 8 * count) - 1) for count in range(9)], dtype=np.uint64)
_0, _1, _7, _8, _16, _32, _56 = map(np.uint64, (0, 1, 7, 8, 16, 32, 56))
_FACTORS = tuple(map(np.uint64, (10 * 2**8 + 1, 100 * 2**16 + 1, 10**4 * 2**32 + 1)))
_PAIRS, _FOURS = np.uint64(0x00FF00FF00FF00FF), np.uint64(0x0000FFFF0000FFFF)
_EXACT = 2**53
_SPLIT = float(2**27 + 1)
_UNSURE = 2.0**-48  # relative error of a quotient's second part: an upper bound of all its roundings
_POWERS = np.array([float(10**power) for power in range(23)])  # the powers of ten that are exact in float64


def read_decimals(data: Bytes, starts: Places, ends: Places) -> tuple[Vector, Flags]:
    """Return the numbers between `starts` and `ends`, and a boolean array of those that float has to read.

    Parameters
    ----------
    data : array of bytes
        With `BEFORE` bytes before the first number.
    starts, ends : array of int, shape (rows,)
        A number has an optional sign, digits, and an optional point before, among or after the digits.
    """
    values, unknown = np.empty(len(starts)), np.empty(len(starts), dtype=bool)
    for rows in row_blocks(len(starts), ROWS):
        values[rows], unknown[rows] = _read(data, starts[rows], ends[rows])
    return values, unknown


def gather(data: Bytes, places: Places, words: int) -> list[Words]:
    """Return `words` times eight bytes from each offset on, as a list of `words` arrays."""
    every = np.ndarray((len(data) - 8 * words + 1,), f"V{8 * words}", data, 0, (1,))  # an overlapping view, not a copy
    return list(every[places].view("<u8").reshape(-1, words).T)


def _read(data: Bytes, starts: Places, ends: Places) -> tuple[Vector, Flags]:
    first = data[starts]
    negative = first == _MINUS
    lengths = ends - starts - (negative | (first == _PLUS))
    count = min(max(-(-int(lengths.max()) // 8), 1), WORDS)
    digits = [
        (word ^ _ZEROS) & _LAST_BYTES.take(lengths - 8 * index, mode="clip")
        for index, word in enumerate(reversed(gather(data, ends - 8 * count, count)))  # the last word of the number first
    ]
    points = [_zero_bytes(word ^ _POINTS) for word in digits]
    fraction, pointed, unknown = _drop_points(digits, points)
    wrong, mantissa = np.zeros((2, len(starts)), dtype=np.uint64)
    for index, word in enumerate(digits):
        wrong |= (word + _ABOVE_NINE) | word
        mantissa += _eight_digits(word) * np.uint64(10 ** (8 * index))
    unknown |= (wrong & _TOP) != 0
    unknown |= (lengths - pointed < 1) | (lengths > 8 * count)
    if count == WORDS:
        unknown |= (_eight_digits(digits[-1]) >= np.uint64(1000)) | (fraction >= len(_POWERS))  # 19 digits fit into 64 bits
    mantissa[unknown] = 0
    values, unsure = _divide(mantissa, _POWERS.take(fraction, mode="clip"))
    return np.where(negative, -values, values), unknown | unsure


def _zero_bytes(word: Words) -> Words:
    """Set the top bit of each byte that is 0. Bytes after the first match that are 1 may be marked too."""
    return (word - _ONE) & ~word & _TOP


def _drop_points(digits: list[Words], points: list[Words]) -> tuple[NDArray[np.uint8], Flags, Flags]:
    """Remove decimal points from the digits, in place.

    Returns the number of digits after each point, and boolean arrays of the numbers with a point and with several points.
    """
    rows = len(digits[0])
    fraction, pointed, several = np.zeros(rows, np.uint8), np.zeros(rows, dtype=bool), np.zeros(rows, dtype=bool)
    for index, (word, point) in enumerate(zip(digits, points, strict=True)):
        here, behind = point != _0, pointed
        if not (here.any() or behind.any()):
            continue
        lowest = point >> _7
        before = np.where(here, lowest - _1, np.where(behind, _ALL, _0) if index else _0)  # the bytes before the point
        moved = word & before
        if index:
            digits[index - 1] |= moved >> _56
        digits[index] = word + moved * _BYTE - lowest * _POINT  # moves these bytes by one place over the point
        fraction += here * (((np.uint8(63) - np.bitwise_count(point - _1)) >> np.uint8(3)) + np.uint8(8 * index))
        several |= (point & (point - _1)) != _0
        several |= behind & here
        pointed = behind | here
    return fraction, pointed, several


def _eight_digits(word: Words) -> Words:
    """Return the number that eight bytes from 0 to 9 stand for, the first byte being the most significant digit."""
    tens, hundreds, rest = _FACTORS
    word = (word * tens) >> _8 & _PAIRS
    word = (word * hundreds) >> _16 & _FOURS
    return (word * rest) >> _32


def _divide(mantissa: Words, power: Vector) -> tuple[Vector, Flags]:
    """Return the quotients, and a boolean array of those whose last bit may be wrong."""
    values = mantissa.astype(np.float64)
    first = values / power
    if int(mantissa.max()) <= _EXACT:
        return first, np.zeros(len(first), dtype=bool)
    lost = (mantissa - values.astype(np.uint64)).view(np.int64).astype(np.float64)
    second = (_remainder(values, first, power) + lost) / power
    low, high = first + second * (1 - _UNSURE), first + second * (1 + _UNSURE)
    return low, low != high


def _remainder(values: Vector, quotient: Vector, power: Vector) -> Vector:
    """Return values - quotient * power exactly, with the product in two parts (T. J. Dekker, 1971)."""
    product = quotient * power
    (a, b), (c, d) = _halves(quotient), _halves(power)
    error = ((a * c - product) + a * d + b * c) + b * d
    return (values - product) - error


def _halves(values: Vector) -> tuple[Vector, Vector]:
    """Split values into two numbers of half the digits whose sum is exact."""
    scaled = values * _SPLIT
    high = scaled - (scaled - values)
    return high, values - high
