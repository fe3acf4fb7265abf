"""Layers of the networks: sizes of their weights, and units that are the same for all rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mlpkit.engine.network import Network
from mlpkit.plugin import Array, plugin_name
from mlpkit.plugin.error_attribution import attributing_errors
from mlpkit.report.subject import Subject
from mlpkit.text.markup import NONE, Markup, number, paragraph, table
from mlpkit.text.shown import counted

ROWS = 1_000  # that units are computed for


def layer_section(subject: Subject) -> Markup:
    """Return a table of the layers; of an ensemble, means and sums over the members."""
    networks = [member.network for member in subject.model.members]
    inputs = None if subject.rows is None or len(subject.rows) < 2 else subject.rows.sample(ROWS).inputs
    dead = None if inputs is None else np.sum([dead_units(network, inputs) for network in networks], axis=0)
    lines = []
    for place, layer in enumerate(networks[0].layers):
        weights = [network.layers[place].weight.astype(np.float64) for network in networks]
        norm = float(np.mean([np.linalg.norm(weight) for weight in weights]))
        largest = float(np.max([np.abs(weight).max() for weight in weights]))
        units = layer.units * len(networks)
        last = place == len(networks[0].layers) - 1
        units_dead = NONE if dead is None or last else f"{int(dead[place]):,} of {units:,}"
        shape = f"{layer.weight.shape[0]:,} → {layer.units:,}"
        lines.append([f"{place}", shape, plugin_name(layer.activation), number(norm), number(largest), units_dead])
    found = table(
        ["layer", "shape", "activation", "norm", "largest", "dead units"], lines, caption="Weights and units of each layer", texts=3
    )
    return Markup(found + _embeddings(networks) + paragraph(_sentence(dead, inputs, len(networks)), "note"))


def _embeddings(networks: list[Network]) -> str:
    """Return a table of the parameters of embeddings, if there are any."""
    names = [name for name in networks[0].parameters.views if name.startswith("embeddings.")]
    lines = []
    for name in names[:20]:
        views = [network.parameters.views[name].astype(np.float64) for network in networks]
        norm = float(np.mean([np.linalg.norm(view) for view in views]))
        lines.append([name, "×".join(map(str, views[0].shape)), number(norm)])
    return table(["parameter", "shape", "norm"], lines, caption="Embeddings", texts=2) if lines else ""


def dead_units(network: Network, inputs: Array) -> NDArray[np.intp]:
    """Return the number of units of each layer whose outputs are the same for all of some encoded rows."""
    with np.errstate(all="ignore"), attributing_errors():
        return np.array([int((outputs == outputs[:1]).all(axis=0).sum()) for _, outputs in network.by_layer(inputs)], np.intp)


def _sentence(dead: NDArray[np.intp] | None, inputs: Array | None, members: int) -> str:
    norm = "The norm is the root of the sum of the squares of the weights."
    norm += f" Norms are means over {members} members, numbers of units are sums." if members > 1 else ""
    if dead is None or inputs is None:
        return f"{norm} Dead units need rows."
    return f"{norm} A dead unit is the same for all of {counted(len(inputs), 'row')}."
