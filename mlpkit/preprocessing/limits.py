"""Limits of numbers: the smallest and the largest value in the training rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]


class Limits(NamedTuple):
    """Limits of each of some numbers; empty arrays for none.

    Attributes
    ----------
    lower, upper : array, shape (numbers,)
    """

    lower: Vector = np.empty(0)
    upper: Vector = np.empty(0)

    def __bool__(self) -> bool:
        """Return True if there are limits."""
        return bool(self.lower.size)

    def clip(self, values: Vector) -> Vector:
        """Return values of shape (rows, numbers) within the limits, or as they are if there are none."""
        return np.clip(values, *self) if self else values

    def of(self, part: slice) -> Limits:
        """Return the limits of some of the numbers."""
        return Limits(self.lower[part], self.upper[part])

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the arrays by their names in the file."""
        return {"lower": self.lower, "upper": self.upper}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], size: int) -> Limits:
        """Return the limits in a model file, if there are any. Raise ValueError if they are not `size` numbers each."""
        if not {"lower", "upper"} & arrays.keys():
            return NO_LIMITS
        lower, upper = (np.asarray(arrays.get(name, np.empty(0))) for name in ("lower", "upper"))
        if any(limit.dtype.kind != "f" or limit.shape != (size,) or not np.isfinite(limit).all() for limit in (lower, upper)):
            raise ValueError(f"the limits 'lower' and 'upper' are not {size} finite floats each")
        if (lower > upper).any():
            raise ValueError("a lower limit is above the upper one")
        return cls(lower.astype(np.float64), upper.astype(np.float64))


NO_LIMITS = Limits()
