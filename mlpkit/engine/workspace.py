"""Workspace: all buffers for training with one batch size, with the forward and backward pass.

A pass allocates no memory that grows with the batch or the network.
"""

from __future__ import annotations

import numpy as np

from mlpkit.engine.dropout import InputNoise
from mlpkit.engine.inference import Calls, adds_inputs, earlier, forward_calls
from mlpkit.engine.layer_buffers import LayerBuffers
from mlpkit.engine.layers import embedding_views, layer_views, parameter_shapes
from mlpkit.engine.network import Network
from mlpkit.engine.parameters import Parameters
from mlpkit.engine.weighted_targets import WeightedTargets
from mlpkit.plugin import REGISTRIES, Array, Loss, Targets
from mlpkit.plugin.engine import Engine, TrainingPass
from mlpkit.plugin.error_attribution import attributing_errors


class Workspace:
    """Buffers for batches of `rows` rows.

    The calls of a step are the same each time, except for the rows, and are prepared once. Looking them up in each step would take a
    third of the time of a small network.

    Parameters
    ----------
    network : Network
        Network whose parameters are read; the forward pass updates the running averages of batch normalization.
    loss : Loss or WeightedTargets
    rows : int
        Batch size.
    gradient : Parameters, optional
        Buffer for the gradient, shaped like the network's parameters. Workspaces of several sizes may share it.
    rng : numpy.random.Generator, optional
        Generator for dropout.

    Attributes
    ----------
    gradient : Parameters
        dL/dparameters; `gradient.trained` corresponds to `network.parameters.trained`.
    engine_pass : callable or None
        Function of an engine that replaces `loss_and_gradient`.
    """

    def __init__(
        self,
        network: Network,
        loss: Loss | WeightedTargets,
        rows: int,
        gradient: Parameters | None = None,
        rng: np.random.Generator | None = None,
    ) -> None:
        dtype = network.dtype
        self.network = network
        self.loss = loss
        self.rows = rows
        self.gradient = Parameters(*parameter_shapes(network.spec), dtype) if gradient is None else gradient
        rng = np.random.default_rng() if rng is None else rng
        self.inputs = self._input_noise(rng)
        self.learned = network.learned_inputs(rows)
        self.changes_inputs = self.inputs is not None or self.learned is not None or network.spec.input_scale
        self.layers = self._buffers(rng)
        self.losses: Array = np.full(rows, np.nan, dtype)  # NaN marks entries that a loss does not fill
        self.layers[-1].grad.fill(np.nan)
        self.ones: Array = np.ones(rows, dtype)
        self.row_weight = np.array(1.0 / rows, dtype)  # weight of a row in the mean
        self.joint = is_joint(loss, network)
        self.embedding_gradients = embedding_views(network.spec, self.gradient)
        self.lowest = min(index for index, layer in enumerate(network.layers) if layer.spec.trainable)
        self.forward = forward_calls(self.layers) + ([] if self.joint else self.layers[-1].activate())
        self.backward = self._backward()
        self.engine_pass: TrainingPass | None = None

    def use(self, engine: Engine) -> None:
        """Let an engine compute the passes, if it can for this network and loss."""
        with attributing_errors():
            self.engine_pass = engine.training(self)

    def _buffers(self, rng: np.random.Generator) -> list[LayerBuffers]:
        inputs, buffers = None if self.inputs is None else self.inputs.inputs, list[LayerBuffers]()
        inputs = inputs if self.learned is None else self.learned.inputs
        for layer, gradient in zip(self.network.layers, layer_views(self.network.spec, self.gradient), strict=True):
            buffers.append(LayerBuffers(layer, gradient, self.rows, rng, earlier(inputs, buffers)))
        return buffers

    def _input_noise(self, rng: np.random.Generator) -> InputNoise | None:
        """Return the copy of a batch's inputs, if they are changed or a residual connection adds them."""
        spec, shape = self.network.spec, (self.rows, self.network.row_shape[0])
        if not (spec.input_dropout or spec.input_noise or (adds_inputs(self.network.layers) and not spec.embeddings)):
            return None
        constant = self.network.constant_inputs
        return InputNoise(spec.input_dropout, spec.input_noise, constant, shape, self.network.dtype, rng, spec.codes)

    def fade_to(self, share: float) -> None:
        """Set dropout and noise to a share of those of the spec."""
        for layer in self.layers:
            if layer.dropout is not None:
                layer.dropout.fade_to(share)
        if self.inputs is not None:
            self.inputs.fade_to(share)

    def _backward(self) -> Calls:
        """Return the calls from the gradient of the loss to all gradients except that of the first weights.

        They end at the lowest trained layer.
        """
        into = self._shortcuts()
        calls = [] if self.joint else self.layers[-1].through_activation()
        for index in range(len(self.layers) - 1, self.lowest, -1):
            layer, before = self.layers[index], self.layers[index - 1]
            further = index - 1 >= self.lowest
            calls += [*layer.through_shift(), *layer.through_product(before, further)]
            calls += [(np.add, (before.grad, grad, before.grad)) for grad in into[index - 1]]
            calls += before.through_activation() if further else []
        return [*calls, *self._into_lowest()]

    def _shortcuts(self) -> list[list[Array]]:
        """Return, for each layer, the gradients that residual connections add to that of its outputs; set `into_inputs`."""
        into: list[list[Array]] = [[] for _ in self.layers]
        self.into_inputs: list[Array] = []  # those added to that of the embeddings
        first = self.lowest if self.learned is None or self.lowest else -1
        for index, layer in enumerate(self.layers):
            begin = index - (layer.layer.spec.residual or 0)
            if layer.shortcut is not None and begin >= first:
                layer.grad_shortcut = np.empty_like(layer.outputs)
                (self.into_inputs if begin < 0 else into[begin]).append(layer.grad_shortcut)
        return into

    def _into_lowest(self) -> Calls:
        """Return the calls for the lowest trained layer; the gradient of the first weights needs the batch's inputs."""
        lowest = self.layers[self.lowest]
        weights = lowest.through_product(self.layers[self.lowest - 1], further=False) if self.lowest else []
        return [*lowest.through_shift(), *weights]

    def loss_and_gradient(self, inputs: Array, targets: Targets, weights: Array | None = None) -> float:
        """Run the forward and backward pass on a batch.

        Parameters
        ----------
        inputs : array, shape (rows, inputs)
        targets : array
            Targets in the form that the loss declares.
        weights : array, shape (rows,), optional
            Sample weights, with a mean of 1 over all training rows.

        Returns
        -------
        float
            Sum over the rows of sample weight times loss. `gradient` holds the gradient of this sum divided by `rows`.
        """
        if self.engine_pass is not None:
            return self.engine_pass(inputs, targets, weights)
        first, last = self.layers[0], self.layers[-1]
        inputs = self.run_forward(inputs)
        if self.joint:
            self.loss.joint(last.z, targets, self.losses, last.grad)
        else:
            self.loss.value_and_grad(last.outputs, targets, self.losses, last.grad)
        np.multiply(last.grad, self.row_weight, last.grad)
        if weights is not None:
            np.multiply(last.grad, weights[:, None], last.grad)
        for function, arguments in self.backward:
            function(*arguments)
        if self.lowest == 0:
            inputs.T.dot(first.grad_z, first.gradient.weight)
            if self.changes_inputs:
                self._backward_of_inputs()
        return float(self.losses.dot(self.ones if weights is None else weights))

    def run_forward(self, inputs: Array) -> Array:
        """Run the forward pass, up to the last pre-activations for a fused loss; return the first layer's inputs, (rows, inputs)."""
        if self.changes_inputs:
            inputs = self._first_inputs(inputs)
        function, arguments = self.layers[0].product(inputs)
        function(*arguments)
        for function, arguments in self.forward:
            function(*arguments)
        return inputs

    def _first_inputs(self, inputs: Array) -> Array:
        """Return the inputs of the first layer, with noise and embeddings, and scale its weights."""
        if self.inputs is not None:
            inputs = self.inputs.fill(inputs)
        if self.learned is not None:
            inputs = self.learned.fill(inputs)
        self.layers[0].scale_weight()
        return inputs

    def _backward_of_inputs(self) -> None:
        """Fill the gradients of the factors of the inputs and of the embeddings, from that of the scaled first weights."""
        first = self.layers[0]
        first.through_scale()
        if self.learned is not None:
            self.learned.backward(first.weight, first.grad_z, self.embedding_gradients, self.into_inputs)

    def set_threads(self, count: int) -> None:
        """Set the number of threads for large arrays."""
        for layer in self.layers:
            layer.threads = count


def is_joint(loss: Loss | WeightedTargets, network: Network) -> bool:
    """Return True if the loss has a fused form with the last activation, computed from pre-activations."""
    last = REGISTRIES["activations"].info(type(network.layers[-1].activation))
    return loss.joint_with == last.full_name
