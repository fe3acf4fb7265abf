"""Optimizers that use the sign of the gradient: Rprop and Lion."""

from __future__ import annotations

from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field, field_validator

from mlpkit.numerics.blocks import step_blocks
from mlpkit.numerics.sign import sign
from mlpkit.plugin import Array, LearningRate, Optimizer, Schedule

Beta = Annotated[float, Field(ge=0, lt=1)]
Length = Annotated[float, Field(gt=0)]


class Rprop(Optimizer):
    """Resilient backpropagation: each number has its own step length, which grows while the sign of its gradient stays.

    The length s begins with the learning rate. It is multiplied by etas[1] if g has the sign of the last step's gradient, by etas[0] if
    the sign has changed, and then limited to `steps`. w -= s sign(g), but a number whose sign has changed rests for one step.
    Riedmiller & Braun 1993, in the form of PyTorch (iRprop-); Keras has no Rprop. Signs of gradients of batches change at random, so it
    needs all rows in each step.
    """

    since: ClassVar[int] = 5  # the spec schema
    elementwise: ClassVar[bool] = True
    full_batch: ClassVar[bool] = True
    state: ClassVar[tuple[str, ...]] = ("length", "gradient")
    learning_rate: LearningRate = Field(0.01, description="first length of a step; no schedule")
    etas: tuple[Annotated[float, Field(gt=0, lt=1)], Annotated[float, Field(gt=1)]] = Field(
        (0.5, 1.2), description="factors of the length where the sign of the gradient changes, and where it stays"
    )
    steps: tuple[Length, Length] = Field((1e-6, 50.0), description="smallest and largest length of a step")

    @field_validator("learning_rate")
    @classmethod
    def _lengths_adapt(cls, rate: float | Schedule) -> float | Schedule:
        if isinstance(rate, Schedule):
            raise ValueError("must be a number: it is the length of the first step only, so a schedule would have no effect")
        return rate

    @field_validator("steps")
    @classmethod
    def _in_order(cls, steps: tuple[float, float]) -> tuple[float, float]:
        if steps[0] > steps[1]:
            raise ValueError("the smallest length is above the largest: give them in order, such as [1e-6, 50]")
        return steps

    def step(self, w: Array, grad: Array, *state: Array, lr: float, t: int) -> None:
        (shrink, grow), (least, most) = self.etas, self.steps
        for rate, x, g, length, last in step_blocks(lr, w, grad, *state):
            if t == 1:
                length[...] = rate
            sign(g)
            last *= g  # both are signs
            changed, stays = last < 0.0, last > 0.0
            np.multiply(length, shrink, length, where=changed)
            np.multiply(length, grow, length, where=stays)
            np.clip(length, least, most, out=length)
            g[changed] = 0.0
            last[...] = g
            g *= length
            g *= np.greater(rate, 0.0)  # a rate of 0 moves nothing
            x -= g


class Lion(Optimizer):
    """Lion: steps of equal length along the sign of an interpolation between the gradient and its mean.

    w -= lr sign(beta1 m + (1 - beta1) g), then m = beta2 m + (1 - beta2) g. Chen et al. 2023, 2302.06675. The decoupled weight decay is
    that of `adamw`: of weights only, times the learning rate. Steps are as long as the learning rate, which should be 3 to 10 times
    smaller than that of Adam, and weight_decay as many times larger. Keras has a learning rate of 0.001; PyTorch has no Lion.
    """

    since: ClassVar[int] = 5  # the spec schema
    elementwise: ClassVar[bool] = True
    state: ClassVar[tuple[str, ...]] = ("mean",)
    learning_rate: LearningRate = 1e-4
    betas: tuple[Beta, Beta] = Field((0.9, 0.99), description="share of the mean in the step, and decay of the mean")
    weight_decay: float = Field(0.0, ge=0, description="decoupled weight decay, times the learning rate")

    @property
    def decoupled_decay(self) -> float:
        return self.weight_decay

    def step(self, w: Array, grad: Array, *state: Array, lr: float, t: int) -> None:
        share, decay = self.betas
        for rate, x, g, m in step_blocks(lr, w, grad, *state):
            along = m * share
            along += (1.0 - share) * g
            sign(along)
            m *= decay
            g *= 1.0 - decay
            m += g
            along *= rate
            x -= along
