"""Dataset: encoded rows, which the engine trains on."""

from __future__ import annotations

from dataclasses import dataclass

from mlpkit.plugin import Array, Targets


@dataclass(frozen=True)
class Dataset:
    """Encoded rows.

    Attributes
    ----------
    inputs : array, shape (rows, width)
        C-contiguous, in the spec's dtype.
    targets : array
        Shape (rows, outputs) in the same dtype, or class numbers of shape (rows,) for a loss whose targets are "classes".
    weights : array, shape (rows,), or None
        What each row counts, with mean 1 over the training rows; None when nobody said.
    """

    inputs: Array
    targets: Targets
    weights: Array | None = None
