"""Plugins with one thing wrong each: the check that is named for it finds it, says it, and no other does."""

import random
import re
import sys
import warnings
from typing import Any, ClassVar

import numpy as np
import pytest

from mlpkit import Activation, Elementwise, Initializer, Loss, Metric, Minimizer, Optimizer, Schedule, losses
from mlpkit.testing.conformance import examine

from . import good

KEPT: dict[Any, Any] = {}  # what mutants keep beside their objects
SLOW = ("saved_model",)  # asks a new process, which test_conformance.py does


def failing(report):
    return {check.name: check.reason for check in report.checks if check.status == "failed"}


class Tanh2(Activation):
    """tanh(z), from which the mutants of activations are made."""

    output: ClassVar[str] = "bounded"

    def forward(self, z, out):
        np.tanh(z, out)

    def backward(self, z, out, grad):
        grad *= 1 - out * out


class Swish2(good.Swish):
    """Swish, from which the mutants of the easy contract are made."""


# -- activations


class WrongDerivative(Swish2):
    """The derivative lacks a term."""

    def derivative(self, z, y):
        s = 0.5 + 0.5 * np.tanh(0.5 * self.beta * z)
        return s + self.beta * y


class WrongForLargeScores(Tanh2):
    """The derivative is wrong beyond 3."""

    def backward(self, z, out, grad):
        grad *= np.where(np.abs(z) > 3, 0.1, 1 - out * out)


class ElementwiseSoftmax(Activation):
    """The derivative is that of each number by itself, as is often written."""

    output: ClassVar[str] = "distribution"

    def forward(self, z, out):
        np.exp(z - z.max(axis=1, keepdims=True), out=out)
        out /= out.sum(axis=1, keepdims=True)

    def backward(self, z, out, grad):
        grad *= out * (1 - out)


class UndeclaredKink(Activation):
    """|z - 1|, whose derivative is that of |z|."""

    def forward(self, z, out):
        np.abs(z - 1, out=out)

    def backward(self, z, out, grad):
        grad *= np.sign(z)


class LeaksFloat64(Swish2):
    """A constant is an array of float64."""

    def derivative(self, z, y):
        return super().derivative(z, y) * np.ones(1)


class FunctionLeaksFloat64(Swish2):
    """A constant is a scalar of NumPy."""

    def function(self, z):
        return np.float64(1.0) * super().function(z)


class ScalarDerivative(Elementwise):
    """The derivative is a number and no array."""

    def function(self, z):
        return 1.0 * z

    def derivative(self, z, y):
        return 1.0


class WritesScores(Tanh2):
    """Clips its scores where they are."""

    def forward(self, z, out):
        np.clip(z, -9, 9, out=z)
        np.tanh(z, out)


class FunctionWritesScores(Swish2):
    """Works on its argument."""

    def function(self, z):
        y = super().function(z)
        z *= 1.5
        z /= 1.5
        return y


class KeepsOutputs(Tanh2):
    """Keeps the outputs of the last forward on the object."""

    def forward(self, z, out):
        np.tanh(z, out)
        object.__setattr__(self, "_kept", out)

    def backward(self, z, out, grad):
        grad *= 1 - self._kept * self._kept


class KeepsByAddress(Tanh2):
    """Keeps the outputs by the address of the scores."""

    def forward(self, z, out):
        np.tanh(z, out)
        KEPT[id(z)] = z, out.copy()  # z too, so that nothing else gets its address

    def backward(self, z, out, grad):
        grad *= 1 - np.square(KEPT[id(z)][1])


class NeedsCleanOutputs(Tanh2):
    """Adds to outputs that are NaN at first, and to old ones later."""

    def forward(self, z, out):
        np.add(np.where(np.isnan(out), 0, np.sign(out)) * 1e-3, np.tanh(z), out=out)


class Overflows(Elementwise):
    """softplus by its formula."""

    output: ClassVar[str] = "nonnegative"

    def function(self, z):
        return np.log(1 + np.exp(z))

    def derivative(self, z, y):
        return 1 - np.exp(-y)


class WrongShape(Swish2):
    """The derivative is the mean over the units, which NumPy spreads."""

    def derivative(self, z, y):
        return super().derivative(z, y).mean(axis=1, keepdims=True)


