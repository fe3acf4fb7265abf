"""Activations with trained parameters, gated ones, and losses with several outputs for each target, with one thing wrong each."""

from typing import Any, ClassVar

import numpy as np

from mlpkit import Activation, Gated, Loss, losses


class Gain(Activation):
    """gain tanh(z), with a trained gain for each unit."""

    parameters: ClassVar[dict[str, float]] = {"gain": 0.5}

    def forward(self, z, out, gain):
        np.multiply(gain, np.tanh(z), out)

    def backward(self, z, out, grad, gain, grad_gain):
        t = np.tanh(z)
        grad_gain += (grad * t).sum(axis=0)
        grad *= gain * (1 - t * t)


class OverwritesGradient(Gain):
    """Fills the gradient of the parameter, where it should add."""

    def backward(self, z, out, grad, gain, grad_gain):
        grad_gain[...] = 0
        super().backward(z, out, grad, gain, grad_gain)


class AveragesRows(Gain):
    """Takes the mean over the rows, which is the engine's part."""

    def backward(self, z, out, grad, gain, grad_gain):
        found = np.zeros_like(grad_gain)
        super().backward(z, out, grad, gain, found)
        grad_gain += found / len(z)


class WritesParameters(Gain):
    """Changes the parameter itself."""

    def backward(self, z, out, grad, gain, grad_gain):
        super().backward(z, out, grad, gain, grad_gain)
        gain -= 0.01 * grad_gain


class OneGainForAll(Gain):
    """The gradient has the mean of the gains."""

    def backward(self, z, out, grad, gain, grad_gain):
        super().backward(z, out, grad, np.full_like(gain, gain.mean()), grad_gain)


class InfiniteGain(Gain):
    """Begins at infinity."""

    parameters: ClassVar[dict[str, float]] = {"gain": float("inf")}


class Sigmoids(Gated):
    """a s(b), where s is the logistic function."""

    def forward(self, z, out):
        a, b = np.split(z, 2, axis=1)
        np.multiply(a, 0.5 + 0.5 * np.tanh(b / 2), out)

    def backward(self, z, out, grad, grad_z):
        a, b = np.split(z, 2, axis=1)
        s = 0.5 + 0.5 * np.tanh(b / 2)
        first, second = np.split(grad_z, 2, axis=1)
        first[...] = grad * s
        second[...] = grad * a * s * (1 - s)


class ForgetsTheGate(Sigmoids):
    """The gradient of the second half lacks a factor."""

    def backward(self, z, out, grad, grad_z):
        super().backward(z, out, grad, grad_z)
        grad_z[:, grad.shape[1] :] *= 2


class WritesGrad(Sigmoids):
    """Uses dL/dout as scratch space."""

    def backward(self, z, out, grad, grad_z):
        super().backward(z, out, grad, grad_z)
        grad *= 0


class Pairs(Loss):
    """Squares of the first output's error and of the second output, for each target."""

    outputs_per_target: ClassVar[int] = 2

    def predictions(self, outputs, center, scale):
        pairs = outputs.reshape(len(outputs), -1, 2)
        return {"value": pairs[:, :, 0] * scale + center, "spread": np.abs(pairs[:, :, 1]) * scale}

    def value_and_grad(self, outputs, targets, losses, grad):
        pairs, slopes = outputs.reshape(*targets.shape, 2), grad.reshape(*targets.shape, 2)
        np.subtract(pairs[:, :, 0], targets, slopes[:, :, 0])
        slopes[:, :, 1] = pairs[:, :, 1]
        losses[...] = (slopes * slopes).sum(axis=2).mean(axis=1)
        slopes *= 2 / targets.shape[1]


class OtherOrder(Pairs):
    """Has the gradients of all first outputs before those of all second ones."""

    def value_and_grad(self, outputs, targets, losses, grad):
        super().value_and_grad(outputs, targets, losses, grad)
        grad[...] = np.hstack([grad[:, ::2], grad[:, 1::2]])


class MixesTargets(Pairs):
    """Compares each target with the mean of all of them."""

    def value_and_grad(self, outputs, targets, losses, grad):
        super().value_and_grad(outputs, np.repeat(targets.mean(axis=1, keepdims=True), targets.shape[1], axis=1), losses, grad)


class PredictsNothing(Pairs):
    """Has no predictions."""

    def predictions(self, outputs, center, scale):
        return {}


