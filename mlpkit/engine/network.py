"""Network: a network's spec and its parameters; it predicts.

It knows nothing of training: inference needs neither loss nor optimizer nor workspace.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from math import prod
from typing import Any, NamedTuple

import numpy as np

from mlpkit.engine.inference import Prediction, PredictionLayer
from mlpkit.engine.parameters import MappedParameters, Parameters
from mlpkit.errors import SpecError
from mlpkit.numerics.blocks import row_blocks
from mlpkit.numerics.numpy_errstate import quietly
from mlpkit.plugin import Activation, Array
from mlpkit.plugin.error_attribution import blaming
from mlpkit.spec import Layer, NetworkSpec
from mlpkit.spec.normalization import BatchNormalization

BLOCK = 1024  # rows predicted at once: the scores and outputs of a layer stay in cache, and the calls are few
KEPT = 2**20  # numbers in the buffers of a prediction up to which it is kept for the next one
SIZES = 8  # numbers of rows for which there are kept ones


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
        self.row_shape, self.units = self.layers[0].weight.shape[:1], self.layers[-1].weight.shape[1]
        self._prediction_layers = [_prediction_layer(layer, self._joined(index)) for index, layer in enumerate(self.layers)]
        own = all(type(layer.activation).__module__ == "mlpkit.activations" for layer in self.layers)
        self._call = quietly if own else _in_the_callers_context
        self._spare: dict[int, list[Prediction]] = {}  # by their number of rows: threads that predict side by side have one each

    def _joined(self, index: int) -> Array | None:
        """A layer's weight with its bias as the last row, where they stand together and the layer is not the first."""
        if index == 0 or self.layers[index].bias is None or isinstance(self.parameters, MappedParameters):
            return None
        return self.parameters.joined(f"layers.{index}.weight", f"layers.{index}.bias")

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

    def __getstate__(self) -> tuple[NetworkSpec, str, dict[str, Array]]:
        return self.spec, self.dtype.name, self.parameters.views

    def __setstate__(self, state: tuple[NetworkSpec, str, dict[str, Array]]) -> None:
        """Made anew around a vector: a copied view would no longer be a part of it."""
        spec, dtype, views = state
        Network.__init__(self, spec, dtype)
        for name, view in views.items():
            self.parameters.views[name][...] = view

    def initialize(self, rng: np.random.Generator) -> None:
        """Draw the weights and biases anew, layer by layer.

        Raises
        ------
        SpecError
            An initializer does not fit its array.
        """
        with blaming():
            for index, layer in enumerate(self.layers):
                try:
                    _initialize(layer, rng)
                except ValueError as error:
                    raise SpecError(f"network.layers[{index}]: {error}", help="change the initializer or the layer's width") from error
                if not np.isfinite(layer.weight).all() or (layer.bias is not None and not np.isfinite(layer.bias).all()):
                    message = f"network.layers[{index}]: its initializers leave NaN or infinity"
                    raise SpecError(message, help="correct the initializer: it fills every number")

    def predict(self, inputs: Array) -> Array:
        """Return what the network puts out. Where it overflows that is infinite or NaN, without a warning of NumPy.

        Parameters
        ----------
        inputs : array, shape (rows, inputs)
            Encoded inputs; other dtypes are converted.

        Returns
        -------
        array, shape (rows, units of the last layer)
        """
        inputs = self._checked(inputs)
        rows = len(inputs)
        outputs = np.empty((rows, self.units), self.dtype)
        self._call(self._fill_block if rows <= BLOCK else self._fill, inputs, None, outputs)
        return outputs

    def scores(self, inputs: Array) -> tuple[Array, Array]:
        """The last layer's scores before its activation, and its outputs, both of shape (rows, units); as `predict`."""
        inputs = self._checked(inputs)
        scores, outputs = (np.empty((len(inputs), self.units), self.dtype) for _ in range(2))
        self._call(self._fill_block if len(inputs) <= BLOCK else self._fill, inputs, scores, outputs)
        return scores, outputs

    def layer_outputs(self, index: int, inputs: Array) -> tuple[Array, Array]:
        """The scores and the outputs of one layer, both of shape (rows, units), for its inputs, shape (rows, its inputs)."""
        layer = self.layers[index]
        outputs = np.empty((len(inputs), layer.weight.shape[1]), inputs.dtype)
        prediction = Prediction([_prediction_layer(layer)], len(inputs))
        prediction.run(inputs, outputs)
        return prediction.scores, outputs

    def _checked(self, inputs: Array) -> Array:
        inputs = np.asarray(inputs, self.dtype)
        if inputs.shape[1:] != self.row_shape:
            raise ValueError(f"inputs must have shape (rows, {self.spec.inputs}), not {inputs.shape}")
        return inputs

    def _fill(self, inputs: Array, scores: Array | None, outputs: Array) -> None:
        """Fill the outputs, and the scores if they are wanted."""
        for rows in row_blocks(len(inputs), BLOCK):
            self._fill_block(inputs[rows], None if scores is None else scores[rows], outputs[rows])

    def _fill_block(self, inputs: Array, scores: Array | None, outputs: Array) -> None:
        rows = len(inputs)
        spare = self._spare.get(rows)
        if spare is None:
            if len(self._spare) >= SIZES:
                self._spare.clear()
            spare = self._spare.setdefault(rows, [])
        try:
            prediction = spare.pop()
        except IndexError:
            prediction = Prediction(self._prediction_layers, rows)
        prediction.run(inputs, outputs)
        if scores is not None:
            scores[...] = prediction.scores
        if prediction.size <= KEPT:
            spare.append(prediction)