class FailsOnNoRows(Tanh2):
    """Takes the largest score of all rows, and does nothing with it."""

    def forward(self, z, out):
        z.max()
        np.tanh(z, out)


class GivesNaN(Tanh2):
    """NaN for a score of exactly 0."""

    def forward(self, z, out):
        out[...] = np.where(z == 0, np.nan, np.tanh(z))


class MixesRows(Activation):
    """Takes the mean over the rows."""

    def forward(self, z, out):
        np.subtract(z, z.mean(axis=0) if len(z) else 0, out=out)

    def backward(self, z, out, grad):
        grad -= grad.mean(axis=0) if len(z) else 0


class NotInAnyOrder(Tanh2):
    """Promises any order and works on a reshaped copy."""

    any_order: ClassVar[bool] = True

    def forward(self, z, out):
        np.tanh(z.reshape(-1), out.reshape(-1))

    def backward(self, z, out, grad):
        grad *= 1 - out * out


class NotBounded(Tanh2):
    """Says that it is a probability and is below 0."""

    output: ClassVar[str] = "probability"


class NoDistribution(Tanh2):
    """Says that its rows sum to 1."""

    output: ClassVar[str] = "distribution"

    def forward(self, z, out):
        out[...] = 0.5 + 0.5 * np.tanh(z)

    def backward(self, z, out, grad):
        grad *= 2 * out * (1 - out)


class UnknownOutput(Tanh2):
    """Says a word that mlpkit does not know."""

    output: ClassVar[str] = "positive"


class NumberByNumber(Tanh2):
    """A loop in Python."""

    def forward(self, z, out):
        flat, filled = z.reshape(-1), out.reshape(-1)
        for index, number in enumerate(flat.tolist()):
            filled[index] = np.tanh(number)


class Random(Swish2):
    """A little noise."""

    def function(self, z):
        return super().function(z) + (1e-12 * np.random.standard_normal(z.shape)).astype(z.dtype)  # noqa: NPY002


class Warns(Swish2):
    """Warns of its own age."""

    def derivative(self, z, y):
        warnings.warn("swish is old", DeprecationWarning, stacklevel=1)
        return super().derivative(z, y)


class Exits(Swish2):
    """Ends the process."""

    def function(self, z):
        sys.exit("no licence")


class Undocumented(Swish2):
    pass


class Mutable(Swish2):
    """Has an option that is a list."""

    weights: Any = (1.0, 2.0)


class Unfrozen(Swish2):
    """Can be changed."""

    model_config: ClassVar = {"frozen": False}


class NotJson(Swish2):
    """Has an option that JSON does not have."""

    factor: complex = 1j


class ForgetsAnOption(Swish2):
    """Writes down another option than it has."""

    def model_dump(self, **options):
        return {**super().model_dump(**options), "beta": 2.0}


class CopiesDiffer(Swish2):
    """A copy has forgotten what it was."""

    def __deepcopy__(self, memo=None):
        return type(self)(beta=self.beta + 1)


class PicklesDiffer(Swish2):
    """What is unpickled has forgotten what it was."""

    def __reduce__(self):
        return type(self), ()


LOSES_ITS_NAME = type("Relu", (Swish2,), {"__module__": __name__, "__doc__": "Has the name of a built-in."})
MUTABLE = Mutable.model_construct(beta=1.0, weights=[1.0, 2.0])

