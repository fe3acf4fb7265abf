"""Losses with one thing wrong each."""

from typing import ClassVar

import numpy as np

from mlpkit import Loss, losses

from .. import good


class Squares(Loss):
    """The sum of squares, from which the mutants of losses are made."""

    zero_at_target: ClassVar[bool] = True

    def value_and_grad(self, outputs, targets, losses, grad):
        np.subtract(outputs, targets, out=grad)
        losses[...] = (grad * grad).sum(axis=1)
        grad *= 2


class WrongGradient(Squares):
    """Lacks the factor 2."""

    def value_and_grad(self, outputs, targets, losses, grad):
        super().value_and_grad(outputs, targets, losses, grad)
        grad /= 2


class TakesTheMean(Squares):
    """Divides by the rows, which is the engine's part."""

    def value_and_grad(self, outputs, targets, losses, grad):
        super().value_and_grad(outputs, targets, losses, grad)
        grad /= max(len(grad), 1)
        losses /= max(len(grad), 1)


class Length(Squares):
    """The length of a row of errors, close to its square where it is short."""

    def value_and_grad(self, outputs, targets, losses, grad):
        np.subtract(outputs, targets, grad)
        root = np.sqrt(1 + np.square(grad).sum(axis=1))
        losses[...] = root - 1
        grad /= root[:, None]


class LeavesLosses(Squares):
    """Fills the losses of the first five rows alone."""

    def value_and_grad(self, outputs, targets, losses, grad):
        grad[...] = 2 * (outputs - targets)
        losses[:11] = np.square(outputs - targets).sum(axis=1)[:11]


class AddsToGrad(Squares):
    """Adds to what is there."""

    def value_and_grad(self, outputs, targets, losses, grad):
        losses[...] = np.square(outputs - targets).sum(axis=1)
        grad += 2 * (outputs - targets)


class MeanOfNoRows(Squares):
    """Takes a mean over the rows for nothing, of which there may be none."""

    def value_and_grad(self, outputs, targets, losses, grad):
        super().value_and_grad(outputs, targets, losses, grad)
        losses.mean()


class Crossentropy(losses.BinaryCrossentropy):
    """The built-in, from which mutants of the joint form are made."""


class ClipsGradient(Squares):
    """Clips the gradient of errors beyond 5, and not the loss."""

    def value_and_grad(self, outputs, targets, losses, grad):
        super().value_and_grad(outputs, targets, losses, grad)
        np.clip(grad, -10, 10, out=grad)


class WrongForHighCounts(good.PoissonRate):
    """The gradient is wrong for rates beyond 5."""

    def value_and_grad(self, outputs, targets, losses, grad):
        super().value_and_grad(outputs, targets, losses, grad)
        grad[outputs > 5] = 0


class JointClipsScores(Crossentropy):
    """A joint form whose gradient is 0 for scores beyond 8."""

    def joint(self, scores, targets, losses, grad):
        far = np.abs(scores) > 8
        super().joint(scores, targets, losses, grad)
        grad[far] = 0


class WrongAtTheEnds(Squares):
    """Clips outputs beyond 100 in single precision."""

    def value_and_grad(self, outputs, targets, losses, grad):
        if outputs.dtype == np.float32:
            outputs = np.clip(outputs, -100, 100)
        super().value_and_grad(outputs, targets, losses, grad)


class WritesOutputs(Squares):
    """Uses the outputs as scratch space."""

    def value_and_grad(self, outputs, targets, losses, grad):
        super().value_and_grad(outputs, targets, losses, grad)
        outputs -= targets


class WritesTargets(Squares):
    """Uses the targets as scratch space."""

    def value_and_grad(self, outputs, targets, losses, grad):
        super().value_and_grad(outputs, targets, losses, grad)
        targets[...] = grad


class NotZero(Squares):
    """Promises to be 0 at the targets, and is 1."""

    def value_and_grad(self, outputs, targets, losses, grad):
        super().value_and_grad(outputs, targets, losses, grad)
        losses += 1


