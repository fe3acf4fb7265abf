"""Schedules of phases that are shares of the run."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from mlpkit.plugin import Progress, Schedule
from mlpkit.schedules.curves import cosine


class WSD(Schedule):
    """Warm-up, stable, decay: linear from 0 to the maximum, constant, then down to the final rate. Hu et al. 2024, 2404.06395.

    In the decay at its share s, the rate is final + (maximum - final) f(s), with f = 1 - s ("linear"), (1 + cos(pi s)) / 2 ("cosine"), or
    1 - sqrt(s) ("sqrt"; Hägele et al. 2024, 2405.18392).
    """

    since: ClassVar[int] = 5  # the spec schema
    maximum: float = Field(gt=0, examples=[0.05], description="learning rate of the stable phase")
    warmup: float = Field(0.05, ge=0, lt=1, description="share of the run in the warm-up")
    decay: float = Field(0.2, ge=0, le=1, description="share of the run in the decay")
    final: float = Field(0.0, ge=0, description="learning rate at the end")
    shape: Literal["linear", "cosine", "sqrt"] = Field("linear", description="shape of the decay")

    @model_validator(mode="after")
    def _fit(self) -> WSD:
        if self.warmup + self.decay > 1:
            raise ValueError(f"warm-up {self.warmup:g} and decay {self.decay:g} are together more than the run, which is 1")
        return self

    def at(self, progress: Progress) -> float:
        done = progress.fraction
        if done < self.warmup:
            return self.maximum * done / self.warmup
        if done <= 1.0 - self.decay or not self.decay:
            return self.maximum
        share = min((done - (1.0 - self.decay)) / self.decay, 1.0)
        left = {"linear": 1.0 - share, "cosine": cosine(1.0, 0.0, share), "sqrt": 1.0 - math.sqrt(share)}[self.shape]
        return self.final + (self.maximum - self.final) * left


class FlatCosine(Schedule):
    """Constant rate for a share of the run, then cosine annealing to the final rate. fastai's fit_flat_cos.

    final + (initial - final) (1 + cos(pi s)) / 2 with s the completed share of the rest of the run.
    """

    since: ClassVar[int] = 5
    initial: float = Field(gt=0, examples=[0.05], description="learning rate of the constant phase")
    flat: float = Field(0.75, ge=0, lt=1, description="share of the run with the constant rate")
    final: float = Field(0.0, ge=0, description="learning rate at the end")

    def at(self, progress: Progress) -> float:
        return cosine(self.initial, self.final, max(progress.fraction - self.flat, 0.0) / (1.0 - self.flat))