ACTIVATIONS = {
    WrongDerivative(): {"gradient": r"gradients .* are wrong: .* in place of .* where z is .*correct derivative"},
    WrongForLargeScores(): {"gradient": r"where z is -?\d.*correct backward"},
    ElementwiseSoftmax(): {"gradient": "are wrong"},
    UndeclaredKink(): {"gradient": "class variable kinks"},
    LeaksFloat64(): {"dtype": "what derivative returns for float32 is float64 where it should be float32"},
    FunctionLeaksFloat64(): {"dtype": "what function returns for float32 is float64"},
    ScalarDerivative(): {"dtype": "what derivative returns for float32 is float, not an array"},
    WritesScores(): {"inputs_untouched": "z before and after forward differ.*do not write to z"},
    FunctionWritesScores(): {"inputs_untouched": "z before and after forward differ"},
    KeepsOutputs(): {"buffers": "with and without another forward in between differ.*keep no array"},
    KeepsByAddress(): {"buffers": "KeyError"},
    NeedsCleanOutputs(): {"buffers": "scratch space differ"},
    Overflows(): {"large_scores": "overflow encountered in exp.*exp\\(-abs\\(z\\)\\)"},
    WrongShape(): {"gradient": "are wrong", "dtype": r"has the shape \(8, 1\) where it should have \(8, 5\)"},
    FailsOnNoRows(): {"shapes": "ValueError: zero-size array.*test_mutants.py, line"},
    GivesNaN(): {"large_scores": r"the output at \[\d+, \d\], where z is 0, is nan in float32", "output": "the output is nan"},
    MixesRows(): {"rows": "outputs of some rows without the others are wrong"},
    NotInAnyOrder(): {"memory_order": "outputs in Fortran's order are wrong.*or take any_order back"},
    NotBounded(): {"output": "the output is -0.*outside of 0 to 1.*class variable output"},
    NoDistribution(): {"output": "sums of rows in float32 are wrong"},
    NumberByNumber(): {"speed": r"take \d+ times as long as relu's"},
    Undocumented(): {"documented": "Undocumented has no docstring"},
    CopiesDiffer(): {"copies": r"copied, CopiesDiffer\(beta=1.0\) is CopiesDiffer\(beta=2.0\)"},
    PicklesDiffer(beta=3.0): {"pickles": r"unpickled, PicklesDiffer\(beta=3.0\) is PicklesDiffer\(beta=1.0\)"},
}


# -- losses


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


class Logarithm(good.Poisson):
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


class Crossentropy(losses.BinaryCrossentropy):
    """The built-in, from which mutants of the joint form are made."""


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
    WrongGradient(): {"gradient": "gradients of value_and_grad are wrong.*correct what value_and_grad fills grad with"},
    TakesTheMean(): {"rows": "losses of value_and_grad for some rows, against those among others, are wrong.*are the engine's"},
    LeavesLosses(): {"rows": r"in losses at \[11\] is nan.*fill every entry of losses", "shapes": "a loss at", "learns": "BrokenPlugin"},
    MeanOfNoRows(): {"shapes": "RuntimeWarning: Mean of empty slice"},
    WritesOutputs(): {"inputs_untouched": "outputs before and after value_and_grad differ"},
    WritesTargets(): {"inputs_untouched": "targets before and after value_and_grad differ"},
    NotZero(): {"zero_at_target": "losses where the outputs are the targets are wrong: 1 in place of 0"},
    Logarithm(): {"large_scores": "divide by zero encountered in log"},
    Cosh(): {"large_scores": "overflow encountered in cosh"},
    Rounds(): {"dtype": "in float32 are wrong"},
    WrongJoint(): {"joint": "losses of joint, against those of value_and_grad, are wrong"},
    WrongJointGradient(): {"joint": "gradients of joint are wrong"},
    JointByAnAlias(): {"joint": "joint_with is 'logistic', by which no activation is stored; write 'sigmoid'"},
    OverflowingJoint(): {"large_scores": "with scores up to 1e4, what is in the losses of joint"},
}


# -- optimizers


class Momentum(Optimizer):
    """Momentum with declared state, from which the mutants of optimizers are made."""

    state: ClassVar[tuple[str, ...]] = ("velocity",)

    def step(self, w, grad, velocity, *, lr, t):
        velocity *= 0.9
        velocity += grad
        w -= lr * velocity


class Climbs(Momentum):
    """Adds where it should subtract, a little."""

    def step(self, w, grad, velocity, *, lr, t):
        w += lr * np.tanh(grad)


class NewArray(Momentum):
    """Makes a new array of w."""

    def step(self, w, grad, velocity, *, lr, t):
        w = w - lr * grad


class StateOnObject(Momentum):
    """Keeps the velocity on the object."""

    state: ClassVar[tuple[str, ...]] = ()

    def step(self, w, grad, *, lr, t):
        velocity = 0.9 * (0 if t == 1 else self._velocity) + grad
        object.__setattr__(self, "_velocity", velocity)
        w -= lr * velocity


class StateOnClass(Momentum):
    """Keeps the velocity on the class."""

    state: ClassVar[tuple[str, ...]] = ()
    velocity: ClassVar[Any] = None

    def step(self, w, grad, *, lr, t):
        type(self).velocity = 0.9 * (0 if t == 1 else self.velocity) + grad
        w -= lr * self.velocity


