"""Schedules that depend on the position in the run alone."""

from __future__ import annotations

import math

from pydantic import Field

from mlpkit.plugin import Progress, Schedule


class Constant(Schedule):
    """Constant rate; a plain number instead of a schedule is equivalent."""

    value: float = Field(gt=0, description="learning rate")

    def at(self, progress: Progress) -> float:
        return self.value


class Cosine(Schedule):
    """Cosine annealing from initial to final over the whole run, without restarts. Loshchilov & Hutter 2016, 1608.03983.

    final + (initial - final) (1 + cos(pi epoch / epochs)) / 2, updated at every step.
    """

    initial: float = Field(gt=0, description="learning rate at the start")
    final: float = Field(0.0, ge=0, description="learning rate at the end")

    def at(self, progress: Progress) -> float:
        return self.final + (self.initial - self.final) * (1.0 + math.cos(math.pi * progress.fraction)) / 2.0


class Step(Schedule):
    """Step decay initial gamma^floor(epoch / every): a factor is applied at regular intervals of epochs."""

    initial: float = Field(gt=0, description="learning rate at the start")
    gamma: float = Field(0.1, gt=0, le=1, description="factor of each change")
    every: int = Field(ge=1, description="number of epochs between two changes")

    def at(self, progress: Progress) -> float:
        return self.initial * self.gamma ** math.floor(progress.epoch / self.every)
