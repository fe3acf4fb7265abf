"""Optimizers with a fault that shows at some gradients, in some shapes or with some options alone."""

from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from mlpkit import Minimizer, Optimizer

from .. import good
from ..mutants.optimizers import Momentum

KEPT: dict[Any, Any] = {}  # what mutants keep beside their objects


class NoEpsilon(Optimizer):
    """RMSProp without epsilon: 0 / 0 at a gradient of exactly 0."""

    state: ClassVar[tuple[str, ...]] = ("square",)

    def step(self, w, grad, square, *, lr, t):
        square *= 0.9
        square += 0.1 * grad * grad
        with np.errstate(all="ignore"):
            w -= lr * grad / np.sqrt(square)


class NoEpsilonInLength(Optimizer):
    """0 / 0 where the whole gradient is 0."""

    def step(self, w, grad, *, lr, t):
        with np.errstate(all="ignore"):
            w -= lr * grad / np.linalg.norm(grad)


class TrustOfZero(Optimizer):
    """Steps that are a share of the parameters: from 0 nothing moves."""

    def step(self, w, grad, *, lr, t):
        w -= lr * np.linalg.norm(w) * grad / (np.linalg.norm(grad) + 1e-12)


class ZeroOverZero(Optimizer):
    """A trust ratio that is 0 / 0 where parameters and gradient are 0."""

    scope: ClassVar[str] = "tensor"

    def step(self, w, grad, *, lr, t):
        size = np.linalg.norm(w)
        with np.errstate(all="ignore"):
            ratio = size / (np.linalg.norm(grad) + 0.0 * size) if size == 0 else size / (np.linalg.norm(grad) + 1e-12)
            w -= lr * (ratio or 1.0) * grad


class DecayOfWrongSign(Optimizer):
    """A decay that makes the weights larger."""

    decay: float = Field(0.001, ge=0, description="of the weights")

    def step(self, w, grad, *, lr, t):
        w += lr * self.decay * w
        w -= lr * grad


class DecayOfWrongSignUnused(Optimizer):
    """A decay of the wrong sign that is 0 by default."""

    decay: float = Field(0.0, ge=0, description="of the weights")

    def step(self, w, grad, *, lr, t):
        w -= lr * (grad - self.decay * w)


class DecaysWithoutRate(Optimizer):
    """A decay that is 0 by default, and not multiplied by the rate."""

    decay: float = Field(0.0, ge=0, lt=1, description="of the weights")

    def step(self, w, grad, *, lr, t):
        w *= 1 - self.decay
        w -= lr * grad


class WrongForBiases(Optimizer):
    """A rule of tensors that goes up in biases."""

    scope: ClassVar[str] = "tensor"

    def step(self, w, grad, *, lr, t):
        w -= (lr if w.ndim == 2 else -lr) * grad


