"""Self-test of one or more networks: a few input rows with the outputs computed when the model was saved.

Other outputs mean that a plugin has changed, or that this machine computes wrongly.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mlpkit.engine.network import Network
from mlpkit.errors import Corrupt
from mlpkit.modelfile.rules import Rule
from mlpkit.numerics.blocks import row_blocks
from mlpkit.plugin import Array

ROWS = 4
MOST_ROWS = 64  # allowed in a file
CELLS = 2**20  # numbers of one layer that are computed at once


def make_probe(networks: Sequence[Network]) -> dict[str, Array]:
    """Return random inputs of shape (rows, inputs), which reveal no training data, and their outputs.

    The outputs of one network have the shape (rows, units), those of several (networks, rows, units).
    """
    inputs = np.random.default_rng(0).standard_normal((ROWS, *networks[0].row_shape)).astype(networks[0].dtype)
    inputs[:, list(networks[0].spec.codes)] = np.arange(-1, ROWS - 1)[:, None]  # numbers of categories
    outputs = [_outputs(network, inputs) for network in networks]
    return {"inputs": inputs, "outputs": outputs[0] if len(outputs) == 1 else np.stack(outputs)}


def probe_difference(networks: Sequence[Network], probe: dict[str, Array]) -> float:
    """Return the largest difference to the stored outputs, relative to the largest stored output.

    It is infinity if one value is finite and the other is not.

    Raises
    ------
    Corrupt
        The arrays do not fit these networks.
    """
    inputs, outputs = probe.get("inputs"), probe.get("outputs")
    if inputs is None or outputs is None or not _fits(networks, inputs, outputs):
        raise Corrupt(f"its self-test does not fit its network, or does not have 1 to {MOST_ROWS} rows", rule=Rule.PROBE)
    stored = [outputs] if len(networks) == 1 else list(outputs)
    return max(_difference(network, inputs, each) for network, each in zip(networks, stored, strict=True))


def _difference(network: Network, inputs: Array, outputs: Array) -> float:
    answer = _outputs(network, inputs)
    if not (np.isfinite(answer) == np.isfinite(outputs)).all():
        return float("inf")
    finite = np.isfinite(outputs)
    with np.errstate(all="ignore"):  # the difference of two finite numbers may overflow to infinity
        difference = np.abs(answer[finite].astype(np.float64) - outputs[finite]).max(initial=0.0)
        return float(difference / max(np.abs(outputs[finite]).max(initial=0.0), np.finfo(network.dtype).tiny))


def tolerance(dtype: str | np.dtype[np.floating]) -> float:
    """Return the largest relative difference that rounding in a dtype can explain: the square root of the machine epsilon."""
    return float(np.sqrt(np.finfo(dtype).eps))


def _fits(networks: Sequence[Network], inputs: Array, outputs: Array) -> bool:
    network, several = networks[0], () if len(networks) == 1 else (len(networks),)
    width, units = network.row_shape[0], network.layers[-1].weight.shape[1]
    rows = len(inputs) if inputs.ndim == 2 else 0
    same = inputs.shape == (rows, width) and outputs.shape == (*several, rows, units)
    return 1 <= rows <= MOST_ROWS and same and inputs.dtype == outputs.dtype == network.dtype


def _outputs(network: Network, inputs: Array) -> Array:
    """Return the outputs of a network, in blocks of rows that limit memory, because the file chooses both rows and widths."""
    features = sum(embedding.cells for embedding in network.spec.embeddings)
    block = max(1, CELLS // max(features, *(layer.weight.shape[1] for layer in network.layers)))
    with np.errstate(all="ignore"):  # a plugin may overflow far from its training data
        return np.concatenate([network.predict(inputs[rows]) for rows in row_blocks(len(inputs), block)])
