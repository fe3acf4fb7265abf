"""Parameters of a network in one contiguous vector, with named and shaped views into it.

With one vector, an optimizer needs few array operations for any depth, and snapshots, checkpoints, averages and gradient checks
are one operation each.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from itertools import accumulate
from math import prod

import numpy as np

from mlpkit.plugin import Array

Shapes = Mapping[str, tuple[int, ...]]


def layer_and_role(name: str) -> tuple[int, str]:
    """Return the layer's index and the role of a parameter: 0 and "normalization.scale" for "layers.0.normalization.scale".

    Embeddings belong to the first layer: 0 and "embeddings.1.weight" for "embeddings.1.weight".
    """
    kind, layer, role = name.split(".", 2)
    if kind == "embeddings":
        return 0, name
    return int(layer), role


class Parameters:
    """Vector with views by name.

    Parameters
    ----------
    trained : mapping of str to tuple of int
        Names and shapes of parameters that the optimizer updates, in the order of the vector.
    fixed : mapping of str to tuple of int
        Names and shapes of parameters that it does not update, at the end of the vector: layers that are not trained, then running
        averages.
    dtype : dtype
        float32 or float64.

    Attributes
    ----------
    vector : array, shape (size,)
        All parameters; initially zero.
    trained : array
        First part of `vector`, which the optimizer updates.
    slices : dict of str to slice
        Place of each parameter in `vector`: ``"layers.0.weight"`` and so on, in the order of the vector.
    views : dict of str to array
        Views into `vector` by the same names.
    trained_tensors : int
        Number of views that the optimizer updates; they come first.
    """

    def __init__(self, trained: Shapes, fixed: Shapes, dtype: np.dtype[np.floating]) -> None:
        shapes = {**trained, **fixed}
        self.vector: Array = np.zeros(sum(map(prod, shapes.values())), dtype)
        self.trained: Array = self.vector[: sum(map(prod, trained.values()))]
        self.slices = _slices({name: prod(shape) for name, shape in shapes.items()})
        self.views: dict[str, Array] = {name: self.vector[self.slices[name]].reshape(shape) for name, shape in shapes.items()}
        self.trained_tensors = len(trained)

    def __len__(self) -> int:
        return len(self.vector)


class MappedParameters(Parameters):
    """Parameters in other memory, such as a memory-mapped file, for prediction only.

    `vector` and `trained` are read-only copies, created on first access.

    Parameters
    ----------
    trained, fixed : mapping of str to array
        Arrays by name, in the order of the vector; they need not be contiguous.
    """

    def __init__(self, trained: Mapping[str, Array], fixed: Mapping[str, Array]) -> None:
        self.views = {**trained, **fixed}
        self.slices = _slices({name: view.size for name, view in self.views.items()})
        self.trained_tensors = len(trained)
        self._trained_size = sum(view.size for view in trained.values())

    @cached_property
    def vector(self) -> Array:  # type: ignore[override]
        """All parameters in one array."""
        vector = np.concatenate([view.reshape(-1) for view in self.views.values()])
        vector.flags.writeable = False
        return vector

    @property
    def trained(self) -> Array:  # type: ignore[override]
        """First part of `vector`, which an optimizer would update."""
        return self.vector[: self._trained_size]

    def __len__(self) -> int:
        return sum(view.size for view in self.views.values())


def _slices(sizes: Mapping[str, int]) -> dict[str, slice]:
    """Return the place of each parameter in a vector of parameters of these sizes."""
    return {name: slice(stop - size, stop) for (name, size), stop in zip(sizes.items(), accumulate(sizes.values()), strict=True)}
