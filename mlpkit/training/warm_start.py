"""WarmStart: what an ended run leaves to the next one on the same model: the optimizer's arrays and the weights that it had come to."""

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
    """The arrays that a run leaves.

    Attributes
    ----------
    optimizer : Optimizer
        The one that these arrays are of.
    arrays : dict of str to array
        By the names in the optimizer's `state`, shape (trained,) and in the order of memory, then by those in its `scalars`.
    step : int
        The steps that they have seen.
    last, left : array, shape (parameters,), or None
        The vector that training had come to, and the one that the network has in its place, by early stopping or as an average;
        None where they are the same.
    """

    optimizer: Optimizer
    arrays: dict[str, Array]
    step: int
    last: Array | None
    left: Array | None

    @classmethod
    def of_state(cls, state: TrainingState, spec: Spec, network: Network) -> WarmStart:
        """Return that of a run whose state stands in a file."""
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
        """Return True if the optimizer of a spec can go on with the arrays: it is the same rule, whatever its rate and options."""
        names = *spec.optimizer.state, *spec.optimizer.scalars
        if _types(spec.optimizer) != _types(self.optimizer) or tuple(self.arrays) != names:
            return False
        return [array.shape for array in self.arrays.values()] == [array.shape for array in (*update.state, *update.scalars)]

    def restore_last(self, vector: Array) -> None:
        """Give a network the weights that training had come to, unless somebody has changed those that it was left with."""
        if self.last is not None and self.left is not None and np.array_equal(vector, self.left):
            vector[...] = self.last


def _types(optimizer: Optimizer) -> list[type[Optimizer]]:
    """Return the class of an optimizer, and of those that it wraps."""
    return [type(optimizer), *(_types(optimizer.inner) if isinstance(optimizer, Wrapper) else ())]
