"""Update: the optimizer with its state, and the learning rate of each step.

The optimizer's rule is written for one array; here it meets the vector of all parameters, or each tensor of it.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from mlpkit.engine.network import Network
from mlpkit.plugin import Array, Minimizer, Schedule, says
from mlpkit.spec import Spec
from mlpkit.text.shown import shortened
from mlpkit.threads import in_parallel
from mlpkit.training.divergence import broken
from mlpkit.training.objective import TrainingProblem

PIECE = 2**18  # parameters that an elementwise optimizer moves at once
MANY = 2**20  # parameters from which pieces pay, and threads


class Found(NamedTuple):
    """The parameters that an optimizer found, its state with them, and whether nothing is left to gain."""

    w: Array
    state: list[Array]
    converged: bool


class Update:
    """The optimizer with its state and the learning rate of each step.

    Attributes
    ----------
    before : int
        Steps of earlier runs whose arrays the optimizer goes on with: step number t of the rule counts them too.
    threads : int
        On which an elementwise optimizer works when there are many parameters.
    """

    def __init__(self, network: Network, spec: Spec) -> None:
        self.optimizer = spec.optimizer
        rate = spec.optimizer.learning_rate
        self.schedule = rate if isinstance(rate, Schedule) else None
        self.constant = 0.0 if isinstance(rate, Schedule) else rate
        self.epochs = spec.training.epochs
        self.parameters, self.trained = network.parameters, network.parameters.trained
        self.state = tuple(np.zeros_like(network.parameters.trained) for _ in spec.optimizer.state)
        self.before = 0
        self.threads = 1
        self.tensors = self._tensor_slices() if spec.optimizer.scope == "tensor" else None
        by_pieces = says(spec.optimizer, "elementwise", "step") and len(self.trained) >= MANY
        self.whole = self.tensors is None and not by_pieces  # one call for all of it

    def _tensor_slices(self) -> list[tuple[slice, tuple[int, ...]]]:
        """Return where each weight matrix, bias and so on stands in the vector, and its shape."""
        found, start = [], 0
        for view in self.parameters.views.values():
            if start < len(self.parameters.trained):
                found.append((slice(start, start + view.size), view.shape))
            start += view.size
        return found

    def rate(self, steps: int, steps_per_epoch: int) -> float:
        """The learning rate after so many steps."""
        if self.schedule is None:
            return self.constant
        epochs, rest = divmod(steps, steps_per_epoch)
        done = epochs + rest / steps_per_epoch
        rate = self.schedule.rate(done, self.epochs)
        if not isinstance(rate, (int, float, np.floating)) or not 0 <= rate < math.inf:
            raise broken(self.schedule, f"gives the learning rate {shortened(repr(rate), 100)} after {done:g} epochs")
        return float(rate)

    def apply(self, gradient: Array, step: int, steps_per_epoch: int) -> None:
        """Step number `step`: move the parameters along the gradient, which is scratch space afterwards."""
        lr = self.constant if self.schedule is None else self.rate(step - 1, steps_per_epoch)
        w, step = self.trained, step + self.before
        if self.whole:
            self.optimizer.step(w, gradient, *self.state, lr=lr, t=step)
            return
        if self.tensors is None:
            self._apply_by_pieces(w, gradient, lr, step)
            return
        for part, shape in self.tensors:
            state = [array[part].reshape(shape) for array in self.state]
            self.optimizer.step(w[part].reshape(shape), gradient[part].reshape(shape), *state, lr=lr, t=step)

    def minimize(self, problem: TrainingProblem, step: int) -> Found:
        """Return what an optimizer that needs the whole problem finds in epoch number `step`; it works on copies."""
        assert isinstance(self.optimizer, Minimizer)
        problem.begin()
        w, state = self.trained.copy(), [array.copy() for array in self.state]
        with np.errstate(all="ignore"):  # a line search may look at points where the loss overflows
            converged = self.optimizer.minimize(w, problem, *state, lr=self.rate(step - 1, 1), t=step + self.before)
        if not problem.passes:  # it did not ask for the loss
            problem(w)
        return Found(w, state, bool(converged))

    def adopt(self, found: Found) -> None:
        """Give the network and the optimizer's state what `minimize` found."""
        self.trained[...] = found.w
        for array, changed in zip(self.state, found.state, strict=True):
            array[...] = changed

    def _apply_by_pieces(self, w: Array, gradient: Array, lr: float, step: int) -> None:
        """The same numbers as in one piece, each piece in a core's cache from the first operation to the last."""

        def apply(part: slice) -> None:
            self.optimizer.step(w[part], gradient[part], *[array[part] for array in self.state], lr=lr, t=step)

        in_parallel(apply, len(w), self.threads, PIECE)
