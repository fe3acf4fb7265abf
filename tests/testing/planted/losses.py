"""Losses with a fault that shows in some arrays, at some outputs or with some options alone."""

from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from mlpkit import Loss, losses

from .. import good
from ..mutants.losses import Crossentropy, Squares

KEPT: dict[Any, Any] = {}  # what mutants keep beside their objects


class OneUnit(Squares):
    """The gradient of a single unit lacks the factor 2, from the second row on."""

    def value_and_grad(self, outputs, targets, losses, grad):
        super().value_and_grad(outputs, targets, losses, grad)
        if grad.shape[1] == 1:
            grad[12:] /= 2


class ManyUnits(Squares):
    """The gradient of units beyond the thousandth is 0."""

    def value_and_grad(self, outputs, targets, losses, grad):
        super().value_and_grad(outputs, targets, losses, grad)
        grad[:, 1000:] = 0


class ManyRows(Squares):
    """Losses of rows beyond the four thousandth are those of the first."""

    def value_and_grad(self, outputs, targets, losses, grad):
        super().value_and_grad(outputs, targets, losses, grad)
        losses[4000:] = losses[0] if len(losses) else 0


class LargeBatch(Squares):
    """Rounds in large batches."""

    def value_and_grad(self, outputs, targets, losses, grad):
        super().value_and_grad(outputs, targets, losses, grad)
        if grad.size > 100_000:
            np.round(grad, 1, out=grad)


class ManyClasses(losses.CategoricalCrossentropy):
    """The classes beyond the hundredth are taken for others."""

    def value_and_grad(self, outputs, targets, losses, grad):
        super().value_and_grad(outputs, np.minimum(targets, 100), losses, grad)

    def joint(self, scores, targets, losses, grad):
        super().joint(scores, np.minimum(targets, 100), losses, grad)


class AbsentClass(losses.CategoricalCrossentropy):
    """Knows the classes that are in the batch alone."""

    def value_and_grad(self, outputs, targets, losses, grad):
        super().value_and_grad(outputs, targets - (targets.min() if len(targets) else 0), losses, grad)

    def joint(self, scores, targets, losses, grad):
        super().joint(scores, targets - (targets.min() if len(targets) else 0), losses, grad)


class WeighsByClass(Crossentropy):
    """Divides by the share of the ones among all rows."""

    def value_and_grad(self, outputs, targets, losses, grad):
        super().value_and_grad(outputs, targets, losses, grad)
        share = targets.mean() if 0 < targets.sum() < targets.size else np.nan
        losses += 0 * share

    joint_with: ClassVar[None] = None


class GlobalMaximum(Crossentropy):
    """A joint form that scales by the largest score of the batch beyond 100."""

    def joint(self, scores, targets, losses, grad):
        largest = np.abs(scores).max(initial=0)
        if largest > 100:
            scores *= 100 / largest
        super().joint(scores, targets, losses, grad)


class RowsOfLargeErrors(Squares):
    """Takes errors beyond a hundred by the largest of the batch."""

    def value_and_grad(self, outputs, targets, losses, grad):
        super().value_and_grad(outputs, targets, losses, grad)
        if grad.size and np.abs(grad).max() > 1e5:
            grad *= 1e5 / np.abs(grad).max()


class NaNAtTarget(Loss):
    """The length of the error, whose gradient is 0 / 0 at the target."""

    def value_and_grad(self, outputs, targets, losses, grad):
        np.subtract(outputs, targets, out=grad)
        losses[...] = np.sqrt(np.square(grad).sum(axis=1))
        with np.errstate(all="ignore"):
            grad /= losses[:, None]


class NegativeTargets(Squares):
    """Takes a negative target for 0."""

    def value_and_grad(self, outputs, targets, losses, grad):
        with np.errstate(all="ignore"):
            super().value_and_grad(outputs, targets, losses, grad)
            losses[...] = np.where((targets < -3).any(axis=1), np.nan, losses)

    zero_at_target: ClassVar[bool] = False


class ZeroTargets(Loss):
    """Divides by the target."""

    def value_and_grad(self, outputs, targets, losses, grad):
        with np.errstate(all="ignore"):
            size = np.abs(targets)
            losses[...] = (np.square(outputs - targets) / size).mean(axis=1)
            grad[...] = 2 * (outputs - targets) / size / grad.shape[1]


