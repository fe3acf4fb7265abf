"""Chain of operations of a network elsewhere, such as a linear map, a normalization and an activation, as layers of mlpkit.

A normalization between a linear map and its activation is that of the layer. Any other one, and each scaling, is a linear function of
single features, which goes into the weights of the next linear map.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpkit.errors import DataError
from mlpkit.importing.assembly import LayerWeights, units_of
from mlpkit.text.shown import counted, shortened

Array = NDArray[Any]


@dataclass(frozen=True)
class LinearMap:
    """x @ weight + bias."""

    name: str
    weight: Array
    bias: Array | None


@dataclass(frozen=True)
class Normalized:
    """Batch normalization with running averages; or layer normalization, which has none."""

    name: str
    scale: Array
    shift: Array
    options: dict[str, Any]
    mean: Array | None = None
    variance: Array | None = None

    def as_scaling(self) -> Scaling:
        """Return the normalization as a linear function of each feature. Raise DataError if it is none, or its epsilon is not valid."""
        if self.mean is None or self.variance is None:
            raise DataError(
                f"the layer {shortened(self.name)!r} normalizes rows after an activation", help="mlpkit does so only before one"
            )
        epsilon = self.options["epsilon"]
        if isinstance(epsilon, bool) or not isinstance(epsilon, (int, float)) or not 0 < epsilon < np.inf:
            message = f"the normalization {shortened(self.name)!r} has {shortened(repr(epsilon), 60)} as its epsilon"
            raise DataError(message, help="give a number above 0")
        factor = self.scale.astype(np.float64) / np.sqrt(self.variance.astype(np.float64) + epsilon)
        return Scaling(self.name, factor, self.shift - self.mean * factor)


@dataclass(frozen=True)
class Scaling:
    """x * factor + shift, for each feature.

    Attributes
    ----------
    name : str
    factor, shift : array, both of shape (features,), (1,) or ()
        A single one is that of all features.
    """

    name: str
    factor: Array
    shift: Array

    def after(self, first: Scaling | None) -> Scaling:
        """Return one scaling for both. Raise DataError if they have different numbers of features."""
        if first is None:
            return self
        if first.factor.size > 1:
            _check_width(self.name, self.factor, first.factor.size)
        return Scaling(self.name, first.factor * self.factor, first.shift * self.factor + self.shift)


@dataclass(frozen=True)
class Activated:
    """Activation, with the weights of a trained one by name."""

    name: str
    entry: Any
    weights: dict[str, Array] = field(default_factory=dict)


@dataclass(frozen=True)
class Dropped:
    """Dropout, a number or an object of the spec."""

    name: str
    dropout: Any


Operation = LinearMap | Normalized | Scaling | Activated | Dropped


@dataclass
class Chain:
    """Layers so far, and what is to go into the next one.

    Attributes
    ----------
    layers : list of LayerWeights
    input_dropout : float
    """

    layers: list[LayerWeights] = field(default_factory=list)
    input_dropout: float = 0.0
    _map: LinearMap | None = None
    _normalized: Normalized | None = None
    _activated: Activated | None = None
    _dropped: Any = 0.0
    _scaling: Scaling | None = None

    def take(self, operation: Operation) -> None:
        """Append an operation. Raise DataError if it does not fit the last one."""
        if isinstance(operation, LinearMap):
            self._next(operation)
        elif isinstance(operation, Normalized) and self._map is not None and not (self._activated or self._normalized or self._scaling):
            self._normalized = operation
            _check_width(operation.name, operation.scale, self._map.weight.shape[1])
        elif isinstance(operation, (Normalized, Scaling)):
            scaling = operation if isinstance(operation, Scaling) else operation.as_scaling()
            self._scaling = scaling.after(self._scaling)
        elif isinstance(operation, Dropped):
            if self._map is None:
                self.input_dropout = operation.dropout if isinstance(operation.dropout, float) else 0.0
            self._dropped = operation.dropout
        elif operation.entry != "linear":
            self._activate(operation)

    @property
    def _entry(self) -> Any:
        """Activation of the present layer."""
        return "linear" if self._activated is None else self._activated.entry

    def _activate(self, activated: Activated) -> None:
        if self._map is None:
            raise DataError(f"the activation {shortened(activated.name)!r} is before the first layer", help="apply it to the columns")
        if self._activated is not None:
            names = f"{shortened(self._activated.name)!r} and {shortened(activated.name)!r}"
            raise DataError(f"the activations {names} follow each other", help="a layer of mlpkit has one")
        if self._scaling is not None:
            self._scale_last(self._scaling)
        self._activated = activated

    def _scale_last(self, scaling: Scaling) -> None:
        """Put a scaling between the last linear map and its activation into the weights."""
        assert self._map is not None
        if self._normalized is not None or self._activated is not None:
            raise DataError(
                f"the layer {shortened(scaling.name)!r} scales values where mlpkit does not", help="scale before a linear layer"
            )
        _check_width(scaling.name, scaling.factor, width := self._map.weight.shape[1])
        bias = np.broadcast_to(scaling.shift, width) if self._map.bias is None else self._map.bias * scaling.factor + scaling.shift
        self._map = LinearMap(self._map.name, self._map.weight * scaling.factor, bias)
        self._scaling = None

    def _next(self, following: LinearMap) -> None:
        """Begin a layer. Raise DataError if it does not have the width of the one before."""
        width = following.weight.shape[0] if self._map is None else units_of(self._map.weight, self._entry)
        if following.weight.shape[0] != width:
            found = counted(following.weight.shape[0], "input")
            message = f"the layer {shortened(following.name)!r} has {found}, but the layer before has {counted(width, 'output')}"
            raise DataError(message, help="the layers must follow each other, each with the outputs of the one before as its only inputs")
        if following.bias is not None and following.bias.shape != following.weight.shape[1:]:
            shapes = f"a bias of shape {following.bias.shape}, but {following.weight.shape[1]} outputs"
            raise DataError(f"the layer {shortened(following.name)!r} has {shapes}", help="pass unchanged weights")
        self._finish()
        if self._scaling is not None:
            _check_width(self._scaling.name, self._scaling.factor, width)
            shift = np.broadcast_to(self._scaling.shift, width) @ following.weight
            weight = np.broadcast_to(self._scaling.factor, width)[:, None] * following.weight
            bias = shift if following.bias is None else following.bias + shift
            following = LinearMap(following.name, weight, bias)
        self._map, self._normalized, self._activated, self._dropped, self._scaling = following, None, None, 0.0, None

    def _finish(self, last: bool = False) -> None:
        """End the present layer, if there is one."""
        if self._map is None:
            return
        options: dict[str, Any] = {} if last or not self._dropped else {"dropout": self._dropped}
        more = {} if self._activated is None else {f"activation.{name}": each for name, each in self._activated.weights.items()}
        bias = self._map.bias
        if (norm := self._normalized) is not None:
            options["normalization"] = norm.options
            more |= {"normalization.scale": norm.scale, "normalization.shift": norm.shift}
            if norm.mean is not None and norm.variance is not None:  # the normalization subtracts the bias with the mean
                mean = norm.mean if bias is None else norm.mean.astype(np.float64) - bias
                more |= {"normalization.mean": mean, "normalization.variance": norm.variance}
                bias = None
        self.layers.append(LayerWeights(self._map.weight, bias, self._entry, options, more))

    def end(self) -> list[LayerWeights]:
        """End the last layer and return all. Raise DataError if there is none."""
        if self._map is None:
            raise DataError("there is no linear layer", help="pass the weights of a multi-layer perceptron")
        if self._scaling is not None:
            self._scale_last(self._scaling)
        self._finish(last=True)
        return self.layers


def chained(operations: Iterable[Operation]) -> Chain:
    """Return the chain of some operations, ended. Raise DataError if they are none of a multi-layer perceptron."""
    chain = Chain()
    for operation in operations:
        chain.take(operation)
    chain.end()
    return chain


def _check_width(name: str, values: Array, width: int) -> None:
    if values.shape not in ((), (1,), (width,)):
        message = f"the layer {shortened(name)!r} has {counted(values.size, 'value')}, but the layer before has {counted(width, 'output')}"
        raise DataError(message, help="check the order of the layers")
