"""The contracts of optimizers and of the learning rates that they take.

A rule is written for ONE array; the engine owns the collection of them.
"""

from __future__ import annotations

import math
import sys
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, NamedTuple, Self, TypeAlias

from pydantic import Field, GetCoreSchemaHandler, model_validator
from pydantic_core import PydanticCustomError, core_schema

from mlpkit.errors import warn
from mlpkit.numerics.arrays import Array
from mlpkit.plugin.base import REGISTRIES, Plugin, declares, resolve, to_entry
from mlpkit.plugin.json_schema import entries_schema
from mlpkit.plugin.registry import NAME

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Problem: TypeAlias = "Callable[[Array], tuple[float, Array]]"  # from a vector of parameters to the mean loss and its gradient


class Progress(NamedTuple):
    """The point of a run at which a schedule is asked for the learning rate.

    Attributes
    ----------
    fraction : float
        Share of the run that is done, from 0 to 1.
    epoch : float
        Epochs done so far, with fractions: 2.5 is the middle of the third epoch.
    epochs : int
        Epochs of the whole run.
    step : int
        Steps done so far.
    steps : int
        Steps of the whole run.
    history : mapping of str to array of float64, shape (finished epochs,)
        Read-only columns of this run: "loss", "learning_rate", "validation_loss" where there are validation rows, and each
        metric. Empty in the first epoch, and for a schedule that is not `once_per_epoch`.
    """

    fraction: float
    epoch: float
    epochs: int
    step: int
    steps: int
    history: Mapping[str, NDArray[np.float64]] = MappingProxyType({})


class Schedule(Plugin):
    """A learning rate that changes over the run.

    The method is called `at`, since `value` is an option of the built-in `constant` and of plugins of 0.3.
    """

    kind: ClassVar[str] = "schedules"
    once_per_epoch: ClassVar[bool] = False  # asked once at the start of each epoch; only such a schedule sees the history

    @property
    def history_columns(self) -> tuple[str, ...]:
        """Return the columns of the history that `at` reads: a run that does not measure them is refused."""
        return ()

    def at(self, progress: Progress) -> float:
        """Return the learning rate: a pure function of `progress`, so a resumed run gets the same rates.

        Parameters
        ----------
        progress : Progress

        Returns
        -------
        float
            Finite and at least 0.
        """
        return self.rate(progress.epoch, progress.epochs)  # the form of 0.3

    def rate(self, epoch: float, epochs: int) -> float:
        """Return the learning rate after `epoch` of `epochs` epochs, without a history. Plugins of 0.3 define this instead of `at`."""
        return self.at(Progress(min(epoch / epochs, 1.0), epoch, epochs, math.floor(epoch), epochs))

    @classmethod
    def check_definition(cls) -> None:
        """Raise TypeError unless the class defines `at`, or `rate` as plugins of 0.3 do, which warns."""
        if cls.at is not Schedule.at:
            return
        if cls.rate is Schedule.rate:
            raise TypeError(f"{cls.__name__} does not define at")
        message = f"{cls.__name__} defines rate(epoch, epochs): define at(progress) with progress.epoch and progress.epochs instead"
        warn(DeprecationWarning(message))


