"""Optimizers of SciPy for mlpkit."""

from __future__ import annotations

import numpy as np
from pydantic import Field, field_validator

from mlpkit import Minimizer
from mlpkit.plugin import Array, LearningRate, Problem, Schedule
from mlpkit.threads import blas_threads


class _Finite:
    """A problem as SciPy takes it: all in float64, and no lower than at its first call where it overflows.

    There SciPy's line search would see no way to go on; so it turns back to shorter steps.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.first: float | None = None

    def __call__(self, x: Array) -> tuple[float, Array]:
        loss, shared = self.problem(x)
        grad = np.array(shared, np.float64)  # a copy: the next call fills the array anew
        if self.first is None:
            self.first = loss
        elif not (np.isfinite(loss) and np.isfinite(grad).all()):
            return self.first, np.zeros_like(grad)
        return loss, grad


class LBFGS(Minimizer):
    """The limited-memory method of Broyden, Fletcher, Goldfarb & Shanno: steps to the minimum of a quadratic model of the loss.

    It learns the curvature from the last gradients, and a line search makes each step go down. An epoch is so many
    `iterations`, most of which take one pass over the rows; the next epoch learns the curvature anew. SciPy's
    L-BFGS-B without bounds: Byrd, Lu, Nocedal & Zhu 1995; Morales & Nocedal 2011.
    """

    learning_rate: LearningRate = Field(1.0, description="always 1: a line search finds the length of each step")
    iterations: int = Field(100, ge=1, description="steps of an epoch")
    memory: int = Field(10, ge=1, description="last steps from which the curvature is known")
    gradient_tolerance: float = Field(1e-8, ge=0, description="the run is over when no number of the gradient is further from 0")
    line_search: int = Field(20, ge=1, description="the most passes over the rows for one step")

    @field_validator("learning_rate")
    @classmethod
    def _line_search_finds_it(cls, rate: float | Schedule) -> float | Schedule:
        if rate != 1.0:
            raise ValueError("must be 1, or left out, since a line search finds the length of each step")
        return rate

    def minimize(self, w: Array, problem: Problem, *state: Array, lr: float, t: int) -> bool:
        from scipy.optimize import minimize  # slow to import, and needed only here

        options = {
            "maxiter": self.iterations,
            "maxfun": self.iterations * (self.line_search + 1) + 1,
            "maxcor": self.memory,
            "maxls": self.line_search,
            "gtol": self.gradient_tolerance,
            "ftol": 0.0,  # a loss may be small and still go down
        }
        with blas_threads("scipy", 1):  # on several, SciPy adds long vectors up in another order, and the last bits differ
            result = minimize(_Finite(problem), w.astype(np.float64), jac=True, method="L-BFGS-B", options=options)
        w[...] = result.x
        return bool(result.status != 1)  # 1: out of iterations;  0: at a minimum;  2: no step goes down, but for rounding