class PredictsOneColumn(Pairs):
    """Has a single column for all targets."""

    def predictions(self, outputs, center, scale):
        return {"value": super().predictions(outputs, center, scale)["value"][:, :1]}


class PredictsInPlace(Pairs):
    """Scales the outputs themselves."""

    def predictions(self, outputs, center, scale):
        outputs *= 2.0
        return super().predictions(outputs / 2.0, center, scale)


class PredictsRoots(Pairs):
    """Takes roots of negative numbers."""

    def predictions(self, outputs, center, scale):
        with np.errstate(invalid="ignore"):
            return {"value": np.sqrt(super().predictions(outputs, center, scale)["value"] - 100.0)}


class PredictsByRank(Pairs):
    """Predicts differences from the mean of the rows."""

    def predictions(self, outputs, center, scale):
        found = super().predictions(outputs, center, scale)
        return {name: part - part.mean(axis=0) for name, part in found.items()}


class PriorOfTheLargest(losses.MeanSquaredError):
    """Takes the largest target for the constant output of least loss."""

    def prior(self, targets, weights=None):
        return targets.max(axis=0)


class PriorWithoutWeights(losses.MeanSquaredError):
    """Ignores sample weights."""

    def prior(self, targets, weights=None):
        return targets.mean(axis=0)


class PriorOfOneTarget(losses.MeanSquaredError):
    """Gives one number for all targets."""

    def prior(self, targets, weights=None):
        return targets.mean(keepdims=True)[0]


class LargestShare(losses.CategoricalCrossentropy):
    """Takes a distribution for its most probable class."""

    def value_and_grad(self, outputs, targets, loss, grad):
        super().value_and_grad(outputs, targets.argmax(axis=1) if targets.ndim == 2 else targets, loss, grad)


class RoundsShares(losses.BinaryCrossentropy):
    """Takes a share for the more probable label."""

    def joint(self, scores, targets, losses, grad):
        super().joint(scores, np.round(targets), losses, grad)


class SoftNumbers(losses.MeanSquaredError):
    """Declares soft targets, although it takes numbers."""

    soft_targets: ClassVar[bool] = True


WIDE: dict[Any, dict[str, str]] = {
    OverwritesGradient(): {"trained_parameters": "the amount added to the gradient of gain are wrong.*add to each gradient"},
    AveragesRows(): {"trained_parameters": "gradients of gain, against differences, are wrong.*the sum over the rows"},
    WritesParameters(): {"trained_parameters": "gain before and after backward differ.*do not write to the parameters"},
    OneGainForAll(): {"inputs_gradient": "dL/dz, against differences, are wrong"},
    InfiniteGain(): {"trained_parameters": "the initial value of 'gain' is inf; give a finite number"},
    ForgetsTheGate(): {"inputs_gradient": "dL/dz, against differences, are wrong"},
    WritesGrad(): {"inputs_gradient": "grad before and after backward differ.*leave grad alone, and fill grad_z"},
    OtherOrder(): {"several_outputs": r"gradients, against differences, are wrong.*column t \* k \+ j is output j of target t"},
    MixesTargets(): {"several_outputs": "gradients of the other targets where the first one has changed are wrong"},
    PredictsNothing(): {"predictions": "predictions is empty; return the prediction as the first entry"},
    PredictsOneColumn(): {"predictions": r"the entry 'value' has the shape \(9, 1\); give one number for each target: \(9, 3\)"},
    PredictsInPlace(): {"predictions": "outputs before and after predictions are wrong.*do not write to outputs"},
    PredictsRoots(): {"predictions": "an entry of 'value' at .* is nan"},
    PredictsByRank(): {"predictions": "'value' of one row at a time are wrong.*let each row depend on itself alone"},
    PriorOfTheLargest(): {"prior": "the outputs of prior cost .* in the mean, but with .* added .*; return the constant outputs"},
    PriorWithoutWeights(): {"prior": "the outputs of prior cost .* in the mean, but with .* added .*; return the constant outputs"},
    PriorOfOneTarget(): {"prior": r"prior gives the shape \(1,\); give one number for each output: \(3,\)"},
    LargestShare(): {"soft_targets": "losses of mixed rows, are wrong.*weight the losses of the classes"},
    RoundsShares(): {"soft_targets": "losses of joint of mixed rows, are wrong.*weight the losses of 1 and 0 with the targets from 0 to 1"},
    SoftNumbers(): {"soft_targets": "soft_targets is declared, but targets is 'numbers'; remove soft_targets"},
}
