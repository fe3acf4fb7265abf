"""Order of the parameters in a saved state, as defined in models/FORMAT.md.

Weights, biases, scales and shifts of normalization, parameters of activations, statistics of batch normalization, each by layer, then
the factors of the inputs and the embeddings in their order. In memory, each bias follows its weight, and layers that are not trained come
last.
"""

from __future__ import annotations

import numpy as np

from mlpkit.engine.parameters import Parameters, layer_and_role
from mlpkit.plugin import Array

GROUPS = (
    "weight",
    "bias",
    "normalization.scale",
    "normalization.shift",
    "activation",
    "normalization.mean",
    "normalization.variance",
    "input_scale",
)
RANKS = (0, 1, 2, 2, 3, 4, 4, 5)  # scale and shift of a layer are adjacent, as are mean and variance


def to_file_order(parameters: Parameters, array: Array) -> Array:
    """Return a copy of `array`, shape (trained,) or (all,), with the parameters in file order instead of memory order."""
    return np.concatenate([array[part] for part in _parts(parameters, len(array))])


def from_file_order(parameters: Parameters, stored: Array, out: Array) -> None:
    """Fill `out` with the memory order of an array in file order."""
    start = 0
    for part in _parts(parameters, len(out)):
        size = part.stop - part.start
        out[part] = stored[start : start + size]
        start += size


def _parts(parameters: Parameters, size: int) -> list[slice]:
    """Return the slice in memory of each of the first `size` parameters, in the order of the file."""
    parts = [parameters.slices[name] for name in sorted(parameters.slices, key=_place)]
    return [part for part in parts if part.stop <= size]


def _place(name: str) -> tuple[int, int]:
    """Return rank and layer of a parameter, such as "layers.0.weight"."""
    layer, role = layer_and_role(name)
    if role.startswith("embeddings."):
        return len(GROUPS), int(role.split(".")[1])
    group = "activation" if role.startswith("activation.") else role
    return RANKS[GROUPS.index(group)], layer
