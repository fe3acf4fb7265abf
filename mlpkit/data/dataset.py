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
        In the spec's dtype, each row contiguous.
    targets : array
        Shape (rows, outputs) in the same dtype, or class numbers of shape (rows,) for a loss whose targets are "classes".
    weights : array, shape (rows,), or None
        What each row counts, with mean 1 over the training rows; None when nobody said.
    augmented : array, shape (rows, width + 1), or None
        The inputs and a last column of ones, whose weight is the first layer's bias: of it `inputs` are a view then. A
        training run that needs it makes it when it is None.
    """

    inputs: Array
    targets: Targets
    weights: Array | None = None
    augmented: Array | None = None
