"""Buffers of one layer in training, and the calls of its forward and backward pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from mlpkit.engine.dropout import DropoutMask
from mlpkit.engine.inference import Call, Calls, ForwardBuffers
from mlpkit.engine.layers import LayerViews
from mlpkit.engine.normalization import FrozenBatchNormalizer, Normalizer
from mlpkit.numerics.blocks import row_blocks
from mlpkit.plugin import Array, Gated
from mlpkit.spec.dropout import rate_of
from mlpkit.spec.normalization import BatchNormalization
from mlpkit.threads import in_parallel

MANY = 2**19  # pre-activations of a layer from which its activation runs on several threads
BLOCK = 1024  # rows over which gradients of activation parameters are summed, so that the order does not depend on the number of threads


class LayerBuffers(ForwardBuffers):
    """Buffers of one layer in training, and the calls of its forward and backward pass.

    Parameters
    ----------
    layer, gradient : LayerViews
        Views into the parameters and into their gradients.
    rows : int
    rng : numpy.random.Generator
        Generator for dropout.
    earlier : sequence of array
        Inputs of the network, then the outputs of each layer before this one, for a residual connection.

    Attributes
    ----------
    activated : array, shape (rows, units)
        Outputs before dropout and residual connection.
    grad : array, shape (rows, units)
        dL/doutputs.
    grad_z : array, shape (rows, columns)
        dL/dz; it shares the memory of `grad` unless the activation is gated.
    """

    def __init__(self, layer: LayerViews, gradient: LayerViews, rows: int, rng: np.random.Generator, earlier: Sequence[Array] = ()) -> None:
        super().__init__(layer, rows, layer.weight.dtype, earlier)
        self.gradient, self.threads = gradient, 1
        self.grad: Array = np.empty_like(self.outputs)
        self.grad_z: Array = np.empty_like(self.z) if isinstance(layer.activation, Gated) else self.grad
        self.ones: Array = np.ones(rows, self.z.dtype)
        self.activated = self.outputs
        dropout = layer.spec.dropout
        self.dropout = DropoutMask(dropout, self.outputs.shape, self.outputs.dtype, rng) if rate_of(dropout) else None
        if self.dropout is not None or self.shortcut is not None:
            self.activated = np.empty_like(self.outputs)
        self.grad_shortcut: Array | None = None  # of the residual connection, set if its gradient is needed
        self.normalizer = self._normalizer()
        self.partial: list[Array] = []  # gradients in each block of rows, for each parameter of the activation
        if layer.activation_parameters:
            self.blocks = list(row_blocks(rows, BLOCK))
            self.partial = [np.empty((len(self.blocks), *view.shape), view.dtype) for view in layer.activation_parameters]

    def _normalizer(self) -> Normalizer | FrozenBatchNormalizer | None:
        spec, views = self.layer.spec, self.layer.normalization
        if spec.normalization is None:
            return None
        if isinstance(spec.normalization, BatchNormalization) and not spec.trainable:
            return FrozenBatchNormalizer(spec.normalization, views)
        return Normalizer(spec.normalization, self.z, views, self.gradient.normalization)

    def normalize(self) -> Calls:
        """Return the call of normalization for training, if the layer has one."""
        return [] if self.normalizer is None else [(self.normalizer.forward, (self.z,))]

    def activate(self) -> Calls:
        """Return the calls that compute the outputs from the pre-activations, including dropout."""
        calls = [self._shared(self.layer.activation.forward, self.z, self.activated)]
        if self.dropout is None:
            return calls if self.shortcut is None else [*calls, (np.add, (self.activated, self.shortcut, self.outputs))]
        return [*calls, *self.dropout.forward(self.activated, self.outputs), *self.add_shortcut()]

    def through_activation(self) -> Calls:
        """Return the calls from dL/doutputs to dL/dz and to the gradients of the activation's parameters."""
        calls: Calls = [] if self.grad_shortcut is None else [(np.copyto, (self.grad_shortcut, self.grad))]
        calls += [] if self.dropout is None else self.dropout.backward(self.grad)
        if self.partial:
            return [*calls, (self._backward_by_blocks, ())]
        arrays = (self.z, self.activated, self.grad, *self._gated())
        return [*calls, self._shared(self.layer.activation.backward, *arrays)]

    def _gated(self) -> tuple[Array, ...]:
        return () if self.grad_z is self.grad else (self.grad_z,)

    def _backward_by_blocks(self) -> None:
        """Call `backward` for each block of rows with separate gradients, and add these in order."""
        arrays = (self.z, self.activated, self.grad, *self._gated())
        parameters = self.layer.activation_parameters
        for partial in self.partial:
            partial.fill(0.0)

        def backward(numbers: slice) -> None:
            for number in range(numbers.start, numbers.stop):
                rows, gradients = self.blocks[number], [partial[number] for partial in self.partial]
                self.layer.activation.backward(*[array[rows] for array in arrays], *parameters, *gradients)

        in_parallel(backward, len(self.blocks), self.threads if self.z.size >= MANY else 1)
        for partial, gradient in zip(self.partial, self.gradient.activation_parameters, strict=True):
            np.add.reduce(partial, axis=0, out=gradient)

    def _shared(self, function: Callable[..., None], *arrays: Array) -> Call:
        """Return a call of an activation; for large arrays, one that divides the rows among threads."""
        parameters = self.layer.activation_parameters
        if self.z.size < MANY:
            return function, (*arrays, *parameters)

        def by_rows(part: slice) -> None:
            function(*[array[part] for array in arrays], *parameters)

        return self._in_parallel, (by_rows,)

    def _in_parallel(self, by_rows: Callable[[slice], None]) -> None:
        in_parallel(by_rows, len(self.z), self.threads)

    def through_shift(self) -> Calls:
        """Return the calls from dL/dz to the gradient of the product, in `grad_z`, and to those of bias and normalization."""
        calls: Calls = [] if self.normalizer is None else [(self.normalizer.backward, (self.grad_z,))]
        bias = self.gradient.bias
        return calls if bias is None or not self.layer.spec.trainable else [*calls, (self.ones.dot, (self.grad_z, bias))]

    def through_scale(self) -> None:
        """Turn the gradient of the scaled weights into those of the weights and of the factors of the inputs, if the layer has them."""
        scale, gradient = self.layer.input_scale, self.gradient.weight
        if scale is not None and self.gradient.input_scale is not None:
            np.einsum("ij,ij->i", self.layer.weight, gradient, out=self.gradient.input_scale)
            np.multiply(gradient, scale[:, None], gradient)

    def through_product(self, before: LayerBuffers, further: bool) -> Calls:
        """Return the calls to the gradient of the weights and, with `further`, to dL/doutputs of the previous layer."""
        calls: Calls = []
        if self.layer.spec.trainable:
            calls.append((before.outputs.T.dot, (self.grad_z, self.gradient.weight)))
        return [*calls, (self.grad_z.dot, (self.weight.T, before.grad))] if further else calls
