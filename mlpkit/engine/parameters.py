"""Parameters: every number of a network in one contiguous vector, and named, shaped views into it.

One vector makes an optimizer a handful of array operations for any depth, and a snapshot, a checkpoint, an average or
a gradient check one line each.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from math import prod

import numpy as np

from mlpkit.plugin import Array

Shapes = Mapping[str, tuple[int, ...]]


class Parameters:
    """One vector with views by name.

    Parameters
    ----------
    trained : mapping of str to tuple of int
        Names and shapes of what the optimizer changes, in the order they have in the vector.
    fixed : mapping of str to tuple of int
        Names and shapes of what the optimizer does not change: layers that are not trained, then running averages. They stand at
        the end of the vector.
    dtype : dtype
        float32 or float64.

    Attributes
    ----------
    vector : array, shape (size,)
        All of it; zeros at first.
    trained : array
        The head of `vector` that the optimizer changes.
    views : dict of str to array
        ``"layers.0.weight"`` and so on: shaped views into `vector`.
    trained_tensors : int
        Views that the optimizer changes: the first ones.
    """

    def __init__(self, trained: Shapes, fixed: Shapes, dtype: np.dtype[np.floating]) -> None:
        shapes = {**trained, **fixed}
        self.vector: Array = np.zeros(sum(map(prod, shapes.values())), dtype)
        self.trained: Array = self.vector[: sum(map(prod, trained.values()))]
        self.views: dict[str, Array] = {}
        self.trained_tensors = len(trained)
        start = 0
        for name, shape in shapes.items():
            self.views[name] = self.vector[start : start + prod(shape)].reshape(shape)
            start += prod(shape)

    def __len__(self) -> int:
        return len(self.vector)


class MappedParameters(Parameters):
    """Parameters that stand elsewhere, such as in a file that is mapped into memory: to predict with, not to train.

    `vector` and `trained` are made when somebody asks for them: read-only copies.

    Parameters
    ----------
    trained, fixed : mapping of str to array
        By name, in the order they have in the vector; they need not stand together.
    """

    def __init__(self, trained: Mapping[str, Array], fixed: Mapping[str, Array]) -> None:
        self.views = {**trained, **fixed}
        self.trained_tensors = len(trained)
        self._trained_size = sum(view.size for view in trained.values())

    @cached_property
    def vector(self) -> Array:  # type: ignore[override]
        """All of them in one array."""
        vector = np.concatenate([view.reshape(-1) for view in self.views.values()])
        vector.flags.writeable = False
        return vector

    @property
    def trained(self) -> Array:  # type: ignore[override]
        """The head of `vector` that an optimizer would change."""
        return self.vector[: self._trained_size]

    def __len__(self) -> int:
        return sum(view.size for view in self.views.values())
