"""Where a run that diverged went wrong: in which layer, or in which plugin."""

from __future__ import annotations

import math

import numpy as np

from mlpkit.blocks import row_blocks
from mlpkit.data import StoredInputs
from mlpkit.errors import BrokenPlugin, MLPKitError, TrainingError
from mlpkit.network import Network
from mlpkit.plugin import REGISTRIES, Activation, Array, Plugin
from mlpkit.registry import BUILTIN
from mlpkit.spec import Spec
from mlpkit.spec.parts import plugin_name

ROWS = 2**13  # that go through the network at once
MODERATE = 1e4  # a plugin must be finite up to here


def divergence(network: Network, spec: Spec, inputs: Array | StoredInputs, loss: float, when: str, rate: float) -> MLPKitError:
    """The error of a run whose loss is not finite: a plugin's, when it makes NaN of moderate numbers, or else the training's."""
    for layer in network.layers:
        if not _is_finite(layer.activation):
            return _broken(layer.activation, "gives NaN for scores between -4 and 4")
    where: str | Plugin = ""
    for rows in row_blocks(len(inputs), ROWS):
        if where := _in_block(network, inputs[rows]):
            break
    if isinstance(where, Plugin):
        return _broken(where, "gives NaN for finite scores")
    if not where and math.isnan(loss) and _is_outside(spec.loss):
        return _broken(spec.loss, "gives NaN for finite outputs")
    where = where or "every layer is finite, so it is the loss itself that overflows"
    help = f"lower the learning rate (it was {rate:g}), standardize the inputs and the target, or use fewer or narrower layers"
    return TrainingError(f"the loss became {loss} {when}; {where}", help=help)


def _is_outside(plugin: Plugin) -> bool:
    return REGISTRIES[plugin.kind].info(type(plugin)).distribution != BUILTIN


def _broken(plugin: Plugin, fault: str) -> BrokenPlugin:
    info = REGISTRIES[plugin.kind].info(type(plugin))
    return BrokenPlugin(
        f"{info.described} {fault}", help=f"correct it, or tell its author; 'mlpkit plugins check {info.full_name}' tries it by itself"
    )


def _is_finite(activation: Activation) -> bool:
    """Whether an activation that mlpkit does not bring is a number, and has a derivative, at some usual scores."""
    if not _is_outside(activation):
        return True
    z = np.linspace(-4.0, 4.0, 33)[None]
    out, grad = np.empty_like(z), np.ones_like(z)
    with np.errstate(all="ignore"):
        activation.forward(z, out)
        values = out.copy()
        activation.backward(z, out, grad)
    return not np.isnan(values).any() and not np.isnan(grad).any()


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
                return layer.activation if moderate and _is_outside(layer.activation) else f"the outputs of {name} are no longer finite"
    return ""
