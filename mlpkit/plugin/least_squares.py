"""Losses that are sums of squares, for optimizers that use their residuals."""

from __future__ import annotations

from abc import abstractmethod
from typing import Protocol

from mlpkit.numerics.arrays import Array, Targets
from mlpkit.plugin.contracts import Loss


class LeastSquares(Loss):
    """Loss per row that is the sum of the squares of residuals, one for each output."""

    @abstractmethod
    def residuals(self, outputs: Array, targets: Targets, residuals: Array, slopes: Array) -> None:
        """Fill `residuals` so that the loss of row i is the sum of residuals[i]^2, and `slopes` with their derivatives.

        Parameters
        ----------
        outputs : array, shape (rows, units)
            Outputs of the network; do not change them.
        targets : array
            Targets in the form declared by the class variable `targets`.
        residuals, slopes : array, shape (rows, units)
            A residual may depend on its own output only: slopes[i, j] is d residuals[i, j] / d outputs[i, j].
        """


class LeastSquaresProblem(Protocol):
    """Objective of a full-batch optimizer with `uses_jacobian`."""

    def __call__(self, x: Array) -> tuple[float, Array]:
        """Return the mean loss and its gradient at the parameters x."""

    def jacobian(self, x: Array) -> tuple[Array, Array]:
        """Return residuals r, shape (rows * outputs,), and their Jacobian J, shape (rows * outputs, parameters), in float64.

        The mean loss is the sum of r^2: sample weights and the division by the rows are included. Each call is a pass over the rows; the
        next call overwrites the arrays.
        """
