"""Diagnosis of a diverged run: the layer or the plugin that caused it."""

from __future__ import annotations

import math

import numpy as np

from mlpkit.data.disk.dataset import StoredInputs
from mlpkit.engine.network import Network
from mlpkit.errors import BrokenPlugin, MLPKitError, TrainingError
from mlpkit.numerics.blocks import row_blocks
from mlpkit.plugin import REGISTRIES, Array, Plugin, is_third_party, plugin_name
from mlpkit.provenance.plugin_probe import make_probe
from mlpkit.spec import Spec

ROWS = 2**13  # rows processed at once
MODERATE = 1e4  # size of numbers up to which plugins must return finite values


def divergence(network: Network, spec: Spec, inputs: Array | StoredInputs, loss: float, when: str, rate: float) -> MLPKitError:
    """Return the error for a loss that is not finite: of a plugin that gives NaN for moderate numbers, else of training."""
    for plugin in (*(layer.activation for layer in network.layers), spec.loss, spec.optimizer):
        if is_third_party(plugin) and _gives_nan(plugin, spec.dtype):
            return broken(plugin, "gives NaN for moderate numbers")
    where: str | Plugin = ""
    for rows in row_blocks(len(inputs), ROWS):
        if where := _in_block(network, inputs[rows]):
            break
    if isinstance(where, Plugin):
        return broken(where, "gives NaN for finite pre-activations")
    if not where and math.isnan(loss) and is_third_party(spec.loss):
        return broken(spec.loss, "gives NaN for finite outputs")
    where = where or "all layers are finite, so the loss itself overflows"
    help = f"lower the learning rate (it was {rate:g}), standardize the inputs and the target, or use fewer or narrower layers"
    return TrainingError(f"the loss became {loss} {when}; {where}", help=help)


def broken(plugin: Plugin, fault: str) -> BrokenPlugin:
    """Return the error of a plugin with invalid results."""
    info = REGISTRIES[plugin.kind].info(type(plugin))
    return BrokenPlugin(
        f"{info.described} {fault}",
        help=f"correct it, or report this to its author; 'mlpkit plugins check {info.full_name}' tests it alone",
    )


def _gives_nan(plugin: Plugin, dtype: str) -> bool:
    """Return True if the check values of a plugin contain NaN or infinity."""
    probe = make_probe(plugin, dtype)
    return probe is not None and any(value is None for values in probe.values() for value in values)


def _in_block(network: Network, x: Array) -> str | Plugin:
    """Return the layer or the plugin with the first NaN or infinity in the forward pass of some rows; "" if there is none."""
    with np.errstate(all="ignore"):
        for index, (layer, (z, outputs)) in enumerate(zip(network.layers, network.by_layer(x), strict=True)):
            name = f"layer {index} ({plugin_name(layer.activation)}, {layer.units} units)"
            if not layer.is_finite():
                return f"the parameters of {name} are no longer finite"
            if not np.isfinite(outputs).all():
                moderate = np.abs(z).max() <= MODERATE  # False for NaN
                return layer.activation if moderate and is_third_party(layer.activation) else f"the outputs of {name} are no longer finite"
    return ""
