"""The built-in optimizers."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np
from pydantic import Field, model_validator

from mlpkit.numerics.scalars import scalar
from mlpkit.plugin import Array, LearningRate, Optimizer


class SGD(Optimizer):
    """Gradient descent: w -= lr g; with momentum, v = momentum v + g and w -= lr v.

    Nesterov's form steps along g + momentum v. Robbins & Monro 1951; Polyak 1964; Nesterov 1983. As in PyTorch, the
    rate multiplies the whole velocity (Keras multiplies what enters it: the same path while the rate is constant).
    """

    elementwise: ClassVar[bool] = True
    learning_rate: LearningRate = 0.01
    momentum: float = Field(0.0, ge=0, lt=1, description="share of the velocity that a step keeps")
    nesterov: bool = Field(False, description="look ahead along the velocity")

    @model_validator(mode="after")
    def _nesterov_needs_momentum(self) -> SGD:
        if self.nesterov and not self.momentum:
            raise ValueError("nesterov needs a momentum greater than 0, such as 0.9")
        return self

    @property
    def state(self) -> tuple[str, ...]:
        """The velocity, where there is momentum."""
        return ("velocity",) if self.momentum else ()

    def step(self, w: Array, grad: Array, *state: Array, lr: float, t: int) -> None:
        if self.momentum:
            (velocity,) = state
            np.multiply(velocity, scalar(self.momentum, w.dtype), velocity)
            np.add(velocity, grad, velocity)
            if self.nesterov:  # grad becomes g + momentum v with no second array
                np.multiply(grad, scalar(1.0 / self.momentum, w.dtype), grad)
                np.add(grad, velocity, grad)
                np.multiply(grad, scalar(lr * self.momentum, w.dtype), grad)
            else:
                np.multiply(velocity, scalar(lr, w.dtype), grad)
        else:
            np.multiply(grad, scalar(lr, w.dtype), grad)
        np.subtract(w, grad, w)


class Adam(Optimizer):
    """Steps along the mean of the gradients over the root of the mean of their squares, both decaying and unbiased.

    m = beta1 m + (1 - beta1) g, v = beta2 v + (1 - beta2) g^2,
    w -= lr m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + epsilon). Kingma & Ba 2014, 1412.6980; with `amsgrad`, v is
    the largest so far, Reddi, Kale & Kumar 2018. Epsilon as in PyTorch; Keras has 1e-7.
    """

    elementwise: ClassVar[bool] = True
    learning_rate: LearningRate = 0.001
    beta1: float = Field(0.9, ge=0, lt=1, description="decay of the mean of gradients")
    beta2: float = Field(0.999, ge=0, lt=1, description="decay of the mean of squared gradients")
    epsilon: float = Field(1e-8, gt=0, description="added to the root")
    amsgrad: bool = Field(False, description="divide by the largest root so far")

    @property
    def state(self) -> tuple[str, ...]:
        """The two means, divided by 1 - beta1 and 1 - beta2, and with `amsgrad` the largest of the second."""
        return ("mean", "square", "largest") if self.amsgrad else ("mean", "square")

    def step(self, w: Array, grad: Array, *state: Array, lr: float, t: int) -> None:
        mean, square, *largest = state
        dtype = w.dtype
        # the states are m / (1 - beta1) and v / (1 - beta2): two passes over memory less
        np.multiply(mean, scalar(self.beta1, dtype), mean)
        np.add(mean, grad, mean)
        np.multiply(square, scalar(self.beta2, dtype), square)
        np.square(grad, grad)
        np.add(square, grad, square)
        if self.amsgrad:
            np.maximum(largest[0], square, out=largest[0])
            square = largest[0]
        root = math.sqrt((1.0 - self.beta2) / (1.0 - self.beta2**t))
        np.sqrt(square, grad)
        np.add(grad, np.array(self.epsilon / root, dtype), grad)
        np.divide(mean, grad, grad)
        np.multiply(grad, np.array(lr * (1.0 - self.beta1) / (1.0 - self.beta1**t) / root, dtype), grad)
        np.subtract(w, grad, w)
