"""Muon: steps of matrices along orthogonalized momentum."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from mlpkit.numerics.blocks import step_blocks
from mlpkit.numerics.orthogonalize import orthogonalize
from mlpkit.plugin import Array, LearningRate, Optimizer


class Muon(Optimizer):
    """Muon: weights move along momentum whose singular values are made nearly equal; everything else moves by Adam.

    For a weight matrix, b = momentum b + (1 - momentum) g, and o is b, or with `nesterov` momentum b + (1 - momentum) g, after
    `iterations` of Newton & Schulz. w -= lr sqrt(max(1, units / inputs)) o, the "original" adjustment of PyTorch and of Jordan et al.
    2024. Biases, normalization and parameters of activations take the steps of Adam with the learning rate adam_factor lr, which is 3e-4
    by default. Liu et al. 2025, 2502.16982.

    PyTorch's Muon takes matrices only, has a learning rate of 0.001 and a weight decay of 0.1, and computes o in bfloat16, mlpkit in the
    dtype of the network. Keras's Muon has a learning rate of 0.001, for Adam too, and adjusts it otherwise, by `rms_rate`. A step costs
    15 products of a matrix with a square one, which are more work than passes over memory.
    """

    since: ClassVar[int] = 5  # the spec schema
    scope: ClassVar[Literal["vector", "tensor", "problem"]] = "tensor"
    state: ClassVar[tuple[str, ...]] = ("momentum", "square")  # of a matrix, the second one is scratch space for products
    learning_rate: LearningRate = 0.02
    momentum: float = Field(0.95, ge=0, lt=1, description="decay of the mean of gradients of a matrix")
    nesterov: bool = Field(True, description="Nesterov's momentum for matrices")
    iterations: int = Field(5, ge=1, le=99, description="iterations of Newton & Schulz")
    weight_decay: float = Field(0.0, ge=0, description="decoupled weight decay, times the learning rate")
    adam_factor: float = Field(0.015, gt=0, description="learning rate of Adam, as a factor of learning_rate")
    beta1: float = Field(0.9, ge=0, lt=1, description="decay of Adam's mean of gradients")
    beta2: float = Field(0.999, ge=0, lt=1, description="decay of Adam's mean of squared gradients")
    epsilon: float = Field(1e-8, gt=0, description="added to Adam's root for stability")

    @property
    def decoupled_decay(self) -> float:
        return self.weight_decay

    def step(self, w: Array, grad: Array, *state: Array, lr: float, t: int, role: str = "weight", layer: int = 0) -> None:
        mean, square = state
        if role == "weight" and w.ndim == 2:
            self._matrix(w, grad, mean, square, lr)
        else:
            self._adam(w, grad, mean, square, lr, t)

    def _matrix(self, w: Array, grad: Array, mean: Array, scratch: Array, lr: float) -> None:
        for _, g, b in step_blocks(lr, grad, mean):
            b *= self.momentum
            g *= 1.0 - self.momentum
            b += g
            if self.nesterov:
                g += self.momentum * b
            else:
                g[...] = b
        orthogonalize(grad, scratch, self.iterations)
        longer = math.sqrt(max(1.0, w.shape[1] / w.shape[0]))
        for rate, x, g in step_blocks(lr, w, grad):
            g *= longer
            g *= rate
            x -= g

    def _adam(self, w: Array, grad: Array, mean: Array, square: Array, lr: float, t: int) -> None:
        correction, root = self.adam_factor / (1.0 - self.beta1**t), math.sqrt(1.0 - self.beta2**t)
        for rate, x, g, m, v in step_blocks(lr, w, grad, mean, square):
            m *= self.beta1
            m += (1.0 - self.beta1) * g
            np.square(g, g)
            g *= 1.0 - self.beta2
            v *= self.beta2
            v += g
            np.sqrt(v, g)
            g /= root
            g += self.epsilon
            np.divide(m, g, g)
            g *= correction
            g *= rate
            x -= g
