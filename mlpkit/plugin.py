"""The contracts: what an activation, a loss, an optimizer, an initializer, a schedule and a metric must do.

A plugin is a frozen Pydantic model that is both the options and the behaviour: a field is an option, with its default,
its limits, its documentation and its JSON Schema, written once. A field annotated with one of the contracts
(`activation: Activation`) takes a plugin's name, a mapping with `type` and options, a class or an object.

A rule is written for ONE array; the engine owns the collection of them, and every buffer.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, ValidationError
from pydantic_core import PydanticCustomError, core_schema

from mlpkit.builtins import ALIASES, CLASSES
from mlpkit.errors import PluginError
from mlpkit.registry import PluginInfo, Registry

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Array: TypeAlias = "NDArray[np.floating[Any]]"
Targets: TypeAlias = "NDArray[Any]"
OutputKind: TypeAlias = Literal["real", "nonnegative", "probability", "distribution"]
OUTPUT_KINDS: tuple[OutputKind, ...] = ("real", "nonnegative", "probability", "distribution")  # each a part of the one before


def to_entry(plugin: Plugin) -> str | dict[str, Any]:
    """A plugin as a spec writes it: its name, or a mapping with ``type`` and every option."""
    name = REGISTRIES[plugin.kind].info(type(plugin)).full_name
    options = plugin.model_dump(mode="json")
    return {"type": name, **options} if options else name


def _resolve(contract: type[Plugin], value: Any) -> Any:
    """The plugin object that `value` stands for: an object, a class, a name, or a mapping with ``type`` and options."""
    registry = REGISTRIES[contract.kind]
    try:
        if isinstance(value, contract):
            registry.info(type(value))
            return value
        if isinstance(value, type) and issubclass(value, contract):
            value = registry.info(value).full_name
        name, options = _name_and_options(registry, value)
        plugin = registry.get(name)
    except PluginError as error:
        raise PydanticCustomError("plugin", "{message}", {"message": error.message, "error": error}) from error
    try:
        return plugin.model_validate(options)
    except ValidationError as error:
        raise PydanticCustomError("plugin_options", "wrong options", {"plugin": plugin, "error": error}) from error


def _name_and_options(registry: Registry[Any], value: Any) -> tuple[str, dict[str, Any]]:
    if isinstance(value, str):
        return value, {}
    if isinstance(value, Mapping):
        options = dict(value)
        name = options.pop("type", None)
        if isinstance(name, str):
            return name, options
    raise PydanticCustomError(
        "plugin_entry",
        'write the name of one of the {kind}, or {"type": NAME, ...} with its options',
        {"kind": registry.kind},
    )


class Plugin(BaseModel, ABC):
    """Base of all plugins: frozen options, checked when the object is made."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False)

    kind: ClassVar[str]

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """A contract as a field takes whatever names one of its plugins; a plugin itself is an ordinary model."""
        if "kind" not in cls.__dict__:
            return handler(source)
        return core_schema.no_info_plain_validator_function(
            lambda value: _resolve(cls, value),
            serialization=core_schema.plain_serializer_function_ser_schema(to_entry),
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: core_schema.CoreSchema, handler: Any) -> dict[str, Any]:
        """A contract as a field: every installed plugin, by name or with its options."""
        if "kind" not in cls.__dict__:
            return dict(handler(schema))
        return _entries_schema(REGISTRIES[cls.kind])


class Activation(Plugin):
    """An activation function, in place: the fast contract. See `Elementwise` for the easy one."""

    kind: ClassVar[str] = "activations"
    output: ClassVar[OutputKind] = "real"  # what its values are: decides which losses it fits
    initializer: ClassVar[str] = "glorot_uniform"  # what the weights before it are best drawn from

    @abstractmethod
    def forward(self, z: Array, out: Array) -> None:
        """Fill `out` with f(`z`), leaving `z` alone.

        Parameters
        ----------
        z : array, shape (rows, units)
            The scores.
        out : array, same shape and dtype
            Where the values go; never the memory of `z`.
        """

    @abstractmethod
    def backward(self, z: Array, out: Array, grad: Array) -> None:
        """Turn dL/d`out`, which `grad` holds, into dL/d`z` in place.

        Parameters
        ----------
        z, out : array, shape (rows, units)
            As they were after `forward`. Both are dead afterwards: scratch space.
        grad : array, same shape and dtype
        """


class Elementwise(Activation):
    """An activation given by two formulas, as in a text book: the easy contract.

    It allocates what its formulas allocate; `Activation` is the same without that.
    """

    @abstractmethod
    def function(self, z: Array) -> Array:
        """f(z), elementwise; the dtype of `z`."""

    @abstractmethod
    def derivative(self, z: Array, y: Array) -> Array:
        """f'(z), elementwise, where `y` is f(z): so sigmoid's is ``y * (1 - y)``."""

    def forward(self, z: Array, out: Array) -> None:
        out[...] = self.function(z)

    def backward(self, z: Array, out: Array, grad: Array) -> None:
        grad *= self.derivative(z, out)


