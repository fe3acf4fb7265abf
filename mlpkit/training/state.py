"""State of a run, for resuming it with identical results.

Together with the parameters and the history of the model, and with the same data, it is all that a run needs.
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
from mlpkit.training.fingerprint import Fingerprint
from mlpkit.training.random_generators import WORDS, is_generator_state

Size = Annotated[int, Field(ge=0, lt=2**53)]


class Place(NamedTuple):
    """Progress of training; places are ordered by time.

    Attributes
    ----------
    epochs : int
        Finished epochs, including those of earlier runs.
    steps : int
        Steps of the unfinished epoch.
    """

    epochs: int
    steps: int

    def __str__(self) -> str:
        done = counted(self.epochs, "epoch")
        return f"{done} and {counted(self.steps, 'step')}" if self.steps else done


class TrainingState(BaseModel):
    """State of a run.

    Attributes
    ----------
    done : int
        Number of epochs before this run.
    epoch : int
        Number of finished epochs of this run.
    step : int
        Number of steps of this run.
    steps_per_epoch : int
    waited : int
        Epochs since the best one; 0 without early stopping.
    best : int or None
        Number of the best epoch; None before the first one, and without early stopping.
    data : Fingerprint
        Fingerprint of the rows.
    versions : dict of str to str
        Versions of NumPy and of each distribution that provides plugins of the spec.
    threads : int or None
        Number of threads, which affects the last bits; None before the first epoch, and in files of 0.2.0.
    before : int
        Steps of earlier runs whose state the optimizer has continued; 0 in files before container 1.4.
    converged : bool
        True if the full-batch optimizer reported that no improvement is left; False in files before container 1.3.
    arrays : dict of str to array
        "optimizer/NAME", shaped like the trained parameters, for each name in the optimizer's `state`, and for each name in its `scalars`
        with dtype float64 and shape (1,), or (tensors,) if the scope is "tensor";
        "rng/shuffle" at the start of the epoch, and "rng/dropout", as returned by `generator_state`;
        "loop/loss", shape (1,), the sum of losses over the rows of the unfinished epoch;
        "loop/elapsed", shape (2,), with a time budget: the elapsed fractions of it now and at the start of the epoch;
        "loop/average", shaped like the trained parameters, and "loop/average_share", shape (1,), for `training.average`;
        "loop/parameters", the trained parameters, if the model has other ones: the best ones by early stopping, or averaged ones;
        "loop/monitored", shape (1,), with early stopping: the best monitored value, negated if higher is better.
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
        if not 0 <= self.place.steps <= self.steps_per_epoch:  # equality: only validation remains
            raise ValueError(f"{self.step} steps do not fit {self.epoch} epochs of {self.steps_per_epoch} steps and a part of another")
        return self

    @property
    def place(self) -> Place:
        """Progress of training."""
        return Place(self.done + self.epoch, self.step - self.epoch * self.steps_per_epoch)

    def problem(self, spec: Spec, parameters: Parameters) -> str:
        """Return a description of an array that does not fit the network; empty if all fit."""
        shapes = array_shapes(spec, parameters)
        for name, (dtype, shape) in shapes.items():
            found: NDArray[Any] | None = self.arrays.get(name)
            if found is None:
                return f"the array {name} is missing"
            if (found.dtype, found.shape) != (np.dtype(dtype), shape):
                return f"the array {name} is {found.dtype} {found.shape}, not {dtype} {shape}"
            if name.startswith("rng/") and not is_generator_state(found):
                return f"the array {name} is not a valid state of a generator"
        return ""


def keeps_parameters(spec: Spec) -> bool:
    """Return True if a model has other weights than its run: the best ones, or averages."""
    return spec.training.early_stopping is not None or keeps_averages(spec)


def keeps_averages(spec: Spec) -> bool:
    """Return True if a run averages weights, by `training.average` or by its optimizer."""
    return spec.training.average is not None or averages(spec.optimizer)


def array_shapes(spec: Spec, parameters: Parameters) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Return the dtype and shape of each array of a state, for a network with these parameters."""
    optimizer, trained = spec.optimizer, len(parameters.trained)
    numbers = parameters.trained_tensors if optimizer.scope == "tensor" else 1
    shapes: dict[str, tuple[str, tuple[int, ...]]] = {f"optimizer/{name}": (spec.dtype, (trained,)) for name in optimizer.state}
    shapes |= {f"optimizer/{name}": ("float64", (numbers,)) for name in optimizer.scalars}
    shapes |= {"rng/shuffle": ("uint64", (WORDS,)), "rng/dropout": ("uint64", (WORDS,)), "loop/loss": ("float64", (1,))}
    if spec.training.time_budget is not None:
        shapes["loop/elapsed"] = ("float64", (2,))
    if spec.training.average is not None:
        shapes |= {"loop/average": (spec.dtype, (trained,)), "loop/average_share": ("float64", (1,))}
    if keeps_parameters(spec):
        shapes["loop/parameters"] = (spec.dtype, (len(parameters),))
    if spec.training.early_stopping is not None:
        shapes["loop/monitored"] = ("float64", (1,))
    return shapes
