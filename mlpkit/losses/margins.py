"""Hinge losses: the margin of the right class over the wrong one.

Their margins are pre-activations of sigmoid or softmax, so that classes are predicted as by a cross-entropy: the second class if its
margin is above 0, or the class of the largest pre-activation. Probabilities of such a model are sigmoid or softmax of the margins, in the
right order, but not calibrated.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, Literal

import numpy as np

from mlpkit.losses.constant import finite
from mlpkit.losses.crossentropy import class_shares
from mlpkit.numerics.blocks import cell_blocks
from mlpkit.numerics.rowwise import row_sum
from mlpkit.numerics.weighted import mean
from mlpkit.plugin import Array, Loss, OutputKind, Targets


class Margin(Loss):
    """Loss of the margins s = (2 t - 1) z, where targets t are 0 or 1 and z are the pre-activations of sigmoid, averaged over them."""

    output: ClassVar[OutputKind] = "probability"
    targets: ClassVar[Literal["numbers", "binary", "classes"]] = "binary"
    joint_with: ClassVar[str | None] = "sigmoid"
    since: ClassVar[int] = 5  # the spec schema

    @abstractmethod
    def short(self, below: Array) -> Array:
        """Return the losses for max(0, 1 - s), and replace these numbers by the derivatives with respect to them."""

    def value_and_grad(self, outputs: Array, targets: Targets, losses: Array, grad: Array) -> None:
        tiny = np.finfo(outputs.dtype).eps
        for rows in cell_blocks(outputs):
            p = np.clip(outputs[rows], tiny, 1.0 - tiny)
            self._block(np.log(p) - np.log1p(-p), targets[rows], losses[rows], grad[rows])
            grad[rows] /= p * (1.0 - p)
        losses /= grad.shape[1]
        grad /= grad.shape[1]

    def joint(self, scores: Array, targets: Targets, losses: Array, grad: Array) -> None:
        """Compute the loss from the pre-activations, which are the margins."""
        for rows in cell_blocks(scores):
            self._block(scores[rows], targets[rows], losses[rows], grad[rows])
        losses /= grad.shape[1]
        grad /= grad.shape[1]

    def _block(self, z: Array, targets: Targets, losses: Array, grad: Array) -> None:
        sign = 1.0 - 2.0 * targets
        np.multiply(z, sign, grad)
        grad += 1.0
        np.maximum(grad, 0.0, out=grad)
        row_sum(self.short(grad), losses)
        grad *= sign


class Hinge(Margin):
    """Hinge loss mean(max(0, 1 - s)) with the margin s = z for targets of 1 and -z for targets of 0, of the pre-activations z of sigmoid.

    The last activation is sigmoid: the second class is predicted if z > 0. Probabilities are not calibrated. If it is computed from
    probabilities p, z is log(p / (1 - p)), with p from eps to 1 - eps of its dtype. In Keras the last layer is linear, and targets may be
    -1 and 1; PyTorch's HingeEmbeddingLoss is another loss. The derivative is 0 where s = 1. Cortes & Vapnik 1995.
    """

    def short(self, below: Array) -> Array:
        losses = below.copy()
        np.greater(below, 0.0, below)
        return losses

    def prior(self, targets: Targets, weights: Array | None = None) -> Array | None:
        """Return 1 for a target that is mostly 1, -1 for one that is mostly 0, and 0 for one that is 1 in half of the weight."""
        return finite(np.sign(2.0 * mean(targets, weights) - 1.0))


class SquaredHinge(Margin):
    """Squared hinge loss mean(max(0, 1 - s)^2) with the margins s of 'hinge': the last activation is sigmoid, and s = +-z.

    The same as in Keras, where the last layer is linear; PyTorch has none. Probabilities are not calibrated. Rennie & Srebro 2005.
    """

    def short(self, below: Array) -> Array:
        losses = np.square(below)
        below *= 2.0
        return losses

    def prior(self, targets: Targets, weights: Array | None = None) -> Array | None:
        """Return 2 q - 1 for each target, where q is its share of 1."""
        return finite(2.0 * mean(targets, weights) - 1.0)


class CategoricalHinge(Loss):
    """Categorical hinge loss max(0, 1 + max_{j != t} z_j - z_t) of the pre-activations z of softmax, for class numbers t.

    The last activation is softmax: the class of the largest z is predicted. Probabilities are not calibrated. If it is computed from
    probabilities p, at least eps of their dtype, z is log(p), which gives the same differences. Crammer & Singer 2001. Keras's counts 0
    among the other z_j, and is the same if the largest of them is not below 0; PyTorch's MultiMarginLoss adds over the other classes
    instead (Weston & Watkins 1999). Of several largest z_j the first gets the gradient, which is 0 where the margin is 1.
    """

    output: ClassVar[OutputKind] = "distribution"
    targets: ClassVar[Literal["numbers", "binary", "classes"]] = "classes"
    joint_with: ClassVar[str | None] = "softmax"
    since: ClassVar[int] = 5  # the spec schema

    def value_and_grad(self, outputs: Array, targets: Targets, losses: Array, grad: Array) -> None:
        tiny = np.finfo(outputs.dtype).eps
        for rows in cell_blocks(outputs):
            p = np.maximum(outputs[rows], tiny)
            _margins(np.log(p), targets[rows], losses[rows], grad[rows])
            grad[rows] /= p

    def joint(self, scores: Array, targets: Targets, losses: Array, grad: Array) -> None:
        """Compute the loss from the pre-activations."""
        for rows in cell_blocks(scores):
            _margins(scores[rows], targets[rows], losses[rows], grad[rows])

    def prior(self, targets: Targets, weights: Array | None = None) -> Array | None:
        """Return 1 for a class with more than half of the weight, else 0."""
        return finite((class_shares(targets, weights) > 0.5).astype(np.float64))


def _margins(z: Array, classes: Targets, losses: Array, grad: Array) -> None:
    """Fill losses and gradients of a block of pre-activations, which is overwritten."""
    each = np.arange(len(z))
    right = z[each, classes]
    z[each, classes] = -np.inf
    other = z.argmax(axis=1)
    np.subtract(z[each, other], right, losses)
    losses += 1.0
    np.maximum(losses, 0.0, out=losses)
    grad[...] = 0.0
    short = losses > 0.0
    grad[each, other] = short
    grad[each, classes] = np.negative(short, dtype=grad.dtype, casting="unsafe")
