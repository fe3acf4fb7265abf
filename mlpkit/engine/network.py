"""Network: spec and parameters, for prediction.

Inference needs no loss, optimizer or workspace.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np

from mlpkit.engine.embedding_parameters import initialize_embedding
from mlpkit.engine.inference import ForwardBuffers, ForwardPass
from mlpkit.engine.layers import LayerViews, embedding_views, layer_views, parameter_shapes
from mlpkit.engine.learned_inputs import LearnedInputs
from mlpkit.engine.parameters import MappedParameters, Parameters
from mlpkit.errors import SpecError, warn
from mlpkit.numerics.blocks import row_blocks
from mlpkit.numerics.numpy_errstate import quietly
from mlpkit.plugin import Array
from mlpkit.plugin.engine import BLOCK, Engine
from mlpkit.plugin.error_attribution import attributing_errors
from mlpkit.spec import NetworkSpec

KEPT = 2**20  # largest number of elements in the buffers of a prediction that are kept for the next one
SIZES = 8  # most numbers of rows for which buffers are kept


class Network:
    """Network with its parameters.

    Parameters
    ----------
    spec : NetworkSpec
        Spec in which `inputs` and `units` of every layer are set.
    dtype : str or dtype
        "float32" or "float64".

    Attributes
    ----------
    constant_inputs : sequence of int
        Indices of inputs that are 0 in all rows. Training adds no noise to them.
    engine : Engine or None
        It computes predictions, where it can; see `using`.
    block : int
        Number of rows that a prediction computes at once.
    """

    constant_inputs: Sequence[int] = ()
    engine: Engine | None = None
    block = BLOCK

    def __init__(self, spec: NetworkSpec, dtype: str = "float32") -> None:
        self._hold(spec, dtype, _allocate(spec, np.dtype(dtype)))
        for layer in self.layers:
            for name in {"scale", "variance"} & layer.normalization.keys():
                layer.normalization[name][...] = 1.0
            if layer.input_scale is not None:
                layer.input_scale[...] = 1.0
            with np.errstate(over="ignore"):  # `initialize` refuses what the dtype cannot hold
                for view, value in zip(layer.activation_parameters, layer.activation.parameters.values(), strict=True):
                    view[...] = value

    def _hold(self, spec: NetworkSpec, dtype: str, parameters: Parameters) -> None:
        self.spec, self.dtype, self.parameters = spec, np.dtype(dtype), parameters
        self.layers, self.embeddings = layer_views(spec, parameters), embedding_views(spec, parameters)
        self.row_shape, self.units = (spec.inputs or 0,), self.layers[-1].units
        self._call = self._caller()
        self._spare: dict[int, list[ForwardPass]] = {}  # by number of rows; concurrent predictions use separate buffers

    def _caller(self) -> Callable[..., None]:
        """Return the function that calls a prediction: a faster one without plugins of others."""
        own = all(type(layer.activation).__module__.startswith("mlpkit.activations.") for layer in self.layers)
        return quietly if own and self.engine is None else _in_the_callers_context

    @classmethod
    def mapped(cls, spec: NetworkSpec, dtype: str, tensors: Mapping[str, Array]) -> Network:
        """Return a network over existing arrays, without copying; `tensors` has one for each parameter, by name."""
        trained, fixed = parameter_shapes(spec)
        network = cls.__new__(cls)
        network._hold(spec, dtype, MappedParameters({name: tensors[name] for name in trained}, {name: tensors[name] for name in fixed}))
        return network

    def using(self, engine: Engine | None) -> Network:
        """Return a network with the same parameters, whose predictions an engine computes, or NumPy. Copies and pickles have no engine."""
        if engine == self.engine:
            return self
        network = type(self).__new__(type(self))
        block = BLOCK if engine is None else engine.block(self)
        vars(network).update(vars(self), engine=engine, block=block, _spare={})
        network._call = network._caller()
        return network

    def writable(self) -> Network:
        """Return the network itself, or a writable copy if its parameters are mapped."""
        return copy.deepcopy(self).using(self.engine) if isinstance(self.parameters, MappedParameters) else self

    def __getstate__(self) -> tuple[NetworkSpec, str, dict[str, Array]]:
        return self.spec, self.dtype.name, self.parameters.views

    def __setstate__(self, state: tuple[NetworkSpec, str, dict[str, Array]]) -> None:
        """Restore views into one new vector, because copied views would no longer share its memory."""
        spec, dtype, views = state
        Network.__init__(self, spec, dtype)
        for name, view in views.items():
            self.parameters.views[name][...] = view

    def initialize(self, rng: np.random.Generator) -> None:
        """Initialize weights and biases, layer by layer.

        Raises
        ------
        SpecError
            An initializer does not fit its array, or leaves NaN or infinity.
        """
        for options, views in zip(self.spec.embeddings, self.embeddings, strict=True):
            initialize_embedding(options, views, rng)
        with attributing_errors():
            for index, layer in enumerate(self.layers):
                try:
                    _initialize(layer, rng)
                except ValueError as error:
                    raise SpecError(f"network.layers[{index}]: {error}", help="change the initializer or the layer's width") from error
                if not layer.is_finite():
                    message = f"network.layers[{index}]: NaN or infinity among the initial parameters"
                    help = "correct the initializer, which must fill every element, or the initial value of the activation"
                    raise SpecError(message, help=help)

    def predict(self, inputs: Array) -> Array:
        """Return the network's outputs, infinite or NaN where they overflow, without warnings from NumPy.

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
        self._call(self._fill_block if rows <= self.block else self._fill, inputs, None, outputs)
        return outputs

    def forward(self, inputs: Array) -> tuple[Array, Array]:
        """Return the last layer's pre-activations, shape (rows, columns), and outputs, shape (rows, units), for `predict`'s inputs."""
        inputs = self._checked(inputs)
        z = np.empty((len(inputs), self.layers[-1].weight.shape[1]), self.dtype)
        outputs = np.empty((len(inputs), self.units), self.dtype)
        self._call(self._fill_block if len(inputs) <= self.block else self._fill, inputs, z, outputs)
        return z, outputs

    def scores(self, inputs: Array) -> tuple[Array, Array]:
        """Return the result of `forward`, with a DeprecationWarning: its name until mlpkit 0.4."""
        warn(DeprecationWarning("Network.scores is called Network.forward since mlpkit 0.5"))
        return self.forward(inputs)

    def trainable(self) -> Network:
        """Return the result of `writable`, with a DeprecationWarning: its name until mlpkit 0.4."""
        warn(DeprecationWarning("Network.trainable is called Network.writable since mlpkit 0.5"))
        return self.writable()

    def by_layer(self, inputs: Array) -> Iterator[tuple[Array, Array]]:
        """Yield the pre-activations, shape (rows, columns), and outputs, shape (rows, units), of each layer in order.

        Parameters
        ----------
        inputs : array, shape (rows, inputs)
            Encoded inputs.
        """
        found, kept = [self.first_inputs(inputs)], max(layer.spec.residual or 1 for layer in self.layers)
        for layer in self.layers:
            buffers = ForwardBuffers(layer, len(inputs), inputs.dtype, found)
            buffers.scale_weight()
            for function, arguments in [buffers.product(found[-1]), *buffers.shift(), *buffers.activate()]:
                function(*arguments)
            found = [*found, buffers.outputs][-kept:]
            yield buffers.z, buffers.outputs

    def learned_inputs(self, rows: int) -> LearnedInputs | None:
        """Return buffers of the embeddings for a number of rows; None if there are no embeddings."""
        return LearnedInputs(self.spec, self.embeddings, rows, self.dtype) if self.embeddings else None

    def first_inputs(self, inputs: Array) -> Array:
        """Return the inputs of the first layer, shape (rows, width), from encoded inputs, shape (rows, inputs)."""
        learned = self.learned_inputs(len(inputs))
        return inputs if learned is None else learned.fill(inputs)

    def clear_inputs(self, indices: Sequence[int]) -> None:
        """Set the first weights of some encoded inputs to 0."""
        places = {index: place for place, index in enumerate(self.spec.plain_inputs)} if self.embeddings else None
        rows = [index if places is None else places[index] for index in indices if places is None or index in places]
        self.layers[0].weight[rows] = 0.0

    def _checked(self, inputs: Array) -> Array:
        inputs = np.asarray(inputs, self.dtype)
        if inputs.shape[1:] != self.row_shape:
            raise ValueError(f"inputs must have shape (rows, {self.spec.inputs}), not {inputs.shape}")
        return inputs

    def _fill(self, inputs: Array, z: Array | None, outputs: Array) -> None:
        """Fill the outputs, and the last pre-activations unless `z` is None."""
        for rows in row_blocks(len(inputs), self.block):
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
            engine = self.engine if rows else None  # which has nothing to compute
            prediction = ForwardPass(self.layers, rows, self.dtype, self.learned_inputs(rows), engine)
        prediction.run(inputs, outputs)
        if z is not None:
            z[...] = prediction.z
        if prediction.size <= KEPT:
            spare.append(prediction)


def _in_the_callers_context(function: Callable[[Array, Array | None, Array], None], *arguments: Any) -> None:
    """Call a function like `quietly`, but in the caller's context, because plugins may use context variables."""
    with np.errstate(over="ignore", under="ignore"), attributing_errors():
        function(*arguments)


def _initialize(layer: LayerViews, rng: np.random.Generator) -> None:
    if layer.spec.weight_initializer is not None:
        layer.spec.weight_initializer.fill_in_layer(layer.weight, rng, len(layer.weight))
    if layer.bias is not None:
        layer.spec.bias_initializer.fill_in_layer(layer.bias, rng, len(layer.weight))


def _allocate(spec: NetworkSpec, dtype: np.dtype[np.floating]) -> Parameters:
    trained, fixed = parameter_shapes(spec)
    try:
        return Parameters(trained, fixed, dtype)
    except (MemoryError, ValueError, OverflowError) as error:
        count = sum(prod(shape) for shape in (*trained.values(), *fixed.values()))
        message = f"the network has {count:,} parameters, which do not fit in memory"
        raise SpecError.at("network.layers", message, "use narrower layers") from error
