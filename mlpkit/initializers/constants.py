"""Given numbers."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from pydantic import Field, field_validator

from mlpkit.plugin import Array, Initializer

Nested = float | tuple[float, ...] | tuple[tuple[float, ...], ...]


class Zeros(Initializer):
    """Zeros, for biases. A network of several layers does not learn from weights that are all 0."""

    def fill(self, array: Array, rng: np.random.Generator) -> None:
        array[...] = 0.0


class Ones(Initializer):
    """Ones, for biases. Units with equal weights stay equal, so weights that are all 1 do not learn."""

    since: ClassVar[int] = 5  # the spec schema

    def fill(self, array: Array, rng: np.random.Generator) -> None:
        array[...] = 1.0


class Identity(Initializer):
    """Identity matrix times `gain`, for weights: input i goes to unit i. Le, Jaitly & Hinton 2015, 1504.00941.

    A matrix that is not square has zeros in the further rows or columns, as in PyTorch's eye_ and Keras's Identity. A bias is refused.
    """

    since: ClassVar[int] = 5
    gain: float = Field(1.0, description="factor")

    def fill(self, array: Array, rng: np.random.Generator) -> None:
        if array.ndim != 2:
            raise ValueError("a bias cannot be an identity matrix: use 'zeros'")
        array[...] = self.gain * np.eye(*array.shape)


class Prior(Initializer):
    """Bias of the last layer with which the first predictions are the best constant ones, such as the shares of the classes.

    The loss defines it (`Loss.prior`), from the targets and weights of the training rows. Zeros before the rows are known, and if no such
    bias is finite. Karpathy 2019, A Recipe for Training Neural Networks ("init well"); Lin et al. 2017, 1708.02002, section 4.1.
    """

    since: ClassVar[int] = 5  # the spec schema

    def fill(self, array: Array, rng: np.random.Generator) -> None:
        array[...] = 0.0


class Constant(Initializer):
    """Constant: one number for all elements, or given numbers, nested like the array."""

    value: Nested = Field(0.0, description="a number, or lists of numbers in the array's shape")

    @field_validator("value", mode="before")
    @classmethod
    def _check_shape(cls, value: Any) -> Any:
        try:
            fits = not isinstance(value, (str, bool)) and np.asarray(value, np.float64).ndim <= 2
        except (TypeError, ValueError):
            fits = False
        if not fits:
            raise ValueError("should be a number, or lists of numbers in the shape of the weight or the bias")
        return value

    def fill(self, array: Array, rng: np.random.Generator) -> None:
        values = np.asarray(self.value)
        if values.ndim and values.shape != array.shape:
            raise ValueError(f"the values have shape {values.shape}, but the array to initialize has shape {array.shape}")
        array[...] = values
