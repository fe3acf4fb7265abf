"""The diagnosis of a run that diverged: in which layer, or in which plugin."""

from __future__ import annotations

import math

import numpy as np

from mlpkit.data.disk.dataset import StoredInputs
from mlpkit.engine.network import Network
from mlpkit.errors import BrokenPlugin, MLPKitError, TrainingError
from mlpkit.numerics.blocks import row_blocks
from mlpkit.plugin import REGISTRIES, Array, Plugin, is_outside
from mlpkit.provenance.plugin_probe import make_probe
from mlpkit.spec import Spec
from mlpkit.spec.parts import plugin_name

ROWS = 2**13  # that go through the network at once
MODERATE = 1e4  # a plugin must be finite up to here


def divergence(network: Network, spec: Spec, inputs: Array | StoredInputs, loss: float, when: str, rate: float) -> MLPKitError:
    """The error of a run whose loss is not finite: a plugin's, when it makes NaN of moderate numbers, or else the training's."""
    for plugin in (*(layer.activation for layer in network.layers), spec.loss, spec.optimizer):
        if is_outside(plugin) and _gives_nan(plugin, spec.dtype):
            return broken(plugin, "gives NaN for moderate numbers")
    where: str | Plugin = ""
    for rows in row_blocks(len(inputs), ROWS):
        if where := _in_block(network, inputs[rows]):
            break
    if isinstance(where, Plugin):
        return broken(where, "gives NaN for finite scores")
    if not where and math.isnan(loss) and is_outside(spec.loss):
        return broken(spec.loss, "gives NaN for finite outputs")
    where = where or "every layer is finite, so it is the loss itself that overflows"
    help = f"lower the learning rate (it was {rate:g}), standardize the inputs and the target, or use fewer or narrower layers"
    return TrainingError(f"the loss became {loss} {when}; {where}", help=help)


def broken(plugin: Plugin, fault: str) -> BrokenPlugin:
    """The error of a plugin that gives what it must not."""
    info = REGISTRIES[plugin.kind].info(type(plugin))
    return BrokenPlugin(
        f"{info.described} {fault}", help=f"correct it, or tell its author; 'mlpkit plugins check {info.full_name}' tries it by itself"
    )


def _gives_nan(plugin: Plugin, dtype: str) -> bool:
    """Return whether a plugin gives NaN or infinity at its probe: in values, derivatives or where it moves parameters to."""
    probe = make_probe(plugin, dtype)
    return probe is not None and any(value is None for values in probe.values() for value in values)


def _in_block(network: Network, x: Array) -> str | Plugin:
    """The place, or the plugin, where NaN or infinity first stands on the way of some rows through the network; else ""."""
    with np.errstate(all="ignore"):
        for index, layer in enumerate(network.layers):
            name = f"layer {index} ({plugin_name(layer.activation)}, {layer.weight.shape[1]} units)"
            views = [layer.weight, *([] if layer.bias is None else [layer.bias]), *layer.normalization.values()]
            if not all(np.isfinite(view).all() for view in views):
                return f"the weights of {name} are no longer finite"
            scores, x = network.layer_outputs(index, x)
            if not np.isfinite(x).all():
                moderate = np.abs(scores).max() <= MODERATE  # False where one is NaN
                return layer.activation if moderate and is_outside(layer.activation) else f"the outputs of {name} are no longer finite"
    return ""