class StateInModule(Momentum):
    """Keeps the velocity in a dictionary of the module, by the address of w."""

    state: ClassVar[tuple[str, ...]] = ()

    def step(self, w, grad, *, lr, t):
        base = w if w.base is None else w.base
        velocity = 0.9 * (0 if t == 1 else KEPT.get(id(base), (base, 0))[1]) + grad
        KEPT[id(base)] = base, velocity  # w too, so that nothing else gets its address
        w -= lr * velocity


class DecaysAlways(Momentum):
    """A decay of the weights that is not multiplied by the rate."""

    def step(self, w, grad, velocity, *, lr, t):
        w *= 1 - 1e-4
        w -= lr * grad


class NotElementwise(Momentum):
    """Promises to move each number by itself and normalises by the length."""

    elementwise: ClassVar[bool] = True

    def step(self, w, grad, velocity, *, lr, t):
        w -= lr * grad / max(1.0, np.linalg.norm(grad) / 4)


class MatricesOnly(Optimizer):
    """Takes tensors, and dies of a bias."""

    scope: ClassVar[str] = "tensor"

    def step(self, w, grad, *, lr, t):
        _, columns = w.shape
        w -= lr * grad / columns


class NeedsFloat64(Momentum):
    """Subtracts an array of float64, and casts nothing."""

    def step(self, w, grad, velocity, *, lr, t):
        np.subtract(w, lr * grad.astype("float64"), out=w, casting="no")


class Restless(Momentum):
    """Draws its own noise."""

    def step(self, w, grad, velocity, *, lr, t):
        w -= lr * grad * np.random.default_rng().uniform(0.9, 1.1, w.shape)


class Swallows(good.Backtracking):
    """Catches what the problem raises."""

    def minimize(self, w, problem, length, *, lr, t):
        try:
            return super().minimize(w, problem, length, lr=lr, t=t)
        except RuntimeError:
            return True


class Wraps(good.Backtracking):
    """Raises something else."""

    def minimize(self, w, problem, length, *, lr, t):
        try:
            return super().minimize(w, problem, length, lr=lr, t=t)
        except KeyboardInterrupt as error:
            raise RuntimeError("interrupted") from error


class GivesUp(Minimizer):
    """Takes one step of a hundred that are needed."""

    def minimize(self, w, problem, *state, lr, t):
        w -= lr * problem(w)[1]
        return t >= 50


class ForgetsItsStep(good.Backtracking):
    """Keeps the length of its step on the object."""

    state: ClassVar[tuple[str, ...]] = ()

    def minimize(self, w, problem, *, lr, t):
        length = np.array([0.0 if t == 1 else getattr(self, "_length", 0.5)])
        done = super().minimize(w, problem, length, lr=lr, t=t)
        object.__setattr__(self, "_length", length[0])
        return done


OPTIMIZERS = {
    Climbs(): {"falls": r"a quadratic went from [\d.]+ to [\d.]+ in 1000 steps of the rate 0.01", "learns": "the loss went from"},
    NewArray(): {"in_place": "w is as it was before the step; write into w", "falls": "a quadratic went", "learns": "the loss went from"},
    StateOnObject(): {"state": "AttributeError: .*_velocity", "resume": "_velocity"},
    StateOnClass(): {"state": "3 \\+ 3 with a new object: the parameters differ.*class variable state", "resume": "differ"},
    StateInModule(): {"in_place": "in fresh ones at each step differ", "state": "the parameters differ", "resume": "differ"},
    DecaysAlways(): {"zero_rate": "before and after steps of the rate 0 differ"},
    NotElementwise(): {"scopes": "moved as a whole and in pieces differ.*take elementwise back"},
    MatricesOnly(): {"scopes": "ValueError: not enough values to unpack", "learns": "failed in step", "resume": "failed in step"},
    NeedsFloat64(): {"dtype": "UFuncTypeError: Cannot cast ufunc 'subtract'", "learns": "failed in step", "resume": "failed in step"},
    Swallows(): {"lets_exceptions_through": "the problem raised RuntimeError in call 1 and nothing came out"},
    Wraps(): {"lets_exceptions_through": "the problem raised KeyboardInterrupt in call 1 and RuntimeError came out"},
    GivesUp(): {"falls": "in 200 calls of the rate 0.01"},
    ForgetsItsStep(): {"state": "the parameters differ", "resume": "differ"},
}


