"""Average of arrays."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

F = TypeVar("F", bound=np.floating)


def average(arrays: Iterable[NDArray[F]]) -> NDArray[F]:
    """Return the mean of arrays, added one after the other; the array itself if there is one."""
    rest = iter(arrays)
    first, count = next(rest), 1
    total = first
    for array in rest:
        total, count = np.add(total, array, out=None if count == 1 else total), count + 1
    return first if count == 1 else np.divide(total, count, out=total)
