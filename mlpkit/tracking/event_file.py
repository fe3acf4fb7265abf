"""Event files of TensorBoard, written by hand: protobuf messages in TFRecords, https://www.tensorflow.org/tutorials/load_data/tfrecord.

An event has the fields wall_time (1, double), step (2, integer), and one of file_version (3, text), summary (5) and session_log (7). A
summary repeats value (1), which has a tag (1, text) and a simple_value (2, float).
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping

POLYNOMIAL = 0x82F63B78  # of CRC32C (Castagnoli), reflected; RFC 3720
LARGEST = 3.4028234663852886e38  # of float32
START = b"\x08\x01"  # session_log whose status (1) is START (1): events from its step on replace earlier ones


def _table_entry(value: int) -> int:
    for _ in range(8):
        value = value >> 1 ^ (POLYNOMIAL if value & 1 else 0)
    return value


TABLE = [_table_entry(byte) for byte in range(256)]


def crc32c(data: bytes) -> int:
    """Return the CRC32C of bytes."""
    value = 0xFFFFFFFF
    for byte in data:
        value = value >> 8 ^ TABLE[(value ^ byte) & 0xFF]
    return value ^ 0xFFFFFFFF


def record(data: bytes) -> bytes:
    """Return a TFRecord: the length, its checksum, the data, their checksum."""
    length = struct.pack("<Q", len(data))
    return length + _masked(length) + data + _masked(data)


def beginning(time: float, step: int | None = None) -> bytes:
    """Return the records that begin a file: the version, and the start of a resumed run before the given step."""
    version = record(_event(time, 0, _bytes(3, b"brain.Event:2")))
    return version if step is None else version + record(_event(time, step, _bytes(7, START)))


def scalars(time: float, step: int, values: Mapping[str, float]) -> bytes:
    """Return the record of named values at a step."""
    summary = b"".join(_bytes(1, _bytes(1, tag.encode()) + b"\x15" + _float(value)) for tag, value in values.items())
    return record(_event(time, step, _bytes(5, summary)))


def _event(time: float, step: int, field: bytes) -> bytes:
    return b"\x09" + struct.pack("<d", time) + b"\x10" + _varint(step) + field


def _bytes(number: int, data: bytes) -> bytes:
    return bytes([number << 3 | 2]) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    """Return a number of 7 bits per byte, the lowest first; all bytes but the last have their highest bit set."""
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])


def _float(value: float) -> bytes:
    return struct.pack("<f", math.copysign(math.inf, value) if abs(value) > LARGEST else value)


def _masked(data: bytes) -> bytes:
    value = crc32c(data)
    return struct.pack("<I", ((value >> 15 | value << 17) + 0xA282EAD8) & 0xFFFFFFFF)
