"""Jacobian of the residuals of a least-squares loss, by one backward pass for each output."""

from __future__ import annotations

import math

import numpy as np

from mlpkit.data.batches import Batches
from mlpkit.data.disk.stream import Stream
from mlpkit.engine.weighted_targets import WeightedTargets
from mlpkit.engine.workspace import Workspace
from mlpkit.plugin import Array, LeastSquares, Targets


class Jacobian:
    """Residuals of all rows and their derivatives with respect to the trained parameters, at a network's present parameters.

    The rows are independent and the layers have neither normalization nor trained activations. The derivative of a residual with respect
    to a weight is therefore an input of the layer times dr/dz, which the backward pass leaves in each layer's `grad_z`.

    Parameters
    ----------
    batches : Batches or Stream
        All rows in a fixed order.
    workspaces : dict of int to Workspace
        Workspaces by number of rows.

    Attributes
    ----------
    residuals : array, shape (rows * outputs,), float64
        The mean loss is the sum of their squares.
    matrix : array, shape (rows * outputs, parameters), float64
    """

    def __init__(self, batches: Batches | Stream, workspaces: dict[int, Workspace]) -> None:
        self.batches, self.workspaces = batches, workspaces
        network = next(iter(workspaces.values())).network
        self.slices, shape = network.parameters.slices, (batches.rows, network.layers[-1].spec.units or 1)
        size = len(network.parameters.trained)
        self.residuals: Array = np.zeros(shape[0] * shape[1])
        self.matrix: Array = np.zeros((shape[0] * shape[1], size))
        self._residuals, self._matrix = self.residuals.reshape(shape), self.matrix.reshape(*shape, size)

    def fill(self) -> None:
        """Compute both arrays in a pass over the rows."""
        start = 0
        for inputs, targets, weights in self.batches.after(0):
            rows = slice(start, start + len(inputs))
            self._of_block(self.workspaces[len(inputs)], rows, inputs, targets, weights)
            start = rows.stop

    def _of_block(self, workspace: Workspace, rows: slice, inputs: Array, targets: Targets, weights: Array | None) -> None:
        loss, last = workspace.loss, workspace.layers[-1]
        assert isinstance(loss, (LeastSquares, WeightedTargets))
        inputs = workspace.run_forward(inputs)
        residuals, slopes = np.empty_like(last.outputs), np.empty_like(last.outputs)
        loss.residuals(last.outputs, targets, residuals, slopes)
        scale = np.full((len(inputs), 1), 1.0 / math.sqrt(self.batches.rows), residuals.dtype)
        if weights is not None:
            scale *= np.sqrt(weights)[:, None]
        np.multiply(residuals, scale, self._residuals[rows])
        slopes *= scale
        befores = [inputs, *(layer.outputs.copy() for layer in workspace.layers[:-1])]
        for column in range(slopes.shape[1]):
            if column:  # a backward pass may use pre-activations and outputs as scratch space
                workspace.run_forward(inputs)
            last.grad.fill(0.0)
            last.grad[:, column] = slopes[:, column]
            for function, arguments in workspace.backward:
                function(*arguments)
            self._store(workspace, self._matrix[rows, column], befores)

    def _store(self, workspace: Workspace, matrix: Array, befores: list[Array]) -> None:
        """Fill the rows of the matrix of one output after a backward pass, from the inputs of each layer."""
        for index, (layer, before) in enumerate(zip(workspace.layers, befores, strict=True)):
            if layer.layer.spec.trainable:
                weight = matrix[:, self.slices[f"layers.{index}.weight"]].reshape(len(matrix), before.shape[1], -1)
                np.multiply(before[:, :, None], layer.grad_z[:, None, :], weight)
                if layer.gradient.bias is not None:
                    matrix[:, self.slices[f"layers.{index}.bias"]] = layer.grad_z
