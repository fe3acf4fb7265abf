"""The ranges of scores that a network's own activations meet on its training rows: what a table of one must cover."""

from __future__ import annotations

import numpy as np

from mlpkit.data.disk.dataset import StoredInputs
from mlpkit.engine.network import Network
from mlpkit.numerics.blocks import row_blocks
from mlpkit.plugin import Array, is_outside
from mlpkit.plugin.since import stored_entry
from mlpkit.provenance.lookup_table import is_elementwise, key_of

ROWS = 2**12  # of a block

Ranges = dict[str, tuple[float, float]]  # by the text of an activation's entry: the lowest and the highest score


def score_ranges(network: Network, inputs: Array | StoredInputs) -> Ranges:
    """The ranges of the elementwise activations that mlpkit does not bring; of those alone whose scores are all finite."""
    outside = [layer.activation for layer in network.layers if is_outside(layer.activation)]
    wanted = {key_of(stored_entry(activation)) for activation in outside if is_elementwise(activation)}
    if not wanted:
        return {}
    keys = [key_of(stored_entry(layer.activation)) for layer in network.layers]
    last = max(index for index, key in enumerate(keys) if key in wanted)
    found: Ranges = {}
    for rows in row_blocks(len(inputs), ROWS):
        x = inputs[rows]
        with np.errstate(all="ignore"):
            for index in range(last + 1):
                scores, x = network.layer_outputs(index, x)
                if keys[index] in wanted:
                    low, high = found.get(keys[index], (np.inf, -np.inf))
                    found[keys[index]] = float(np.minimum(low, scores.min())), float(np.maximum(high, scores.max()))  # NaN stays
    return {key: ends for key, ends in found.items() if np.isfinite(ends).all()}
