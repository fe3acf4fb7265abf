"""The contracts: what an activation, a loss, an optimizer, an initializer, a schedule and a metric must do.

A rule is written for ONE array; the engine owns the collection of them, and every buffer. Where a contract takes further
arguments as `Any`, a plugin that does not need them leaves them out, and a type checker agrees.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

from mlpkit.errors import warn
from mlpkit.numerics.arrays import Array, Targets
from mlpkit.plugin.base import REGISTRIES, Plugin
from mlpkit.plugin.builtin_names import ALIASES, CLASSES, MODULES
from mlpkit.plugin.optimizer import Optimizer, Schedule
from mlpkit.plugin.reader import Reader
from mlpkit.plugin.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np

TargetScale: TypeAlias = Literal["standard", "robust", "none"]
Task: TypeAlias = Literal["classification", "regression", "multilabel"]
OutputKind: TypeAlias = Literal["real", "bounded", "nonnegative", "probability", "distribution"]
# real: any number; bounded: from -1 to 1; nonnegative: from 0 on; probability: from 0 to 1; distribution: rows that sum to 1
SUITABLE: dict[OutputKind, tuple[OutputKind, ...]] = {  # what a loss needs: the activations' outputs that it can work on
    "real": ("real", "bounded", "nonnegative", "probability", "distribution"),
    "bounded": ("bounded", "probability", "distribution"),
    "nonnegative": ("nonnegative", "probability", "distribution"),
    "probability": ("probability", "distribution"),
    "distribution": ("distribution",),
}


class Activation(Plugin):
    """An activation function, in place: the fast contract. See `Elementwise` for the easy one.

    Large layers are worked on by several threads at once, each with rows of its own: keep no scratch space of your own.
    """

    shared: ClassVar[tuple[str, ...]] = ()  # trained parameters that all units share

    kind: ClassVar[str] = "activations"
    output: ClassVar[OutputKind] = "real"  # what its values are: decides which losses it fits
    initializer: ClassVar[str] = "glorot_uniform"  # what the weights before it are best drawn from
    kinks: ClassVar[tuple[float, ...]] = ()  # scores where its derivative jumps: differences say nothing there

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Warn of what 0.3 asked for and nothing reads any more."""
        super().__pydantic_init_subclass__(**kwargs)
        if "any_order" in vars(cls):
            message = f"{cls.__name__} declares any_order, which has no effect any more: delete the line"
            warn(DeprecationWarning(message))

    @property
    def parameters(self) -> Mapping[str, float]:
        """Return the trained parameters: the name of each, with its initial value in every unit.

        Each has shape (units,), or (1,) if `shared` names it. The engine trains, saves and resumes them.
        """
        return {}

    @abstractmethod
    def forward(self, z: Array, out: Array, *parameters: Any, **_: Any) -> None:
        """Fill `out` with f(`z`), leaving `z` alone.

        Parameters
        ----------
        z : array, shape (rows, units)
            The pre-activations.
        out : array, same shape and dtype
            Where the values go; never the memory of `z`.
        *parameters : array, shape (units,) or (1,)
            The trained parameters, in the order of `parameters`.
        """

    @abstractmethod
    def backward(self, z: Array, out: Array, grad: Array, *parameters_and_gradients: Any, **_: Any) -> None:
        """Turn dL/d`out`, which `grad` holds, into dL/d`z` in place.

        Parameters
        ----------
        z, out : array, shape (rows, units)
            As they were after `forward`. Both are dead afterwards: scratch space.
        grad : array, same shape and dtype
        *parameters_and_gradients : array, shape (units,) or (1,)
            The trained parameters, then for each of them an array to which its gradient, summed over the rows, is ADDED.
        """


# so that Pydantic takes a class variable of these names in a subclass for no option
Activation.__class_vars__ = {*Activation.__class_vars__, "any_order", "parameters"}


class Gated(Activation):
    """An activation of twice as many pre-activations as outputs: `z` has 2 * units columns."""

    @abstractmethod
    def backward(self, z: Array, out: Array, grad: Array, *grad_z_and_parameters: Any, **_: Any) -> None:
        """Fill `grad_z`, the first of the further arrays, with dL/d`z`; leave `grad`, which holds dL/d`out`, alone.

        Parameters
        ----------
        z : array, shape (rows, 2 * units)
        out, grad : array, shape (rows, units)
        *grad_z_and_parameters : array
            `grad_z`, shape (rows, 2 * units); then parameters and gradients as for `Activation.backward`.
        """


