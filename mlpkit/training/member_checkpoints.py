"""Checkpoints of one member of an ensemble, which are written with those of the others."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from mlpkit.spec import Checkpoint
from mlpkit.training.checkpoints import Checkpoints
from mlpkit.training.epoch import Epoch
from mlpkit.training.state import Place


class MemberCheckpoints(Checkpoints):
    """Checkpoints at the same moments as those of a single run, by a function that saves the state of all members.

    Parameters
    ----------
    options : Checkpoint
    place : Place
        Progress at the beginning of the run.
    save : callable
    clock : callable, optional
        Function that returns seconds from an arbitrary start.
    """

    def __init__(self, options: Checkpoint, place: Place, save: Callable[[], None], clock: Callable[[], float] = time.monotonic) -> None:
        self.options, self.written, self._save_all, self.clock = options, place, save, clock
        self.last = clock()

    def write(self, place: Place, history: Sequence[Epoch]) -> None:
        """Save unless it was done at this place."""
        if place != self.written:
            self._save_all()
            self.written, self.last = place, self.clock()

    def close(self) -> None:
        """Do nothing: the folder belongs to the ensemble."""
