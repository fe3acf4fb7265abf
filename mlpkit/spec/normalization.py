"""Batch and layer normalization of a layer's scores: the options, and their forward and backward pass in place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, PlainValidator, ValidationError
from pydantic_core import PydanticCustomError

from mlpkit.numerics.blocks import row_blocks
from mlpkit.plugin import Array


class BatchNormalization(BaseModel):
    """Scores minus their mean over the batch, divided by their standard deviation, then scaled and shifted per unit.

    Prediction uses running averages of mean and variance. Ioffe & Szegedy 2015, 1502.03167. As in PyTorch, the
    running variance is the unbiased one; `momentum` is what is kept of the old average (PyTorch counts the new share).
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)
    type: Literal["batch"] = "batch"
    momentum: float = Field(0.9, ge=0, lt=1, description="share of the old running average that each step keeps")
    epsilon: float = Field(1e-5, gt=0, description="added to the variance")


class LayerNormalization(BaseModel):
    """Each row's scores minus their mean over the units, divided by their standard deviation, then scaled and shifted.

    The same in training and prediction. Ba, Kiros & Hinton 2016, 1607.06450.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)
    type: Literal["layer"] = "layer"
    epsilon: float = Field(1e-5, gt=0, description="added to the variance")


_KINDS: dict[str, type[BatchNormalization] | type[LayerNormalization]] = {"batch": BatchNormalization, "layer": LayerNormalization}


def _check(value: Any) -> BatchNormalization | LayerNormalization:
    """From a name, or a mapping with ``type`` and options."""
    if isinstance(value, (BatchNormalization, LayerNormalization)):
        return value
    options = {"type": value} if isinstance(value, str) else value
    name = options.get("type") if isinstance(options, Mapping) else None
    kind = _KINDS.get(name) if isinstance(name, str) else None
    if kind is None:
        raise PydanticCustomError("normalization", "should be 'batch' or 'layer', or an object with that as its type and options")
    try:
        return kind.model_validate(options)
    except ValidationError as error:
        raise PydanticCustomError("plugin_options", "wrong options", {"plugin": kind, "error": error}) from error


class _Schema:
    """The JSON schema, made when somebody asks for it."""

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        return {"anyOf": [{"enum": [*_KINDS]}, *(kind.model_json_schema() for kind in _KINDS.values())]}


Normalization = Annotated[
    BatchNormalization | LayerNormalization,
    PlainValidator(_check),
    PlainSerializer(lambda value: value.model_dump()),
    _Schema(),
]


def normalize(options: BatchNormalization | LayerNormalization, z: Array, views: dict[str, Array]) -> None:
    """Normalise scores in place as prediction does.

    Parameters
    ----------
    options : BatchNormalization or LayerNormalization
    z : array, shape (rows, units)
    views : dict
        "scale" and "shift" of shape (units,); for batch normalization also the running "mean" and "variance".
    """
    if isinstance(options, BatchNormalization):
        z -= views["mean"]
        z *= 1 / np.sqrt(views["variance"] + z.dtype.type(options.epsilon))
    else:
        for rows in row_blocks(len(z)):
            block = z[rows]
            block -= block.mean(axis=1, keepdims=True)
            block /= np.sqrt(np.einsum("ij,ij->i", block, block)[:, None] / block.shape[1] + block.dtype.type(options.epsilon))
    z *= views["scale"]
    z += views["shift"]


class Normalizer:
    """The training pass of one normalised layer: its buffers, forward and backward.

    Parameters
    ----------
    options : BatchNormalization or LayerNormalization
    scores : array, shape (rows, units)
        What it is to work on.
    views, gradients : dict of str to array
        Parameters ("scale", "shift" and, for batch normalization, "mean" and "variance") and the gradients of the
        first two, each of shape (units,).
    """

    def __init__(
        self,
        options: BatchNormalization | LayerNormalization,
        scores: Array,
        views: dict[str, Array],
        gradients: dict[str, Array],
    ) -> None:
        rows, units = scores.shape
        self.options = options
        self.views = views
        self.gradients = gradients
        self.by_unit = isinstance(options, BatchNormalization)  # one mean and deviation per unit; else one per row
        self.normalized = np.empty_like(scores)
        self.ones = np.ones(rows if self.by_unit else units, scores.dtype)
        self.mean = np.empty(units if self.by_unit else rows, scores.dtype)
        self.deviation = np.empty_like(self.mean)

    def _columns(self, array: Array) -> Array:
        """A view whose columns are what has one mean each, so that both kinds are the same arithmetic."""
        return array if self.by_unit else array.T

    def forward(self, z: Array) -> None:
        """Normalise scores of shape (rows, units) in place; batch normalization also moves its running averages."""
        columns, count = self._columns(z), z.dtype.type(len(self.ones))
        self.ones.dot(columns, out=self.mean)
        self.mean /= count
        columns -= self.mean
        np.einsum("ij,ij->j", columns, columns, out=self.deviation)
        self.deviation /= count
        if isinstance(self.options, BatchNormalization) and len(z) > 1:
            self._move_averages(self.options.momentum, len(z))
        self.deviation += z.dtype.type(self.options.epsilon)
        np.sqrt(self.deviation, out=self.deviation)
        columns /= self.deviation
        self.normalized[...] = z
        z *= self.views["scale"]
        z += self.views["shift"]

    def _move_averages(self, momentum: float, rows: int) -> None:
        """Running averages over batches; `mean` is free as scratch space once the averages have moved."""
        for name, value, correction in (("mean", self.mean, 1.0), ("variance", self.deviation, rows / (rows - 1))):
            running = self.views[name]
            running *= momentum
            np.multiply(value, (1 - momentum) * correction, out=self.mean)
            running += self.mean

    def backward(self, grad: Array) -> None:
        """Turn the gradient after normalisation, shape (rows, units), into the one before it, in place.

        With x the normalised scores, g the gradient times scale, and means over the axis that was normalised:
        (g - mean(g) - x mean(g x)) / deviation.
        """
        np.einsum("ij,ij->j", grad, self.normalized, out=self.gradients["scale"])
        grad.sum(axis=0, out=self.gradients["shift"])
        grad *= self.views["scale"]
        g, x, count = self._columns(grad), self._columns(self.normalized), grad.dtype.type(len(self.ones))
        np.einsum("ij,ij->j", g, x, out=self.mean)
        self.mean /= count
        x *= self.mean
        self.ones.dot(g, out=self.mean)
        self.mean /= count
        g -= self.mean
        g -= x
        g /= self.deviation
