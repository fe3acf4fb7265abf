"""Schedules that depend on the position in the run alone."""

from __future__ import annotations

import math
from bisect import bisect_right
from typing import ClassVar

from pydantic import Field, model_validator

from mlpkit.plugin import Progress, Schedule
from mlpkit.schedules.curves import cosine
from mlpkit.schedules.lengths import check_boundaries, check_last, check_shorter


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
        return cosine(self.initial, self.final, progress.fraction)


class Step(Schedule):
    """Step decay initial gamma^floor(epoch / every): a factor is applied at regular intervals of epochs."""

    initial: float = Field(gt=0, description="learning rate at the start")
    gamma: float = Field(0.1, gt=0, le=1, description="factor of each change")
    every: int = Field(ge=1, description="number of epochs between two changes")

    def at(self, progress: Progress) -> float:
        return self.initial * self.gamma ** math.floor(progress.epoch / self.every)


class Piecewise(Schedule):
    """Constant rates between given numbers of epochs: rates[i] from boundaries[i - 1] on, rates[0] before the first.

    PyTorch's MultiStepLR has one factor for all changes.
    """

    since: ClassVar[int] = 5  # the spec schema
    boundaries: tuple[float, ...] = Field(examples=[(1.0, 2.0)], min_length=1, description="epochs at which the rate changes, increasing")
    rates: tuple[float, ...] = Field(examples=[(0.05, 0.02, 0.01)], description="learning rates, one more than boundaries")

    @model_validator(mode="after")
    def _fit(self) -> Piecewise:
        check_boundaries(self.boundaries, len(self.rates), "rates")
        if min(self.rates) < 0 or not max(self.rates) > 0:
            raise ValueError("rates must be at least 0, and one of them above 0")
        return self

    def check_epochs(self, epochs: int) -> None:
        check_last(self.boundaries, epochs)

    def at(self, progress: Progress) -> float:
        return self.rates[bisect_right(self.boundaries, progress.epoch)]


class Exponential(Schedule):
    """Exponential decay initial gamma^epoch, updated at every step. PyTorch's ExponentialLR is equal at whole epochs."""

    since: ClassVar[int] = 5
    initial: float = Field(gt=0, examples=[0.05], description="learning rate at the start")
    gamma: float = Field(0.95, gt=0, le=1, description="factor of each epoch")

    def at(self, progress: Progress) -> float:
        return self.initial * math.pow(self.gamma, progress.epoch)


class InverseTime(Schedule):
    """Inverse time decay initial / (1 + decay epoch), updated at every step. Keras's InverseTimeDecay counts steps."""

    since: ClassVar[int] = 5
    initial: float = Field(gt=0, examples=[0.05], description="learning rate at the start")
    decay: float = Field(0.1, ge=0, description="decay per epoch: the rate is half of the initial one after 1 / decay epochs")

    def at(self, progress: Progress) -> float:
        return self.initial / (1.0 + self.decay * progress.epoch)


class Polynomial(Schedule):
    """Polynomial decay final + (initial - final) (1 - epoch / epochs)^power over the whole run. PyTorch's PolynomialLR has final 0.

    Keras's PolynomialDecay has the final rate 1e-4.
    """

    since: ClassVar[int] = 5
    initial: float = Field(gt=0, examples=[0.05], description="learning rate at the start")
    final: float = Field(0.0, ge=0, description="learning rate at the end")
    power: float = Field(1.0, gt=0, description="power of the remaining share of the run")

    def at(self, progress: Progress) -> float:
        return self.final + (self.initial - self.final) * math.pow(1.0 - progress.fraction, self.power)


class Linear(Schedule):
    """Linear change from initial to final over the whole run: initial + (final - initial) epoch / epochs. PyTorch's LinearLR."""

    since: ClassVar[int] = 5
    initial: float = Field(gt=0, examples=[0.05], description="learning rate at the start")
    final: float = Field(0.0, ge=0, description="learning rate at the end")

    def at(self, progress: Progress) -> float:
        return (1.0 - progress.fraction) * self.initial + progress.fraction * self.final


class InverseSqrt(Schedule):
    """Inverse square root maximum min(epoch / warmup, sqrt(warmup / epoch)). Vaswani et al. 2017, 1706.03762, where it counts steps."""

    since: ClassVar[int] = 5
    maximum: float = Field(gt=0, examples=[0.05], description="learning rate at the end of the warm-up")
    warmup: float = Field(1.0, gt=0, description="epochs of the warm-up")

    def check_epochs(self, epochs: int) -> None:
        check_shorter("the warm-up", self.warmup, epochs)

    def at(self, progress: Progress) -> float:
        ratio = progress.epoch / self.warmup
        return self.maximum * (ratio if ratio < 1.0 else 1.0 / math.sqrt(ratio))
