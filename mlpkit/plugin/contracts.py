"""Contracts of activations, losses and metrics.

A plugin is written for ONE array; mlpkit owns all buffers and applies the plugin to every array. Further arguments are annotated as
`Any`: a plugin that does not need them can omit them and still pass a type checker.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

from mlpkit.errors import warn
from mlpkit.numerics.arrays import Array, Targets
from mlpkit.plugin.aliases import ALIASES
from mlpkit.plugin.base import REGISTRIES, Plugin
from mlpkit.plugin.builtin_names import targets
from mlpkit.plugin.engine import Engine
from mlpkit.plugin.exchange import Exchange
from mlpkit.plugin.initializer import Initializer
from mlpkit.plugin.kernels import Kernels
from mlpkit.plugin.optimizer import Optimizer
from mlpkit.plugin.reader import Reader
from mlpkit.plugin.registry import Registry
from mlpkit.plugin.schedule import Schedule

if TYPE_CHECKING:
    from collections.abc import Mapping

TargetScale: TypeAlias = Literal["standard", "robust", "none"]
TargetSign: TypeAlias = Literal["any", "nonzero", "nonnegative", "positive"]
Task: TypeAlias = Literal["classification", "regression", "multilabel"]
OutputKind: TypeAlias = Literal["real", "bounded", "nonnegative", "probability", "distribution"]
# real: any number; bounded: from -1 to 1; nonnegative: from 0 on; probability: from 0 to 1; distribution: rows that sum to 1
SUITABLE: dict[OutputKind, tuple[OutputKind, ...]] = {  # by the output that a loss needs: compatible outputs of the last activation
    "real": ("real", "bounded", "nonnegative", "probability", "distribution"),
    "bounded": ("bounded", "probability", "distribution"),
    "nonnegative": ("nonnegative", "probability", "distribution"),
    "probability": ("probability", "distribution"),
    "distribution": ("distribution",),
}


class Activation(Plugin):
    """Activation function that works in place: the fast contract. `Elementwise` is the simple one.

    Several threads may call an activation at once in large layers, each with its own rows. Do not keep scratch buffers in the object.
    """

    shared: ClassVar[tuple[str, ...]] = ()  # trained parameters that all units share

    kind: ClassVar[str] = "activations"
    output: ClassVar[OutputKind] = "real"  # range of the values, which determines the losses that fit
    initializer: ClassVar[str] = "glorot_uniform"  # default initializer of the weights of its layer
    kinks: ClassVar[tuple[float, ...]] = ()  # points where the derivative jumps; gradients are not checked there
    ordered_classes: ClassVar[bool] = False  # in the last layer: the order of the classes matters, so texts need data.classes

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Warn of class variables of 0.3 that have no effect any more."""
        super().__pydantic_init_subclass__(**kwargs)
        if "any_order" in vars(cls):
            message = f"{cls.__name__} declares any_order, which has no effect any more: delete the line"
            warn(DeprecationWarning(message))

    @property
    def parameters(self) -> Mapping[str, float]:
        """Trained parameters: the name of each, with its initial value in every unit.

        Each has shape (units,), or (1,) if it is listed in `shared`. mlpkit trains, saves and resumes them.
        """
        return {}

    @abstractmethod
    def forward(self, z: Array, out: Array, *parameters: Any, **_: Any) -> None:
        """Fill `out` with f(`z`) without changing `z`.

        Parameters
        ----------
        z : array, shape (rows, units)
            Pre-activations.
        out : array, same shape and dtype
            Array for the values; it never shares memory with `z`.
        *parameters : array, shape (units,) or (1,)
            Trained parameters, in the order of `parameters`.
        """

    @abstractmethod
    def backward(self, z: Array, out: Array, grad: Array, *parameters_and_gradients: Any, **_: Any) -> None:
        """Replace dL/d`out` in `grad` by dL/d`z`, in place.

        Parameters
        ----------
        z, out : array, shape (rows, units)
            The arrays of `forward`. They are not needed afterwards and may be used as scratch space.
        grad : array, same shape and dtype
        *parameters_and_gradients : array, shape (units,) or (1,)
            Trained parameters, then one array for each, to which its gradient, summed over the rows, must be ADDED.
        """

    def onnx(self, op: Any, z: Any, *parameters: Any) -> Any:
        """Return f(`z`) for an export to ONNX. Without this method a model with the activation cannot be exported.

        Parameters
        ----------
        op : mlpkit.export.onnx.graph.Graph
            ``op("Sin", z)`` adds a node, a sine; `op.where`, `op.maximum`, `op.sigmoid` and others are combinations.
        z : mlpkit.export.onnx.value.Value, shape (rows, units)
            Pre-activations, with the operators of Python; `z.dtype` is the dtype. Gated: shape (rows, 2 * units); see `op.halves`.
        *parameters : array
            Trained parameters, in the order of `parameters`.
        """
        raise NotImplementedError(f"{type(self).__name__} has no method onnx")


