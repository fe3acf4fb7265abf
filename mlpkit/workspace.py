"""Workspace: every buffer that training needs for one batch size, and the forward and backward pass in them.

A pass allocates nothing, whatever the batch or the network.
"""

from __future__ import annotations

import numpy as np

from mlpkit.network import LayerViews, Network, layer_views, parameter_shapes
from mlpkit.normalization import Normalizer
from mlpkit.parameters import Parameters
from mlpkit.plugin import REGISTRIES, Array, Loss, Targets


class LayerBuffers:
    """One layer's buffers, each of shape (rows, units), and its two passes."""

    def __init__(self, layer: LayerViews, gradient: LayerViews, rows: int, rng: np.random.Generator) -> None:
        units, dtype = layer.weight.shape[1], layer.weight.dtype
        self.layer = layer
        self.gradient = gradient
        self.rng = rng
        self.scores: Array = np.empty((rows, units), dtype)
        self.activated: Array = np.empty((rows, units), dtype)
        self.outputs = self.activated  # what the next layer sees
        self.grad: Array = np.empty((rows, units), dtype)
        self.ones: Array = np.ones(rows, dtype)
        self.inputs: Array = np.empty((0, 0), dtype)
        self.mask: Array | None = None
        if layer.spec.dropout:
            self.mask, self.outputs = np.empty((rows, units), dtype), np.empty((rows, units), dtype)
        options = layer.spec.normalization
        self.normalizer = None if options is None else Normalizer(options, rows, units, layer.normalization, gradient.normalization)

    def score(self, inputs: Array) -> Array:
        """Scores of a batch, shape (rows, units): before the activation."""
        self.inputs = inputs
        inputs.dot(self.layer.weight, out=self.scores)
        if self.layer.bias is not None:
            self.scores += self.layer.bias
        if self.normalizer is not None:
            self.normalizer.forward(self.scores)
        return self.scores

    def activate(self) -> Array:
        """Outputs of the scores, shape (rows, units), dropout included."""
        self.layer.activation.forward(self.scores, self.activated)
        if self.mask is not None:
            self._draw_mask(self.mask)
            np.multiply(self.activated, self.mask, out=self.outputs)
        return self.outputs

    def _draw_mask(self, mask: Array) -> None:
        """0 for what is dropped, 1 / (1 - dropout) for what is kept, so that prediction needs no scaling."""
        dropout = self.layer.spec.dropout
        self.rng.random(dtype=mask.dtype.type, out=mask)
        np.greater_equal(mask, dropout, out=mask)
        mask *= 1.0 / (1.0 - dropout)

    def through_activation(self) -> None:
        """Turn `grad` from dL/doutputs into dL/dscores."""
        if self.mask is not None:
            self.grad *= self.mask
        self.layer.activation.backward(self.scores, self.activated, self.grad)

    def through_weights(self, into: Array | None) -> None:
        """From dL/dscores in `grad`: the gradients of the layer's parameters, and dL/dinputs into `into` if given."""
        if self.normalizer is not None:
            self.normalizer.backward(self.grad)
        self.inputs.T.dot(self.grad, out=self.gradient.weight)
        if self.gradient.bias is not None:
            self.ones.dot(self.grad, out=self.gradient.bias)
        if into is not None:
            self.grad.dot(self.layer.weight.T, out=into)


class Workspace:
    """Buffers for batches of `rows` rows.

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
        gradients = layer_views(network.spec, self.gradient)
        self.layers = [LayerBuffers(layer, grad, rows, rng) for layer, grad in zip(network.layers, gradients, strict=True)]
        self.losses: Array = np.full(rows, np.nan, dtype)  # what a loss leaves unfilled is found
        self.share = np.array(1.0 / rows, dtype)  # what a row counts in the mean
        self.joint = is_joint(loss, network)

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
        last = self.layers[-1]
        x = inputs
        for layer in self.layers[:-1]:
            layer.score(x)
            x = layer.activate()
        last.score(x)
        if self.joint:
            self.loss.joint(last.scores, targets, self.losses, last.grad)
        else:
            self.loss.value_and_grad(last.activate(), targets, self.losses, last.grad)
            last.through_activation()
        total = self._weigh(last.grad, weights)
        for index in range(len(self.layers) - 1, 0, -1):
            before = self.layers[index - 1]
            self.layers[index].through_weights(before.grad)
            before.through_activation()
        self.layers[0].through_weights(None)
        return total

    def _weigh(self, grad: Array, weights: Array | None) -> float:
        """Apply the rows' weights and the mean to the gradient; returns the weighted sum of the losses."""
        grad *= self.share
        if weights is None:
            return float(self.losses.dot(self.layers[-1].ones))
        grad *= weights[:, None]
        return float(self.losses.dot(weights))


def is_joint(loss: Loss, network: Network) -> bool:
    """Whether the loss is computed jointly with the network's last activation, on the scores."""
    last = REGISTRIES["activations"].info(type(network.layers[-1].activation))
    return loss.joint_with == last.full_name
