"""Update: the optimizer with its state, and the learning rate of each step.

The rule of the optimizer is applied to the vector of all parameters, or to each tensor.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from mlpkit.engine.network import Network
from mlpkit.engine.parameters import layer_and_role
from mlpkit.numerics.clipping import shorten
from mlpkit.plugin import Array, Minimizer, Progress, Schedule, is_elementwise, learning_rate_of, takes_place
from mlpkit.plugin.kernels import Kernel, StepParts
from mlpkit.spec import Spec
from mlpkit.text.shown import shortened
from mlpkit.threads import in_parallel
from mlpkit.training.constraints import constraints
from mlpkit.training.divergence import broken
from mlpkit.training.history import EpochColumns
from mlpkit.training.objective import Objective
from mlpkit.training.penalty import Penalty
from mlpkit.training.rate_factors import rate_factors
from mlpkit.training.weight_average import WeightAverage
from mlpkit.training.weight_decay import WeightDecay

PIECE = 2**18  # parameters that an elementwise optimizer updates at once
MANY = 2**20  # parameters from which slices and threads are faster


class Found(NamedTuple):
    """Parameters found by a full-batch optimizer, with its state, and True if it has converged."""

    w: Array
    state: list[Array]
    converged: bool


class _Tensor(NamedTuple):
    """Tensor that an optimizer of the scope "tensor" updates."""

    w: Array
    part: slice  # of the trained vector
    state: list[Array]  # arrays like w, then scalars of shape ()
    rates: Array | None  # learning rate of each parameter, if it has factors
    place: dict[str, Any]  # role and layer, if the optimizer's step accepts them


class Update:
    """Optimizer with its state and the learning rate of each step.

    The order of a step: gradient of the mean loss; plus that of the penalties; `clip_value`; `clip_norm` of the whole vector; decoupled
    weight decay; the optimizer's rule, with the learning rate times the factor of the layer; constraints of weights; average of weights.
    If the optimizer averages itself, the weights for prediction are computed from its state when they are needed. A full-batch optimizer
    chooses its own steps (`minimize`); a spec with clipping, decay, constraints or an average is refused for it.

    Attributes
    ----------
    state : tuple of array
        One array like the trained vector for each name in the optimizer's `state`.
    scalars : tuple of array
        One array for each name in the optimizer's `scalars`, float64: shape (), or (tensors,) if its scope is "tensor".
    before : int
        Steps of earlier runs whose state the optimizer continues. They count in the step number t of the rule.
    history : EpochColumns or None
        Epochs of this run, for a schedule that reads them.
    threads : int
        Number of threads for an elementwise optimizer with many parameters.
    kernel : callable or None
        Compiled step, which does all between the gradient's norm and the constraints; see `mlpkit.plugin.kernels`.
    """

    def __init__(self, network: Network, spec: Spec) -> None:
        self.optimizer = optimizer = spec.optimizer
        rate = learning_rate_of(optimizer)
        self.schedule = rate if isinstance(rate, Schedule) else None
        self.constant = 0.0 if isinstance(rate, Schedule) else rate
        self.epochs = spec.training.epochs
        self.parameters, self.trained = network.parameters, network.parameters.trained
        self.state = tuple(np.zeros_like(self.trained) for _ in optimizer.state)
        by_tensor = optimizer.scope == "tensor"
        self.scalars = tuple(np.zeros(self.parameters.trained_tensors if by_tensor else ()) for _ in optimizer.scalars)
        self.penalty, self.before = Penalty(network), 0
        self.weight_average = None if spec.training.average is None else WeightAverage(spec.training, self.trained)
        self.decay = WeightDecay(network, spec)
        self.before_rule = self._before_rule(spec)  # called with the gradient and the learning rate
        self.after_rule = constraints(network)  # called with the numbers of the step and of the steps per epoch
        if self.weight_average is not None:
            self.after_rule.append(self.weight_average.add)
        self.elapsed = 0.0  # fraction of the time budget at the start of the epoch
        self.history = EpochColumns() if self.schedule is not None and self.schedule.once_per_epoch else None
        self.factors = rate_factors(network, spec)
        self.rates = None if self.factors is None else np.empty_like(self.factors)  # learning rate of each parameter in the present step
        self._last = -1, 0.0  # finished epochs and rate of the last call of the schedule
        self.threads = 1
        self.kernel: Kernel | None = None
        self.tensors = self._tensors() if by_tensor else None
        by_pieces = is_elementwise(optimizer) and len(self.trained) >= MANY
        self.whole = self.tensors is None and not by_pieces  # one call for all parameters

    def use_kernel(self, kernel: Kernel, parts: StepParts, spec: Spec) -> None:
        """Let a kernel take the steps that `parts` describe: with factors and decay, and with clipping and the average if it has them."""
        self.kernel, self.factors = kernel, None
        self.before_rule = self._before_rule(spec, by_kernel=True)
        if parts.average is not None and self.weight_average is not None:
            self.after_rule = [self.weight_average.count]

    def _before_rule(self, spec: Spec, by_kernel: bool = False) -> list[Callable[[Array, float], object]]:
        """Return the functions that change the gradient or the weights before the rule, in order, without what a kernel does."""
        value, norm = spec.training.clip_value, spec.training.clip_norm
        found: list[Callable[[Array, float], object]] = [self.penalty.add] if self.penalty else []
        if value is not None and not (by_kernel and norm is None):
            found.append(lambda gradient, rate: np.clip(gradient, -value, value, out=gradient))
        if norm is not None:
            found.append(lambda gradient, rate: shorten(gradient, norm))
        return found if by_kernel or not self.decay else [*found, self.decay.apply]

    def _tensors(self) -> list[_Tensor]:
        """Return the trained tensors, each with its state, in the order of the vector."""
        found = []
        for index, (name, w) in enumerate(islice(self.parameters.views.items(), self.parameters.trained_tensors)):
            part = self.parameters.slices[name]
            state = [array[part].reshape(w.shape) for array in self.state]
            scalars = [numbers[index, ...] for numbers in self.scalars]
            rates = None if self.rates is None else self.rates[part].reshape(w.shape)
            found.append(_Tensor(w, part, [*state, *scalars], rates, _place(name) if takes_place(self.optimizer) else {}))
        return found

    @property
    def arrays(self) -> dict[str, Array]:
        """Arrays of the state, then of the scalars, by name."""
        optimizer = self.optimizer
        return dict(zip((*optimizer.state, *optimizer.scalars), (*self.state, *self.scalars), strict=True))

    def rate(self, steps: int, steps_per_epoch: int) -> float:
        """Return the learning rate after `steps` steps."""
        if self.schedule is None:
            return self.constant
        epochs, rest = divmod(steps, steps_per_epoch)
        if self.schedule.once_per_epoch:
            if self._last[0] == epochs:
                return self._last[1]
            steps, rest = epochs * steps_per_epoch, 0
        done = epochs + rest / steps_per_epoch
        history = {} if self.history is None else self.history.columns(epochs)
        progress = Progress(
            min(max(done / self.epochs, self.elapsed), 1.0), done, self.epochs, steps, self.epochs * steps_per_epoch, history
        )
        rate = self.schedule.at(progress)
        if not isinstance(rate, (int, float, np.floating)) or not 0 <= rate < math.inf:
            raise broken(self.schedule, f"returns the learning rate {shortened(repr(rate), 100)} after {done:g} epochs")
        self._last = epochs, float(rate)
        return float(rate)

    def apply(self, gradient: Array, step: int, steps_per_epoch: int) -> None:
        """Apply step number `step`. The gradient is overwritten."""
        lr: Any = self.constant if self.schedule is None else self.rate(step - 1, steps_per_epoch)
        for change in self.before_rule:
            change(gradient, lr)
        w, t = self.trained, step + self.before
        if self.factors is not None and self.rates is not None:
            lr = np.multiply(self.factors, lr, out=self.rates)
        if self.kernel is not None:
            self.kernel(gradient, lr, t, self.decay.fading, self.threads)
        elif self.whole:
            self.optimizer.step(w, gradient, *self.state, *self.scalars, lr=lr, t=t)
        elif self.tensors is None:
            self._apply_by_pieces(w, gradient, lr, t)
        else:
            for tensor in self.tensors:
                grad = gradient[tensor.part].reshape(tensor.w.shape)
                rate: Any = lr if tensor.rates is None else tensor.rates
                self.optimizer.step(tensor.w, grad, *tensor.state, lr=rate, t=t, **tensor.place)
        for follow in self.after_rule:
            follow(step, steps_per_epoch)

    def average(self, out: Array) -> bool:
        """Fill `out`, shaped like the trained vector, with averaged weights; return False if there are none."""
        if self.weight_average is not None:
            return self.weight_average.fill(out)
        if self.tensors is None:
            return self.optimizer.weights(self.trained, out, *self.state, *self.scalars)
        return all(self.optimizer.weights(each.w, out[each.part].reshape(each.w.shape), *each.state) for each in self.tensors)

    def minimize(self, problem: Objective, step: int) -> Found:
        """Return the result of a full-batch optimizer for epoch number `step`, which works on copies."""
        assert isinstance(self.optimizer, Minimizer)
        problem.begin()
        w, state, scalars = self.trained.copy(), [array.copy() for array in self.state], [number.copy() for number in self.scalars]
        with np.errstate(all="ignore"):  # a line search may evaluate points where the loss overflows
            converged = self.optimizer.minimize(w, problem, *state, *scalars, lr=self.rate(step - 1, 1), t=step + self.before)
        if not problem.passes:  # the optimizer did not evaluate the objective
            problem(w)
        return Found(w, [*state, *scalars], bool(converged))

    def adopt(self, found: Found) -> None:
        """Set the network's parameters and the optimizer's state to a result of `minimize`."""
        self.trained[...] = found.w
        for array, changed in zip(self.arrays.values(), found.state, strict=True):
            array[...] = changed

    def _apply_by_pieces(self, w: Array, gradient: Array, lr: float, step: int) -> None:
        """Update slices of the vector, which stay in the cache for all operations; results are the same as for the whole.

        Each slice gets a copy of the scalars before the step, and all give the same new values.
        """
        before = [number.copy() for number in self.scalars]

        def apply(part: slice) -> None:
            scalars = self.scalars if part.start == 0 else [number.copy() for number in before]
            rate: Any = lr if self.rates is None else self.rates[part]
            self.optimizer.step(w[part], gradient[part], *[array[part] for array in self.state], *scalars, lr=rate, t=step)

        in_parallel(apply, len(w), self.threads, PIECE)


def _place(name: str) -> dict[str, Any]:
    """Return layer and role of a tensor as keywords of an optimizer's step."""
    layer, role = layer_and_role(name)
    return {"role": role, "layer": layer}