# for Pydantic: class variables of these names in subclasses are not options
Activation.__class_vars__ = {*Activation.__class_vars__, "any_order", "parameters"}


class Gated(Activation):
    """Activation with two pre-activations per unit: `z` has 2 * units columns."""

    @abstractmethod
    def backward(self, z: Array, out: Array, grad: Array, *grad_z_and_parameters: Any, **_: Any) -> None:
        """Fill `grad_z`, the first of the further arrays, with dL/d`z`, without changing `grad`, which holds dL/d`out`.

        Parameters
        ----------
        z : array, shape (rows, 2 * units)
        out, grad : array, shape (rows, units)
        *grad_z_and_parameters : array
            `grad_z`, shape (rows, 2 * units); then parameters and gradients as for `Activation.backward`.
        """


class Elementwise(Activation):
    """Activation defined by two formulas, for the function and its derivative: the simple contract.

    The formulas may allocate arrays; use `Activation` to avoid allocations.
    """

    @abstractmethod
    def function(self, z: Array, *parameters: Any, **_: Any) -> Array:
        """Return f(z), elementwise, in the dtype of `z`. Trained parameters have shape (units,) or (1,)."""

    @abstractmethod
    def derivative(self, z: Array, y: Array, *parameters: Any, **_: Any) -> Array:
        """Return f'(z), elementwise, where `y` is f(z). Example: ``y * (1 - y)`` for the sigmoid."""

    def parameter_derivatives(self, z: Array, y: Array, *parameters: Any, **_: Any) -> tuple[Array, ...]:
        """Return df/dp for each trained parameter p, elementwise, shaped like `z`."""
        raise NotImplementedError(f"{type(self).__name__} has trained parameters, but defines no parameter_derivatives")

    def forward(self, z: Array, out: Array, *parameters: Any, **_: Any) -> None:
        y = self.function(z, *parameters)
        if y is None:
            raise ValueError("function returns None: add a return statement")
        shape = getattr(y, "shape", ())
        if shape != out.shape:  # NumPy would broadcast it
            raise ValueError(f"function returns shape {shape} for pre-activations of shape {out.shape}")
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
    """Loss per row and its gradient. mlpkit applies sample weights and the mean."""

    kind: ClassVar[str] = "losses"
    output: ClassVar[OutputKind] = "real"  # required range of the network's outputs
    targets: ClassVar[Literal["numbers", "binary", "classes"]] = "numbers"
    # numbers: float rows shaped like the outputs (classes become one 0/1 column each)
    # binary:  float rows of 0 and 1 shaped like the outputs;   classes: one integer class per row, shape (rows,)
    soft_targets: ClassVar[bool] = False
    # of classes: True if one distribution per row, shape (rows, units), is accepted too; of binary: True for numbers from 0 to 1
    ordered_classes: ClassVar[bool] = False  # the order of the classes matters, so texts need data.classes
    target_sign: ClassVar[TargetSign] = "any"  # of numbers that the loss accepts; others are an error before training
    zero_at_target: ClassVar[bool] = False  # True: the loss is 0 if outputs equal targets, and never negative
    separable: ClassVar[bool] = True  # the loss of a row is the mean or the sum of the losses of its targets alone; False: of whole rows
    joint_with: ClassVar[str | None] = None  # activation that the fused form `joint` includes

    @property
    def target_scale(self) -> TargetScale:
        """Default scaling of numeric targets, which a spec may override.

        "standard" uses mean and standard deviation. "robust" uses median and quartile range, for losses that are robust to outliers.
        "none" leaves targets unscaled.
        """
        return "standard"

    @property
    def outputs_per_target(self) -> int:
        """Number of outputs of the network for each target; more than 1 requires a linear last layer.

        Column t * k + j of `outputs` is output j of target t.
        """
        return 1

    def predictions(self, outputs: Array, center: Array, scale: Array) -> Mapping[str, Array]:
        """Return predictions in the units of the data, by name.

        The first entry is used by `predict` and metrics. The others are named after it, such as `y.deviation`.

        Parameters
        ----------
        outputs : array, shape (rows, targets * outputs_per_target), float64
        center, scale : array, shape (targets,)
            Targets were standardized by (y - center) / scale.

        Returns
        -------
        mapping of str to array, shape (rows, targets)
        """
        return {"": outputs * scale + center}

    def onnx(self, op: Any, outputs: Any, center: Array, scale: Array) -> Mapping[str, Any]:
        """Return `predictions` for an export to ONNX; needed by a loss that overrides it. See `Activation.onnx` for `op` and values."""
        raise NotImplementedError(f"{type(self).__name__} has no method onnx")

    @abstractmethod
    def value_and_grad(self, outputs: Array, targets: Targets, losses: Array, grad: Array) -> None:
        """Fill `losses` with one loss per row, and `grad` with d losses[i] / d outputs[i].

        The arrays are passed in, so that a training step allocates nothing.

        Parameters
        ----------
        outputs : array, shape (rows, units)
            Outputs of the network; do not change them.
        targets : array
            Targets in the form declared by the class variable `targets`; numbers have shape (rows, targets).
        losses : array, shape (rows,)
        grad : array, shape (rows, units)
        """

    def prior(self, targets: Targets, weights: Array | None = None) -> Array | None:
        """Return the constant outputs of least mean loss over the rows, or None: the initial bias with `bias_initializer: "prior"`.

        They are pre-activations of the last layer, and hold for the activation named by `joint_with`, or for a linear one without it.

        Parameters
        ----------
        targets : array
            Targets in the form declared by the class variable `targets`, or one distribution per row for classes.
        weights : array, shape (rows,), optional
            Sample weights; a row of weight k counts as k equal rows.

        Returns
        -------
        array, shape (units,), or None
            Finite numbers. None if the loss defines none, or if they are not finite, such as for a class without rows. For class numbers
            there is one output for each class up to the largest.
        """
        return None

    def joint(self, scores: Array, targets: Targets, losses: Array, grad: Array) -> None:
        """Compute the fused form: `value_and_grad`, from the pre-activations of the activation named by `joint_with`.

        mlpkit uses it if the last layer has that activation. `scores` holds the pre-activations and may be used as scratch space.
        """
        raise NotImplementedError(f"{type(self).__name__} declares joint_with but does not define joint")