def _in_the_callers_context(function: Callable[[Array, Array | None, Array], None], *arguments: Any) -> None:
    """As `quietly`, for plugins, which may use context variables, and for who has switched off other warnings too."""
    with np.errstate(over="ignore", under="ignore"), blaming():
        function(*arguments)


def _initialize(layer: LayerViews, rng: np.random.Generator) -> None:
    if layer.spec.weight_initializer is not None:
        layer.spec.weight_initializer.fill(layer.weight, rng)
    if layer.bias is not None:
        layer.spec.bias_initializer.fill(layer.bias, rng)


def _prediction_layer(layer: LayerViews, joined: Array | None = None) -> PredictionLayer:
    return PredictionLayer(layer.weight, layer.bias, joined, layer.spec.normalization, layer.normalization, layer.activation.forward)


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
        Each layer's weight with its bias behind it, then normalization's scales and shifts.
    statistics : dict
        Batch normalization's running means and variances.
    """
    linear: dict[str, tuple[int, ...]] = {}
    scales: dict[str, tuple[int, ...]] = {}
    statistics: dict[str, tuple[int, ...]] = {}
    inputs = spec.inputs
    for index, layer in enumerate(spec.layers):
        name, units = f"layers.{index}", layer.units
        if inputs is None or units is None:
            raise ValueError(f"the width of network.{name if inputs else 'inputs'} is not known yet")
        linear[f"{name}.weight"] = (inputs, units)
        if layer.has_bias:
            linear[f"{name}.bias"] = (units,)
        if layer.normalization is not None:
            scales |= {f"{name}.normalization.{part}": (units,) for part in ("scale", "shift")}
        if isinstance(layer.normalization, BatchNormalization):
            statistics |= {f"{name}.normalization.{part}": (units,) for part in ("mean", "variance")}
        inputs = units
    return {**linear, **scales}, statistics


def layer_views(spec: NetworkSpec, parameters: Parameters) -> tuple[LayerViews, ...]:
    """The layers with their views into `parameters`, which may also hold gradients."""
    views, layers = parameters.views, []
    for index, layer in enumerate(spec.layers):
        name = f"layers.{index}"
        prefix = f"{name}.normalization."
        normalization = {part: views[prefix + part] for part in ("scale", "shift", "mean", "variance") if prefix + part in views}
        layers.append(LayerViews(layer, views[f"{name}.weight"], views.get(f"{name}.bias"), normalization))
    return tuple(layers)
