"""Network: a network's spec and its parameters; it predicts.

It knows nothing of training: inference needs neither loss nor optimizer nor workspace.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from math import prod
from typing import NamedTuple

import numpy as np

from mlpkit.blocks import row_blocks
from mlpkit.errors import SpecError
from mlpkit.normalization import BatchNormalization, normalize
from mlpkit.parameters import MappedParameters, Parameters
from mlpkit.plugin import Activation, Array
from mlpkit.spec import Layer, NetworkSpec

BLOCK = 1024  # rows predicted at once: the scores and outputs of a layer stay in cache, and the calls are few


class LayerViews(NamedTuple):
    """A layer's options with its views into the parameters."""

    spec: Layer
    weight: Array  # (inputs, units)
    bias: Array | None  # (units,)
    normalization: dict[str, Array]  # "scale", "shift", for batch normalization "mean", "variance": (units,) each

    @property
    def activation(self) -> Activation:
        """The activation object."""
        return self.spec.activation


class Network:
    """The layers of a spec with their numbers.

    Parameters
    ----------
    spec : NetworkSpec
        With `inputs` and every layer's `units` written out.
    dtype : str or dtype
        "float32" or "float64".
    """

    def __init__(self, spec: NetworkSpec, dtype: str = "float32") -> None:
        self._hold(spec, dtype, _allocate(spec, np.dtype(dtype)))
        for layer in self.layers:
            for name in {"scale", "variance"} & layer.normalization.keys():
                layer.normalization[name][...] = 1.0

    def _hold(self, spec: NetworkSpec, dtype: str, parameters: Parameters) -> None:
        self.spec, self.dtype, self.parameters = spec, np.dtype(dtype), parameters
        self.layers = layer_views(spec, parameters)
        self._forwards = [Forward(layer) for layer in self.layers]

    @classmethod
    def mapped(cls, spec: NetworkSpec, dtype: str, tensors: Mapping[str, Array]) -> Network:
        """A network over arrays that stand elsewhere and are not copied; `tensors` has one for each parameter, by name."""
        trained, statistics = parameter_shapes(spec)
        network = cls.__new__(cls)
        network._hold(
            spec, dtype, MappedParameters({name: tensors[name] for name in trained}, {name: tensors[name] for name in statistics})
        )
        return network

    def trainable(self) -> Network:
        """The network itself, or a copy of one whose parameters stand elsewhere."""
        return copy.deepcopy(self) if isinstance(self.parameters, MappedParameters) else self

    def __getstate__(self) -> tuple[NetworkSpec, str, Array]:
        return self.spec, self.dtype.name, self.parameters.vector

    def __setstate__(self, state: tuple[NetworkSpec, str, Array]) -> None:
        """Made anew around the vector: a copied view would no longer be a part of it."""
        spec, dtype, vector = state
        Network.__init__(self, spec, dtype)
        self.parameters.vector[...] = vector

    def initialize(self, rng: np.random.Generator) -> None:
        """Draw the weights and biases anew, layer by layer.

        Raises
        ------
        SpecError
            An initializer does not fit its array.
        """
        for index, layer in enumerate(self.layers):
            try:
                if layer.spec.weight_initializer is not None:
                    layer.spec.weight_initializer.fill(layer.weight, rng)
                if layer.bias is not None:
                    layer.spec.bias_initializer.fill(layer.bias, rng)
            except ValueError as error:
                raise SpecError(f"network.layers[{index}]: {error}", help="change the initializer or the layer's width") from error

    def predict(self, inputs: Array) -> Array:
        """What the network puts out.

        Parameters
        ----------
        inputs : array, shape (rows, inputs)
            Encoded inputs; other dtypes are converted.

        Returns
        -------
        array, shape (rows, units of the last layer)
        """
        return self._run(inputs)[1]

    def scores(self, inputs: Array) -> tuple[Array, Array]:
        """The last layer's scores before its activation, and its outputs, both of shape (rows, units)."""
        return self._run(inputs)

    def layer_outputs(self, index: int, inputs: Array) -> Array:
        """The outputs of one layer, shape (rows, units), for its inputs, shape (rows, its inputs)."""
        forward = self._forwards[index]
        z = forward.scores(inputs, np.empty((len(inputs), forward.units), inputs.dtype))
        outputs = np.empty_like(z)
        forward.activation(z, outputs)
        return outputs

    def _run(self, inputs: Array) -> tuple[Array, Array]:
        dtype = self.dtype
        inputs = np.ascontiguousarray(inputs, dtype)
        if inputs.ndim != 2 or inputs.shape[1] != self.spec.inputs:
            raise ValueError(f"inputs must have shape (rows, {self.spec.inputs}), not {inputs.shape}")
        shape = len(inputs), self.layers[-1].weight.shape[1]
        scores, outputs = np.empty(shape, dtype), np.empty(shape, dtype)
        with np.errstate(over="ignore", under="ignore"):
            size = min(len(inputs), BLOCK)
            buffers = [(np.empty((size, forward.units), dtype), np.empty((size, forward.units), dtype)) for forward in self._forwards[:-1]]
            if len(inputs) == size:
                self._fill(inputs, [*buffers, (scores, outputs)])
            else:
                for rows in row_blocks(len(inputs), BLOCK):
                    count = rows.stop - rows.start
                    self._fill(inputs[rows], [*((z[:count], out[:count]) for z, out in buffers), (scores[rows], outputs[rows])])
        return scores, outputs

    def _fill(self, x: Array, buffers: list[tuple[Array, Array]]) -> None:
        """Predict a block: fill the scores and the outputs of each layer."""
        for forward, (z, out) in zip(self._forwards, buffers, strict=True):
            forward.activation(forward.scores(x, z), out)
            x = out


