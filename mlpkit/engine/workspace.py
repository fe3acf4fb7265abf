"""Workspace: every buffer that training needs for one batch size, and the forward and backward pass in them.

A pass allocates nothing in proportion to the batch or the network.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from mlpkit.engine.network import LayerViews, Network, layer_views, parameter_shapes
from mlpkit.engine.parameters import Parameters
from mlpkit.plugin import REGISTRIES, Array, Loss, Targets
from mlpkit.spec.normalization import Normalizer
from mlpkit.threads import in_parallel

Call = tuple[Callable[..., object], tuple[Any, ...]]  # a function with its arguments
Calls = list[Call]

MANY = 2**19  # scores of a layer from which its activation works on several threads


class LayerBuffers:
    """Buffers of one layer, each of shape (rows, units), and the calls that its two passes are made of.

    Parameters
    ----------
    layer, gradient : LayerViews
        Views into the parameters and into their gradient.
    rows : int
    rng : numpy.random.Generator
        For dropout.
    """

    def __init__(self, layer: LayerViews, gradient: LayerViews, rows: int, rng: np.random.Generator) -> None:
        shape, dtype = (rows, layer.weight.shape[1]), layer.weight.dtype
        self.layer, self.gradient = layer, gradient
        self.rng = rng
        self.threads = 1
        self.scores: Array = np.empty(shape, dtype)
        self.grad: Array = np.empty(shape, dtype)
        self.ones: Array = np.ones(rows, dtype)
        self.outputs: Array = np.empty(shape, dtype)
        self.activated = self.outputs
        self.mask: Array | None = None
        if layer.spec.dropout:
            self.activated, self.mask = np.empty(shape, dtype), np.empty(shape, dtype)
        options = layer.spec.normalization
        self.normalizer = None if options is None else Normalizer(options, self.scores, layer.normalization, gradient.normalization)

    def product(self, inputs: Array) -> Call:
        """Inputs times weights, in `scores`."""
        return inputs.dot, (self.layer.weight, self.scores)

    def shift(self) -> Calls:
        """From that product to the scores: bias and normalization."""
        bias = self.layer.bias
        calls: Calls = [] if bias is None else [(np.add, (self.scores, bias, self.scores))]
        return calls if self.normalizer is None else [*calls, (self.normalizer.forward, (self.scores,))]

    def activate(self) -> Calls:
        """From the scores to the outputs, dropout included."""
        calls: Calls = [self._shared(self.layer.activation.forward, self.scores, self.activated)]
        if self.mask is not None:
            calls += [(self._draw, (self.mask,)), (np.multiply, (self.activated, self.mask, self.outputs))]
        return calls

    def _draw(self, mask: Array) -> None:
        """0 for what is dropped, 1 / (1 - dropout) for what is kept, so that prediction needs no scaling."""
        dropout = self.layer.spec.dropout
        self.rng.random(dtype=mask.dtype.type, out=mask)
        np.greater_equal(mask, dropout, out=mask)
        mask *= 1.0 / (1.0 - dropout)

    def through_activation(self) -> Calls:
        """From dL/doutputs to dL/dscores, in `grad`."""
        calls: Calls = [] if self.mask is None else [(np.multiply, (self.grad, self.mask, self.grad))]
        return [*calls, self._shared(self.layer.activation.backward, self.scores, self.activated, self.grad)]

    def _shared(self, function: Callable[..., None], *arrays: Array) -> Call:
        """A call of an activation, or one that shares the rows of large arrays out to the threads."""
        if arrays[0].size < MANY:
            return function, arrays

        def by_rows(part: slice) -> None:
            function(*[array[part] for array in arrays])

        return self._in_parallel, (by_rows,)

    def _in_parallel(self, by_rows: Callable[[slice], None]) -> None:
        in_parallel(by_rows, len(self.scores), self.threads)

    def through_shift(self) -> Calls:
        """From dL/dscores to the gradient of the product, in `grad`, and to those of what `shift` adds."""
        calls: Calls = [] if self.normalizer is None else [(self.normalizer.backward, (self.grad,))]
        bias = self.gradient.bias
        return calls if bias is None else [*calls, (self.ones.dot, (self.grad, bias))]

    def through_product(self, before: LayerBuffers) -> Calls:
        """From that to the gradient of the weights, and to dL/doutputs of the layer before, in its `grad`."""
        weights: Call = (before.outputs.T.dot, (self.grad, self.gradient.weight))
        return [weights, (self.grad.dot, (self.layer.weight.T, before.grad))]


class Workspace:
    """Buffers for batches of `rows` rows.

    What a step calls, and with what, is the same each time but for the rows: it is written down once. To look it all up
    again would take a third of a small network's time.

    Parameters
    ----------
    network : Network
        Whose parameters are read; batch normalization's running averages in it are moved by the forward pass.
    loss : Loss
    rows : int
        The size of a batch.
    gradient : array, optional
        Where the gradient goes, of the length of `network.parameters.trained`'s vector; workspaces of several sizes
        may share it.
    rng : numpy.random.Generator, optional
        For dropout.

    Attributes
    ----------
    gradient : Parameters
        dL/dparameters: `gradient.trained` goes with `network.parameters.trained`.
    """

    def __init__(
        self,
        network: Network,
        loss: Loss,
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
        self.layers = self._buffers(rng)
        self.losses: Array = np.full(rows, np.nan, dtype)  # what a loss leaves unfilled is found
        self.layers[-1].grad.fill(np.nan)
        self.ones: Array = np.ones(rows, dtype)
        self.share = np.array(1.0 / rows, dtype)  # what a row counts in the mean
        self.joint = is_joint(loss, network)
        self.forward, self.backward = self._forward(), self._backward()
        self.last_backward = self.layers[-1].through_activation()

    def _buffers(self, rng: np.random.Generator) -> list[LayerBuffers]:
        gradients = layer_views(self.network.spec, self.gradient)
        return [LayerBuffers(layer, gradient, self.rows, rng) for layer, gradient in zip(self.network.layers, gradients, strict=True)]

    def _forward(self) -> Calls:
        """From the product of inputs and first weights to the last scores; to the outputs, when the loss is not joint."""
        calls = self.layers[0].shift()
        for before, layer in pairwise(self.layers):
            calls += [*before.activate(), layer.product(before.outputs), *layer.shift()]
        return calls if self.joint else [*calls, *self.layers[-1].activate()]

    def _backward(self) -> Calls:
        """From dL/dscores of the last layer to all gradients but that of the first weights."""
        calls: Calls = []
        for before, layer in list(pairwise(self.layers))[::-1]:
            calls += [*layer.through_shift(), *layer.through_product(before), *before.through_activation()]
        return [*calls, *self.layers[0].through_shift()]

    def loss_and_gradient(self, inputs: Array, targets: Targets, weights: Array | None = None) -> float:
        """Run a batch forward and backward.

        Parameters
        ----------
        inputs : array, shape (rows, inputs)
        targets : array
            In the form that the loss asks for.
        weights : array, shape (rows,), optional
            What each row counts; their mean over all training rows is 1.

        Returns
        -------
        float
            The sum over the rows of weight times loss. `gradient` holds the gradient of that sum divided by `rows`.
        """
        first, last = self.layers[0], self.layers[-1]
        function, arguments = first.product(inputs)
        function(*arguments)
        for function, arguments in self.forward:
            function(*arguments)
        if self.joint:
            self.loss.joint(last.scores, targets, self.losses, last.grad)
        else:
            self.loss.value_and_grad(last.outputs, targets, self.losses, last.grad)
            for function, arguments in self.last_backward:
                function(*arguments)
        np.multiply(last.grad, self.share, last.grad)
        if weights is not None:
            np.multiply(last.grad, weights[:, None], last.grad)
        for function, arguments in self.backward:
            function(*arguments)
        inputs.T.dot(first.grad, first.gradient.weight)
        return float(self.losses.dot(self.ones if weights is None else weights))

    def set_threads(self, count: int) -> None:
        """Let large arrays of the layers be worked on by so many threads."""
        for layer in self.layers:
            layer.threads = count


def is_joint(loss: Loss, network: Network) -> bool:
    """Return whether the loss is computed jointly with the network's last activation, on the scores."""
    last = REGISTRIES["activations"].info(type(network.layers[-1].activation))
    return loss.joint_with == last.full_name
