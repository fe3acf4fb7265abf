"""Contract of optimizers.

An optimizer is written for ONE array; mlpkit applies it to all arrays.
"""

from __future__ import annotations

import sys
from abc import abstractmethod
from collections.abc import Callable, Sequence
from inspect import signature
from typing import Annotated, Any, ClassVar, Literal, Self, TypeAlias

from pydantic import Field, GetCoreSchemaHandler, model_validator
from pydantic_core import PydanticCustomError, core_schema

from mlpkit.numerics.arrays import Array
from mlpkit.plugin.base import REGISTRIES, Plugin, declares, resolve, to_entry
from mlpkit.plugin.json_schema import entries_schema
from mlpkit.plugin.registry import NAME
from mlpkit.plugin.schedule import Schedule

Problem: TypeAlias = "Callable[[Array], tuple[float, Array]]"  # objective: from a vector of parameters to the mean loss and its gradient


class _LearningRate:
    """Annotation of a field that is a positive number or a schedule, with one error message for both."""

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
            raise PydanticCustomError("learning_rate", "a learning rate must be a number above 0 or a schedule, not a string")
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            schedule: Schedule = resolve(Schedule, value)
            return schedule
        if not 0 < value <= sys.float_info.max:
            raise PydanticCustomError("learning_rate", "a learning rate must be a finite number greater than 0")
        return float(value)


Rate = Annotated[float | Schedule, _LearningRate]  # for a field without a default: Pydantic 2.7 shares that of an annotated Field
LearningRate = Annotated[Rate, Field(description="a number above 0, or a schedule")]


class Optimizer(Plugin):
    """Update rule, written for one array."""

    kind: ClassVar[str] = "optimizers"
    scope: ClassVar[Literal["vector", "tensor", "problem"]] = "vector"
    # "tensor": step is called per weight matrix and bias;   "problem": the rule needs the whole objective, see `Minimizer`
    elementwise: ClassVar[bool] = False  # each number is updated independently: step may get slices of w, in any thread
    full_batch: ClassVar[bool] = False  # each step needs the gradient of all rows: mlpkit refuses batches

    learning_rate: LearningRate = 0.01

    @property
    def state(self) -> tuple[str, ...]:
        """Names of arrays shaped like w, initially zero, which mlpkit allocates, saves and resumes.

        The names may depend on the options. Otherwise a class variable is enough:
        ``state: ClassVar[tuple[str, ...]] = ("velocity",)``.
        """
        return ()

    @property
    def scalars(self) -> tuple[str, ...]:
        """Names of single numbers that a step reads and writes: float64 arrays of shape (), initially zero.

        They are passed after the arrays of `state`, and are saved and resumed too. A class variable may define them as well.
        """
        return ()

    @property
    def decoupled_decay(self) -> float:
        """Decoupled weight decay d: before each `step`, mlpkit multiplies weights by 1 - lr d, but not biases and normalization."""
        return 0.0

    def weights(self, w: Array, out: Array, *state: Array) -> bool:
        """Fill `out` with the weights for predictions and return True; or return False if these are `w` itself.

        They are used for validation, early stopping, saving and the trained model. Training continues with `w`.

        Parameters
        ----------
        w, out : array
            Arrays with the shape of the array in `step`; do not change `w`.
        *state : array
            The same arrays as in `step`; do not change them.
        """
        return False

    @abstractmethod
    def step(self, w: Array, grad: Array, *state: Array, lr: float, t: int) -> None:
        """Update `w` in place.

        Parameters
        ----------
        w : array
            Parameters: all as one vector, or one tensor, as declared by `scope`.
        grad : array, same shape and dtype
            dL/dw. It is not needed afterwards and may be used as scratch space.
        *state : array, same shape and dtype
            Arrays in the order of `state`, with the values of the last step; update them in place. The arrays of `scalars` follow, with
            shape () and dtype float64.
        lr : float or array, same shape and dtype as `w`
            Learning rate of this step; an array if layers have learning-rate factors. Only multiply by it.
        t : int
            Number of this step, from 1.

        Notes
        -----
        A rule of the scope "tensor" that accepts the keywords `role` and `layer` gets the part of the layer that `w` is, such as
        "weight", "bias", "normalization.scale" or "activation.slope", and the index of the layer.
        """


# for Pydantic: class variables of these names in subclasses are not options
Optimizer.__class_vars__ = {*Optimizer.__class_vars__, "state", "scalars", "decoupled_decay"}


