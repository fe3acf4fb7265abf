"""Warm start: the state of an ended run for the next run on the same model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mlpkit.engine.network import Network
from mlpkit.plugin import Array, Optimizer, Wrapper
from mlpkit.spec import Spec
from mlpkit.training.parameter_order import from_file_order
from mlpkit.training.state import TrainingState, keeps_parameters
from mlpkit.training.update import Update


@dataclass(frozen=True)
class WarmStart:
    """State of an ended run: optimizer arrays and weights.

    Attributes
    ----------
    optimizer : Optimizer
        Optimizer of the arrays.
    arrays : dict of str to array
        Arrays by name in the optimizer's `state`, shape (trained,) and in memory order, then those of its `scalars`.
    step : int
        Number of steps taken.
    last, left : array, shape (parameters,), or None
        Parameters at the end of training, and the parameters of the network instead of them, from early stopping or averaging; None if they
        are the same.
    """

    optimizer: Optimizer
    arrays: dict[str, Array]
    step: int
    last: Array | None
    left: Array | None

    @classmethod
    def of_state(cls, state: TrainingState, spec: Spec, network: Network) -> WarmStart:
        """Return the warm start from a state in a file."""
        parameters = network.parameters

        def read(name: str, like: Array) -> Array:
            array = np.empty_like(like)
            from_file_order(parameters, state.arrays[name], array)
            return array

        arrays = {name: read(f"optimizer/{name}", parameters.trained) for name in spec.optimizer.state}
        numbers = {name: state.arrays[f"optimizer/{name}"] for name in spec.optimizer.scalars}
        if spec.optimizer.scope != "tensor":
            numbers = {name: number.reshape(()) for name, number in numbers.items()}
        kept = keeps_parameters(spec)
        last = read("loop/parameters", parameters.vector) if kept else None
        left = parameters.vector.copy() if kept else None
        return cls(spec.optimizer, {**arrays, **numbers}, state.before + state.step, last, left)

    def fits(self, spec: Spec, update: Update) -> bool:
        """Return True if the optimizer of a spec can use the arrays: same classes, regardless of rates and options."""
        earlier, own = ([(name, array.shape) for name, array in arrays.items()] for arrays in (self.arrays, update.arrays))
        return _types(spec.optimizer) == _types(self.optimizer) and earlier == own

    def restore_last(self, vector: Array) -> bool:
        """Set a network's weights to those at the end of training; return False if they have been changed since, which keeps them."""
        if self.last is not None and self.left is not None:
            if not np.array_equal(vector, self.left):
                return False
            vector[...] = self.last
        return True


def _types(optimizer: Optimizer) -> list[type[Optimizer]]:
    """Return the class of an optimizer, and those of the optimizers that it wraps."""
    return [type(optimizer), *(_types(optimizer.inner) if isinstance(optimizer, Wrapper) else ())]
