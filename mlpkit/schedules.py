"""Built-in learning-rate schedules. Options are epochs or fractions of the run, never steps."""

from __future__ import annotations

import math
from typing import ClassVar

from pydantic import Field, model_validator

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


class ReduceOnPlateau(Schedule):
    """Reduction on plateau: `factor` is applied after more than `patience` epochs without improvement of a column.

    A value v improves on the best value b if v < b - threshold |b|, or v > b + threshold |b| with `higher_is_better`. During `cooldown`
    epochs after a reduction, no epochs are counted. Equal to PyTorch's ReduceLROnPlateau with its defaults, except for the sign of
    the threshold if b is negative. Keras has an absolute threshold.
    """

    since: ClassVar[int] = 5  # the spec schema
    once_per_epoch: ClassVar[bool] = True
    initial: float = Field(gt=0, description="learning rate at the start")
    factor: float = Field(0.1, gt=0, lt=1, description="factor of each reduction")
    patience: int = Field(10, ge=0, description="epochs without improvement before a reduction")
    monitor: str = Field("validation_loss", min_length=1, description="'validation_loss', 'loss' or the name of one of the metrics")
    higher_is_better: bool = Field(False, description="true for a metric such as accuracy")
    threshold: float = Field(1e-4, ge=0, lt=1, description="relative change that counts as an improvement")
    cooldown: int = Field(0, ge=0, description="epochs after a reduction that are not counted")
    minimum: float = Field(0.0, ge=0, description="lower limit of the learning rate")

    @model_validator(mode="after")
    def _starts_above_the_minimum(self) -> ReduceOnPlateau:
        if self.minimum > self.initial:
            raise ValueError(f"the minimum {self.minimum:g} is greater than the initial rate {self.initial:g}")
        return self

    @property
    def history_columns(self) -> tuple[str, ...]:
        """Column of the history that is monitored."""
        return (self.monitor,)

    def at(self, progress: Progress) -> float:
        if not progress.history:
            return self.initial
        rate, better, bad, rest = self.initial, math.inf, 0, 0
        threshold, patience = self.threshold, self.patience  # local names, because a long run has many epochs
        column = progress.history[self.monitor]
        for value in (-column if self.higher_is_better else column).tolist():
            if value < better:
                better, bad = value - (threshold if value > 0 else -threshold) * value, 0
            else:
                bad += 1
            if rest:
                rest, bad = rest - 1, 0
            elif bad > patience:
                rate, rest, bad = max(rate * self.factor, self.minimum), self.cooldown, 0
        return rate
