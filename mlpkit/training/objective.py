"""TrainingProblem: the mean loss over all training rows as a function of the parameters, for an optimizer that needs the whole of it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mlpkit.data.batches import Batches
from mlpkit.data.disk.stream import Stream
from mlpkit.engine.network import Network
from mlpkit.engine.workspace import Workspace
from mlpkit.plugin import Array

ROWS = 4096  # that go through the network at once


class Stopped(Exception):
    """The run was asked to stop while an optimizer was at work on its problem."""


class TrainingProblem:
    """From a vector of parameters to the mean loss and its gradient. Each call is a pass over the rows.

    Between two calls the network has the parameters that the epoch began with: a run that is stopped or broken stands there.

    Parameters
    ----------
    network : Network
    batches : Batches or Stream
        Of all rows, in an order that stays.
    workspaces : dict of int to Workspace
        By the number of rows; they share one gradient.
    stop : callable or None
        Asked before each pass.

    Attributes
    ----------
    passes : int
        Calls since `begin`.
    loss : float
        What the first of them gave.
    """

    def __init__(
        self, network: Network, batches: Batches | Stream, workspaces: dict[int, Workspace], stop: Callable[[], bool] | None
    ) -> None:
        self.parameters, self.batches, self.workspaces, self.stop = network.parameters.trained, batches, workspaces, stop
        self.start = self.parameters.copy()
        self.block = next(iter(workspaces.values())).gradient.trained
        self.gradient = np.empty_like(self.block) if len(self.batches) > 1 else self.block
        self.passes, self.loss = 0, 0.0

    def begin(self) -> None:
        """An epoch begins at the network's parameters."""
        self.start[...] = self.parameters
        self.passes, self.loss = 0, 0.0

    def __call__(self, x: Array) -> tuple[float, Array]:
        if self.stop is not None and self.stop():
            raise Stopped
        try:
            self.parameters[...] = x
            loss = self._over_blocks()
        finally:
            self.parameters[...] = self.start
        if self.passes == 0:
            self.loss = loss
        self.passes += 1
        return loss, self.gradient

    def _over_blocks(self) -> float:
        """The mean loss at the network's parameters; its gradient is in `gradient` afterwards."""
        rows, total = self.batches.rows, 0.0
        for index, (inputs, targets, weights) in enumerate(self.batches.after(0)):
            total += self.workspaces[len(inputs)].loss_and_gradient(inputs, targets, weights)
            if self.gradient is not self.block:  # that of a block is of the mean over its rows
                self.block *= len(inputs) / rows
                np.add(self.gradient, self.block, self.gradient) if index else np.copyto(self.gradient, self.block)
        return total / rows
