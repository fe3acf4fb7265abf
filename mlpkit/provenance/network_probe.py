"""The probe: a few rows with what a network gave for them where it was saved, so that it can be asked the same elsewhere.

Another answer means that a plugin computes something else than it did, or that the arithmetic of the machine is wrong.
"""

from __future__ import annotations

import numpy as np

from mlpkit.engine.network import Network
from mlpkit.errors import Corrupt
from mlpkit.modelfile.rules import Rule
from mlpkit.numerics.blocks import row_blocks
from mlpkit.plugin import Array

ROWS = 4
MOST_ROWS = 64  # that a file may have
CELLS = 2**20  # numbers of a layer that are computed at once


def make_probe(network: Network) -> dict[str, Array]:
    """Rows drawn by a generator, and so nobody's data: "inputs" of shape (rows, inputs), "outputs" of shape (rows, units)."""
    inputs = np.random.default_rng(0).standard_normal((ROWS, network.layers[0].weight.shape[0])).astype(network.dtype)
    return {"inputs": inputs, "outputs": _answer(network, inputs)}


def probe_difference(network: Network, probe: dict[str, Array]) -> float:
    """The largest difference between what a network gives for a probe and what it gave, relative to the largest output.

    Infinity when one is finite and the other is not.

    Raises
    ------
    Corrupt
        The probe is not one of this network.
    """
    inputs, outputs = probe.get("inputs"), probe.get("outputs")
    if inputs is None or outputs is None or not _fits(network, inputs, outputs):
        raise Corrupt(f"its probe is not one of this network, of 1 to {MOST_ROWS} rows", rule=Rule.PROBE)
    answer = _answer(network, inputs)
    if not (np.isfinite(answer) == np.isfinite(outputs)).all():
        return float("inf")
    finite = np.isfinite(outputs)
    with np.errstate(all="ignore"):  # two numbers at the ends of their range may differ by more than it holds: by infinity
        difference = np.abs(answer[finite].astype(np.float64) - outputs[finite]).max(initial=0.0)
        return float(difference / max(np.abs(outputs[finite]).max(initial=0.0), np.finfo(network.dtype).tiny))


def tolerance(network: Network) -> float:
    """The difference up to which it is rounding: the square root of the machine's epsilon."""
    return float(np.sqrt(np.finfo(network.dtype).eps))


def _fits(network: Network, inputs: Array, outputs: Array) -> bool:
    width, units = network.layers[0].weight.shape[0], network.layers[-1].weight.shape[1]
    rows = len(inputs) if inputs.ndim == 2 else 0
    same = inputs.shape == (rows, width) and outputs.shape == (rows, units)
    return 1 <= rows <= MOST_ROWS and same and inputs.dtype == outputs.dtype == network.dtype


def _answer(network: Network, inputs: Array) -> Array:
    """Return what the network gives; no more rows at once than it takes little memory for, as a file chooses both rows and widths."""
    block = max(1, CELLS // max(layer.weight.shape[1] for layer in network.layers))
    with np.errstate(all="ignore"):  # what a plugin does far from its training data is not asked here
        return np.concatenate([network.predict(inputs[rows]) for rows in row_blocks(len(inputs), block)])