class Loss(Plugin):
    """A loss per row and its gradient. The engine applies sample weights and the mean: every loss has them for free."""

    kind: ClassVar[str] = "losses"
    output: ClassVar[OutputKind] = "real"  # what it needs the network to put out
    targets: ClassVar[Literal["numbers", "binary", "classes"]] = "numbers"
    # numbers: float rows shaped like the outputs (classes become one 0/1 column each)
    # binary:  float rows of 0 and 1 shaped like the outputs;   classes: one integer class per row, shape (rows,)
    joint_with: ClassVar[str | None] = None  # the activation it is computed with in one stable form: see `joint`

    @abstractmethod
    def value_and_grad(self, outputs: Array, targets: Targets, losses: Array, grad: Array) -> None:
        """Fill `losses` with one loss per row, and `grad` with d losses[i] / d outputs[i].

        Both are filled, and nothing returned, so that a training step need not allocate.

        Parameters
        ----------
        outputs : array, shape (rows, units)
            What the network put out; leave it alone.
        targets : array
            What it should have put out, in the form that `targets` of the class says.
        losses : array, shape (rows,)
        grad : array, shape (rows, units)
        """

    def joint(self, scores: Array, targets: Targets, losses: Array, grad: Array) -> None:
        """As `value_and_grad`, on the scores before the activation that `joint_with` names.

        The engine uses it unasked when the last layer has that activation. `scores` is scratch space afterwards.
        """
        raise NotImplementedError(f"{type(self).__name__} names joint_with but defines no joint")


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
        return {"anyOf": [{"type": "number", "exclusiveMinimum": 0}, _entries_schema(REGISTRIES["schedules"])]}

    @staticmethod
    def check(value: Any) -> float | Schedule:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            schedule: Schedule = _resolve(Schedule, value)
            return schedule
        if not (value > 0 and math.isfinite(value)):
            raise PydanticCustomError("learning_rate", "a learning rate must be a finite number greater than 0")
        return float(value)


LearningRate = Annotated[float | Schedule, _LearningRate]


class Optimizer(Plugin):
    """An update rule, written for one array."""

    kind: ClassVar[str] = "optimizers"
    state: ClassVar[tuple[str, ...]] = ()  # names of arrays shaped like w, zero at first: allocated, saved and resumed for you
    scope: ClassVar[Literal["vector", "tensor"]] = "vector"  # "tensor": step is called per weight matrix and bias

    learning_rate: LearningRate = 0.01

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


class Initializer(Plugin):
    """What weights and biases are before training."""

    kind: ClassVar[str] = "initializers"

    @abstractmethod
    def fill(self, array: Array, rng: np.random.Generator) -> None:
        """Fill `array` in place, with randomness from `rng` alone.

        Parameters
        ----------
        array : array, shape (inputs, units) for a weight, (units,) for a bias
        rng : numpy.random.Generator
        """


class Metric(Plugin):
    """A figure of merit on a whole set of rows, never averaged over batches."""

    kind: ClassVar[str] = "metrics"
    higher_is_better: ClassVar[bool]
    task: ClassVar[Literal["classification", "regression"]]

    @abstractmethod
    def compute(self, outputs: Array, targets: Targets, weights: Array) -> float:
        """The figure.

        Parameters
        ----------
        outputs : array, shape (rows, units), float64
            For classification: the probability of each class, in the order of the class numbers, shape (rows, classes).
            For regression: values in the units of the data.
        targets : array
            For classification: class numbers, shape (rows,). For regression: values, shape (rows, units).
        weights : array, shape (rows,), float64
            What each row counts; all ones when nobody gave any.
        """


CONTRACTS: tuple[type[Plugin], ...] = (Activation, Loss, Optimizer, Initializer, Schedule, Metric)

REGISTRIES: dict[str, Registry[Any]] = {
    contract.kind: Registry(
        contract.kind,
        contract,
        {name: f"mlpkit.{contract.kind}:{cls}" for name, cls in CLASSES[contract.kind].items()},
        ALIASES.get(contract.kind, {}),
    )
    for contract in CONTRACTS
}


def plugins(kind: str | None = None) -> tuple[PluginInfo, ...]:
    """What is installed, from where, without importing it.

    Parameters
    ----------
    kind : str, optional
        "activations", "losses", "optimizers", "initializers", "schedules" or "metrics"; all of them when left out.

    Returns
    -------
    tuple of PluginInfo
        Built-ins first.
    """
    if kind is not None and kind not in REGISTRIES:
        raise ValueError(f"unknown kind of plugin {kind!r}; one of {', '.join(REGISTRIES)}")
    return tuple(info for name, registry in REGISTRIES.items() if kind in (None, name) for info in registry.installed())


def _entries_schema(registry: Registry[Any]) -> dict[str, Any]:
    """JSON Schema of a field of this kind: names, or one object per installed plugin; broken ones are left out."""
    names: list[str] = list(registry.aliases)
    objects: list[dict[str, Any]] = []
    for info in registry.installed():
        try:
            plugin = registry.get(info.full_name)
        except PluginError:
            continue
        names.append(info.full_name)
        options = plugin.model_json_schema()
        properties = {"type": {"const": info.full_name}, **options.get("properties", {})}
        described = {"description": options["description"]} if "description" in options else {}
        required = ["type", *options.get("required", [])]
        objects.append({"type": "object", **described, "properties": properties, "required": required, "additionalProperties": False})
    return {"anyOf": [{"enum": names}, *objects]}
