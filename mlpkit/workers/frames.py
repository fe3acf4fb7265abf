"""Frames: messages between a process and its workers, JSON values and bytes, over pipes."""

from __future__ import annotations

import json
import struct
from typing import Any, BinaryIO

_SIZES = struct.Struct("<IQ")  # bytes of the JSON text, and of the data behind it

Frame = tuple[dict[str, Any], bytes]


def write_frame(stream: BinaryIO, values: dict[str, Any], data: bytes = b"") -> None:
    """Write a message. Raise OSError if the other process is gone."""
    text = json.dumps(values).encode()
    stream.write(_SIZES.pack(len(text), len(data)) + text)
    stream.write(data)
    stream.flush()


def read_frame(stream: BinaryIO) -> Frame | None:
    """Return the next message; None if the other process has closed its end, or is gone in the middle of a message."""
    head = stream.read(_SIZES.size)
    if len(head) < _SIZES.size:
        return None
    length, size = _SIZES.unpack(head)
    text, data = stream.read(length), stream.read(size)
    if len(text) < length or len(data) < size:
        return None
    values: dict[str, Any] = json.loads(text)
    return values, data
