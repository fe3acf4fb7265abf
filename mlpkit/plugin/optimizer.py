"""The contracts of optimizers and of the learning rates that they take.

A rule is written for ONE array; the engine owns the collection of them.
"""

from __future__ import annotations

import sys
from abc import abstractmethod
from collections.abc import Callable
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import Field, GetCoreSchemaHandler
from pydantic_core import PydanticCustomError, core_schema

from mlpkit.numerics.arrays import Array
from mlpkit.plugin.base import REGISTRIES, Plugin, resolve, to_entry
from mlpkit.plugin.json_schema import entries_schema
from mlpkit.plugin.registry import NAME

Problem: TypeAlias = "Callable[[Array], tuple[float, Array]]"  # from a vector of parameters to the mean loss and its gradient


class Schedule(Plugin):
    """A learning rate that changes over the run."""

    kind: ClassVar[str] = "schedules"

    @abstractmethod
    def rate(self, epoch: float, epochs: int) -> float:
        """The learning rate.

        Parameters
        ----------
        epoch : float
            Epochs done so far, with fractions: 2.5 is the middle of the third epoch.
        epochs : int
            Epochs of the whole run.
        """


class _LearningRate:
    """Annotation of a field that is a positive number or a schedule, with one clear error for both."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls.check,
            serialization=core_schema.plain_serializer_function_ser_schema(
                lambda value: value if isinstance(value, float) else to_entry(value)
            ),
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: core_schema.CoreSchema, handler: Any) -> dict[str, Any]:
        return {"anyOf": [{"type": "number", "exclusiveMinimum": 0}, entries_schema(REGISTRIES["schedules"])]}

    @staticmethod
    def check(value: Any) -> float | Schedule:
        if isinstance(value, str) and not NAME.match(value):
            raise PydanticCustomError("learning_rate", "a learning rate must be a number above 0 or a schedule, not a text")
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            schedule: Schedule = resolve(Schedule, value)
            return schedule
        if not 0 < value <= sys.float_info.max:
            raise PydanticCustomError("learning_rate", "a learning rate must be a finite number greater than 0")
        return float(value)


LearningRate = Annotated[float | Schedule, _LearningRate, Field(description="a number above 0, or a schedule")]


class Optimizer(Plugin):
    """An update rule, written for one array."""

    kind: ClassVar[str] = "optimizers"
    scope: ClassVar[Literal["vector", "tensor", "problem"]] = "vector"
    # "tensor": step is called per weight matrix and bias;   "problem": the rule needs more than one gradient, see `Minimizer`
    elementwise: ClassVar[bool] = False  # each number moves by itself: step may see a part of w at a time, in any thread

    learning_rate: LearningRate = 0.01

    @property
    def state(self) -> tuple[str, ...]:
        """Names of arrays shaped like w, zero at first: allocated, saved and resumed for you.

        Those that an object with these options uses; where the options do not matter, a class variable will do:
        ``state: ClassVar[tuple[str, ...]] = ("velocity",)``.
        """
        return ()

    @abstractmethod
    def step(self, w: Array, grad: Array, *state: Array, lr: float, t: int) -> None:
        """Update `w` in place.

        Parameters
        ----------
        w : array
            Parameters: all of them as one vector, or one tensor, as `scope` says.
        grad : array, same shape and dtype
            dL/dw. It is dead afterwards: scratch space.
        *state : array, same shape and dtype
            The arrays that `state` names, as the last step left them; update them in place.
        lr : float
            The learning rate of this step.
        t : int
            The number of this step, from 1.
        """


Optimizer.__class_vars__ = {*Optimizer.__class_vars__, "state"}  # so that Pydantic takes one in a subclass for no option


class Minimizer(Optimizer):
    """An optimizer whose rule needs the whole problem: a function from the parameters to the loss and its gradient.

    Line searches, quasi-Newton methods and what other libraries have of them are written so. An epoch is one call of
    `minimize` on all rows; `training.batch_size` and `training.shuffle` mean nothing to it.
    """

    scope: ClassVar[Literal["vector", "tensor", "problem"]] = "problem"

    @abstractmethod
    def minimize(self, w: Array, problem: Problem, *state: Array, lr: float, t: int) -> bool:
        """Move `w` in place to where the loss is lower.

        Parameters
        ----------
        w : array, shape (parameters,)
            All parameters as one vector.
        problem : callable
            ``loss, grad = problem(x)`` for any vector `x` like `w`, of any float dtype: the mean loss over all training
            rows, and its gradient in the dtype of `w`. Each call is a pass over the rows. `grad` is one array that the
            next call fills anew: copy what you keep. What it raises, let through: so a run is interrupted.
        *state : array, same shape and dtype as `w`
            The arrays that `state` names, as the last call left them; update them in place. Whatever else an object
            keeps between two calls is lost when a run is resumed.
        lr : float
            The learning rate of this epoch.
        t : int
            The number of this call, from 1.

        Returns
        -------
        bool
            Whether there is nothing left to gain: then the run is over.
        """

    def step(self, w: Array, grad: Array, *state: Array, lr: float, t: int) -> None:
        raise TypeError(f"{type(self).__name__} needs the whole problem, not one gradient: call minimize")