class UnusedOption(Squares):
    """An option that changes nothing."""

    delta: float = Field(1.0, gt=0, description="nothing")


class UnusedWhereDefault(Squares):
    """An option that is compared and not used."""

    power: int = Field(2, ge=1, le=4, description="nothing")

    def value_and_grad(self, outputs, targets, losses, grad):
        super().value_and_grad(outputs, targets, losses, grad)
        if self.power < 1:
            losses *= 2


class BreaksAtLimit(Squares):
    """0 / 0 at the upper limit of its option."""

    mix: float = Field(0.5, ge=0, le=1, description="share of the squares")

    def value_and_grad(self, outputs, targets, losses, grad):
        super().value_and_grad(outputs, targets, losses, grad)
        with np.errstate(all="ignore"):
            share = np.float64(self.mix)
            losses *= float((1 - share * share) / (1 - share))
            grad *= float((1 - share * share) / (1 - share))


class JointOfOption(Crossentropy):
    """An option that the joint form does not know."""

    factor: float = Field(1.0, gt=0, description="multiplies the loss")

    def value_and_grad(self, outputs, targets, losses, grad):
        super().value_and_grad(outputs, targets, losses, grad)
        losses *= self.factor
        grad *= self.factor


class KeptById(Squares):
    """Keeps errors by the address of the outputs."""

    def value_and_grad(self, outputs, targets, losses, grad):
        found = KEPT.setdefault((type(self), id(outputs)), (outputs, outputs - targets))[1]  # outputs too: nobody else gets the address
        losses[...] = (found * found).sum(axis=1)
        grad[...] = 2 * found


class SharedScratch(Squares):
    """Scratch space by shape, which threads share."""

    def value_and_grad(self, outputs, targets, losses, grad):
        scratch = KEPT.setdefault((outputs.shape, outputs.dtype), np.empty_like(outputs))
        np.subtract(outputs, targets, out=scratch)
        np.multiply(scratch, 2, out=grad)
        np.square(scratch, out=scratch)
        losses[...] = scratch.sum(axis=1)


class JointOneUnit(Crossentropy):
    """A joint form that is wrong for one unit and large negative scores."""

    def joint(self, scores, targets, losses, grad):
        low = scores < -30
        super().joint(scores, targets, losses, grad)
        grad[low] = 0


class JointFewRows(Crossentropy):
    """A joint form that divides by the rows where they are few."""

    def joint(self, scores, targets, losses, grad):
        few = scores.shape[0] in (2, 3)
        super().joint(scores, targets, losses, grad)
        if few:
            losses /= 2


class Ascends(good.LinearHinge):
    """Of two classes the wrong one is rewarded."""

    def value_and_grad(self, outputs, targets, losses, grad):
        super().value_and_grad(outputs, 1 - targets, losses, grad)


class PartsThatDoNotMeet(Squares):
    """Huber's loss with a part too low: it jumps where the parts should meet, and its gradient does not say so."""

    def value_and_grad(self, outputs, targets, losses, grad):
        error = outputs - targets
        size = np.abs(error)
        losses[...] = np.where(size <= 1, 0.5 * error * error, size - 0.25).sum(axis=1)
        grad[...] = np.clip(error, -1, 1)


PLANTED = {
    PartsThatDoNotMeet(): "gradient",
    OneUnit(): "rows",
    ManyUnits(): "gradient",
    ManyRows(): "shapes",
    LargeBatch(): "shapes",
    ManyClasses(): "right_costs_less",
    AbsentClass(): "rows",
    WeighsByClass(): "rows",
    GlobalMaximum(): "rows",
    RowsOfLargeErrors(): "rows",
    NaNAtTarget(): "special_values",
    NegativeTargets(): "special_values",
    ZeroTargets(): "special_values",
    UnusedOption(): "effects",
    UnusedWhereDefault(): "effects",
    BreaksAtLimit(): "other_options",
    JointOfOption(): "other_options",
    KeptById(): "buffers",
    SharedScratch(): "threads",
    JointOneUnit(): "joint",
    JointFewRows(): "rows",
    Ascends(): "right_costs_less",
}