# -- initializers, schedules, metrics


class Uniform(Initializer):
    """From -1 to 1, from which the mutants of initializers are made."""

    def fill(self, array, rng):
        array[...] = rng.uniform(-1, 1, array.shape)


class GlobalRandom(Uniform):
    """Draws from NumPy's global generator."""

    def fill(self, array, rng):
        array[...] = np.random.uniform(-1, 1, array.shape)  # noqa: NPY002


class PythonRandom(Uniform):
    """Draws from Python's global generator."""

    def fill(self, array, rng):
        array[...] = random.uniform(-1, 1)


class OwnRandom(Uniform):
    """Makes a generator of its own."""

    def fill(self, array, rng):
        array[...] = np.random.default_rng().uniform(-1, 1, array.shape)


class SeedsAll(Uniform):
    """Seeds the global generator of NumPy."""

    def fill(self, array, rng):
        np.random.seed(0)  # noqa: NPY002
        array[...] = rng.uniform(-1, 1, array.shape)


class LeavesRows(Uniform):
    """Leaves the last row."""

    def fill(self, array, rng):
        array[: max(len(array) - 1, 1)] = 0.5


class BindsAnother(Uniform):
    """Makes a new array."""

    def fill(self, array, rng):
        array = rng.uniform(-1, 1, array.shape)


class FailsOnOneInput(Uniform):
    """Divides by one less than the inputs."""

    def fill(self, array, rng):
        array[...] = 1 / (len(array) - 1)


class RefusesAll(Uniform):
    """Fits nothing."""

    def fill(self, array, rng):
        array[...] = np.ones(7)


class Straight(Schedule):
    """From 0.1 to 0, from which the mutants of schedules are made."""

    def rate(self, epoch, epochs):
        return 0.1 * (1 - epoch / epochs)


class Negative(Straight):
    """Falls below 0 at the end."""

    def rate(self, epoch, epochs):
        return 0.1 * (1 - epoch / epochs) - 1e-6


class OneEpoch(Straight):
    """Dies of a run of one epoch."""

    def rate(self, epoch, epochs):
        return 0.1 * max(0.0, 1 - epoch / (epochs - 1))


class GivesArray(Straight):
    """Gives float32."""

    def rate(self, epoch, epochs):
        return np.float32(super().rate(epoch, epochs))


class Remembers(Straight):
    """Never gives a higher rate than before."""

    def rate(self, epoch, epochs):
        least = 0.1 if epoch == 0 else min(KEPT.get(type(self), 0.1), super().rate(epoch, epochs))
        KEPT[type(self)] = least
        return least


class NoRate(Straight):
    """Trains nothing."""

    def rate(self, epoch, epochs):
        return 0.0


class Error(Metric):
    """Mean of the absolute errors, from which the mutants of metrics are made."""

    higher_is_better: ClassVar[bool] = False
    task: ClassVar[str] = "regression"

    def compute(self, outputs, targets, weights):
        return float(np.average(np.abs(outputs - targets).mean(axis=1), weights=weights))


class IgnoresWeights(Error):
    """Ignores the weights."""

    def compute(self, outputs, targets, weights):
        return float(np.abs(outputs - targets).mean())


class FirstRow(Error):
    """Counts the first row alone."""

    def compute(self, outputs, targets, weights):
        return float(np.abs(outputs - targets)[0].mean())


class WritesWeights(Error):
    """Normalises the weights where they are."""

    def compute(self, outputs, targets, weights):
        weights /= weights.sum()
        return super().compute(outputs, targets, weights)


class WrongDirection(Error):
    """Says that more is better."""

    higher_is_better: ClassVar[bool] = True


class Correlation(Error):
    """NaN where there is one row."""

    higher_is_better: ClassVar[bool] = True

    def compute(self, outputs, targets, weights):
        a, b = outputs - np.average(outputs, 0, weights), targets - np.average(targets, 0, weights)
        with np.errstate(all="ignore"):
            return float(
                np.average(a * b, 0, weights).mean() / np.sqrt(np.average(a * a, 0, weights) * np.average(b * b, 0, weights)).mean()
            )


class GivesAnArray(Error):
    """Gives an array without dimensions."""

    def compute(self, outputs, targets, weights):
        return np.array(super().compute(outputs, targets, weights))


