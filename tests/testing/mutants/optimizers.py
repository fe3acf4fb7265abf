"""Optimizers with one thing wrong each."""

from typing import Any, ClassVar

import numpy as np

from mlpkit import Minimizer, Optimizer

from .. import good

KEPT: dict[Any, Any] = {}  # what mutants keep beside their objects


class Momentum(Optimizer):
    """Momentum with declared state, from which the mutants of optimizers are made."""

    state: ClassVar[tuple[str, ...]] = ("velocity",)

    def step(self, w, grad, velocity, *, lr, t):
        velocity *= 0.9
        velocity += grad
        w -= lr * velocity


class Climbs(Optimizer):
    """Adds where it should subtract, a little."""

    def step(self, w, grad, *, lr, t):
        w += lr * np.tanh(grad)


class NewArray(Optimizer):
    """Makes a new array of w."""

    def step(self, w, grad, *, lr, t):
        w = w - lr * grad


class RebindsState(Momentum):
    """Makes a new array of its state, as happens to everyone."""

    def step(self, w, grad, velocity, *, lr, t):
        velocity = 0.9 * velocity + grad
        w -= lr * velocity


class StateOnObject(Momentum):
    """Keeps the velocity on the object."""

    state: ClassVar[tuple[str, ...]] = ()

    def step(self, w, grad, *, lr, t):
        velocity = 0.9 * (0 if t == 1 else self._velocity) + grad
        object.__setattr__(self, "_velocity", velocity)
        w -= lr * velocity


class StateOnClass(Momentum):
    """Keeps the velocity on the class."""

    state: ClassVar[tuple[str, ...]] = ()
    velocity: ClassVar[Any] = None

    def step(self, w, grad, *, lr, t):
        type(self).velocity = 0.9 * (0 if t == 1 else self.velocity) + grad
        w -= lr * self.velocity


class StateInModule(Momentum):
    """Keeps the velocity in a dictionary of the module, by the address of w."""

    state: ClassVar[tuple[str, ...]] = ()

    def step(self, w, grad, *, lr, t):
        base = w if w.base is None else w.base
        velocity = 0.9 * (0 if t == 1 else KEPT.get(id(base), (base, 0))[1]) + grad
        KEPT[id(base)] = base, velocity  # w too, so that nothing else gets its address
        w -= lr * velocity


class DecaysAlways(Optimizer):
    """A decay of the weights that is not multiplied by the rate."""

    def step(self, w, grad, *, lr, t):
        w *= 1 - 1e-4
        w -= lr * grad


class NotElementwise(Optimizer):
    """Promises to move each number by itself and normalises by the length."""

    elementwise: ClassVar[bool] = True

    def step(self, w, grad, *, lr, t):
        w -= lr * grad / max(1.0, np.linalg.norm(grad) / 4)


class MatricesOnly(Optimizer):
    """Takes tensors, and dies of a bias."""

    scope: ClassVar[str] = "tensor"

    def step(self, w, grad, *, lr, t):
        _, columns = w.shape
        w -= lr * grad / columns


class NeedsFloat64(Optimizer):
    """Subtracts an array of float64, and casts nothing."""

    def step(self, w, grad, *, lr, t):
        np.subtract(w, lr * grad.astype("float64"), out=w, casting="no")


class Restless(Optimizer):
    """Draws its own noise."""

    def step(self, w, grad, *, lr, t):
        w -= lr * grad * np.random.default_rng().uniform(0.9, 1.1, w.shape)


class Swallows(good.Backtracking):
    """Catches what the problem raises."""

    def minimize(self, w, problem, length, *, lr, t):
        try:
            return super().minimize(w, problem, length, lr=lr, t=t)
        except RuntimeError:
            return True


class Wraps(good.Backtracking):
    """Raises something else."""

    def minimize(self, w, problem, length, *, lr, t):
        try:
            return super().minimize(w, problem, length, lr=lr, t=t)
        except KeyboardInterrupt as error:
            raise RuntimeError("interrupted") from error


class GivesUp(Minimizer):
    """Takes one step of a hundred that are needed."""

    def minimize(self, w, problem, *state, lr, t):
        w -= lr * problem(w)[1]
        return t >= 50


class ForgetsItsStep(good.Backtracking):
    """Keeps the length of its step on the object."""

    state: ClassVar[tuple[str, ...]] = ()

    def minimize(self, w, problem, *, lr, t):
        length = np.array([0.0 if t == 1 else getattr(self, "_length", 0.5)])
        done = super().minimize(w, problem, length, lr=lr, t=t)
        object.__setattr__(self, "_length", length[0])
        return done


OPTIMIZERS = {
    Climbs(): {"falls": r"a quadratic went from [\d.]+ to [\d.]+ in 1000 steps of the rate 0.01", "learns": "the loss went from"},
    NewArray(): {"in_place": "w is unchanged after the step; write into w", "falls": "a quadratic went", "learns": "the loss went from"},
    RebindsState(): {"state": "the state 'velocity' is never written; write into the array, m \\*= ..."},
    StateOnObject(): {"state": "AttributeError: .*_velocity", "resume": "_velocity"},
    StateOnClass(): {
        "state": "3 \\+ 3 with a new object: the parameters differ.*class variable state",
        "resume": "differ|could not be broadcast",
    },
    StateInModule(): {"in_place": "in fresh ones at each step differ", "state": "the parameters differ", "resume": "differ"},
    DecaysAlways(): {"zero_rate": "before and after steps of the rate 0 differ"},
    NotElementwise(): {"scopes": "moved as a whole and in pieces differ.*set elementwise to False"},
    MatricesOnly(): {"scopes": "ValueError: not enough values to unpack", "learns": "failed in step", "resume": "failed in step"},
    NeedsFloat64(): {"dtype": "UFuncTypeError: Cannot cast ufunc 'subtract'", "learns": "failed in step", "resume": "failed in step"},
    Swallows(): {"lets_exceptions_through": "the objective raised RuntimeError in call 1, and nothing came out"},
    Wraps(): {"lets_exceptions_through": "the objective raised KeyboardInterrupt in call 1, and RuntimeError came out"},
    GivesUp(): {"falls": "in 50 calls of the rate 0.01.*return True only when no improvement is left, not after call 50"},
    ForgetsItsStep(): {"state": "the parameters differ", "resume": "differ"},
}