Loss.__class_vars__ = {*Loss.__class_vars__, "outputs_per_target", "target_scale"}


class Metric(Plugin):
    """Metric on a whole set of rows, never averaged over batches."""

    kind: ClassVar[str] = "metrics"
    decides: ClassVar[bool] = False  # it counts predicted classes: it gets probabilities in which the decision threshold is 0.5
    higher_is_better: ClassVar[bool]
    task: ClassVar[Task]

    @abstractmethod
    def compute(self, outputs: Array, targets: Targets, weights: Array) -> float:
        """Return the value; NaN where it is undefined, such as for a single row or a constant target. Users are warned once.

        Parameters
        ----------
        outputs : array, shape (rows, units), float64
            For classification: the probability of each class, in the order of the class numbers, shape (rows, classes).
            For regression: values in the units of the data. For multi-label classification: the probability of each label.
        targets : array
            For classification: class numbers, shape (rows,). For regression: values, shape (rows, units). For multi-label
            classification: 0 or 1 for each label, shape (rows, units).
        weights : array, shape (rows,), float64
            Sample weights; all ones by default.
        """


CONTRACTS: tuple[type[Plugin], ...] = (Activation, Loss, Optimizer, Initializer, Schedule, Metric, Reader, Exchange, Kernels, Engine)

REGISTRIES.update(
    {contract.kind: Registry(contract.kind, contract, targets(contract.kind), ALIASES.get(contract.kind, {})) for contract in CONTRACTS}
)
