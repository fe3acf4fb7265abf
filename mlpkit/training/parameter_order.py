"""The order of the parameters in a saved state: weights, biases, then the rest, as models/FORMAT.md says.

In memory each weight has its bias behind it, so that both are one matrix.
"""

from __future__ import annotations

import numpy as np

from mlpkit.engine.parameters import Parameters
from mlpkit.plugin import Array

KINDS = ("weight", "bias")


def to_file_order(parameters: Parameters, array: Array) -> Array:
    """A copy of `array`, shape (trained,) or (all,), which has a number for each parameter in the order of memory."""
    return np.concatenate([array[part] for part in _parts(parameters, len(array))])


def from_file_order(parameters: Parameters, stored: Array, out: Array) -> None:
    """Fill `out` with what `to_file_order` made of it."""
    start = 0
    for part in _parts(parameters, len(out)):
        size = part.stop - part.start
        out[part] = stored[start : start + size]
        start += size


def _parts(parameters: Parameters, size: int) -> list[slice]:
    """Return where each of the first `size` parameters stands in memory, in the order of the file."""
    found: list[tuple[int, slice]] = []
    start = 0
    for name, view in parameters.views.items():
        kind = name.rpartition(".")[2]
        found.append((KINDS.index(kind) if kind in KINDS else len(KINDS), slice(start, start + view.size)))
        start += view.size
    return [part for _, part in sorted(found, key=lambda entry: entry[0]) if part.stop <= size]