class Forward:
    """One layer as prediction runs it, with what it needs looked up once."""

    def __init__(self, layer: LayerViews) -> None:
        self.weight, self.units = layer.weight, layer.weight.shape[1]
        self.bias = None if layer.bias is None else layer.bias[None]  # a matrix is added to a matrix of one row without broadcasting
        self.normalization, self.views = layer.spec.normalization, layer.normalization
        self.activation = layer.activation.forward

    def scores(self, x: Array, z: Array) -> Array:
        """Fill z, shape (rows, units), with the scores of x, shape (rows, inputs)."""
        x.dot(self.weight, z)
        if self.bias is not None:
            np.add(z, self.bias, z)
        if self.normalization is not None:
            normalize(self.normalization, z, self.views)
        return z


def _allocate(spec: NetworkSpec, dtype: np.dtype[np.floating]) -> Parameters:
    trained, statistics = parameter_shapes(spec)
    try:
        return Parameters(trained, statistics, dtype)
    except (MemoryError, ValueError, OverflowError) as error:
        count = sum(prod(shape) for shape in (*trained.values(), *statistics.values()))
        message = f"the network has {count:,} parameters, which do not fit in memory"
        raise SpecError.at("network.layers", message, "use narrower layers") from error


def parameter_shapes(spec: NetworkSpec) -> tuple[dict[str, tuple[int, ...]], dict[str, tuple[int, ...]]]:
    """Names and shapes of a network's parameters, by arithmetic alone.

    Returns
    -------
    trained : dict
        Weights first, then biases, then normalization's scales and shifts.
    statistics : dict
        Batch normalization's running means and variances.
    """
    weights: dict[str, tuple[int, ...]] = {}
    biases: dict[str, tuple[int, ...]] = {}
    scales: dict[str, tuple[int, ...]] = {}
    statistics: dict[str, tuple[int, ...]] = {}
    inputs = spec.inputs
    for index, layer in enumerate(spec.layers):
        name, units = f"layers.{index}", layer.units
        if inputs is None or units is None:
            raise ValueError(f"the width of network.{name if inputs else 'inputs'} is not known yet")
        weights[f"{name}.weight"] = (inputs, units)
        if layer.has_bias:
            biases[f"{name}.bias"] = (units,)
        if layer.normalization is not None:
            scales |= {f"{name}.normalization.{part}": (units,) for part in ("scale", "shift")}
        if isinstance(layer.normalization, BatchNormalization):
            statistics |= {f"{name}.normalization.{part}": (units,) for part in ("mean", "variance")}
        inputs = units
    return {**weights, **biases, **scales}, statistics


def layer_views(spec: NetworkSpec, parameters: Parameters) -> tuple[LayerViews, ...]:
    """The layers with their views into `parameters`, which may also hold gradients."""
    views, layers = parameters.views, []
    for index, layer in enumerate(spec.layers):
        name = f"layers.{index}"
        prefix = f"{name}.normalization."
        normalization = {key.removeprefix(prefix): view for key, view in views.items() if key.startswith(prefix)}
        layers.append(LayerViews(layer, views[f"{name}.weight"], views.get(f"{name}.bias"), normalization))
    return tuple(layers)
