"""Built-in optimizers."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np
from pydantic import Field, model_validator

from mlpkit.numerics.blocks import row_blocks
from mlpkit.plugin import Array, LearningRate, Optimizer, Wrapper

CELLS = 8192  # elements of a temporary array that fits in the first-level cache


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


class Adam(Optimizer):
    """Adam: steps along the mean of gradients divided by the root of the mean of squared gradients, with bias correction.

    m = beta1 m + (1 - beta1) g, v = beta2 v + (1 - beta2) g^2,
    w -= lr m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + epsilon). Kingma & Ba 2014, 1412.6980. With `amsgrad`, v is replaced by its
    maximum over all steps: Reddi, Kale & Kumar 2018. Epsilon as in PyTorch; 1e-7 in Keras.
    """

    elementwise: ClassVar[bool] = True
    learning_rate: LearningRate = 0.001
    beta1: float = Field(0.9, ge=0, lt=1, description="decay of the mean of gradients")
    beta2: float = Field(0.999, ge=0, lt=1, description="decay of the mean of squared gradients")
    epsilon: float = Field(1e-8, gt=0, description="added to the root for stability")
    amsgrad: bool = Field(False, description="AMSGrad: divide by the largest root of all steps")

    @property
    def state(self) -> tuple[str, ...]:
        """Both means, divided by 1 - beta1 and 1 - beta2, and with `amsgrad` the maximum of the second one."""
        return ("mean", "square", "largest") if self.amsgrad else ("mean", "square")

    def step(self, w: Array, grad: Array, *state: Array, lr: float, t: int) -> None:
        mean, square, *largest = state
        # the state holds m / (1 - beta1) and v / (1 - beta2), which saves two passes over memory
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
    """Adam with Nesterov's momentum.

    mu(t) = beta1 (1 - 0.96^(t momentum_decay) / 2) is the momentum of step t, and M(t) the product of mu(1) to mu(t). m and v are those of
    Adam. w -= lr ((1 - mu(t)) / (1 - M(t)) g + mu(t + 1) / (1 - M(t + 1)) m) / (sqrt(v / (1 - beta2^t)) + epsilon).
    Dozat 2016; defaults as in PyTorch; Keras uses an epsilon of 1e-7 and a learning rate of 0.001.
    """

    since: ClassVar[int] = 5  # the spec schema
    elementwise: ClassVar[bool] = True
    state: ClassVar[tuple[str, ...]] = ("mean", "square")
    scalars: ClassVar[tuple[str, ...]] = ("momentum",)  # product of the momenta of all steps
    learning_rate: LearningRate = 0.002
    beta1: float = Field(0.9, ge=0, lt=1, description="decay of the mean of gradients")
    beta2: float = Field(0.999, ge=0, lt=1, description="decay of the mean of squared gradients")
    epsilon: float = Field(1e-8, gt=0, description="added to the root for stability")
    momentum_decay: float = Field(0.004, ge=0, description="rate at which the momentum approaches beta1")

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
    """Gradient clipping: limit each number to +-value, then the Euclidean norm to norm, before the inner optimizer's step.

    g norm / max(norm, |g|), where |g| is the norm of the gradient of all parameters, or of one tensor if the scope of the inner
    optimizer is "tensor". Pascanu, Mikolov & Bengio 2013, 1211.5063.
    """

    since: ClassVar[int] = 5  # the spec schema
    norm: float | None = Field(None, gt=0, description="largest Euclidean norm of the gradient")
    value: float | None = Field(None, gt=0, description="largest absolute value of a number of the gradient")

    @model_validator(mode="after")
    def _limits_something(self) -> Clipping:
        if self.norm is None and self.value is None:
            raise ValueError("give a limit: norm, such as 1.0, or value")
        return self

    @property
    def elementwise(self) -> bool:  # type: ignore[override]
        """True if only single numbers are limited."""
        return self.norm is None

    def step(self, w: Array, grad: Array, *state: Array, lr: float, t: int, **place: Any) -> None:
        if self.value is not None:
            np.clip(grad, -self.value, self.value, out=grad)
        if self.norm is not None:
            _shorten(grad, self.norm)
        self.inner.step(w, grad, *state, lr=lr, t=t, **place)


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
    """Exponential moving average of the inner optimizer's weights, used for predictions.

    a = decay a + (1 - decay) w after each step, divided by 1 - decay^t to correct the bias of the first steps. Polyak & Juditsky 1992.
    Keras's use_ema starts from w and has no correction. With batch normalization, its statistics are measured for the averaged weights in
    a further pass over the training rows after each epoch.
    """

    since: ClassVar[int] = 5  # the spec schema
    elementwise: ClassVar[bool] = True
    own_state: ClassVar[tuple[str, ...]] = ("average",)
    own_scalars: ClassVar[tuple[str, ...]] = ("share",)
    decay: float = Field(0.99, ge=0, lt=1, description="decay of the average in each step")

    def step(self, w: Array, grad: Array, *state: Array, lr: float, t: int, **place: Any) -> None:
        (average, share), inner = self.split(state)
        self.inner.step(w, grad, *inner, lr=lr, t=t, **place)
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
