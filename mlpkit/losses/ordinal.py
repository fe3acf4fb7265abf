"""Loss of ordered classes, fused with continuation ratios."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np

from mlpkit.losses.constant import finite
from mlpkit.losses.crossentropy import CategoricalCrossentropy, class_shares
from mlpkit.numerics.blocks import cell_blocks
from mlpkit.numerics.rowwise import row_sum
from mlpkit.plugin import Array, Loss, OutputKind, Targets


class Ordinal(Loss):
    """CORN: -log(p of the right class) for ordered classes, fused with continuation_ratio. Shi, Cao & Raschka 2021, 2111.08851.

    With s(z_j) = P(y > j | y >= j), it is the sum of the binary cross-entropies of the tasks "is y above j?" in which a row takes part,
    those with j <= y. The paper divides by the number of pairs of row and task in the batch; here the mean is over rows, so that sample
    weights count rows. The most probable class is predicted, as with other losses of classes; the paper predicts the median, the number of
    classes j with P(y > j) > 0.5, which is `(np.cumsum(model.predict_proba(rows), axis=1) < 0.5).sum(axis=1)`.

    Targets are one class number per row, shape (rows,), or one distribution per row, shape (rows, units), with the loss
    -sum_j t_j log(p_j). Classes are in the order of their numbers; texts need `data.classes`. If it is computed from probabilities, p is
    at least eps of its dtype.
    """

    output: ClassVar[OutputKind] = "distribution"
    targets: ClassVar[Literal["numbers", "binary", "classes"]] = "classes"
    soft_targets: ClassVar[bool] = True
    ordered_classes: ClassVar[bool] = True
    joint_with: ClassVar[str | None] = "continuation_ratio"
    since: ClassVar[int] = 5  # the spec schema

    def value_and_grad(self, outputs: Array, targets: Targets, losses: Array, grad: Array) -> None:
        OF_PROBABILITIES.value_and_grad(outputs, targets, losses, grad)

    def joint(self, scores: Array, targets: Targets, losses: Array, grad: Array) -> None:
        """Compute sum_j u_j softplus(-z_j) + t_j softplus(z_j), with gradient t_j s(z_j) - u_j (1 - s(z_j)).

        t_j is the share of class j, and u_j that of the classes above it. softplus(z) = max(z, 0) + log(1 + exp(-|z|)). The last
        pre-activation is not used.
        """
        for rows in cell_blocks(scores):
            z, slope = scores[rows], grad[rows]
            share, above = _shares(targets[rows], slope)
            low, high = np.minimum(z, 0.0), np.maximum(z, 0.0)
            np.multiply(share, high, z)
            z -= above * low
            a, b = np.exp(low, low), np.exp(np.negative(high, high), high)  # s(z) = a / (a + b), and exp(-|z|) = a b
            small = np.log1p(a * b)
            small *= share + above
            z += small
            row_sum(z, losses[rows])
            np.add(a, b, small)
            a *= share
            b *= above
            np.subtract(a, b, slope)
            slope /= small

    def prior(self, targets: Targets, weights: Array | None = None) -> Array | None:
        """Return the logarithm of the odds of the classes above each class, and 0 for the last; None for a class without rows."""
        share = class_shares(targets, weights)
        with np.errstate(all="ignore"):
            return finite(np.append(np.log(_above(share)) - np.log(share[:-1]), 0.0))


OF_PROBABILITIES = CategoricalCrossentropy()


def _shares(targets: Targets, like: Array) -> tuple[Array, Array]:
    """Return the share of each class and that of the classes above it, shaped like an array of the outputs; 0 for the last class."""
    if targets.ndim == 1:
        numbers, right = np.arange(like.shape[1]), targets[:, None]
        numbers[-1] += 1  # no row is in this class, or above it
        return np.equal(right, numbers).astype(like.dtype), np.greater(right, numbers).astype(like.dtype)
    share, above = targets.astype(like.dtype), np.zeros_like(like)
    share[:, -1] = 0.0
    above[:, :-1] = _above(targets)
    return share, above


def _above(shares: Array) -> Array:
    """Return the sum of the shares of the classes above each class but the last."""
    return np.asarray(np.add.accumulate(shares[..., :0:-1], axis=-1)[..., ::-1])
