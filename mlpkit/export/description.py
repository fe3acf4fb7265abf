"""Description of a model as plain values, for formats that compute its formulas themselves."""

from __future__ import annotations

from typing import Any

from mlpkit.errors import PluginError
from mlpkit.export.source import Source
from mlpkit.losses.distributions import LogMean
from mlpkit.losses.quantiles import Quantile
from mlpkit.plugin import REGISTRIES, Plugin
from mlpkit.plugin.base import plugin_name


def describe(source: Source) -> dict[str, Any]:
    """Return what a program needs besides the arrays, as JSON values.

    Returns
    -------
    dict
        "dtype" of the networks, the number of "members", "inputs" and "target" as in FORMAT.md, "embeddings" as in the spec, and "layers",
        each with its "units", "activation" (with all options), "normalization" and "residual". "main_output" is the index of the output of
        each target that is the prediction, "log_mean" is true if the prediction is its exponential, and "distribution" if the outputs are
        divided by their sum.

    Raises
    ------
    PluginError
        The activation of a layer, or a loss that defines the predictions, is a plugin.
    """
    spec = source.spec
    network = spec.to_dict()["network"]
    layers = [
        {
            "units": layer.units,
            "activation": {"type": _builtin(layer.activation, f"network.layers[{index}]"), **layer.activation.model_dump(mode="json")},
            "normalization": network["layers"][index]["normalization"],
            "residual": layer.residual,
        }
        for index, layer in enumerate(spec.network.layers)
    ]
    return {
        "name": spec.name,
        "dtype": spec.dtype,
        "members": len(source.members),
        "inputs": dict(source.inputs),
        "target": {key: value for key, value in source.target.items() if key != "threshold_rows"},
        "embeddings": network["embeddings"],
        "layers": layers,
        "distribution": spec.network.layers[-1].activation.output == "distribution",
        **_loss(source),
    }


def _loss(source: Source) -> dict[str, Any]:
    """Return the meaning of the outputs of a regression."""
    if not source.target.get("decoded_by_loss", False):
        return {"main_output": 0, "log_mean": False}
    loss = source.spec.loss
    _builtin(loss, "loss")
    first = next(iter(loss.order.values())) if isinstance(loss, Quantile) else 0
    return {"main_output": first, "log_mean": isinstance(loss, LogMean)}


def _builtin(plugin: Plugin, path: str) -> str:
    """Return the name of a built-in plugin. Raise PluginError for another one."""
    if not type(plugin).__module__.startswith(f"mlpkit.{plugin.kind}."):
        message = f"{path}: {REGISTRIES[plugin.kind].info(type(plugin)).described} has no counterpart in the exported program"
        raise PluginError(message, help="export the model as .onnx, for which a plugin can bring its own formula")
    return plugin_name(plugin)
