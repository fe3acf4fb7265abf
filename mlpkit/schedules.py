"""The built-in learning-rate schedules. Arguments are epochs or shares of the run, never steps."""

from __future__ import annotations

import math

from pydantic import Field

from mlpkit.plugin import Schedule


class Constant(Schedule):
    """The same rate throughout; a plain number in its place means this."""

    value: float = Field(gt=0, description="the rate")

    def rate(self, epoch: float, epochs: int) -> float:
        return self.value


class Cosine(Schedule):
    """From initial to final along half a cosine over the run, without restarts. Loshchilov & Hutter 2016, 1608.03983.

    final + (initial - final) (1 + cos(pi epoch / epochs)) / 2, at every step.
    """

    initial: float = Field(gt=0, description="the rate at the start")
    final: float = Field(0.0, ge=0, description="the rate at the end")

    def rate(self, epoch: float, epochs: int) -> float:
        return self.final + (self.initial - self.final) * (1.0 + math.cos(math.pi * min(epoch / epochs, 1.0))) / 2.0


class Step(Schedule):
    """initial gamma^floor(epoch / every): lower by a factor every so many epochs."""

    initial: float = Field(gt=0, description="the rate at the start")
    gamma: float = Field(0.1, gt=0, le=1, description="the factor")
    every: int = Field(ge=1, description="epochs between two changes")

    def rate(self, epoch: float, epochs: int) -> float:
        return self.initial * self.gamma ** math.floor(epoch / self.every)
