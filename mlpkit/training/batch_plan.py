"""Plan of the batches of an epoch: their size, their number, and the rows that they hold."""

from __future__ import annotations

from typing import NamedTuple

from mlpkit.plugin import Minimizer
from mlpkit.spec import Spec
from mlpkit.spec.normalization import BatchNormalization
from mlpkit.training.objective import ROWS


class BatchPlan(NamedTuple):
    """Batches of each epoch of a run.

    Attributes
    ----------
    size : int
        Rows of a batch.
    last : int
        Rows of the last batch.
    steps : int
        Steps of an epoch: one per batch, or 1 for a full-batch optimizer, which gets all rows.
    rows : int
        Rows of all batches of an epoch.
    shuffle, join : bool
        Options of `Batches`. Batch normalization needs two rows, so a last batch of one row is joined to the one before.
    """

    size: int
    last: int
    steps: int
    rows: int
    shuffle: bool
    join: bool

    @classmethod
    def of(cls, spec: Spec, rows: int) -> BatchPlan:
        """Return the plan for a number of training rows."""
        minimizes, training = isinstance(spec.optimizer, Minimizer), spec.training
        wanted = spec.with_batch_size(rows).training.batch_size
        size = min(ROWS if minimizes else wanted if isinstance(wanted, int) else rows, rows)
        whole, rest = divmod(rows, size)
        if training.drop_last:
            return cls(size, size, whole, whole * size, training.shuffle, join=False)
        normalizes = any(isinstance(layer.normalization, BatchNormalization) for layer in spec.network.layers)
        joined = normalizes and whole > 0 and rows > size and rest == 1
        last = size + 1 if joined else rest or size
        steps = 1 if minimizes else whole if joined or not rest else whole + 1
        return cls(size, last, steps, rows, training.shuffle and not minimizes, normalizes)
