"""Training objective: the mean loss over all training rows as a function of the parameters, for full-batch optimizers."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import numpy as np

from mlpkit.data.batches import Batches
from mlpkit.data.disk.stream import Stream
from mlpkit.engine.network import Network
from mlpkit.engine.workspace import Workspace
from mlpkit.plugin import Array
from mlpkit.training.jacobian import Jacobian
from mlpkit.training.penalty import Penalty

ROWS = 4096  # rows processed at once


class Stopped(Exception):
    """Raised if the run is stopped while a full-batch optimizer evaluates the objective."""


class Objective:
    """Objective from a vector of parameters to the mean loss and its gradient. Each call is a pass over the rows.

    Between two calls the network has the parameters of the beginning of the epoch, also after a stop or an error.

    Parameters
    ----------
    network : Network
    batches : Batches or Stream
        All rows in a fixed order.
    workspaces : dict of int to Workspace
        Workspaces by number of rows, which share one gradient.
    penalty : Penalty
        Added to the mean loss.
    stop : callable or None
        Called before each pass.

    Attributes
    ----------
    passes : int
        Number of calls since `begin`.
    loss : float
        Mean loss of the first call, without the penalty.
    """

    def __init__(
        self,
        network: Network,
        batches: Batches | Stream,
        workspaces: dict[int, Workspace],
        penalty: Penalty,
        stop: Callable[[], bool] | None,
    ) -> None:
        self.parameters, self.batches, self.workspaces, self.stop = network.parameters.trained, batches, workspaces, stop
        self.start, self.penalty = self.parameters.copy(), penalty
        self.block = next(iter(workspaces.values())).gradient.trained
        self.gradient = np.empty_like(self.block) if len(self.batches) > 1 else self.block
        self.passes, self.loss = 0, 0.0

    def begin(self) -> None:
        """Begin an epoch at the network's parameters."""
        self.start[...] = self.parameters
        self.passes, self.loss = 0, 0.0

    def __call__(self, x: Array) -> tuple[float, Array]:
        if self.stop is not None and self.stop():
            raise Stopped
        try:
            self.parameters[...] = x
            loss = self._over_blocks()
            penalty = self.penalty.value()
            self.penalty.add(self.gradient)
        finally:
            self.parameters[...] = self.start
        if self.passes == 0:
            self.loss = loss
        self.passes += 1
        return loss + penalty, self.gradient

    def jacobian(self, x: Array) -> tuple[Array, Array]:
        """Return residuals and their Jacobian: see `LeastSquaresProblem`."""
        if self.stop is not None and self.stop():
            raise Stopped
        try:
            self.parameters[...] = x
            self._jacobian.fill()
        finally:
            self.parameters[...] = self.start
        residuals, matrix = self._jacobian.residuals, self._jacobian.matrix
        if self.passes == 0:
            self.loss = float(residuals.dot(residuals))
        self.passes += 1
        return residuals, matrix

    @cached_property
    def _jacobian(self) -> Jacobian:
        return Jacobian(self.batches, self.workspaces)

    def _over_blocks(self) -> float:
        """Return the mean loss at the network's parameters, and store its gradient in `gradient`."""
        rows, total = self.batches.rows, 0.0
        for index, (inputs, targets, weights) in enumerate(self.batches.after(0)):
            total += self.workspaces[len(inputs)].loss_and_gradient(inputs, targets, weights)
            if self.gradient is not self.block:  # the gradient of a block is that of the mean over its rows
                self.block *= len(inputs) / rows
                np.add(self.gradient, self.block, self.gradient) if index else np.copyto(self.gradient, self.block)
        return total / rows
