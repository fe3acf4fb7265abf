"""Claims: how much memory a file of arrays asks for by what it says of itself, before anything is allocated for it."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path

from mlpkit.data.table import data_error

RATIO = 1000  # times its own size that a file may claim
FREE = 2**28  # bytes that any file may claim
VALUE = 8  # bytes that a value takes in memory, or more


def claimed(shape: Sequence[int], itemsize: int) -> int:
    """The bytes that an array of a shape takes; a row without values takes its number."""
    return math.prod(shape[:1]) * max(1, math.prod(shape[1:])) * max(itemsize, VALUE)


def check_claim(path: str | Path, claim: int, allow_large: bool) -> None:
    """Raise DataError for a file that claims so many bytes, far more than its own size, unless that is allowed."""
    if allow_large or claim <= FREE:
        return
    size = os.stat(path).st_size
    if claim > RATIO * size:
        message = f"{path} has {size:,} bytes and claims {claim:,} in memory, more than {RATIO:,} times as many"
        help = 'if you trust it: "allow_large": true in "data" of your spec, --allow-large, or allow_large=True'
        raise data_error(message, str(path), help=help)
