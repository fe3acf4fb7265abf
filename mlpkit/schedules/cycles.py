"""Schedules that rise and fall."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from mlpkit.plugin import Progress, Schedule
from mlpkit.schedules.curves import cosine
from mlpkit.schedules.lengths import check_no_longer


class CosineRestarts(Schedule):
    """Cosine annealing with warm restarts (SGDR). Loshchilov & Hutter 2016, 1608.03983. PyTorch's CosineAnnealingWarmRestarts.

    final + (initial - final) (1 + cos(pi t / T)) / 2, t epochs after the last restart. T is `period` at first, and `factor` times as long
    after each restart.
    """

    since: ClassVar[int] = 5  # the spec schema
    initial: float = Field(gt=0, examples=[0.05], description="learning rate at the start and after each restart")
    final: float = Field(0.0, ge=0, description="learning rate before each restart")
    period: float = Field(ge=1e-6, examples=[1.0], description="epochs until the first restart")
    factor: float = Field(1.0, ge=1, le=1000, description="factor of the period after each restart")

    def check_epochs(self, epochs: int) -> None:
        check_no_longer("the first period", self.period, epochs)

    def at(self, progress: Progress) -> float:
        return cosine(self.initial, self.final, self._share(progress.epoch / self.period))

    def _share(self, periods: float) -> float:
        """Return the completed share of the present period, from the completed number of first periods."""
        if self.factor == 1.0:
            return periods % 1.0
        restarts = math.floor(math.log1p(periods * (self.factor - 1.0)) / math.log(self.factor))
        for number in (restarts + 1, restarts, restarts - 1):  # the logarithm is not exact
            begin = (self.factor**number - 1.0) / (self.factor - 1.0)
            if begin <= periods:
                break
        return min((periods - begin) / self.factor**number, 1.0)


class OneCycle(Schedule):
    """One cycle: from maximum / div_factor up to the maximum, then down to maximum / (div_factor final_div_factor).

    Smith & Topin 2017, 1708.07120. PyTorch's OneCycleLR, which counts steps from 0 to the last: there each phase ends a step earlier. The
    momentum does not change.
    """

    since: ClassVar[int] = 5
    maximum: float = Field(gt=0, examples=[0.05], description="largest learning rate")
    rise: float = Field(0.3, gt=0, lt=1, description="share of the run in which the rate rises")
    anneal: Literal["cosine", "linear"] = Field("cosine", description="shape of both phases")
    div_factor: float = Field(25.0, ge=1, le=1e9, description="maximum divided by the learning rate at the start")
    final_div_factor: float = Field(1e4, ge=1, le=1e12, description="learning rate at the start divided by that at the end")

    def at(self, progress: Progress) -> float:
        first, share = self.maximum / self.div_factor, progress.fraction / self.rise
        if share <= 1.0:
            return self._between(first, self.maximum, share)
        return self._between(self.maximum, first / self.final_div_factor, (progress.fraction - self.rise) / (1.0 - self.rise))

    def _between(self, start: float, end: float, share: float) -> float:
        return cosine(start, end, share) if self.anneal == "cosine" else (1.0 - share) * start + share * end


class Cyclic(Schedule):
    """Cyclical learning rate: linear between initial and maximum, up and down again. Smith 2015, 1506.01186. PyTorch's CyclicLR.

    The amplitude maximum - initial is constant ("triangular"), is halved after each cycle ("triangular2"), or is multiplied by
    gamma^epoch ("exp_range"; in PyTorch gamma is per step).
    """

    since: ClassVar[int] = 5
    initial: float = Field(gt=0, examples=[0.01], description="lowest learning rate")
    maximum: float = Field(gt=0, examples=[0.05], description="largest learning rate of the first cycle")
    rise: float = Field(ge=1e-6, examples=[1.0], description="epochs from the lowest rate to the largest")
    fall: float | None = Field(None, ge=1e-6, description="epochs from the largest rate to the lowest; default: as many as `rise`")
    mode: Literal["triangular", "triangular2", "exp_range"] = Field("triangular", description="change of the amplitude")
    gamma: float = Field(0.95, gt=0, le=1, description="factor of the amplitude in each epoch, for exp_range")

    @model_validator(mode="after")
    def _rises(self) -> Cyclic:
        if self.maximum < self.initial:
            raise ValueError(f"the maximum {self.maximum:g} is less than the initial rate {self.initial:g}")
        return self

    def check_epochs(self, epochs: int) -> None:
        check_no_longer("a cycle", self.rise + (self.fall or self.rise), epochs)

    def at(self, progress: Progress) -> float:
        length = self.rise + (self.fall or self.rise)
        cycle, within = divmod(progress.epoch / length, 1.0)
        peak = self.rise / length
        height = within / peak if within <= peak else (1.0 - within) / (1.0 - peak)
        amplitude = {"triangular": 1.0, "triangular2": math.pow(0.5, cycle), "exp_range": math.pow(self.gamma, progress.epoch)}[self.mode]
        return self.initial + (self.maximum - self.initial) * height * amplitude


class CosLog4(Schedule):
    """Four cycles that become longer: maximum (1 - cos(2 pi log2(1 + 15 epoch / epochs))) / 2. RealMLP: Holzmüller et al. 2024, 2407.04491.

    It is 0 at the start and at the end, and after 1/15, 3/15 and 7/15 of the run.
    """

    since: ClassVar[int] = 5
    maximum: float = Field(gt=0, examples=[0.05], description="largest learning rate")

    def at(self, progress: Progress) -> float:
        return self.maximum * max((1.0 - math.cos(2.0 * math.pi * math.log2(1.0 + 15.0 * progress.fraction))) / 2.0, 0.0)
