"""Logistic function without overflow."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

LOWEST = {np.dtype("float32"): -88.0, np.dtype("float64"): -709.0}  # exp(-z) is finite for larger z


def sigmoid(z: NDArray[Any], out: NDArray[Any]) -> None:
    """Fill `out` with 1 / (1 + exp(-z))."""
    np.maximum(z, LOWEST[z.dtype], out=out)
    np.negative(out, out)
    np.exp(out, out)
    np.add(out, 1.0, out)
    np.reciprocal(out, out)
