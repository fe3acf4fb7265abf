"""Summary of a model as text: its embeddings, its layers with their options and numbers of parameters, the loss and the last epoch."""

from __future__ import annotations

from collections.abc import Sequence

from mlpkit.engine.layers import LayerViews
from mlpkit.engine.network import Network
from mlpkit.plugin import innermost, plugin_name
from mlpkit.spec import Spec
from mlpkit.spec.embedding_text import embedding_text
from mlpkit.text.shown import counted, shortened
from mlpkit.training.epoch import Epoch

HEADER = ("layer", "outputs", "activation", "options", "parameters")


def summary(spec: Spec, network: Network, history: Sequence[Epoch]) -> str:
    """Return the summary of a model in a few lines, its embeddings and a table of its layers among them."""
    rows = [HEADER, *(_row(index, layer) for index, layer in enumerate(network.layers))]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADER))]
    lines = [
        f"{'  '.join(cell.ljust(width) for cell, width in zip(row[:-1], widths, strict=False))}  {row[-1]:>{widths[-1]}}" for row in rows
    ]
    trained = len(network.parameters.trained)
    frozen = f", {trained:,} of them trained" if trained < len(network.parameters) else ""
    optimizer = plugin_name(innermost(spec.optimizer))
    last = _last(history)
    return "\n".join(
        [
            f"{shortened(spec.name, 60)}: {counted(spec.network.inputs or 0, 'input')}, {network.dtype}",
            *_inputs(spec, network),
            *lines,
            f"{counted(len(network.parameters), 'parameter')}{frozen}",
            f"loss {plugin_name(spec.loss)}, optimizer {optimizer}, {last}",
        ]
    )


def _inputs(spec: Spec, network: Network) -> list[str]:
    """Return a line for each embedding, and for the factors of the inputs."""
    found = []
    for options, views in zip(spec.network.embeddings, network.embeddings, strict=True):
        if options.inputs:
            text, size = embedding_text(options.model_dump(mode="json")), sum(view.size for view in views.values())
            found.append(f"{text}, {counted(size, 'parameter')}")
    scale = network.layers[0].input_scale
    return found if scale is None else [*found, f"{counted(scale.size, 'input')} of the first layer, with a trained factor each"]


def _row(index: int, layer: LayerViews) -> tuple[str, ...]:
    count = layer.weight.size + sum(view.size for view in (*layer.normalization.values(), *layer.activation_parameters))
    count += 0 if layer.bias is None else layer.bias.size
    return str(index), str(layer.units), shortened(plugin_name(layer.activation), 40), layer.spec.options_text(), f"{count:,}"


def _last(history: Sequence[Epoch]) -> str:
    if not history:
        return "not trained"
    last = history[-1]
    validation = "" if last.validation_loss is None else f", validation loss {last.validation_loss:.4g}"
    return f"{counted(len(history), 'epoch')}: loss {last.loss:.4g}{validation}"
