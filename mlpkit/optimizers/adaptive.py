"""Learning rates that adapt to past gradients: RMSprop, Adagrad and Adadelta."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import Field

from mlpkit.numerics.blocks import step_blocks
from mlpkit.plugin import Array, LearningRate, Optimizer


class RMSprop(Optimizer):
    """RMSprop: steps along the gradient divided by the root of the mean of squared gradients.

    v = rho v + (1 - rho) g^2 and w -= lr g / (sqrt(v) + epsilon). With `centered`, v - a^2 replaces v, where a = rho a + (1 - rho) g. With
    momentum, b = momentum b + g / (sqrt(v) + epsilon) and w -= lr b. Tieleman & Hinton 2012; Graves 2013, 1308.0850. PyTorch has the
    defaults lr 0.01 and alpha = rho = 0.99; epsilon outside of the root and the learning rate outside of the momentum are as in PyTorch.
    Keras has epsilon 1e-7 inside of the root, sqrt(v + epsilon), and the learning rate inside of the momentum.
    """

    since: ClassVar[int] = 5  # the spec schema
    elementwise: ClassVar[bool] = True
    learning_rate: LearningRate = 0.001
    rho: float = Field(0.9, ge=0, lt=1, description="decay of the mean of squared gradients")
    momentum: float = Field(0.0, ge=0, lt=1, description="decay of the velocity in each step")
    centered: bool = Field(False, description="divide by the root of the variance of gradients, not of their squares")
    epsilon: float = Field(1e-8, gt=0, description="added to the root for stability")

    @property
    def state(self) -> tuple[str, ...]:
        """The mean of squares, with `centered` the mean of gradients, and with momentum the velocity."""
        return ("square", *(("mean",) if self.centered else ()), *(("velocity",) if self.momentum else ()))

    def step(self, w: Array, grad: Array, *state: Array, lr: float, t: int) -> None:
        for rate, x, g, v, *rest in step_blocks(lr, w, grad, *state):
            root = np.square(g)
            root *= 1.0 - self.rho
            v *= self.rho
            v += root
            if self.centered:
                mean = rest[0]
                mean *= self.rho
                np.multiply(g, 1.0 - self.rho, root)
                mean += root
                np.square(mean, root)
                np.subtract(v, root, root)
                np.maximum(root, 0.0, out=root)  # below 0 by rounding
                np.sqrt(root, root)
            else:
                np.sqrt(v, root)
            root += self.epsilon
            g /= root
            if self.momentum:
                velocity = rest[-1]
                velocity *= self.momentum
                velocity += g
                np.multiply(velocity, rate, g)
            else:
                g *= rate
            x -= g


class Adagrad(Optimizer):
    """Adagrad: steps along the gradient divided by the root of the sum of all squared gradients.

    v += g^2 and w -= lr / (1 + (t - 1) lr_decay) g / (sqrt(initial_accumulator + v) + epsilon). Duchi, Hazan & Singer 2011. Defaults
    and place of epsilon as in PyTorch. Keras has a learning rate of 0.001, initial_accumulator_value 0.1, and epsilon 1e-7 inside of the
    root.
    """

    since: ClassVar[int] = 5  # the spec schema
    elementwise: ClassVar[bool] = True
    state: ClassVar[tuple[str, ...]] = ("squares",)
    learning_rate: LearningRate = 0.01
    lr_decay: float = Field(0.0, ge=0, description="the learning rate is divided by 1 + (t - 1) lr_decay in step t")
    initial_accumulator: float = Field(0.0, ge=0, description="sum of squares before the first step")
    epsilon: float = Field(1e-10, gt=0, description="added to the root for stability")

    def step(self, w: Array, grad: Array, *state: Array, lr: float, t: int) -> None:
        decay = 1.0 / (1.0 + (t - 1) * self.lr_decay)
        for rate, x, g, squares in step_blocks(lr, w, grad, *state):
            root = np.square(g)
            squares += root
            np.add(squares, self.initial_accumulator, root)
            np.sqrt(root, root)
            root += self.epsilon
            g /= root
            g *= decay
            g *= rate
            x -= g


class Adadelta(Optimizer):
    """Adadelta: steps as long as past steps, in the units of the weights.

    v = rho v + (1 - rho) g^2, d = sqrt(u + epsilon) / sqrt(v + epsilon) g, u = rho u + (1 - rho) d^2, w -= lr d. Zeiler 2012, 1212.5701.
    Defaults as in PyTorch. Keras has the defaults lr 0.001, rho 0.95 and epsilon 1e-7; with its lr the first steps are tiny.
    """

    since: ClassVar[int] = 5  # the spec schema
    elementwise: ClassVar[bool] = True
    state: ClassVar[tuple[str, ...]] = ("square", "square_of_steps")
    learning_rate: LearningRate = 1.0
    rho: float = Field(0.9, ge=0, lt=1, description="decay of both means of squares")
    epsilon: float = Field(1e-6, gt=0, description="added inside of both roots; it sets the length of the first steps")

    def step(self, w: Array, grad: Array, *state: Array, lr: float, t: int) -> None:
        for rate, x, g, v, u in step_blocks(lr, w, grad, *state):
            scratch = np.square(g)
            scratch *= 1.0 - self.rho
            v *= self.rho
            v += scratch
            np.add(v, self.epsilon, scratch)
            np.sqrt(scratch, scratch)
            g /= scratch
            np.add(u, self.epsilon, scratch)
            np.sqrt(scratch, scratch)
            g *= scratch
            np.square(g, scratch)
            scratch *= 1.0 - self.rho
            u *= self.rho
            u += scratch
            g *= rate
            x -= g
