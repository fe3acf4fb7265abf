"""Levenberg & Marquardt's method for sums of squares."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from pydantic import Field, field_validator

from mlpkit.plugin import Array, LearningRate, Minimizer, Schedule

LARGEST = 1e10  # damping from which no step reduces the loss


class LevenbergMarquardt(Minimizer):
    """Levenberg & Marquardt's method: Gauss-Newton steps with damping, for small networks and losses that are sums of squares.

    With residuals r and their Jacobian J, w -= (J^T J + mu I)^-1 J^T r. If the loss r^T r falls, mu is divided by `factor`; otherwise the
    step is taken back, mu multiplied by `factor`, and the step tried anew. Levenberg 1944; Marquardt 1963; for networks Hagan & Menhaj
    1994. An epoch is one step, with a backward pass for each output and a pass for each try. Often 20 to 100 epochs are enough.

    The loss must declare its residuals, as `mean_squared_error` does. J is kept in memory in float64, and each try solves a system of all
    parameters: at most 5,000 parameters and 100,000 residuals (rows times outputs). MATLAB's `trainlm` has the factors 10 and 0.1.
    """

    since: ClassVar[int] = 5  # the spec schema
    uses_jacobian: ClassVar[bool] = True
    scalars: ClassVar[tuple[str, ...]] = ("damping",)
    learning_rate: LearningRate = Field(1.0, description="always 1: the damping determines the length of each step")
    initial_damping: float = Field(0.001, gt=0, le=LARGEST, description="damping mu of the first step")
    factor: float = Field(10.0, ge=1.1, description="factor by which the damping changes")
    gradient_tolerance: float = Field(1e-10, ge=0, description="converged if no derivative of the loss is larger")

    @field_validator("learning_rate")
    @classmethod
    def _damping_determines_it(cls, rate: float | Schedule) -> float | Schedule:
        if rate != 1.0:
            raise ValueError("must be 1, or left out, since the damping determines the length of each step")
        return rate

    def minimize(self, w: Array, problem: Any, *state: Array, lr: float, t: int) -> bool:
        (damping,) = state
        if t == 1:
            damping[...] = self.initial_damping
        residuals, jacobian = problem.jacobian(w)
        loss, gradient = float(residuals.dot(residuals)), jacobian.T.dot(residuals)
        if np.abs(gradient).max() <= self.gradient_tolerance / 2:
            return True
        matrix = jacobian.T.dot(jacobian)
        start, diagonal = w.astype(np.float64), matrix.diagonal().copy()
        while damping <= LARGEST:
            np.fill_diagonal(matrix, diagonal + damping)
            tried = (start - _solved(matrix, gradient)).astype(w.dtype)
            if problem(tried)[0] < loss:
                w[...] = tried
                damping[...] = max(float(damping) / self.factor, np.finfo(np.float64).tiny)
                return False
            damping *= self.factor
        damping[...] = self.initial_damping  # of a further run
        return True


def _solved(matrix: Array, gradient: Array) -> Array:
    """Return the solution of matrix x = gradient; NaN, where no loss is smaller, if the matrix is singular in rounded numbers."""
    try:
        solution: Array = np.linalg.solve(matrix, gradient)
    except np.linalg.LinAlgError:
        return np.full_like(gradient, np.nan)
    return solution
