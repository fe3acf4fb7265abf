"""Update: the optimizer with its state, and the learning rate of each step.

The optimizer's rule is written for one array; here it meets the vector of all parameters, or each tensor of it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from inspect import signature
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from mlpkit.engine.network import Network
from mlpkit.plugin import Array, Minimizer, Progress, Schedule, is_elementwise, learning_rate_of
from mlpkit.spec import Spec
from mlpkit.text.shown import shortened
from mlpkit.threads import in_parallel
from mlpkit.training.divergence import broken
from mlpkit.training.history import EpochColumns
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

    The order of a step: the gradient of the mean loss; the optimizer's rule, with the learning rate of the step times the
    layer's factor. What later versions add has its place here: penalties and clipping before the rule, decay and
    constraints after it. Weights to predict with, where an optimizer averages, are derived from its state when they are needed.

    Attributes
    ----------
    state : tuple of array
        One array like the trained vector for each name in the optimizer's `state`.
    scalars : tuple of array
        One for each name in the optimizer's `scalars`, float64: shape (), or (tensors,) where its scope is "tensor".
    before : int
        Steps of earlier runs whose arrays the optimizer goes on with: step number t of the rule counts them too.
    history : EpochColumns or None
        Of this run, for a schedule that reads it.
    threads : int
        On which an elementwise optimizer works when there are many parameters.
    """

    def __init__(self, network: Network, spec: Spec) -> None:
        self.optimizer = optimizer = spec.optimizer
        rate = learning_rate_of(optimizer)
        self.schedule = rate if isinstance(rate, Schedule) else None
        self.constant = 0.0 if isinstance(rate, Schedule) else rate
        self.epochs = spec.training.epochs
        self.parameters, self.trained = network.parameters, network.parameters.trained
        self.state = tuple(np.zeros_like(self.trained) for _ in optimizer.state)
        self.tensors = self._tensor_slices() if optimizer.scope == "tensor" else None
        self.scalars = tuple(np.zeros(() if self.tensors is None else len(self.tensors)) for _ in optimizer.scalars)
        self.before = 0
        self.history = EpochColumns() if self.schedule is not None and self.schedule.once_per_epoch else None
        self.factors = layer_factors(network)
        self.rates = None if self.factors is None else np.empty_like(self.factors)  # of each parameter, in the step that is taken
        self._kept = -1, 0.0  # the last epoch for which such a schedule was asked, and its rate
        self.threads = 1
        self.places = {"role", "layer"} <= signature(optimizer.step).parameters.keys()
        by_pieces = is_elementwise(optimizer) and len(self.trained) >= MANY
        self.whole = self.tensors is None and not by_pieces  # one call for all of it

    def _tensor_slices(self) -> list[tuple[str, slice, tuple[int, ...]]]:
        """Return the name of each weight matrix, bias and so on, its slice of the vector, and its shape."""
        found, start = [], 0
        for name, view in islice(self.parameters.views.items(), self.parameters.trained_tensors):
            found.append((name, slice(start, start + view.size), view.shape))
            start += view.size
        return found

    def _place(self, name: str) -> dict[str, Any]:
        """Return role and layer of a tensor, if the optimizer's `step` takes them."""
        if not self.places:
            return {}
        _, layer, role = name.split(".", 2)
        return {"role": role, "layer": int(layer)}

    def rate(self, steps: int, steps_per_epoch: int) -> float:
        """Return the learning rate after so many steps."""
        if self.schedule is None:
            return self.constant
        epochs, rest = divmod(steps, steps_per_epoch)
        if self.schedule.once_per_epoch:
            steps, rest = epochs * steps_per_epoch, 0
        done = epochs + rest / steps_per_epoch
        history = {} if self.history is None else self.history.columns(epochs)
        progress = Progress(min(done / self.epochs, 1.0), done, self.epochs, steps, self.epochs * steps_per_epoch, history)
        rate = self.schedule.at(progress)
        if not isinstance(rate, (int, float, np.floating)) or not 0 <= rate < math.inf:
            raise broken(self.schedule, f"gives the learning rate {shortened(repr(rate), 100)} after {done:g} epochs")
        return float(rate)

    def apply(self, gradient: Array, step: int, steps_per_epoch: int) -> None:
        """Step number `step`: move the parameters along the gradient, which is scratch space afterwards."""
        lr: Any = self.constant if self.schedule is None else self._rate_of_step(step - 1, steps_per_epoch)
        w, step = self.trained, step + self.before
        if self.factors is not None and self.rates is not None:
            lr = np.multiply(self.factors, lr, out=self.rates)
        if self.whole:
            self.optimizer.step(w, gradient, *self.state, *self.scalars, lr=lr, t=step)
        elif self.tensors is None:
            self._apply_by_pieces(w, gradient, lr, step)
        else:
            for name, part, shape, *state in self._by_tensor():
                rate = lr if self.rates is None else self.rates[part].reshape(shape)
                self.optimizer.step(w[part].reshape(shape), gradient[part].reshape(shape), *state, lr=rate, t=step, **self._place(name))

    def _rate_of_step(self, steps: int, steps_per_epoch: int) -> float:
        assert self.schedule is not None
        if not self.schedule.once_per_epoch:
            return self.rate(steps, steps_per_epoch)
        epoch = steps // steps_per_epoch
        if self._kept[0] != epoch:
            self._kept = epoch, self.rate(steps, steps_per_epoch)
        return self._kept[1]

    def _by_tensor(self) -> Iterator[tuple[Any, ...]]:
        """Yield name, slice and shape of each tensor, with the optimizer's arrays and scalars of it."""
        for index, (name, part, shape) in enumerate(self.tensors or ()):
            yield (
                name,
                part,
                shape,
                *[array[part].reshape(shape) for array in self.state],
                *[numbers[index, ...] for numbers in self.scalars],
            )

    def average(self, out: Array) -> bool:
        """Fill `out`, shaped like the trained vector, with the weights to predict with; False where they are the trained ones."""
        w = self.trained
        if self.tensors is None:
            return self.optimizer.weights(w, out, *self.state, *self.scalars)
        filled = [
            self.optimizer.weights(w[part].reshape(shape), out[part].reshape(shape), *state) for _, part, shape, *state in self._by_tensor()
        ]
        return all(filled)

    def minimize(self, problem: TrainingProblem, step: int) -> Found:
        """Return what an optimizer that needs the whole problem finds in epoch number `step`; it works on copies."""
        assert isinstance(self.optimizer, Minimizer)
        problem.begin()
        w, state, scalars = self.trained.copy(), [array.copy() for array in self.state], [number.copy() for number in self.scalars]
        with np.errstate(all="ignore"):  # a line search may look at points where the loss overflows
            lr = self._rate_of_step(step - 1, 1) if self.schedule is not None else self.constant
            converged = self.optimizer.minimize(w, problem, *state, *scalars, lr=lr, t=step + self.before)
        if not problem.passes:  # it did not ask for the loss
            problem(w)
        return Found(w, [*state, *scalars], bool(converged))

    def adopt(self, found: Found) -> None:
        """Give the network and the optimizer's state what `minimize` found."""
        self.trained[...] = found.w
        for array, changed in zip((*self.state, *self.scalars), found.state, strict=True):
            array[...] = changed

    def _apply_by_pieces(self, w: Array, gradient: Array, lr: float, step: int) -> None:
        """The same numbers as in one piece, each piece in a core's cache from the first operation to the last.

        Each piece has the scalars as the last step left them, and all leave the same.
        """
        before = [number.copy() for number in self.scalars]

        def apply(part: slice) -> None:
            scalars = self.scalars if part.start == 0 else [number.copy() for number in before]
            rate: Any = lr if self.rates is None else self.rates[part]
            self.optimizer.step(w[part], gradient[part], *[array[part] for array in self.state], *scalars, lr=rate, t=step)

        in_parallel(apply, len(w), self.threads, PIECE)


def layer_factors(network: Network) -> Array | None:
    """Return the factor of the learning rate for each trained parameter, or None if all are 1."""
    layers = network.spec.layers
    if all(layer.learning_rate_factor == 1 for layer in layers):
        return None
    parameters = network.parameters
    views = islice(parameters.views.items(), parameters.trained_tensors)
    parts = [np.full(view.size, layers[int(name.split(".", 2)[1])].learning_rate_factor, view.dtype) for name, view in views]
    return np.concatenate(parts)
