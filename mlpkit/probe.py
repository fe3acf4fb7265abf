"""The probe: a few rows with what a network gave for them where it was saved, so that it can be asked the same elsewhere.

Another answer means that a plugin computes something else than it did, or that the arithmetic of the machine is wrong.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np

from mlpkit.errors import Corrupt, ProbeWarning
from mlpkit.modelfile.reader import naming
from mlpkit.modelfile.rules import Rule
from mlpkit.network import Network
from mlpkit.plugin import Array

ROWS = 4


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
        raise Corrupt("its probe is not one of this network", rule=Rule.PROBE)
    answer = _answer(network, inputs)
    if not (np.isfinite(answer) == np.isfinite(outputs)).all():
        return float("inf")
    finite = np.isfinite(outputs)
    difference = np.abs(answer[finite].astype(np.float64) - outputs[finite])
    return float(difference.max(initial=0.0) / max(np.abs(outputs[finite]).max(initial=0.0), np.finfo(network.dtype).tiny))


def check_probe(network: Network, probe: dict[str, Array], path: str | Path) -> None:
    """Warn when a network answers the probe of its file, if that has one, otherwise than where it was saved.

    Raises
    ------
    Corrupt
        The probe is not one of this network.

    Warns
    -----
    ProbeWarning
    """
    if not probe:
        return
    with naming(path):
        difference = probe_difference(network, probe)
    if difference > tolerance(network):
        message = f"{path}: the model predicts otherwise here than where it was saved, by {difference:.2g} relative to the largest output"
        warnings.warn(f"{message}: a plugin has changed, or the arithmetic of this machine is wrong", ProbeWarning, stacklevel=3)


def tolerance(network: Network) -> float:
    """The difference up to which it is rounding: the square root of the machine's epsilon."""
    return float(np.sqrt(np.finfo(network.dtype).eps))


def _fits(network: Network, inputs: Array, outputs: Array) -> bool:
    width, units = network.layers[0].weight.shape[0], network.layers[-1].weight.shape[1]
    rows = inputs.shape[:1]
    same = inputs.shape == (*rows, width) and outputs.shape == (*rows, units)
    return same and inputs.dtype == outputs.dtype == network.dtype


def _answer(network: Network, inputs: Array) -> Array:
    with np.errstate(all="ignore"):  # what a plugin does far from its training data is not asked here
        return network.predict(inputs)
