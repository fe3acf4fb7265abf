"""Layers: names and shapes of a network's parameters, and a layer's options with its views into them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mlpkit.engine.embedding_parameters import embedding_shapes
from mlpkit.engine.parameters import Parameters
from mlpkit.plugin import Activation, Array, Gated
from mlpkit.spec import Layer, NetworkSpec
from mlpkit.spec.normalization import BatchNormalization, RMSNormalization

Shapes = dict[str, tuple[int, ...]]


class LayerViews(NamedTuple):
    """Options of a layer with its views into the parameters."""

    spec: Layer
    weight: Array  # (inputs, columns); columns: units, or twice as many for a gated activation
    bias: Array | None  # (columns,)
    normalization: dict[str, Array]  # "scale", "shift" but for RMS, "mean" and "variance" for batch normalization: (columns,) each
    activation_parameters: tuple[Array, ...]  # (units,) each, or (1,) if all units share it
    units: int  # of the outputs
    input_scale: Array | None = None  # (inputs,), of the first layer

    @property
    def activation(self) -> Activation:
        """Activation of the layer."""
        return self.spec.activation

    def is_finite(self) -> bool:
        """Return True if no parameter of the layer is NaN or infinite."""
        optional = [view for view in (self.bias, self.input_scale) if view is not None]
        views = (self.weight, *optional, *self.normalization.values(), *self.activation_parameters)
        return all(bool(np.isfinite(view).all()) for view in views)


def parameter_shapes(spec: NetworkSpec) -> tuple[Shapes, Shapes]:
    """Return names and shapes of a network's parameters, without allocating them.

    Returns
    -------
    trained : dict
        Parameters of the trained layers: each weight followed by its bias, then normalization scales and shifts, then the parameters of
        activations, the factors of the inputs and the parameters of embeddings, which belong to the first layer.
    fixed : dict
        The same for layers that are not trained, then the running means and variances of batch normalization.
    """
    groups: tuple[list[Shapes], list[Shapes]] = ([{}, {}, {}], [{}, {}, {}])  # trained and fixed: linear, scales, activations
    statistics: Shapes = {}
    inputs = spec.first_width
    for index, layer in enumerate(spec.layers):
        name, units = f"layers.{index}", layer.units
        if inputs is None or units is None:
            raise ValueError(f"the width of network.{name if inputs else 'inputs'} is not known yet")
        linear, scales, activations = groups[0 if layer.trainable else 1]
        columns = 2 * units if isinstance(layer.activation, Gated) else units
        linear[f"{name}.weight"] = (inputs, columns)
        if layer.has_bias:
            linear[f"{name}.bias"] = (columns,)
        if layer.normalization is not None:
            parts = ("scale",) if isinstance(layer.normalization, RMSNormalization) else ("scale", "shift")
            scales |= {f"{name}.normalization.{part}": (columns,) for part in parts}
        if isinstance(layer.normalization, BatchNormalization):
            statistics |= {f"{name}.normalization.{part}": (columns,) for part in ("mean", "variance")}
        shared = layer.activation.shared
        activations |= {f"{name}.activation.{part}": (1 if part in shared else units,) for part in layer.activation.parameters}
        if index == 0 and spec.input_scale:
            activations[f"{name}.input_scale"] = (inputs,)
        inputs = units
    for index, embedding in enumerate(spec.embeddings):
        learned, constant = embedding_shapes(embedding)
        groups[0 if spec.layers[0].trainable else 1][2].update({f"embeddings.{index}.{role}": shape for role, shape in learned.items()})
        statistics |= {f"embeddings.{index}.{role}": shape for role, shape in constant.items()}
    trained, fixed = ({name: shape for part in group for name, shape in part.items()} for group in groups)
    return trained, fixed | statistics


def layer_views(spec: NetworkSpec, parameters: Parameters) -> tuple[LayerViews, ...]:
    """Return the layers with their views into `parameters`, which may also hold gradients."""
    views, layers = parameters.views, []
    for index, layer in enumerate(spec.layers):
        name = f"layers.{index}"
        prefix = f"{name}.normalization."
        normalization = {part: views[prefix + part] for part in ("scale", "shift", "mean", "variance") if prefix + part in views}
        weight, own = views[f"{name}.weight"], tuple(views[f"{name}.activation.{part}"] for part in layer.activation.parameters)
        units = weight.shape[1] // 2 if isinstance(layer.activation, Gated) else weight.shape[1]
        layers.append(LayerViews(layer, weight, views.get(f"{name}.bias"), normalization, own, units, views.get(f"{name}.input_scale")))
    return tuple(layers)


def embedding_views(spec: NetworkSpec, parameters: Parameters) -> tuple[dict[str, Array], ...]:
    """Return the views of each embedding into `parameters`, which may also hold gradients, by role."""
    prefixes = [f"embeddings.{index}." for index in range(len(spec.embeddings))]
    return tuple(
        {name.removeprefix(prefix): view for name, view in parameters.views.items() if name.startswith(prefix)} for prefix in prefixes
    )
