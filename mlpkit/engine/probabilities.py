"""Probabilities of a network in float64, computed from pre-activations for precision close to 0 and 1."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpkit.plugin import Activation, Array


def probabilities(outputs: Array, activation: Activation | None, z: Array | None, *, one_unit: bool) -> NDArray[Any]:
    """Return the probability of each class, shape (rows, classes), or of each label, shape (rows, units), in float64.

    In float32, a probability of 1 - 1e-9 rounds to 1, and the other class gets 0. For sigmoid and built-in distributions, probabilities
    are therefore computed again from the pre-activations z: P(second class) = 1 / (1 + exp(-z)) and P(first class) = 1 / (1 + exp(z)).
    Outputs of other activations are used as they are; distributions are divided by their row sums.

    Parameters
    ----------
    outputs : array, shape (rows, units)
        Outputs of the network.
    activation : Activation or None
        Activation of the last layer.
    z : array, shape (rows, units), or None
        Pre-activations of the last layer.
    one_unit : bool
        True if a single unit represents two classes.
    """
    with np.errstate(all="ignore"):
        found = outputs.astype(np.float64)
        if is_own(activation, "Sigmoid") and z is not None:
            exact: NDArray[np.float64] = z.astype(np.float64)
            return np.hstack([_sigmoid(-exact), _sigmoid(exact)]) if one_unit else _sigmoid(exact)
        if is_own(activation, "Softmax") and z is not None:
            z = z.astype(np.float64)
            found = np.exp(z - z.max(axis=1, keepdims=True))
        if activation is not None and is_own(activation, "ContinuationRatio") and z is not None:
            activation.forward(z.astype(np.float64), found)
        if activation is not None and activation.output == "distribution":
            total = found.sum(axis=1, keepdims=True)
            return np.asarray(found / np.where(total > 0, total, 1.0))
        return np.hstack([1.0 - found, found]) if one_unit else found


def choices(outputs: Array, activation: Activation | None, z: Array | None, *, one_unit: bool) -> NDArray[Any]:
    """Return the number of the most probable class of each row, the first of equal ones; parameters as for `probabilities`.

    The largest pre-activation has the largest softmax probability, and a positive one has a sigmoid probability above one half.
    """
    if z is not None and is_own(activation, "Softmax"):
        return np.asarray(z.argmax(axis=1))
    if z is not None and one_unit and is_own(activation, "Sigmoid"):
        return (z[:, 0] > 0).astype(np.intp)
    if is_own(activation, "ContinuationRatio"):  # two classes may have equal probabilities in float32
        return np.asarray(probabilities(outputs, activation, z, one_unit=False).argmax(axis=1))
    return (outputs[:, 0] > 0.5).astype(np.intp) if one_unit else np.asarray(outputs.argmax(axis=1))


def is_own(activation: Activation | None, name: str) -> bool:
    """Return True if an activation is the built-in one of this name."""
    return type(activation).__module__.startswith("mlpkit.activations.") and type(activation).__name__ == name


def _sigmoid(z: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(1.0 / (1.0 + np.exp(-z)))
