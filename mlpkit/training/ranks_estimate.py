"""Estimate of a step on several ranks, compared with a step of one process."""

from __future__ import annotations

import time
from collections.abc import Callable
from copy import deepcopy
from typing import NamedTuple

import numpy as np

from mlpkit.engine.network import Network
from mlpkit.engine.workspace import Workspace
from mlpkit.preprocessing.prepare import Prepared
from mlpkit.spec import Spec
from mlpkit.threads import blas_threads, chosen
from mlpkit.training.batch_plan import BatchPlan
from mlpkit.training.ranks import Ranks
from mlpkit.training.target_weights import weighted_loss

TIMES = 3  # of which the fastest counts


class RanksEstimate(NamedTuple):
    """Seconds of the parts of a step: gradient of a whole batch, of the share of a rank, and the sum of gradients over the ranks."""

    ranks: int
    whole: float
    share: float
    sum: float

    @property
    def speed_up(self) -> float:
        """Seconds of a step of one process divided by those of the ranks, without the update, which each rank does."""
        return self.whole / (self.share + self.sum)

    def __str__(self) -> str:
        times = " + ".join(f"{seconds * 1e6:,.0f}" for seconds in (self.share, self.sum))
        text = f"{self.ranks}; a step takes {times} us (own rows + sum of gradients) instead of {self.whole * 1e6:,.0f} us alone"
        if self.speed_up > 1.05:
            return f"{text}: at most {self.speed_up:.2g} times as fast"
        return f"{text}: not faster than one process; larger batches or layers would be"


def ranks_estimate(ranks: Ranks, spec: Spec, network: Network, prepared: Prepared) -> RanksEstimate:
    """Measure the parts of a step on all ranks, with a copy of the network."""
    plan, data = BatchPlan.of(spec, len(prepared.train.inputs)), prepared.train
    shares = [plan.size * (rank + 1) // ranks.size - plan.size * rank // ranks.size for rank in range(ranks.size)]
    copied, loss = deepcopy(network), weighted_loss(spec, prepared.target)

    def gradient(rows: int) -> float:
        workspace = Workspace(copied, loss, rows, rng=np.random.default_rng(0))
        weights = None if data.weights is None else data.weights[:rows]
        with np.errstate(all="ignore"), blas_threads("numpy", chosen() or 1):
            return fastest(lambda: workspace.loss_and_gradient(data.inputs[:rows], data.targets[:rows], weights))

    vector = np.zeros(ranks.first(len(network.parameters.trained)), network.dtype)
    own = gradient(max(shares)), gradient(plan.size) if ranks.rank == 0 else 0.0
    times = ranks.exchange.gather((*own, 0.0))
    seconds = fastest(lambda: ranks.exchange.sum(vector))
    return RanksEstimate(ranks.size, times[0][1], max(share for share, *_ in times), ranks.first(seconds))


def fastest(call: Callable[[], object]) -> float:
    """Return the seconds of the fastest of some calls, after one that does not count."""
    found = []
    for _ in range(TIMES + 1):
        started = time.perf_counter()
        call()
        found.append(time.perf_counter() - started)
    return min(found[1:])
