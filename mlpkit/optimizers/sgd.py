"""Stochastic gradient descent."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import Field, model_validator

from mlpkit.plugin import Array, LearningRate, Optimizer


class SGD(Optimizer):
    """Stochastic gradient descent: w -= lr g; with momentum, v = momentum v + g and w -= lr v.

    Nesterov's form uses g + momentum v. Robbins & Monro 1951; Polyak 1964; Nesterov 1983. The learning rate multiplies the whole
    velocity, as in PyTorch. Keras multiplies the gradient added to it, which gives the same steps for a constant rate.
    """

    elementwise: ClassVar[bool] = True
    learning_rate: LearningRate = 0.01
    momentum: float = Field(0.0, ge=0, lt=1, description="decay of the velocity in each step")
    nesterov: bool = Field(False, description="Nesterov's momentum")

    @model_validator(mode="after")
    def _nesterov_needs_momentum(self) -> SGD:
        if self.nesterov and not self.momentum:
            raise ValueError("nesterov needs a momentum greater than 0, such as 0.9")
        return self

    @property
    def state(self) -> tuple[str, ...]:
        """The velocity, if there is momentum."""
        return ("velocity",) if self.momentum else ()

    def step(self, w: Array, grad: Array, *state: Array, lr: float, t: int) -> None:
        if self.momentum:
            (velocity,) = state
            np.multiply(velocity, self.momentum, velocity)
            np.add(velocity, grad, velocity)
            if self.nesterov:  # in place: g + momentum v
                np.multiply(grad, 1.0 / self.momentum, grad)
                np.add(grad, velocity, grad)
                if isinstance(lr, float):
                    np.multiply(grad, lr * self.momentum, grad)
                else:  # an array: see `Optimizer.step`
                    np.multiply(grad, self.momentum, grad)
                    np.multiply(grad, lr, grad)
            else:
                np.multiply(velocity, lr, grad)
        else:
            np.multiply(grad, lr, grad)
        np.subtract(w, grad, w)
