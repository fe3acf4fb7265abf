"""Encoded rows that the engine trains on."""

from __future__ import annotations

from dataclasses import dataclass

from mlpkit.plugin import Array, Targets


@dataclass(frozen=True)
class Dataset:
    """Encoded rows in memory.

    Attributes
    ----------
    inputs : array, shape (rows, width)
        In the dtype of the spec, C-contiguous.
    targets : array
        Shape (rows, outputs) in the same dtype, or class indices of shape (rows,) for a loss whose targets are "classes", unless each row
        has the probabilities of the classes.
    weights : array, shape (rows,), or None
        Sample weights, with mean 1 over the training rows; None if there are none.
    """

    inputs: Array
    targets: Targets
    weights: Array | None = None
