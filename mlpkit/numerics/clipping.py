"""Clipping of a gradient by its norm. Pascanu, Mikolov & Bengio 2013, 1211.5063."""

from __future__ import annotations

import math

import numpy as np

from mlpkit.numerics.arrays import Array


def shorten(grad: Array, norm: float) -> None:
    """Scale an array in place so that its Euclidean norm is at most `norm`."""
    flat = grad.reshape(-1)
    with np.errstate(over="ignore"):
        length = math.sqrt(flat.dot(flat))
    if length == math.inf:  # the squares overflow
        np.divide(grad, max(float(grad.max()), -float(grad.min())), grad)
        length = math.sqrt(flat.dot(flat))
        np.multiply(grad, norm / length, grad)
    elif length > norm:
        np.multiply(grad, norm / length, grad)
