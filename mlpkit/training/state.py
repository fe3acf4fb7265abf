"""TrainingState: where a run stands. With the parameters and the history of the model it is all that the run needs to
go on, on the same data, to the same bits.
"""

from __future__ import annotations

from typing import Annotated, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from mlpkit.engine.parameters import Parameters
from mlpkit.plugin import averages
from mlpkit.spec import Spec
from mlpkit.text.limits import InParts
from mlpkit.text.shown import counted
from mlpkit.training.data_digest import Fingerprint
from mlpkit.training.random_generators import WORDS, is_generator_state

Size = Annotated[int, Field(ge=0, lt=2**53)]


class Place(NamedTuple):
    """The place that training has reached: places compare as they follow each other.

    Attributes
    ----------
    epochs : int
        Finished epochs, those of earlier runs included.
    steps : int
        Steps of the epoch that is not finished.
    """

    epochs: int
    steps: int

    def __str__(self) -> str:
        done = counted(self.epochs, "epoch")
        return f"{done} and {counted(self.steps, 'step')}" if self.steps else done


class TrainingState(BaseModel):
    """The state of a run.

    Attributes
    ----------
    done : int
        Epochs that the network was trained for before this run.
    epoch : int
        Finished epochs of this run.
    step : int
        Steps of this run.
    steps_per_epoch : int
    waited : int
        What early stopping counts: epochs since the best one; 0 without it.
    best : int or None
        The number of the best epoch; None before the first one, and without early stopping.
    data : Fingerprint
        Of the rows that it is trained on.
    versions : dict of str to str
        Of NumPy and of each distribution that the spec's plugins are from.
    threads : int or None
        On how many it is computed, which the last bits depend on; None before its first epoch, and in files of 0.2.0.
    before : int
        Steps of earlier runs whose arrays the optimizer went on with; 0 in files from before container 1.4.
    converged : bool
        Whether the optimizer said that nothing is left to gain; False in files from before container 1.3.
    arrays : dict of str to array
        "optimizer/NAME", shaped like the trained parameters, one for each name in the optimizer's `state`, and for each in its
        `scalars` one of float64, shape (1,), or (tensors,) for a rule whose scope is "tensor";
        "rng/shuffle", of the start of the epoch, and "rng/dropout", as `generator_state` gives them;
        "loop/loss", shape (1,), the sum of losses over the rows of the unfinished epoch;
        "loop/parameters", the vector that training has come to, where the model has the best or an averaged one: with early
        stopping, or an optimizer that averages;
        "loop/monitored", shape (1,), with early stopping: the best value of the monitored figure, with its sign changed where
        more is better.
    """

    model_config = ConfigDict(frozen=True, strict=True)
    done: Size
    epoch: Size
    step: Size
    steps_per_epoch: Annotated[int, Field(ge=1, lt=2**53)]
    waited: Size
    best: Size | None
    data: Fingerprint
    versions: Annotated[dict[str, str], InParts]
    threads: Annotated[int, Field(ge=1, lt=2**16)] | None = None
    before: Size = 0
    converged: bool = False
    arrays: dict[str, Any] = Field(exclude=True, repr=False)

    @model_validator(mode="after")
    def _consistent(self) -> TrainingState:
        if not 0 <= self.place.steps <= self.steps_per_epoch:  # all of them: only the validation of the epoch is missing
            raise ValueError(f"{self.step} steps are not {self.epoch} epochs of {self.steps_per_epoch} and a part of another")
        return self

    @property
    def place(self) -> Place:
        """Return how far training has come."""
        return Place(self.done + self.epoch, self.step - self.epoch * self.steps_per_epoch)

    def problem(self, spec: Spec, parameters: Parameters) -> str:
        """Return what is wrong with the arrays for a network with these parameters; empty when nothing is."""
        shapes = array_shapes(spec, parameters)
        for name, (dtype, shape) in shapes.items():
            found: NDArray[Any] | None = self.arrays.get(name)
            if found is None:
                return f"the array {name} is missing"
            if (found.dtype, found.shape) != (np.dtype(dtype), shape):
                return f"the array {name} is {found.dtype} {found.shape}, not {dtype} {shape}"
            if name.startswith("rng/") and not is_generator_state(found):
                return f"the array {name} is no state of a generator"
        return ""


def keeps_parameters(spec: Spec) -> bool:
    """Return True if the model of a run has other weights than training has come to: the best ones, or averages."""
    return spec.training.early_stopping is not None or averages(spec.optimizer)


def array_shapes(spec: Spec, parameters: Parameters) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Return the dtype and shape of each array of a state, for a network with these parameters."""
    optimizer, trained = spec.optimizer, len(parameters.trained)
    numbers = parameters.trained_tensors if optimizer.scope == "tensor" else 1
    shapes: dict[str, tuple[str, tuple[int, ...]]] = {f"optimizer/{name}": (spec.dtype, (trained,)) for name in optimizer.state}
    shapes |= {f"optimizer/{name}": ("float64", (numbers,)) for name in optimizer.scalars}
    shapes |= {"rng/shuffle": ("uint64", (WORDS,)), "rng/dropout": ("uint64", (WORDS,)), "loop/loss": ("float64", (1,))}
    if keeps_parameters(spec):
        shapes["loop/parameters"] = (spec.dtype, (len(parameters),))
    if spec.training.early_stopping is not None:
        shapes["loop/monitored"] = ("float64", (1,))
    return shapes
