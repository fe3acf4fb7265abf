"""Methods `onnx` of plugins: the check that there is one, and its call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from mlpkit.errors import PluginError
from mlpkit.export.onnx.graph import Graph
from mlpkit.export.onnx.value import Value
from mlpkit.plugin import REGISTRIES, Activation, Elementwise, Loss, Plugin
from mlpkit.plugin.error_attribution import attributing_errors

COMPUTE = {"activations": ("forward", "function"), "losses": ("predictions",)}  # methods that `onnx` says again
BASES = (Activation, Elementwise, Loss)


def has_onnx(plugin: Plugin) -> bool:
    """Return True if a plugin has a method `onnx` of its own, which none of its classes changes by computing something else."""
    for cls in type(plugin).__mro__:
        if cls in BASES:
            return False
        if "onnx" in vars(cls):
            return True
        if any(method in vars(cls) for method in COMPUTE[plugin.kind]):
            return False
    return False


def require_onnx(*plugins: Plugin) -> None:
    """Raise PluginError if a plugin has no method `onnx`."""
    for plugin in plugins:
        if not has_onnx(plugin):
            info = REGISTRIES[plugin.kind].info(type(plugin))
            message = f"{info.described} has no method onnx, so a model with it cannot be exported to ONNX"
            raise PluginError(message, help="add the method (plugins/README.md has an example), or ask its author for it")


def activated(op: Graph, activation: Activation, z: Value, parameters: Sequence[NDArray[np.floating]]) -> Value:
    """Return the outputs of an activation. Raise PluginError without a method `onnx`, and BrokenPlugin if that fails."""
    require_onnx(activation)
    with attributing_errors():
        return _checked(activation, activation.onnx(op, z, *parameters))


def predicted(op: Graph, loss: Loss, outputs: Value, center: NDArray[np.float64], scale: NDArray[np.float64]) -> Mapping[str, Value]:
    """Return all that a loss predicts, by name. Errors are those of `activated`."""
    require_onnx(loss)
    with attributing_errors():
        return {name: _checked(loss, part) for name, part in loss.onnx(op, outputs, center, scale).items()}


def _checked(plugin: Plugin, found: object) -> Value:
    if not isinstance(found, Value):
        info = REGISTRIES[plugin.kind].info(type(plugin))
        message = f"{info.described} returns {type(found).__name__} from onnx, not a value of the graph"
        raise PluginError(message, help='return what op gives, such as op("Sin", z)')
    return found
