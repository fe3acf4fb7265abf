"""Optimizers that wrap another one: clipping and averaging."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from pydantic import Field, model_validator

from mlpkit.numerics.clipping import shorten
from mlpkit.plugin import Array, Wrapper


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
            shorten(grad, self.norm)
        self.inner.step(w, grad, *state, lr=lr, t=t, **place)


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
