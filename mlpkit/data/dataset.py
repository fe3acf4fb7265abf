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
        Shape (rows, outputs) in the same dtype, or class indices of shape (rows,) for a loss whose targets are "classes".
    weights : array, shape (rows,), or None
        Sample weights, with mean 1 over the training rows; None if there are none.
    augmented : array, shape (rows, width + 1), or None
        The inputs with a last column of ones, which is multiplied by the first layer's bias. If given, `inputs` is a view of it. A
        training run that needs it allocates it if it is None.
    """

    inputs: Array
    targets: Targets
    weights: Array | None = None
    augmented: Array | None = None
