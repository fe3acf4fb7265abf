"""Ranks: the processes that train one model together, each on its share of the rows of every batch.

All ranks have all rows, of which those of one machine share a copy (`prepared_once.py`). They draw the same random numbers, and take the
same steps with the same sum of gradients. What may differ, such as the answer of a clock, is decided by rank 0. A run uses the ranks that
`sharing` sets.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

from mlpkit import threads
from mlpkit.plugin.exchange import Exchange

Value = TypeVar("Value")
_present: ContextVar[Ranks | None] = ContextVar("ranks", default=None)


class Ranks:
    """Ranks of a run, as seen from one of them.

    Parameters
    ----------
    exchange : Exchange

    Attributes
    ----------
    asked : callable
        Returns True if this rank was asked to stop.
    told : bool
        True if a rank was asked to stop before the last sum of gradients. It is the same on all ranks.
    stopped : bool
        True if the run was cut short for that reason.
    """

    def __init__(self, exchange: Exchange) -> None:
        self.exchange, self.rank, self.size = exchange, exchange.rank, exchange.size
        self.asked: Callable[[], bool] = bool
        self.told = self.stopped = self.met = self.late = False

    def share(self, rows: int) -> slice:
        """Return the rows of a batch that this rank computes; empty if there are fewer rows than ranks."""
        return slice(rows * self.rank // self.size, rows * (self.rank + 1) // self.size)

    def computed(self, rows: int) -> slice:
        """Return the rows of a batch that this rank computes: its share, or the first row, for nothing, if that is empty."""
        share = self.share(rows)
        return share if share.start < share.stop else slice(0, 1)

    def first(self, value: Value) -> Value:
        """Return the value of rank 0."""
        found: Value = self.exchange.gather(value if self.rank == 0 else None)[0]
        return found

    def agreeing(self, stop: Callable[[], bool] | None) -> Callable[[], bool]:
        """Return a function that returns True on all ranks before the same step, once `stop` has returned True on one of them."""
        self.asked, self.told = stop or bool, False
        return self._stop

    def _stop(self) -> bool:
        self.stopped = self.told
        return self.told

    def cores(self) -> int:
        """Return the number of cores for this rank, if the ranks that may use the same cores of a machine divide them."""
        allowed = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
        everywhere = self.exchange.gather((platform.node(), allowed))
        return max(1, threads.cores() // everywhere.count(everywhere[self.rank]))

    def meet(self, seconds: float | None) -> bool:
        """Return True if all ranks have come to their end, successful or not, within some seconds; see `Exchange.arrive`.

        Once this has taken too long, further calls do not wait.
        """
        self.met = self.met or self.exchange.arrive(0.0 if self.late else seconds)
        self.late = not self.met
        return self.met


@contextmanager
def sharing(ranks: Ranks | None) -> Iterator[None]:
    """Return a context in which runs share their batches with other ranks."""
    token = _present.set(ranks)
    try:
        yield
    finally:
        _present.reset(token)


def present() -> Ranks | None:
    """Return the ranks that a run of this context shares its batches with; None if it trains alone."""
    return _present.get()