class Logarithm(good.PoissonRate):
    """Takes the logarithm of outputs that may be 0."""

    def value_and_grad(self, outputs, targets, losses, grad):
        losses[...] = (outputs - targets * np.log(outputs)).sum(axis=1)
        grad[...] = 1 - targets / outputs


class Cosh(Squares):
    """log(cosh(r)) by its formula."""

    def value_and_grad(self, outputs, targets, losses, grad):
        losses[...] = np.log(np.cosh(outputs - targets)).sum(axis=1)
        grad[...] = np.tanh(outputs - targets)


class Rounds(Squares):
    """Computes in half precision where it is given single."""

    def value_and_grad(self, outputs, targets, losses, grad):
        if outputs.dtype == np.float32:
            outputs = outputs.astype(np.float16).astype(np.float32)
        super().value_and_grad(outputs, targets, losses, grad)


class UnknownTargets(Squares):
    """Says a word that mlpkit does not know."""

    targets: ClassVar[str] = "values"


class WrongJoint(Crossentropy):
    """A joint form of twice the loss."""

    def joint(self, scores, targets, losses, grad):
        super().joint(scores, targets, losses, grad)
        losses *= 2
        grad *= 2


class WrongJointGradient(Crossentropy):
    """A joint form without the division by the units."""

    def joint(self, scores, targets, losses, grad):
        super().joint(scores, targets, losses, grad)
        grad *= grad.shape[1] + 1


class JointByAnAlias(Crossentropy):
    """Names the activation by another name than it is stored by."""

    joint_with: ClassVar[str] = "logistic"


class OverflowingJoint(Crossentropy):
    """The formula of the text book."""

    def joint(self, scores, targets, losses, grad):
        losses[...] = (np.log(1 + np.exp(scores)) - targets * scores).mean(axis=1)
        grad[...] = (1 / (1 + np.exp(-scores)) - targets) / grad.shape[1]


LOSSES = {
    WrongGradient(): {"gradient": "gradients of value_and_grad are wrong.*correct the gradient of value_and_grad"},
    TakesTheMean(): {"rows": "losses of some rows without the others, .*are wrong.*mlpkit computes the mean"},
    LeavesLosses(): {
        "rows": r"losses after value_and_grad at \[11\] is nan.*fill every entry of losses",
        "shapes": "an entry of the losses at",
        "learns": "gives NaN for",
    },
    AddsToGrad(): {"buffers": "gradients of value_and_grad in fresh arrays and in ones that were used before differ"},
    ClipsGradient(): {"gradient": "gradients of value_and_grad are wrong: -?10 instead of"},
    WrongForHighCounts(): {"gradient": "gradients of value_and_grad are wrong: 0 instead of"},
    JointClipsScores(): {"joint": "gradients of joint are wrong"},
    WrongAtTheEnds(): {"large_scores": "with outputs up to 1e4, losses in float32 are wrong"},
    MeanOfNoRows(): {"shapes": "RuntimeWarning: Mean of empty slice"},
    WritesOutputs(): {"inputs_untouched": "outputs before and after value_and_grad differ"},
    WritesTargets(): {"inputs_untouched": "targets before and after value_and_grad differ"},
    Length(): {"separable": "losses of 2 targets, against those of single targets, are wrong.*declare separable = False"},
    NotZero(): {"zero_at_target": "losses where the outputs are the targets are wrong: 1 instead of 0"},
    Logarithm(): {"large_scores": "divide by zero encountered in log"},
    Cosh(): {"large_scores": "overflow encountered in cosh"},
    UnknownTargets(): {"wrong_targets": "targets is 'values'; make it one of numbers, binary, classes"},
    Rounds(): {"dtype": "in float32, of outputs of the shape .* are wrong"},
    WrongJoint(): {"joint": "losses of joint, against those of value_and_grad, are wrong"},
    WrongJointGradient(): {"joint": "gradients of joint are wrong"},
    JointByAnAlias(): {"joint": "joint_with is 'logistic', which is not the full name of an activation; write 'sigmoid'"},
    OverflowingJoint(): {"large_scores": "with pre-activations up to 1e4, an entry of the losses of joint"},
}
