"""The built-in optimizers."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np
from pydantic import Field, model_validator

from mlpkit.numerics.blocks import row_blocks
from mlpkit.plugin import Array, LearningRate, Optimizer, Wrapper

CELLS = 8192  # numbers of a temporary: it stays in the first-level cache


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
            np.multiply(velocity, self.momentum, velocity)
            np.add(velocity, grad, velocity)
            if self.nesterov:  # grad becomes g + momentum v with no second array
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
        # the states are m / (1 - beta1) and v / (1 - beta2): two passes over memory less
        np.multiply(mean, self.beta1, mean)
        np.add(mean, grad, mean)
        np.multiply(square, self.beta2, square)
        np.square(grad, grad)
        np.add(square, grad, square)
        if self.amsgrad:
            np.maximum(largest[0], square, out=largest[0])
            square = largest[0]
        root = math.sqrt((1.0 - self.beta2) / (1.0 - self.beta2**t))
        np.sqrt(square, grad)
        np.add(grad, self.epsilon / root, grad)
        np.divide(mean, grad, grad)
        if isinstance(lr, float):
            np.multiply(grad, lr * (1.0 - self.beta1) / (1.0 - self.beta1**t) / root, grad)
        else:  # an array: see `Optimizer.step`
            np.multiply(grad, (1.0 - self.beta1) / (1.0 - self.beta1**t) / root, grad)
            np.multiply(grad, lr, grad)
        np.subtract(w, grad, w)


class NAdam(Optimizer):
    """Adam with Nesterov's momentum: the step looks ahead along the mean of the gradients.

    mu(t) = beta1 (1 - 0.96^(t momentum_decay) / 2) is the momentum of step t, M(t) the product of those so far; m and v are
    Adam's. w -= lr ((1 - mu(t)) / (1 - M(t)) g + mu(t + 1) / (1 - M(t + 1)) m) / (sqrt(v / (1 - beta2^t)) + epsilon).
    Dozat 2016; as in PyTorch, where epsilon is the same; Keras has 1e-7 and 0.001.
    """

    since: ClassVar[int] = 5  # the spec schema
    elementwise: ClassVar[bool] = True
    state: ClassVar[tuple[str, ...]] = ("mean", "square")
    scalars: ClassVar[tuple[str, ...]] = ("momentum",)  # the product
    learning_rate: LearningRate = 0.002
    beta1: float = Field(0.9, ge=0, lt=1, description="decay of the mean of gradients")
    beta2: float = Field(0.999, ge=0, lt=1, description="decay of the mean of squared gradients")
    epsilon: float = Field(1e-8, gt=0, description="added to the root")
    momentum_decay: float = Field(0.004, ge=0, description="rate at which the momentum comes to beta1")

    def step(self, w: Array, grad: Array, *state: Array, lr: float, t: int) -> None:
        mean, square, product = state
        now, ahead = (self.beta1 * (1.0 - 0.5 * 0.96 ** (step * self.momentum_decay)) for step in (t, t + 1))
        product[...] = now if t == 1 else product * now
        of_grad, of_mean = (1.0 - now) / (1.0 - float(product)), ahead / (1.0 - float(product) * ahead)
        root = math.sqrt(1.0 - self.beta2**t)
        for part in row_blocks(len(w), CELLS):
            g, m, v = grad[part], mean[part], square[part]
            m *= self.beta1
            m += (1.0 - self.beta1) * g
            v *= self.beta2
            v += (1.0 - self.beta2) * np.square(g)
            g *= of_grad
            g += of_mean * m
            g /= np.sqrt(v) / root + self.epsilon
        np.multiply(grad, lr, grad)
        np.subtract(w, grad, w)


class Clipping(Wrapper):
    """Limit the gradient before the inner optimizer sees it: each number to +-value, then its length to norm.

    g norm / max(norm, |g|), where |g| is the Euclidean norm of what the inner optimizer gets: all parameters, or one tensor
    where its scope is "tensor". Pascanu, Mikolov & Bengio 2013, 1211.5063.
    """

    since: ClassVar[int] = 5  # the spec schema
    norm: float | None = Field(None, gt=0, description="the longest gradient")
    value: float | None = Field(None, gt=0, description="the largest size of a number of the gradient")

    @model_validator(mode="after")
    def _limits_something(self) -> Clipping:
        if self.norm is None and self.value is None:
            raise ValueError("give a limit: norm, such as 1.0, or value")
        return self

    @property
    def elementwise(self) -> bool:  # type: ignore[override]
        """Return True where only single numbers are limited."""
        return self.norm is None

    def step(self, w: Array, grad: Array, *state: Array, lr: float, t: int) -> None:
        if self.value is not None:
            np.clip(grad, -self.value, self.value, out=grad)
        if self.norm is not None:
            _shorten(grad, self.norm)
        self.inner.step(w, grad, *state, lr=lr, t=t)


def _shorten(grad: Array, norm: float) -> None:
    """Scale an array in place so that its Euclidean norm is at most `norm`."""
    flat = grad.reshape(-1)
    with np.errstate(over="ignore"):
        length = math.sqrt(flat.dot(flat))
    if length == math.inf:  # the squares overflow
        np.divide(grad, max(float(grad.max()), -float(grad.min())), grad)
        length = math.sqrt(flat.dot(flat))
        np.multiply(grad, norm / length, grad)
    elif length > norm:
        np.multiply(grad, norm / length, grad)


class Averaging(Wrapper):
    """Predict with an exponential moving average of the weights that the inner optimizer comes to.

    a = decay a + (1 - decay) w after each step, divided by 1 - decay^t, so that the first steps count as much as they should.
    Polyak & Juditsky 1992; Keras's use_ema, which begins at w and has no such correction.
    """

    since: ClassVar[int] = 5  # the spec schema
    elementwise: ClassVar[bool] = True
    own_state: ClassVar[tuple[str, ...]] = ("average",)
    own_scalars: ClassVar[tuple[str, ...]] = ("share",)
    decay: float = Field(0.99, ge=0, lt=1, description="share of the average that a step keeps")

    def step(self, w: Array, grad: Array, *state: Array, lr: float, t: int) -> None:
        (average, share), inner = self.split(state)
        self.inner.step(w, grad, *inner, lr=lr, t=t)
        np.multiply(average, self.decay, average)
        np.multiply(w, 1.0 - self.decay, grad)
        np.add(average, grad, average)
        share[...] = self.decay * share + (1.0 - self.decay)

    def weights(self, w: Array, out: Array, *state: Array) -> bool:
        (average, share), _ = self.split(state)
        if share == 0:  # before the first step
            return False
        np.divide(average, float(share), out)
        return True
