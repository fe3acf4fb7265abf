"""Logistic function without overflow, alone and with the rest to 1."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

LOWEST = {np.dtype("float32"): -88.0, np.dtype("float64"): -709.0}  # exp(-z) is finite for larger z


def probability_and_rest(z: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return s(z) and s(-z) = 1 - s(z), where s(z) = 1 / (1 + exp(-z)), both to the last digits, as new arrays.

    They are a / (a + b) and b / (a + b), where a = exp(min(z, 0)) and b = exp(-max(z, 0)).
    """
    found, rest = np.minimum(z, 0.0), np.maximum(z, 0.0)
    np.exp(found, found)
    np.negative(rest, rest)
    np.exp(rest, rest)
    total = found + rest
    found /= total
    rest /= total
    return found, rest


def sigmoid(z: NDArray[Any], out: NDArray[Any]) -> None:
    """Fill `out` with 1 / (1 + exp(-z))."""
    np.maximum(z, LOWEST[z.dtype], out=out)
    np.negative(out, out)
    np.exp(out, out)
    np.add(out, 1.0, out)
    np.reciprocal(out, out)
