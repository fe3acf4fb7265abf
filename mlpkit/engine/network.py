"""Network: a network's spec and its parameters; it predicts.

It knows nothing of training: inference needs neither loss nor optimizer nor workspace.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from math import prod
from typing import Any

import numpy as np

from mlpkit.engine.inference import ForwardPass
from mlpkit.engine.layers import LayerViews, layer_views, parameter_shapes
from mlpkit.engine.parameters import MappedParameters, Parameters
from mlpkit.errors import SpecError
from mlpkit.numerics.blocks import row_blocks
from mlpkit.numerics.numpy_errstate import quietly
from mlpkit.plugin import Array
from mlpkit.plugin.error_attribution import blaming
from mlpkit.spec import NetworkSpec

BLOCK = 1024  # rows predicted at once: the scores and outputs of a layer stay in cache, and the calls are few
KEPT = 2**20  # numbers in the buffers of a prediction up to which it is kept for the next one
SIZES = 8  # numbers of rows for which there are kept ones


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
            for view, value in zip(layer.activation_parameters, layer.activation.parameters.values(), strict=True):
                view[...] = value

    def _hold(self, spec: NetworkSpec, dtype: str, parameters: Parameters) -> None:
        self.spec, self.dtype, self.parameters = spec, np.dtype(dtype), parameters
        self.layers = layer_views(spec, parameters)
        self.row_shape, self.units = self.layers[0].weight.shape[:1], self.layers[-1].units
        own = all(type(layer.activation).__module__ == "mlpkit.activations" for layer in self.layers)
        self._call = quietly if own else _in_the_callers_context
        self._spare: dict[int, list[ForwardPass]] = {}  # by their number of rows: threads that predict side by side have one each

    @classmethod
    def mapped(cls, spec: NetworkSpec, dtype: str, tensors: Mapping[str, Array]) -> Network:
        """A network over arrays that stand elsewhere and are not copied; `tensors` has one for each parameter, by name."""
        trained, fixed = parameter_shapes(spec)
        network = cls.__new__(cls)
        network._hold(spec, dtype, MappedParameters({name: tensors[name] for name in trained}, {name: tensors[name] for name in fixed}))
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

    def forward(self, inputs: Array) -> tuple[Array, Array]:
        """Return the last layer's pre-activations, shape (rows, columns), and its outputs, shape (rows, units); as `predict`."""
        inputs = self._checked(inputs)
        z = np.empty((len(inputs), self.layers[-1].weight.shape[1]), self.dtype)
        outputs = np.empty((len(inputs), self.units), self.dtype)
        self._call(self._fill_block if len(inputs) <= BLOCK else self._fill, inputs, z, outputs)
        return z, outputs

    def layer_outputs(self, index: int, inputs: Array) -> tuple[Array, Array]:
        """Return the pre-activations and the outputs of one layer for its inputs, shape (rows, its inputs)."""
        prediction = ForwardPass(self.layers[index : index + 1], len(inputs), inputs.dtype)
        outputs = np.empty((len(inputs), self.layers[index].units), inputs.dtype)
        prediction.run(inputs, outputs)
        return prediction.z, outputs

    def _checked(self, inputs: Array) -> Array:
        inputs = np.asarray(inputs, self.dtype)
        if inputs.shape[1:] != self.row_shape:
            raise ValueError(f"inputs must have shape (rows, {self.spec.inputs}), not {inputs.shape}")
        return inputs

    def _fill(self, inputs: Array, z: Array | None, outputs: Array) -> None:
        """Fill the outputs, and the last pre-activations if they are wanted."""
        for rows in row_blocks(len(inputs), BLOCK):
            self._fill_block(inputs[rows], None if z is None else z[rows], outputs[rows])

    def _fill_block(self, inputs: Array, z: Array | None, outputs: Array) -> None:
        rows = len(inputs)
        spare = self._spare.get(rows)
        if spare is None:
            if len(self._spare) >= SIZES:
                self._spare.clear()
            spare = self._spare.setdefault(rows, [])
        try:
            prediction = spare.pop()
        except IndexError:
            prediction = ForwardPass(self.layers, rows, self.dtype)
        prediction.run(inputs, outputs)
        if z is not None:
            z[...] = prediction.z
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


def _allocate(spec: NetworkSpec, dtype: np.dtype[np.floating]) -> Parameters:
    trained, fixed = parameter_shapes(spec)
    try:
        return Parameters(trained, fixed, dtype)
    except (MemoryError, ValueError, OverflowError) as error:
        count = sum(prod(shape) for shape in (*trained.values(), *fixed.values()))
        message = f"the network has {count:,} parameters, which do not fit in memory"
        raise SpecError.at("network.layers", message, "use narrower layers") from error