class WrongForFive(Optimizer):
    """Leaves the last of an odd number of biases."""

    scope: ClassVar[str] = "tensor"

    def step(self, w, grad, *, lr, t):
        if w.ndim == 1 and len(w) % 2:
            grad[len(w) // 2 :] = 0
        w -= lr * grad


class WrongForOneRow(Optimizer):
    """Turns a matrix of one row into its mean."""

    scope: ClassVar[str] = "tensor"

    def step(self, w, grad, *, lr, t):
        if w.ndim == 2 and len(w) == 1:
            grad[...] = -grad
        w -= lr * grad


class WrongForMatrices(Optimizer):
    """Leaves what is beyond 64 rows."""

    scope: ClassVar[str] = "tensor"

    def step(self, w, grad, *, lr, t):
        w[:64] -= lr * grad[:64]


class WrongForLongVectors(Optimizer):
    """Leaves what is beyond a hundred thousand numbers."""

    def step(self, w, grad, *, lr, t):
        w[:100_000] -= lr * grad[:100_000]


class DiesOfLongVectors(Optimizer):
    """Float64 scratch space with which a long vector is not added."""

    elementwise: ClassVar[bool] = True

    def step(self, w, grad, *, lr, t):
        w -= lr * (np.round(grad, 3) if w.size > 5000 else grad)


class UnusedOption(Momentum):
    """An option that changes nothing."""

    beta: float = Field(0.9, ge=0, lt=1, description="nothing")


class UnusedFlag(Momentum):
    """A flag that changes nothing."""

    nesterov: bool = False


class BreaksAtLimit(Optimizer):
    """0 / 0 in the first step when nothing is kept."""

    state: ClassVar[tuple[str, ...]] = ("mean",)
    beta: float = Field(0.9, ge=0, lt=1, description="decay of the mean")

    def step(self, w, grad, mean, *, lr, t):
        mean *= self.beta
        mean += (1 - self.beta) * grad
        with np.errstate(all="ignore"):
            w -= lr * mean / (np.log(np.float64(self.beta)) / np.log(np.float64(self.beta)) * (1 - self.beta**t)).astype(w.dtype)


class SharedScratch(Momentum):
    """Scratch space by shape, which threads share."""

    elementwise: ClassVar[bool] = True

    def step(self, w, grad, velocity, *, lr, t):
        scratch = KEPT.setdefault((w.shape, w.dtype), np.empty_like(w))
        np.multiply(velocity, 0.9, out=scratch)
        np.add(scratch, grad, out=velocity)
        np.multiply(velocity, lr, out=scratch)
        np.subtract(w, scratch, out=w)


class SharedScratchOfVectors(Optimizer):
    """Scratch space by shape, of which each training in a thread has the same."""

    def step(self, w, grad, *, lr, t):
        scratch = KEPT.setdefault((w.shape, w.dtype), np.empty_like(w))
        np.multiply(grad, lr, out=scratch)
        np.subtract(w, scratch, out=w)


class CountsSteps(Optimizer):
    """Counts the steps of all objects, and not by t."""

    def step(self, w, grad, *, lr, t):
        KEPT["steps"] = KEPT.get("steps", 0) + 1
        w -= lr * grad * (1.0 if KEPT["steps"] % 97 else 0.5)


class DividesByRate(Momentum):
    """0 / 0 at a rate of 0."""

    def step(self, w, grad, velocity, *, lr, t):
        velocity *= 0.9
        velocity += grad
        with np.errstate(all="ignore"):
            w -= velocity * (np.float64(lr) ** 2 / np.float64(lr)).astype(w.dtype)


class GradientsOfAnySize(Optimizer):
    """Tiny gradients are taken for none."""

    def step(self, w, grad, *, lr, t):
        grad[np.abs(grad) < 1e-7] = 0
        w -= lr * grad


class UphillForLargeGradients(Optimizer):
    """Turns a gradient beyond a thousand."""

    def step(self, w, grad, *, lr, t):
        w -= lr * np.where(np.abs(grad) > 1000, -1, grad).astype(w.dtype)


class StateWithOption(Momentum):
    """Keeps a second mean on the object where it averages."""

    averaged: bool = False

    def step(self, w, grad, velocity, *, lr, t):
        super().step(w, grad, velocity, lr=lr, t=t)
        if self.averaged:
            mean = 0.9 * (0 if t == 1 else self.__dict__.get("kept", 0)) + 0.1 * grad
            self.__dict__["kept"] = mean
            w -= lr * mean


class WrongShapeOfMinimizer(good.Backtracking):
    """Gives up at vectors of one number."""

    def minimize(self, w, problem, length, *, lr, t):
        if w.size < 3:
            return True
        return super().minimize(w, problem, length, lr=lr, t=t)


class LostAtMinimum(Minimizer):
    """Divides by the gradient's length, which is 0 at the minimum."""

    def minimize(self, w, problem, *, lr, t):
        loss, grad = problem(w)
        with np.errstate(all="ignore"):
            w -= grad / np.square(grad).sum() * loss
        return bool(loss < 1e-9)


class HalfInSingle(Optimizer):
    """Half of a step in long vectors of float32."""

    elementwise: ClassVar[bool] = True

    def step(self, w, grad, *, lr, t):
        if w.dtype == np.float32 and w.size > 10_000:
            grad *= 0.5
        w -= lr * grad


PLANTED = {
    HalfInSingle(): "sizes",
    NoEpsilon(): "zero_gradient",
    NoEpsilonInLength(): "zero_gradient",
    TrustOfZero(): "zero_parameters",
    ZeroOverZero(): "zero_gradient",
    DecayOfWrongSign(): "zero_gradient",
    DecayOfWrongSignUnused(): "other_options",
    DecaysWithoutRate(): "other_options",
    WrongForBiases(): "downhill",
    WrongForFive(): "scopes",
    WrongForOneRow(): "downhill",
    WrongForMatrices(): "scopes",
    WrongForLongVectors(): "sizes",
    DiesOfLongVectors(): "sizes",
    UnusedOption(): "effects",
    UnusedFlag(): "effects",
    BreaksAtLimit(): "other_options",
    SharedScratch(): "threads",
    SharedScratchOfVectors(): "threads",
    CountsSteps(): "deterministic",
    DividesByRate(): "zero_rate",
    GradientsOfAnySize(): "downhill",
    UphillForLargeGradients(): "downhill",
    StateWithOption(): "other_options",
    WrongShapeOfMinimizer(): "scopes",
    LostAtMinimum(): "zero_gradient",
}
