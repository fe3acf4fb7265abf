"""Loss of conditional quantiles."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field, field_validator

from mlpkit.losses.constant import finite
from mlpkit.numerics.blocks import cell_blocks
from mlpkit.numerics.weighted import quantile
from mlpkit.plugin import Array, Loss, Targets, TargetScale

Share = Annotated[float, Field(gt=0, lt=1)]


class Quantile(Loss):
    """Quantile or pinball loss max(q d, (q - 1) d) with d = target - output, averaged over targets and quantiles q.

    Each target has one output for each quantile, in their order, and the last layer is linear. Predictions are named q0.1, q0.5 and so on:
    `model.predict(rows, parts=True)` returns y.q0.1. `predict` and metrics use the median, or the quantile nearest to it, of two the lower.
    Quantiles are fitted independently, and may cross. With q = 0.5 it is half the mean absolute error; the derivative is 0 where output and
    target are equal. Koenker & Bassett 1978. PyTorch and Keras have none; scikit-learn's mean_pinball_loss is the same for one quantile.
    """

    since: ClassVar[int] = 5  # the spec schema

    quantiles: Annotated[tuple[Share, ...], Field(min_length=1, max_length=1000)] = Field(
        (0.5,), description="increasing numbers between 0 and 1; several quantiles are several outputs for each target"
    )

    @field_validator("quantiles")
    @classmethod
    def _increasing(cls, quantiles: tuple[float, ...]) -> tuple[float, ...]:
        for before, after in pairwise(quantiles):
            if not before < after:
                raise ValueError(f"quantiles must increase, but {after} follows {before}")
        return quantiles

    @property
    def outputs_per_target(self) -> int:
        """Number of outputs per target: one for each quantile."""
        return len(self.quantiles)

    @property
    def target_scale(self) -> TargetScale:
        return "robust"

    def predictions(self, outputs: Array, center: Array, scale: Array) -> Mapping[str, Array]:
        """Return the quantiles, the one nearest to the median first."""
        return {name: outputs[:, index :: len(self.quantiles)] * scale + center for name, index in self.order.items()}

    def onnx(self, op: Any, outputs: Any, center: Array, scale: Array) -> Mapping[str, Any]:
        count = len(self.quantiles)
        places = {name: range(index, count * len(scale), count) for name, index in self.order.items()}
        return {name: op.take(outputs, place) * scale + center for name, place in places.items()}

    @property
    def order(self) -> dict[str, int]:
        """Index of each quantile by its name, the one nearest to the median first."""
        away = {index: round(abs(share - 0.5), 12) for index, share in enumerate(self.quantiles)}
        middle = min(away, key=away.__getitem__)
        return {f"q{self.quantiles[index]!r}": index for index in (middle, *(other for other in away if other != middle))}

    def value_and_grad(self, outputs: Array, targets: Targets, losses: Array, grad: Array) -> None:
        count, shares = len(self.quantiles), np.array(self.quantiles, outputs.dtype)
        for rows in cell_blocks(outputs):
            shape = len(targets[rows]), targets.shape[1], count
            away = targets[rows][:, :, None] - outputs[rows].reshape(shape)
            slope = grad[rows].reshape(shape)
            np.multiply(away < 0.0, 1.0 - shares, slope)
            slope -= (away > 0.0) * shares
            away *= slope
            np.einsum("ijk->i", away, out=losses[rows])
        losses /= -grad.shape[1]
        grad /= grad.shape[1]

    def prior(self, targets: Targets, weights: Array | None = None) -> Array | None:
        """Return the quantiles of each target."""
        values = np.asarray(targets, np.float64)
        return finite(np.stack([quantile(values, share, weights) for share in self.quantiles], axis=1).reshape(-1))
