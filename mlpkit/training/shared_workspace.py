"""Workspace of one rank: it computes its share of the rows of a batch, and sums the gradient over the ranks."""

from __future__ import annotations

from typing import Any, cast

import numpy as np

from mlpkit.engine.layers import parameter_shapes
from mlpkit.engine.network import Network
from mlpkit.engine.normalization import Normalizer
from mlpkit.engine.parameters import Parameters
from mlpkit.engine.weighted_targets import WeightedTargets
from mlpkit.engine.workspace import Workspace
from mlpkit.plugin import Array, Loss, Targets
from mlpkit.training.ranks import Ranks

MESSAGE = "message"  # behind the trained part of the gradient: the loss, and 1 if the rank was asked to stop


class SharedWorkspace(Workspace):
    """Workspace for batches of `rows` rows, of which this rank computes a share.

    A rank without rows, because there are fewer of them than ranks, computes the first row for nothing, so that it draws the same random
    numbers and takes part in the sums of batch normalization.

    Parameters
    ----------
    ranks : Ranks
    network, loss, rows, gradient, rng
        As for `Workspace`; `rows` are those of the whole batch.
    """

    def __init__(
        self,
        ranks: Ranks,
        network: Network,
        loss: Loss | WeightedTargets,
        rows: int,
        gradient: Parameters | None = None,
        rng: np.random.Generator | None = None,
    ) -> None:
        share = ranks.share(rows)
        self.ranks, self.idle = ranks, share.start == share.stop
        self.share = ranks.computed(rows)
        if gradient is None:
            trained, fixed = parameter_shapes(network.spec)
            gradient = Parameters(trained, {MESSAGE: (2,), **fixed}, network.dtype)
        generator = RowsOfGenerator(np.random.default_rng() if rng is None else rng, rows, self.share)
        super().__init__(network, loss, self.share.stop - self.share.start, gradient, cast(np.random.Generator, generator))
        self.row_weight = np.array(1.0 / rows, network.dtype)
        self.message = gradient.views[MESSAGE]
        self.sums: Array = gradient.vector[: len(gradient.trained) + len(self.message)]
        for layer in self.layers:
            if isinstance(layer.normalizer, Normalizer) and layer.normalizer.by_unit:
                layer.normalizer.share(self._add_up, rows)

    def loss_and_gradient(self, inputs: Array, targets: Targets, weights: Array | None = None) -> float:
        """Run the forward and backward pass on this rank's share of a whole batch; return the loss and fill the gradient of the batch."""
        own = self.share
        loss = super().loss_and_gradient(inputs[own], targets[own], None if weights is None else weights[own])
        if self.idle:
            self.gradient.trained.fill(0.0)
            loss = 0.0
        self.message[:] = loss, self.ranks.asked()
        self.ranks.exchange.sum(self.sums)
        self.ranks.told = bool(self.message[1] > 0)
        return float(self.message[0])

    def _add_up(self, sums: Array) -> None:
        """Add up sums over the rows of batch normalization."""
        if self.idle:
            sums.fill(0.0)
        self.ranks.exchange.sum(sums)


class RowsOfGenerator:
    """Generator of random numbers for some rows of a batch, which draws those of all rows.

    Parameters
    ----------
    rng : numpy.random.Generator
    rows : int
        Rows of the whole batch.
    share : slice
        Rows to return.
    """

    def __init__(self, rng: np.random.Generator, rows: int, share: slice) -> None:
        self.rng, self.rows, self.share = rng, rows, share
        self._drawn: dict[int, Array] = {}  # numbers of all rows, by the number of columns

    def random(self, dtype: Any, out: Array) -> None:
        """Fill `out`, shape (rows of the share, columns), with numbers from 0 to 1."""
        self._fill(self.rng.random, dtype, out)

    def standard_normal(self, dtype: Any, out: Array) -> None:
        """Fill `out`, shape (rows of the share, columns), with normal numbers."""
        self._fill(self.rng.standard_normal, dtype, out)

    def _fill(self, draw: Any, dtype: Any, out: Array) -> None:
        columns = out.shape[1]
        if columns not in self._drawn:
            self._drawn[columns] = np.empty((self.rows, columns), dtype)
        draw(dtype=dtype, out=self._drawn[columns])
        out[...] = self._drawn[columns][self.share]
