"""Batch and layer normalization of a layer's scores: the options, and their forward and backward pass in place."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from mlpkit.blocks import row_blocks
from mlpkit.plugin import Array
from mlpkit.plugin.schema import Words


class BatchNormalization(BaseModel):
    """Scores minus their mean over the batch, divided by their standard deviation, then scaled and shifted per unit.

    Prediction uses running averages of mean and variance. Ioffe & Szegedy 2015, 1502.03167. As in PyTorch, the
    running variance is the unbiased one; `momentum` is what is kept of the old average (PyTorch counts the new share).
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    type: Literal["batch"] = "batch"
    momentum: float = Field(0.9, ge=0, lt=1, description="share of the old running average that each step keeps")
    epsilon: float = Field(1e-5, gt=0, description="added to the variance")


class LayerNormalization(BaseModel):
    """Each row's scores minus their mean over the units, divided by their standard deviation, then scaled and shifted.

    The same in training and prediction. Ba, Kiros & Hinton 2016, 1607.06450.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    type: Literal["layer"] = "layer"
    epsilon: float = Field(1e-5, gt=0, description="added to the variance")


def _from_name(value: Any) -> Any:
    return {"type": value} if isinstance(value, str) else value


Normalization = Annotated[
    Annotated[BatchNormalization | LayerNormalization, Field(discriminator="type")], BeforeValidator(_from_name), Words(("batch", "layer"))
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
    rows, units : int
        The shape of the scores.
    views, gradients : dict of str to array
        Parameters ("scale", "shift" and, for batch normalization, "mean" and "variance") and the gradients of the
        first two, each of shape (units,).
    """

    def __init__(
        self,
        options: BatchNormalization | LayerNormalization,
        rows: int,
        units: int,
        views: dict[str, Array],
        gradients: dict[str, Array],
    ) -> None:
        dtype = views["scale"].dtype
        self.options = options
        self.views = views
        self.gradients = gradients
        self.batch = isinstance(options, BatchNormalization)
        self.normalized = np.empty((rows, units), dtype)
        self.ones = np.ones(rows if self.batch else units, dtype)
        across = units if self.batch else rows  # the other axis has a mean and a deviation each
        self.mean = np.empty(across, dtype)
        self.deviation = np.empty(across, dtype)

    def forward(self, z: Array) -> None:
        """Normalise scores of shape (rows, units) in place; batch normalization also moves its running averages."""
        count = z.dtype.type(len(self.ones))
        np.dot(self.ones, z, out=self.mean) if self.batch else np.dot(z, self.ones, out=self.mean)
        self.mean /= count
        z -= self.mean if self.batch else self.mean[:, None]
        np.einsum("ij,ij->j" if self.batch else "ij,ij->i", z, z, out=self.deviation)
        self.deviation /= count
        if isinstance(self.options, BatchNormalization) and len(z) > 1:
            self._move_averages(self.options.momentum, len(z))
        self.deviation += z.dtype.type(self.options.epsilon)
        np.sqrt(self.deviation, out=self.deviation)
        z /= self.deviation if self.batch else self.deviation[:, None]
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
        x, scale = self.normalized, self.gradients["scale"]
        np.einsum("ij,ij->j", grad, x, out=scale)
        grad.sum(axis=0, out=self.gradients["shift"])
        grad *= self.views["scale"]
        axis = "j" if self.batch else "i"
        count = grad.dtype.type(len(self.ones))
        np.einsum(f"ij,ij->{axis}", grad, x, out=self.mean)
        self.mean /= count
        x *= self.mean if self.batch else self.mean[:, None]
        np.dot(self.ones, grad, out=self.mean) if self.batch else np.dot(grad, self.ones, out=self.mean)
        self.mean /= count
        grad -= self.mean if self.batch else self.mean[:, None]
        grad -= x
        grad /= self.deviation if self.batch else self.deviation[:, None]
