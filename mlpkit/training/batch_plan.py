"""Plan of the batches of an epoch: their size, their number, and the rows that they hold."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np

from mlpkit.data.batches import steps_of
from mlpkit.engine.network import Network
from mlpkit.engine.weighted_targets import WeightedTargets
from mlpkit.engine.workspace import Workspace
from mlpkit.plugin import Loss, Minimizer
from mlpkit.spec import Spec
from mlpkit.spec.normalization import BatchNormalization
from mlpkit.training.objective import ROWS
from mlpkit.training.ranks import Ranks
from mlpkit.training.shared_workspace import SharedWorkspace


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
        if training.drop_last:
            steps = rows // size
            return cls(size, size, steps, steps * size, training.shuffle, join=False)
        join = any(isinstance(layer.normalization, BatchNormalization) for layer in spec.network.layers)
        batches, _ = steps_of(rows, size, join)
        return cls(size, rows - (batches - 1) * size, 1 if minimizes else batches, rows, training.shuffle and not minimizes, join)

    def workspaces(
        self, network: Network, loss: Loss | WeightedTargets, rng: np.random.Generator, ranks: Ranks | None = None
    ) -> dict[int, Workspace]:
        """Return workspaces for a full batch and for the last batch of an epoch, by their rows; they share one gradient.

        With several ranks, each workspace computes the share of this one.
        """
        make = Workspace if ranks is None else partial(SharedWorkspace, ranks)
        whole = make(network, loss, self.size, rng=rng)
        if self.last == self.size:
            return {self.size: whole}
        return {self.size: whole, self.last: make(network, loss, self.last, whole.gradient, rng)}