OTHERS = {
    GlobalRandom(): {"reproducible": "fill moves a global generator", "deterministic": "differ", "pickles": "differ", "copies": "differ"},
    PythonRandom(): {"reproducible": "fill moves a global generator", "deterministic": "differ", "pickles": "differ", "copies": "differ"},
    OwnRandom(): {"reproducible": "same seed differ.*draw from rng", "deterministic": "differ", "pickles": "differ", "copies": "differ"},
    SeedsAll(): {"reproducible": "fill moves a global generator of numpy.random or random"},
    LeavesRows(): {"fills": r"in an array of the shape \(6, 4\), an entry at \[20\] is nan", "shapes": "is nan"},
    BindsAnother(): {"fills": r"fill the array itself: array\[...\] = ...", "shapes": "is nan"},
    FailsOnOneInput(): {"shapes": "ZeroDivisionError"},
    Negative(): {"rates": "the rate at epoch 1 of 1 is -1e-06"},
    OneEpoch(): {"rates": "ZeroDivisionError"},
    GivesArray(): {"returns_float": "the rate at epoch 0 of 7 is float32; return a float"},
    Remembers(): {"memory": "asked for in order and in another order differ", "resume": "of a resumed and of an unbroken run differ"},
    NoRate(): {"learns": "the loss went from .* to .* in 60 epochs"},
    IgnoresWeights(): {"weights": "of weighted rows, against those of repeated ones, are wrong.*np.average"},
    FirstRow(): {"order": "figures of shuffled rows are wrong"},
    WritesWeights(): {"inputs_untouched": "weights before and after compute differ"},
    WrongDirection(): {"direction": "right outputs have 0 and wrong ones .*, and higher_is_better is True"},
    Correlation(): {"finite": "the figure is nan"},
    GivesAnArray(): {"finite": "the figure is ndarray; return a float", "evaluate": "gives ndarray, not a number"},
}
MUTANTS = {**ACTIVATIONS, **LOSSES, **OPTIMIZERS, **OTHERS}


@pytest.mark.parametrize("plugin", MUTANTS, ids=lambda plugin: type(plugin).__name__)
def test_a_mutant_is_found_by_the_check_of_its_name_alone(plugin):
    found = failing(examine(plugin, without=SLOW))
    assert set(found) == set(MUTANTS[plugin]), found
    for name, words in MUTANTS[plugin].items():
        assert re.search(words, found[name]), found[name]


@pytest.mark.parametrize("plugin", [Random(), Restless()], ids=lambda plugin: type(plugin).__name__)
def test_what_is_random_is_found_by_its_check_among_others(plugin):
    assert "results of the same call twice differ" in failing(examine(plugin, without=SLOW))["deterministic"]


def test_options_that_can_change():
    assert "beta of an object can be set" in failing(examine(Unfrozen(), without=SLOW))["frozen"]
    assert "the option 'weights' is a list, which can be changed; use a tuple" in failing(examine(MUTABLE, without=SLOW))["frozen"]


def test_options_that_are_not_json():
    assert "use options that JSON has" in failing(examine(NotJson(), without=SLOW))["options"]
    found = failing(examine(ForgetsAnOption(), without=SLOW))
    assert "is read as ForgetsAnOption(beta=2.0) and not as ForgetsAnOption(beta=1.0)" in found["options"]


def test_the_name_of_a_built_in():
    report = examine(LOSES_ITS_NAME(), without=SLOW)
    assert report.plugin == "relu"
    assert "'relu' is the name of a built-in" in failing(report)["name"]


def test_whatever_a_plugin_raises_or_warns_is_a_failed_check():
    exits, warns = examine(Exits(), without=SLOW), examine(Warns(), without=SLOW)
    assert re.search(r"^SystemExit: no licence \(test_mutants.py, line \d+\)$", failing(exits)["gradient"])
    assert re.search(r"^DeprecationWarning: swish is old \(test_mutants.py, line \d+\)$", failing(warns)["gradient"])
    assert {check.name for check in exits.checks if check.status == "passed"} == {"name", "documented", "options", "frozen"}


def test_an_initializer_that_refuses_every_shape():
    found = failing(examine(RefusesAll(), without=SLOW))
    assert "fill raises ValueError for the shapes" in found["fills"]
