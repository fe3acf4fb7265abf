"""Limits on the memory that a file declares or unpacks to, checked before it is allocated."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path

from mlpkit.data.table import data_error
from mlpkit.errors import DataError

RATIO = 1000  # largest ratio of declared memory to file size
FREE = 2**28  # bytes that any file may declare
VALUE = 8  # least bytes that a value takes in memory


def claimed(shape: Sequence[int], itemsize: int) -> int:
    """Return the bytes that an array of a shape takes. A row without values takes as much as one value."""
    return math.prod(shape[:1]) * max(1, math.prod(shape[1:])) * max(itemsize, VALUE)


def check_claim(path: str | Path, claim: int, allow_large: bool) -> None:
    """Raise DataError if a file declares far more memory than its own size, unless `allow_large` is True."""
    if allow_large or claim <= FREE:
        return
    size = os.stat(path).st_size
    if claim > RATIO * size:
        raise _too_large(path, f"{path} has {size:,} bytes and declares {claim:,} bytes of values, more than {RATIO:,} times as many")


def check_unpacked(path: str | Path, count: int, size: int, allow_large: bool) -> None:
    """Raise DataError if a compressed file of `size` bytes has unpacked to `count` bytes, far more than data do."""
    if not allow_large and count > FREE and count > RATIO * size:
        raise _too_large(path, f"{path} has {size:,} bytes and unpacks to more than {count:,} bytes, over {RATIO:,} times as many")


def _too_large(path: str | Path, message: str) -> DataError:
    help = 'if you trust the file, set "allow_large": true in "data" of your spec, --allow-large, or allow_large=True'
    return data_error(message, str(path), help=help)
