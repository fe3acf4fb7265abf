"""Plan of the batches of an epoch: their size, their number, and the rows that they hold."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mlpkit.data.batches import Batches, batches_of, steps_of
from mlpkit.data.dataset import Dataset
from mlpkit.engine.network import Network
from mlpkit.engine.weighted_targets import WeightedTargets
from mlpkit.engine.workspace import Workspace
from mlpkit.plugin import Loss, Minimizer
from mlpkit.plugin.engine import BLOCK, Engine, warn_of_numpy
from mlpkit.spec import Spec
from mlpkit.spec.normalization import BatchNormalization
from mlpkit.threads import LARGE, Share, may_be_split
from mlpkit.training.objective import ROWS
from mlpkit.training.ranks import Ranks
from mlpkit.training.shared_workspace import SharedWorkspace

if TYPE_CHECKING:  # imported where they are used: rows in memory do not need them
    from mlpkit.data.disk.dataset import StoredDataset
    from mlpkit.data.disk.stream import Stream


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

    def batches(self, data: Dataset | StoredDataset, ranks: Ranks | None = None) -> Batches | Stream:
        """Return the batches of an epoch. Of several ranks, each encodes the rows on disk that it computes."""
        if ranks is None or isinstance(data, Dataset):
            return batches_of(data, self.size, self.shuffle, self.join)
        from mlpkit.training.shared_stream import SharedStream

        return SharedStream(ranks, data, self.size, self.shuffle, self.join)

    def workspaces(
        self,
        network: Network,
        loss: Loss | WeightedTargets,
        rng: np.random.Generator,
        ranks: Ranks | None = None,
        engine: Engine | None = None,
    ) -> dict[int, Workspace]:
        """Return workspaces for a full batch and for the last batch of an epoch, by their rows; they share one gradient.

        With several ranks, each workspace computes the share of this one. With an engine, they use it.
        """
        make = Workspace if ranks is None else partial(SharedWorkspace, ranks)
        found = {self.size: make(network, loss, self.size, rng=rng)}
        if self.last != self.size:
            found[self.last] = make(network, loss, self.last, found[self.size].gradient, rng)
        if engine is not None:
            for workspace in found.values():
                workspace.use(engine)
            if found[self.size].engine_pass is None:
                warn_of_numpy(engine)
        return found

    def thread_share(self, network: Network, evaluated: bool) -> Share:
        """Return the share of threads that batches and layers of these sizes need."""
        shapes = [layer.weight.shape for layer in network.layers]
        large = max(self.size * inputs * units for inputs, units in shapes) >= LARGE
        return Share(large, may_be_split(max(self.size, BLOCK if evaluated else 1), shapes))