Schedule.__class_vars__ = {*Schedule.__class_vars__, "history_columns"}  # so that Pydantic takes a class variable for no option


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

    @property
    def scalars(self) -> tuple[str, ...]:
        """Names of single numbers that a step reads and writes: float64 arrays of shape (), zero at first.

        They come behind the arrays of `state`, and are saved and resumed like those. A class variable will do as well.
        """
        return ()

    def weights(self, w: Array, out: Array, *state: Array) -> bool:
        """Fill `out` with the weights to predict with, and return True; or return False where they are `w` itself.

        Validation, early stopping, saving and the trained model use them; training goes on with `w`.

        Parameters
        ----------
        w, out : array
            Shaped like the array that `step` takes; leave `w` alone.
        *state : array
            As for `step`; leave them alone.
        """
        return False

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
            The arrays that `state` names, as the last step left them; update them in place. Behind them those of `scalars`,
            of shape () and float64.
        lr : float or array, same shape and dtype as `w`
            The learning rate of this step, an array where layers have factors: only multiply by it.
        t : int
            The number of this step, from 1.

        Notes
        -----
        A rule of the scope "tensor" that takes the keywords `role` and `layer` gets the part of the layer that `w` is, such as
        "weight", "bias", "normalization.scale" or "activation.slope", and the index of the layer.
        """


# so that Pydantic takes a class variable of these names in a subclass for no option
Optimizer.__class_vars__ = {*Optimizer.__class_vars__, "state", "scalars"}


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


class Wrapper(Optimizer):
    """An optimizer that changes what another one, `inner`, gets or leaves.

    Learning rate, scope and state are those of the inner optimizer; a wrapper adds `own_state` and `own_scalars`. In `step`
    and `weights`, `split` parts the arrays into its own and the inner ones. `elementwise` holds only if both declare it.
    """

    learning_rate: ClassVar[None] = None  # type: ignore[misc]  # removes the inherited option
    own_state: ClassVar[tuple[str, ...]] = ()
    own_scalars: ClassVar[tuple[str, ...]] = ()
    inner: Optimizer = Field(description="the optimizer that moves the weights")

    @model_validator(mode="after")
    def _inner_takes_steps(self) -> Self:
        if isinstance(self.inner, Minimizer):
            raise ValueError(
                "the inner optimizer needs the whole problem, and cannot be wrapped: choose one that takes steps, such as 'adam'"
            )
        return self

    @property
    def scope(self) -> Literal["vector", "tensor", "problem"]:  # type: ignore[override]
        """Return the scope of the inner optimizer."""
        return self.inner.scope

    @property
    def state(self) -> tuple[str, ...]:
        """Return the names of its own arrays, then those of the inner optimizer with "inner." before them."""
        return (*self.own_state, *(f"inner.{name}" for name in self.inner.state))

    @property
    def scalars(self) -> tuple[str, ...]:
        """Return the names of its own scalars, then those of the inner optimizer with "inner." before them."""
        return (*self.own_scalars, *(f"inner.{name}" for name in self.inner.scalars))

    def split(self, arrays: Sequence[Array]) -> tuple[list[Array], list[Array]]:
        """Return its own arrays and scalars, and those of the inner optimizer, in the order that each declares.

        Parameters
        ----------
        arrays : sequence of array
            What `step` or `weights` got as `state`.
        """
        at, behind = len(self.own_state), len(self.state)
        scalars = behind + len(self.own_scalars)
        own, inner = [*arrays[:at], *arrays[behind:scalars]], [*arrays[at:behind], *arrays[scalars:]]
        return own, inner

    def weights(self, w: Array, out: Array, *state: Array) -> bool:
        return self.inner.weights(w, out, *self.split(state)[1])


def learning_rate_of(optimizer: Optimizer) -> float | Schedule:
    """Return the learning rate of an optimizer or its schedule: of a wrapper, that of the innermost optimizer."""
    return learning_rate_of(optimizer.inner) if isinstance(optimizer, Wrapper) else optimizer.learning_rate


def is_elementwise(optimizer: Optimizer) -> bool:
    """Return True if an optimizer moves each number by itself, so that `step` may get a part of `w` at a time."""
    declared = declares(optimizer, "elementwise", "step")
    return declared and (not isinstance(optimizer, Wrapper) or is_elementwise(optimizer.inner))


def averages(optimizer: Optimizer) -> bool:
    """Return True if the weights to predict with may be others than the trained ones: where `weights` is overridden."""
    if type(optimizer).weights not in (Optimizer.weights, Wrapper.weights):
        return True
    return isinstance(optimizer, Wrapper) and averages(optimizer.inner)
