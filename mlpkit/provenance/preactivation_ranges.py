"""Ranges of the pre-activations of third-party activations on a sample of the training rows, which lookup tables must cover."""

from __future__ import annotations

import numpy as np

from mlpkit.data.disk.dataset import StoredInputs
from mlpkit.engine.network import Network
from mlpkit.plugin import Array, is_third_party
from mlpkit.plugin.since import stored_entry
from mlpkit.provenance.lookup_table import is_elementwise, key_of

BLOCKS, ROWS = 16, 256  # the sample: blocks of 256 rows, spread evenly over the data

Ranges = dict[str, tuple[float, float]]  # lowest and highest pre-activation, by the canonical text of an activation's entry


def preactivation_ranges(network: Network, inputs: Array | StoredInputs) -> Ranges:
    """Return ranges of pre-activations of elementwise third-party activations, on at most 4096 rows, if they are finite."""
    outside = [layer.activation for layer in network.layers if is_third_party(layer.activation)]
    wanted = {key_of(stored_entry(activation)) for activation in outside if is_elementwise(activation)}
    if not wanted:
        return {}
    keys = [key_of(stored_entry(layer.activation)) for layer in network.layers]
    last = max(index for index, key in enumerate(keys) if key in wanted)
    found: Ranges = {}
    for rows in sample(len(inputs)):
        with np.errstate(all="ignore"):
            for key, (z, _) in zip(keys[: last + 1], network.by_layer(inputs[rows]), strict=False):
                if key in wanted:
                    low, high = found.get(key, (np.inf, -np.inf))
                    found[key] = float(np.minimum(low, z.min())), float(np.maximum(high, z.max()))  # NaN propagates
    return {key: ends for key, ends in found.items() if np.isfinite(ends).all()}


def sample(rows: int) -> list[slice]:
    """Return the rows of the sample: all rows, or blocks spread evenly from the first row to the last."""
    if rows <= BLOCKS * ROWS:
        return [slice(0, rows)]
    return [slice(start, start + ROWS) for start in (number * (rows - ROWS) // (BLOCKS - 1) for number in range(BLOCKS))]
