"""Adam and its variants."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np
from pydantic import Field

from mlpkit.numerics.blocks import cell_blocks, step_blocks
from mlpkit.plugin import Array, LearningRate, Optimizer


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


class AdamW(Adam):
    """Adam with decoupled weight decay: w -= lr weight_decay w for weights, then the step of Adam.

    Loshchilov & Hutter 2017, 1711.05101. Biases and normalization do not decay, unless `training.decay_all` is true; in PyTorch and
    Keras they do, unless the user groups or excludes them. `decay_factor` of a layer multiplies the decay. The default 0.01 is that of
    PyTorch; Keras has 0.004.
    """

    since: ClassVar[int] = 5  # the spec schema
    weight_decay: float = Field(0.01, ge=0, description="decoupled weight decay, times the learning rate")

    @property
    def decoupled_decay(self) -> float:
        return self.weight_decay


class Adamax(Optimizer):
    """Adam with the largest decayed gradient in place of the root of squares.

    m = beta1 m + (1 - beta1) g, u = max(beta2 u, |g| + epsilon), w -= lr m / (1 - beta1^t) / u. Kingma & Ba 2014, 1412.6980, section 7.1.
    Defaults and place of epsilon as in PyTorch; Keras divides by u + 1e-7 and has a learning rate of 0.001.
    """

    since: ClassVar[int] = 5  # the spec schema
    elementwise: ClassVar[bool] = True
    state: ClassVar[tuple[str, ...]] = ("mean", "largest")
    learning_rate: LearningRate = 0.002
    beta1: float = Field(0.9, ge=0, lt=1, description="decay of the mean of gradients")
    beta2: float = Field(0.999, ge=0, lt=1, description="decay of the largest gradient")
    epsilon: float = Field(1e-8, gt=0, description="added to the absolute gradient for stability")

    def step(self, w: Array, grad: Array, *state: Array, lr: float, t: int) -> None:
        correction = 1.0 / (1.0 - self.beta1**t)
        for rate, x, g, m, u in step_blocks(lr, w, grad, *state):
            m *= self.beta1
            m += (1.0 - self.beta1) * g
            np.abs(g, g)
            g += self.epsilon
            u *= self.beta2
            np.maximum(u, g, out=u)
            np.divide(m, u, g)
            g *= rate
            g *= correction
            x -= g


class RAdam(Optimizer):
    """Rectified Adam: no division by the root of squares until its variance is known, then a factor that grows to 1.

    m and v are those of Adam. rho = 2 / (1 - beta2) - 1 and r(t) = rho - 2 t beta2^t / (1 - beta2^t). If r(t) > 5,
    w -= lr f m / (1 - beta1^t) sqrt(1 - beta2^t) / (sqrt(v) + epsilon) with
    f^2 = (r(t) - 4) (r(t) - 2) rho / ((rho - 4) (rho - 2) r(t)); before, w -= lr m / (1 - beta1^t). Liu et al. 2019, 1908.03265.
    Defaults and place of epsilon as in PyTorch; Keras has no RAdam.
    """

    since: ClassVar[int] = 5  # the spec schema
    elementwise: ClassVar[bool] = True
    state: ClassVar[tuple[str, ...]] = ("mean", "square")
    learning_rate: LearningRate = 0.001
    beta1: float = Field(0.9, ge=0, lt=1, description="decay of the mean of gradients")
    beta2: float = Field(0.999, ge=0, lt=1, description="decay of the mean of squared gradients")
    epsilon: float = Field(1e-8, gt=0, description="added to the root for stability")

    def step(self, w: Array, grad: Array, *state: Array, lr: float, t: int) -> None:
        factor = self._rectification(t)
        correction = 1.0 / (1.0 - self.beta1**t)
        for rate, x, g, m, v in step_blocks(lr, w, grad, *state):
            m *= self.beta1
            m += (1.0 - self.beta1) * g
            np.square(g, g)
            g *= 1.0 - self.beta2
            v *= self.beta2
            v += g
            if factor is None:
                np.multiply(m, correction, g)
            else:
                np.sqrt(v, g)
                g += self.epsilon
                np.divide(m, g, g)
                g *= correction * factor
            g *= rate
            x -= g

    def _rectification(self, t: int) -> float | None:
        """Return the factor of step t, with the bias correction of the squares; None if their variance is not known yet."""
        power, longest = self.beta2**t, 2.0 / (1.0 - self.beta2) - 1.0
        length = longest - 2.0 * t * power / (1.0 - power)
        if length <= 5.0:
            return None
        ratio = (length - 4.0) * (length - 2.0) * longest / ((longest - 4.0) * (longest - 2.0) * length)
        return math.sqrt(ratio * (1.0 - power))


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
        for part in cell_blocks(w):
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