class Elementwise(Activation):
    """An activation given by two formulas, as in a text book: the easy contract.

    It allocates what its formulas allocate; `Activation` is the same without that.
    """

    @abstractmethod
    def function(self, z: Array, *parameters: Any, **_: Any) -> Array:
        """Return f(z), elementwise, in the dtype of `z`. Trained parameters have shape (units,) or (1,)."""

    @abstractmethod
    def derivative(self, z: Array, y: Array, *parameters: Any, **_: Any) -> Array:
        """Return f'(z), elementwise, where `y` is f(z): so sigmoid's is ``y * (1 - y)``."""

    def parameter_derivatives(self, z: Array, y: Array, *parameters: Any, **_: Any) -> tuple[Array, ...]:
        """Return df/dp for each trained parameter p, elementwise, shaped like `z`."""
        raise NotImplementedError(f"{type(self).__name__} has trained parameters, but defines no parameter_derivatives")

    def forward(self, z: Array, out: Array, *parameters: Any, **_: Any) -> None:
        y = self.function(z, *parameters)
        if y is None:
            raise ValueError("function returns nothing: is there a return?")
        shape = getattr(y, "shape", ())
        if shape != out.shape:  # NumPy would spread a row or a number over all rows
            raise ValueError(f"function gives shape {shape} for scores of shape {out.shape}")
        out[...] = y

    def backward(self, z: Array, out: Array, grad: Array, *parameters_and_gradients: Any, **_: Any) -> None:
        half = len(parameters_and_gradients) // 2
        parameters, gradients = parameters_and_gradients[:half], parameters_and_gradients[half:]
        if gradients:
            for of_parameter, gradient in zip(self.parameter_derivatives(z, out, *parameters), gradients, strict=True):
                products = grad * of_parameter
                gradient += products.sum(axis=0) if gradient.size == products.shape[1] else products.sum()
        grad *= self.derivative(z, out, *parameters)


class Loss(Plugin):
    """A loss per row and its gradient. The engine applies sample weights and the mean: every loss has them for free."""

    kind: ClassVar[str] = "losses"
    output: ClassVar[OutputKind] = "real"  # what it needs the network to put out
    targets: ClassVar[Literal["numbers", "binary", "classes"]] = "numbers"
    # numbers: float rows shaped like the outputs (classes become one 0/1 column each)
    # binary:  float rows of 0 and 1 shaped like the outputs;   classes: one integer class per row, shape (rows,)
    zero_at_target: ClassVar[bool] = False  # it is 0 where the outputs are the targets, and nowhere less
    joint_with: ClassVar[str | None] = None  # the activation it is computed with in one stable form: see `joint`

    @property
    def target_scale(self) -> TargetScale:
        """Return what numbers are scaled by before training, unless the spec says it.

        "standard" is mean and deviation, "robust" median and quartile range, for a loss that outliers are not to move, and
        "none" leaves them as they are.
        """
        return "standard"

    @property
    def outputs_per_target(self) -> int:
        """Return the number of the network's outputs for each target; more than 1 needs a linear last layer.

        Column t * k + j of `outputs` is output j of target t.
        """
        return 1

    def predictions(self, outputs: Array, center: Array, scale: Array) -> Mapping[str, Array]:
        """Return what the outputs predict, in the units of the data, by name.

        The first entry is what `predict` returns and metrics see; the others are named after it, as `y.deviation`.

        Parameters
        ----------
        outputs : array, shape (rows, targets * outputs_per_target), float64
        center, scale : array, shape (targets,)
            The targets were standardized by (y - center) / scale.

        Returns
        -------
        mapping of str to array, shape (rows, targets)
        """
        return {"": outputs * scale + center}

    @abstractmethod
    def value_and_grad(self, outputs: Array, targets: Targets, losses: Array, grad: Array) -> None:
        """Fill `losses` with one loss per row, and `grad` with d losses[i] / d outputs[i].

        Both are filled, and nothing returned, so that a training step need not allocate.

        Parameters
        ----------
        outputs : array, shape (rows, units)
            The network's outputs; leave it alone.
        targets : array
            In the form that `targets` of the class declares; numbers have shape (rows, targets).
        losses : array, shape (rows,)
        grad : array, shape (rows, units)
        """

    def joint(self, scores: Array, targets: Targets, losses: Array, grad: Array) -> None:
        """As `value_and_grad`, on the scores before the activation that `joint_with` names.

        The engine uses it unasked when the last layer has that activation. `scores` is scratch space afterwards.
        """
        raise NotImplementedError(f"{type(self).__name__} names joint_with but defines no joint")


Loss.__class_vars__ = {*Loss.__class_vars__, "outputs_per_target", "target_scale"}


class Initializer(Plugin):
    """The weights and biases before training."""

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
    task: ClassVar[Task]

    @abstractmethod
    def compute(self, outputs: Array, targets: Targets, weights: Array) -> float:
        """The figure; NaN where these rows give it no value, as a single row or a constant target may: the user is warned once.

        Parameters
        ----------
        outputs : array, shape (rows, units), float64
            For classification: the probability of each class, in the order of the class numbers, shape (rows, classes).
            For regression: values in the units of the data. For multi-label classification: the probability of each label.
        targets : array
            For classification: class numbers, shape (rows,). For regression: values, shape (rows, units). For multi-label
            classification: 0 or 1 for each label, shape (rows, units).
        weights : array, shape (rows,), float64
            What each row counts; all ones when nobody gave any.
        """


CONTRACTS: tuple[type[Plugin], ...] = (Activation, Loss, Optimizer, Initializer, Schedule, Metric, Reader)

REGISTRIES.update(
    {
        contract.kind: Registry(
            contract.kind,
            contract,
            {name: f"{MODULES.get(contract.kind, f'mlpkit.{contract.kind}')}:{cls}" for name, cls in CLASSES[contract.kind].items()},
            ALIASES.get(contract.kind, {}),
        )
        for contract in CONTRACTS
    }
)
