"""Probabilities of a network in float64, from the scores before its last activation: exact where one is nearly 0 or 1."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpkit.plugin import Activation, Array


def probabilities(outputs: Array, activation: Activation | None, z: Array | None, *, one_unit: bool) -> NDArray[Any]:
    """Return the probability of each class, shape (rows, classes), or of each label, shape (rows, units), in float64.

    In float32 a probability of 1 - 1e-9 is 1, and what is left of it for the other class is 0. So sigmoid and softmax are taken
    anew from the scores z: P(second class) = 1 / (1 + exp(-z)) and P(first class) = 1 / (1 + exp(z)). The probabilities of
    other activations are those that they gave; where they are a distribution, each row is divided by its sum.

    Parameters
    ----------
    outputs : array, shape (rows, units)
        What the network put out.
    activation : Activation or None
        Its last one.
    z : array, shape (rows, units), or None
        The scores before it.
    one_unit : bool
        Whether a single unit stands for two classes.
    """
    with np.errstate(all="ignore"):
        found = outputs.astype(np.float64)
        if _is_own(activation, "Sigmoid") and z is not None:
            exact: NDArray[np.float64] = z.astype(np.float64)
            return np.hstack([_sigmoid(-exact), _sigmoid(exact)]) if one_unit else _sigmoid(exact)
        if _is_own(activation, "Softmax") and z is not None:
            z = z.astype(np.float64)
            found = np.exp(z - z.max(axis=1, keepdims=True))
        if activation is not None and activation.output == "distribution":
            total = found.sum(axis=1, keepdims=True)
            return np.asarray(found / np.where(total > 0, total, 1.0))
        return np.hstack([1.0 - found, found]) if one_unit else found


def choices(outputs: Array, activation: Activation | None, z: Array | None, *, one_unit: bool) -> NDArray[Any]:
    """Return the number of the most probable class of each row, the first of those alike; parameters as for `probabilities`.

    The largest score has the largest probability of softmax, and a score above 0 a probability above one half of sigmoid.
    """
    if z is not None and _is_own(activation, "Softmax"):
        return np.asarray(z.argmax(axis=1))
    if z is not None and one_unit and _is_own(activation, "Sigmoid"):
        return (z[:, 0] > 0).astype(np.intp)
    return (outputs[:, 0] > 0.5).astype(np.intp) if one_unit else np.asarray(outputs.argmax(axis=1))


def _is_own(activation: Activation | None, name: str) -> bool:
    """Return whether an activation is the one of mlpkit's own that has this name."""
    return (type(activation).__module__, type(activation).__name__) == ("mlpkit.activations", name)


def _sigmoid(z: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(1.0 / (1.0 + np.exp(-z)))
