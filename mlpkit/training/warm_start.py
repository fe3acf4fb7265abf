"""WarmStart: what an ended run leaves to the next one on the same model: the optimizer's arrays and the weights that it had come to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mlpkit.engine.network import Network
from mlpkit.plugin import Array, Optimizer
from mlpkit.spec import Spec
from mlpkit.training.parameter_order import from_file_order
from mlpkit.training.state import TrainingState


@dataclass(frozen=True)
class WarmStart:
    """The arrays that a run leaves.

    Attributes
    ----------
    optimizer : type
        Whose arrays these are.
    arrays : dict of str to array, shape (trained,)
        By the names in the optimizer's `state`, in the order of memory.
    step : int
        The steps that they have seen.
    last, left : array, shape (parameters,), or None
        The vector that training had come to, and the one that early stopping gave the network in its place; None without
        early stopping.
    """

    optimizer: type[Optimizer]
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
        stopping = spec.training.early_stopping is not None
        last = read("loop/parameters", parameters.vector) if stopping else None
        return cls(type(spec.optimizer), arrays, state.before + state.step, last, parameters.vector.copy() if stopping else None)

    def fits(self, spec: Spec, network: Network) -> bool:
        """Return whether the optimizer of a spec can go on with the arrays."""
        same = type(spec.optimizer) is self.optimizer and tuple(self.arrays) == tuple(spec.optimizer.state)
        return same and all(array.shape == network.parameters.trained.shape for array in self.arrays.values())

    def restore_last(self, vector: Array) -> None:
        """Give a network the weights that training had come to, unless somebody has changed those that it was left with."""
        if self.last is not None and self.left is not None and np.array_equal(vector, self.left):
            vector[...] = self.last
