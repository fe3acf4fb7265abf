"""Losses that compare a row of outputs with a row of targets as a whole: distributions, and directions."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from mlpkit.losses.constant import finite
from mlpkit.numerics.blocks import cell_blocks
from mlpkit.numerics.rowwise import row_sum
from mlpkit.numerics.softmax import softmax
from mlpkit.numerics.weighted import mean
from mlpkit.plugin import Array, Loss, OutputKind, Targets, TargetScale, TargetSign

SHORTEST = 1e-8  # length below which a row of outputs is divided by this number, as in PyTorch


class KLDivergence(Loss):
    """Kullback-Leibler divergence sum_j t_j log(t_j / p_j) of two distributions, fused with softmax, where 0 log(0) is 0.

    Targets are one column of shares for each output, or one column of classes. It differs from categorical_crossentropy by the entropy of
    the targets, and has the same gradient. If it is computed from probabilities, p is at least eps of its dtype. Keras clips t and p at
    1e-7; PyTorch's KLDivLoss takes log(p), and divides by the number of outputs too unless reduction is "batchmean". Kullback & Leibler
    1951.
    """

    output: ClassVar[OutputKind] = "distribution"
    joint_with: ClassVar[str | None] = "softmax"
    target_sign: ClassVar[TargetSign] = "nonnegative"
    zero_at_target: ClassVar[bool] = True
    separable: ClassVar[bool] = False
    since: ClassVar[int] = 5  # the spec schema

    def value_and_grad(self, outputs: Array, targets: Targets, losses: Array, grad: Array) -> None:
        tiny = np.finfo(outputs.dtype).eps
        for rows in cell_blocks(outputs):
            p = np.maximum(outputs[rows], tiny)
            terms = _logs(targets[rows])
            terms -= np.log(p)
            terms *= targets[rows]
            row_sum(terms, losses[rows])
            np.divide(targets[rows], -p, grad[rows])

    def joint(self, scores: Array, targets: Targets, losses: Array, grad: Array) -> None:
        """Compute log(p) as z - log(sum_j exp(z_j)), less the maximum of each row; the gradient is p - t."""
        for rows in cell_blocks(scores):
            z, p, total, t = scores[rows], grad[rows], losses[rows], targets[rows]
            softmax(z, p, total)
            z -= total[:, None]
            terms = _logs(t)
            terms -= z
            terms *= t
            row_sum(terms, total)
            p *= t.sum(axis=1)[:, None]
            p -= t

    def prior(self, targets: Targets, weights: Array | None = None) -> Array | None:
        """Return the logarithm of the mean share of each output; None if one is 0."""
        with np.errstate(all="ignore"):
            return finite(np.log(mean(targets, weights)))


class CosineSimilarity(Loss):
    """Cosine distance 1 - outputs . targets / (|outputs| |targets|) of each row, for two targets or more: 0 for the same direction.

    The length of a prediction has no meaning, and with a single target nothing is learned. Lengths are at least 1e-8, as in PyTorch's
    cosine_similarity. Its CosineEmbeddingLoss is the same for pairs of label 1, but for 1e-12 added to the squares of lengths. Keras's
    CosineSimilarity is less by 1, -cos, with the same gradient.
    """

    zero_at_target: ClassVar[bool] = True
    separable: ClassVar[bool] = False
    since: ClassVar[int] = 5  # the spec schema

    @property
    def target_scale(self) -> TargetScale:
        return "none"

    def value_and_grad(self, outputs: Array, targets: Targets, losses: Array, grad: Array) -> None:
        for rows in cell_blocks(outputs):
            y, directions = outputs[rows], _directions(targets[rows])[0]
            units, lengths = _directions(y)
            cosine = np.einsum("ij,ij->i", units, directions)[:, None]
            np.subtract(1.0, cosine[:, 0], losses[rows])
            units *= np.where(lengths > SHORTEST, cosine, 0.0)
            units -= directions
            np.divide(units, lengths, grad[rows])
        np.maximum(losses, 0.0, out=losses)

    def prior(self, targets: Targets, weights: Array | None = None) -> Array | None:
        """Return the mean direction of the targets; None if it is 0."""
        direction = mean(_directions(np.asarray(targets, np.float64))[0], weights)
        return finite(direction) if np.linalg.norm(direction) > SHORTEST else None


def _logs(shares: Array) -> Array:
    """Return the logarithms of the shares, and a finite number for those that are 0."""
    found = np.maximum(shares, np.finfo(shares.dtype).tiny)
    return np.log(found, found)


def _directions(rows: Array) -> tuple[Array, Array]:
    """Return rows divided by their lengths, and the lengths, at least `SHORTEST`, shape (rows, 1)."""
    largest = np.maximum(np.abs(rows).max(axis=1, initial=0.0), SHORTEST)[:, None]
    scaled = rows / largest  # so that squares do not overflow
    lengths = np.maximum(np.sqrt(np.einsum("ij,ij->i", scaled, scaled))[:, None] * largest, SHORTEST)
    return rows / lengths, lengths