class Minimizer(Optimizer):
    """Full-batch optimizer, which evaluates the objective: a function from the parameters to the loss and its gradient.

    Line searches, quasi-Newton methods and optimizers of other libraries are of this kind. An epoch is one call of `minimize` on all
    rows; `training.batch_size` and `training.shuffle` have no effect.
    """

    scope: ClassVar[Literal["vector", "tensor", "problem"]] = "problem"
    uses_jacobian: ClassVar[bool] = False  # it calls problem.jacobian: see `LeastSquaresProblem`; for losses of the class `LeastSquares`

    @abstractmethod
    def minimize(self, w: Array, problem: Problem, *state: Array, lr: float, t: int) -> bool:
        """Reduce the loss by changing `w` in place.

        Parameters
        ----------
        w : array, shape (parameters,)
            All parameters as one vector.
        problem : callable
            Objective: ``loss, grad = problem(x)`` for any vector `x` like `w`, of any float dtype. It returns the mean loss over all
            training rows and its gradient in the dtype of `w`. Each call is a pass over the rows. `grad` is one array that the next call
            overwrites: copy it to keep it. Do not catch exceptions of the objective, because they interrupt a run.
        *state : array, same shape and dtype as `w`
            Arrays in the order of `state`, with the values of the last call; update them in place. Anything else that an object keeps
            between calls is lost when a run is resumed.
        lr : float
            Learning rate of this epoch.
        t : int
            Number of this call, from 1.

        Returns
        -------
        bool
            True if no improvement is left, which ends the run.
        """

    def step(self, w: Array, grad: Array, *state: Array, lr: float, t: int) -> None:
        raise TypeError(f"{type(self).__name__} is a full-batch optimizer and needs the objective, not one gradient: call minimize")


class Wrapper(Optimizer):
    """Optimizer that changes the inputs or the results of another one, `inner`.

    Learning rate, scope and state are those of the inner optimizer. A wrapper adds `own_state` and `own_scalars`. In `step` and
    `weights`, call `split` to separate its own arrays from the inner ones. `elementwise` holds only if both declare it. Define `step` with
    ``**place`` and pass it on, for inner rules that accept `role` and `layer`.
    """

    learning_rate: ClassVar[None] = None  # type: ignore[misc]  # removes the inherited option
    own_state: ClassVar[tuple[str, ...]] = ()
    own_scalars: ClassVar[tuple[str, ...]] = ()
    inner: Optimizer = Field(examples=["sgd"], description="the optimizer that updates the weights")

    @model_validator(mode="after")
    def _inner_takes_steps(self) -> Self:
        if isinstance(self.inner, Minimizer):
            raise ValueError("a full-batch optimizer cannot be wrapped: choose an inner optimizer that takes steps, such as 'adam'")
        if takes_place(self.inner) and not any(each.kind is each.VAR_KEYWORD for each in signature(self.step).parameters.values()):
            message = f"{type(self).__name__} does not pass 'role' and 'layer' to the inner optimizer"
            raise ValueError(f"{message}: define its step with **place, and pass it on")
        return self

    @property
    def scope(self) -> Literal["vector", "tensor", "problem"]:  # type: ignore[override]
        """Scope of the inner optimizer."""
        return self.inner.scope

    @property
    def state(self) -> tuple[str, ...]:
        """Names of the wrapper's own arrays, then those of the inner optimizer with the prefix "inner."."""
        return (*self.own_state, *(f"inner.{name}" for name in self.inner.state))

    @property
    def scalars(self) -> tuple[str, ...]:
        """Names of the wrapper's own scalars, then those of the inner optimizer with the prefix "inner."."""
        return (*self.own_scalars, *(f"inner.{name}" for name in self.inner.scalars))

    def split(self, arrays: Sequence[Array]) -> tuple[list[Array], list[Array]]:
        """Return the wrapper's own arrays and scalars, and those of the inner optimizer, in the order of each declaration.

        Parameters
        ----------
        arrays : sequence of array
            The `state` argument of `step` or `weights`.
        """
        at = len(self.own_state)
        behind = at + len(self.inner.state)
        scalars = behind + len(self.own_scalars)
        own, inner = [*arrays[:at], *arrays[behind:scalars]], [*arrays[at:behind], *arrays[scalars:]]
        return own, inner

    def weights(self, w: Array, out: Array, *state: Array) -> bool:
        return self.inner.weights(w, out, *self.split(state)[1])


def learning_rate_of(optimizer: Optimizer) -> float | Schedule:
    """Return the learning rate of an optimizer, or its schedule; of a wrapper, that of the innermost optimizer."""
    return innermost(optimizer).learning_rate


def innermost(optimizer: Optimizer) -> Optimizer:
    """Return the optimizer itself, or the innermost one of a wrapper."""
    return innermost(optimizer.inner) if isinstance(optimizer, Wrapper) else optimizer


def is_elementwise(optimizer: Optimizer) -> bool:
    """Return True if an optimizer updates each number independently, so that `step` may get slices of `w`."""
    declared = declares(optimizer, "elementwise", "step")
    return declared and (not isinstance(optimizer, Wrapper) or is_elementwise(optimizer.inner))


def takes_place(optimizer: Optimizer) -> bool:
    """Return True if `step` accepts the keywords `role` and `layer`; of a wrapper, if that of the innermost optimizer does."""
    if isinstance(optimizer, Wrapper):
        return takes_place(optimizer.inner)
    return {"role", "layer"} <= signature(optimizer.step).parameters.keys()


def averages(optimizer: Optimizer) -> bool:
    """Return True if predictions may use other weights than training, because `weights` is overridden."""
    if type(optimizer).weights not in (Optimizer.weights, Wrapper.weights):
        return True
    return isinstance(optimizer, Wrapper) and averages(optimizer.inner)
