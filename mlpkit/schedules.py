"""The built-in learning-rate schedules. Arguments are epochs or shares of the run, never steps."""

from __future__ import annotations

import math
from typing import ClassVar

from pydantic import Field

from mlpkit.plugin import Progress, Schedule


class Constant(Schedule):
    """The same rate throughout; a plain number in its place means this."""

    value: float = Field(gt=0, description="the rate")

    def at(self, progress: Progress) -> float:
        return self.value


class Cosine(Schedule):
    """From initial to final along half a cosine over the run, without restarts. Loshchilov & Hutter 2016, 1608.03983.

    final + (initial - final) (1 + cos(pi epoch / epochs)) / 2, at every step.
    """

    initial: float = Field(gt=0, description="the rate at the start")
    final: float = Field(0.0, ge=0, description="the rate at the end")

    def at(self, progress: Progress) -> float:
        return self.final + (self.initial - self.final) * (1.0 + math.cos(math.pi * progress.fraction)) / 2.0


class Step(Schedule):
    """initial gamma^floor(epoch / every): lower by a factor every so many epochs."""

    initial: float = Field(gt=0, description="the rate at the start")
    gamma: float = Field(0.1, gt=0, le=1, description="the factor")
    every: int = Field(ge=1, description="epochs between two changes")

    def at(self, progress: Progress) -> float:
        return self.initial * self.gamma ** math.floor(progress.epoch / self.every)


class ReduceOnPlateau(Schedule):
    """Multiply the rate by `factor` after more than `patience` epochs without an improvement of the monitored column.

    A value v improves on the best b if v < b - threshold |b|, or v > b + threshold |b| with `higher_is_better`. After a
    reduction, `cooldown` epochs are not counted. PyTorch's ReduceLROnPlateau with its defaults, up to the sign of the
    threshold of a negative b; Keras has an absolute threshold.
    """

    since: ClassVar[int] = 5  # the spec schema
    once_per_epoch: ClassVar[bool] = True
    initial: float = Field(gt=0, description="the rate at the start")
    factor: float = Field(0.1, gt=0, lt=1, description="of each reduction")
    patience: int = Field(10, ge=0, description="epochs without improvement before a reduction")
    monitor: str = Field("validation_loss", min_length=1, description="'validation_loss', 'loss' or the name of one of the metrics")
    higher_is_better: bool = Field(False, description="true for a metric such as accuracy")
    threshold: float = Field(1e-4, ge=0, lt=1, description="relative change that counts as an improvement")
    cooldown: int = Field(0, ge=0, description="epochs after a reduction that are not counted")
    minimum: float = Field(0.0, ge=0, description="the least rate")

    @property
    def history_columns(self) -> tuple[str, ...]:
        """Return the monitored column."""
        return (self.monitor,)

    def at(self, progress: Progress) -> float:
        rate, best, bad, rest = self.initial, math.inf, 0, 0
        for value in progress.history[self.monitor].tolist() if progress.history else ():
            value = -value if self.higher_is_better else value
            improved = value < best if best == math.inf else value < best - self.threshold * abs(best)
            best, bad = (value, 0) if improved else (best, bad + 1)
            if rest:
                rest, bad = rest - 1, 0
            if bad > self.patience:
                rate, rest, bad = max(rate * self.factor, self.minimum), self.cooldown, 0
        return rate
