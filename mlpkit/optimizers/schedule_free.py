"""Schedule-free AdamW: an average of the weights in place of a decaying learning rate."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np
from pydantic import Field

from mlpkit.numerics.blocks import step_blocks
from mlpkit.plugin import Array, LearningRate, Optimizer


class ScheduleFreeAdamW(Optimizer):
    """Schedule-free AdamW: predicts with an average x of the weights, and trains at y between it and the base weights z.

    With d = weight_decay for weights, 0 for biases and normalization: v = beta2 v + (1 - beta2) g^2,
    z -= lr (g / (sqrt(v / (1 - beta2^t)) + epsilon) + d y), x += c (z - x), y = (1 - beta1) z + beta1 x. c is the square of the largest
    learning rate so far, divided by the sum of these squares over all steps. Defazio et al. 2024, 2405.15682; formulas and defaults as
    in version 1.4 of the authors' package.

    Validation, early stopping and the trained model use x. The learning rate needs no decay, but a warm-up helps: give it by a schedule.
    The authors' `warmup_steps` is a learning rate of lr t / warmup_steps. With batch normalization, its statistics are measured for x in
    a further pass over the training rows after each epoch.
    """

    since: ClassVar[int] = 5  # the spec schema
    state: ClassVar[tuple[str, ...]] = ("base", "average", "square")
    scalars: ClassVar[tuple[str, ...]] = ("largest_rate", "sum")
    learning_rate: LearningRate = 0.0025
    beta1: float = Field(0.9, ge=0, lt=1, description="share of the average in the weights at which gradients are computed")
    beta2: float = Field(0.999, ge=0, lt=1, description="decay of the mean of squared gradients")
    epsilon: float = Field(1e-8, gt=0, description="added to the root for stability")
    weight_decay: float = Field(0.0, ge=0, description="decoupled weight decay, times the learning rate")

    @property
    def decoupled_decay(self) -> float:
        return self.weight_decay

    def step(self, w: Array, grad: Array, *state: Array, lr: float, t: int) -> None:
        *arrays, largest, total = state
        share = self._share(lr, largest, total)
        root = math.sqrt(1.0 - self.beta2**t)
        for rate, y, g, z, x, v in step_blocks(lr, w, grad, *arrays):
            scratch = np.square(g)
            scratch *= 1.0 - self.beta2
            v *= self.beta2
            v += scratch
            np.sqrt(v, scratch)
            scratch /= root
            scratch += self.epsilon
            g /= scratch
            g *= rate
            if t == 1:
                z[...], x[...] = y, y
            elif self.weight_decay:  # mlpkit has shrunk y by lr d y, and z shrinks as much
                self._between(z, x, scratch)
                scratch -= y
                z -= scratch
            z -= g
            np.subtract(z, x, scratch)
            scratch *= share
            x += scratch
            self._between(z, x, y)

    def _share(self, lr: float | Array, largest: Array, total: Array) -> float:
        """Return the share of the base weights in the average, and update the scalars."""
        rate = float(lr.max()) if isinstance(lr, np.ndarray) else lr
        largest[...] = max(float(largest), rate)
        total += np.square(largest)
        return float(np.square(largest) / total) if total else 0.0

    def _between(self, z: Array, x: Array, out: Array) -> None:
        """Fill `out` with (1 - beta1) z + beta1 x, in a form that is exact if both are equal."""
        np.subtract(z, x, out)
        out *= 1.0 - self.beta1
        out += x

    def weights(self, w: Array, out: Array, *state: Array) -> bool:
        _, average, _, _, total = state
        if not total:  # before the first step
            return False
        out[...] = average
        return True
