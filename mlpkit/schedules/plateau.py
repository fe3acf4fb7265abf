"""Schedule that reads the history of the run."""

from __future__ import annotations

import math
from typing import ClassVar

from pydantic import Field, model_validator

from mlpkit.plugin import Progress, Schedule


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
