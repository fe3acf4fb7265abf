"""Activations with one thing wrong each."""

from typing import Any, ClassVar

import numpy as np

from mlpkit import Activation, Elementwise

from .options import CopiesDiffer, PicklesDiffer, Swish2, Undocumented

KEPT: dict[Any, Any] = {}  # what mutants keep beside their objects


class Tanh2(Activation):
    """tanh(z), from which the mutants of activations are made."""

    output: ClassVar[str] = "bounded"

    def forward(self, z, out):
        np.tanh(z, out)

    def backward(self, z, out, grad):
        grad *= 1 - out * out


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


class KeepsByAddressOfOutputs(Tanh2):
    """Keeps the slopes by the address of the outputs, and grows."""

    def forward(self, z, out):
        np.tanh(z, out)
        KEPT[out.ctypes.data] = 1 - out * out

    def backward(self, z, out, grad):
        grad *= KEPT[out.ctypes.data]


class SharesScratchSpace(Tanh2):
    """Has scratch space by shape and dtype, which all threads write to."""

    def forward(self, z, out):
        scratch = KEPT.setdefault((z.shape, z.dtype), np.empty_like(z))
        np.tanh(z, scratch)
        out[...] = scratch


class SharesScratchSpaceBackward(Tanh2):
    """Has scratch space of the object for the derivatives."""

    def backward(self, z, out, grad):
        scratch = KEPT.setdefault((z.shape, z.dtype), np.empty_like(z))
        np.multiply(out, out, scratch)
        np.subtract(1, scratch, scratch)
        np.multiply(grad, scratch, grad)


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


class WithoutTheFirst(Activation):
    """A distribution to which the first number of a row does not matter; the last one alone may not."""

    output: ClassVar[str] = "distribution"

    def forward(self, z, out):
        out[...] = z
        out[:, 0] = 0.0
        np.exp(out - out.max(axis=1, keepdims=True), out=out)
        out /= out.sum(axis=1, keepdims=True)

    def backward(self, z, out, grad):
        grad -= (grad * out).sum(axis=1, keepdims=True)
        grad *= out
        grad[:, 0] = 0.0


class UnknownOutput(Tanh2):
    """Says a word that mlpkit does not know."""

    output: ClassVar[str] = "positive"


class NumberByNumber(Tanh2):
    """A loop in Python."""

    def forward(self, z, out):
        flat, filled = z.reshape(-1), out.reshape(-1)
        for index, number in enumerate(flat.tolist()):
            filled[index] = np.tanh(number)


class DerivativeOfDefault(Swish2):
    """A derivative that is right with the default option alone."""

    def derivative(self, z, y):
        s = 0.5 + 0.5 * np.tanh(0.5 * z)
        return s + y * (1 - s)


ACTIVATIONS = {
    DerivativeOfDefault(): {"other_options": r"with beta=2\.0, gradient: derivatives, against differences of the function, are wrong"},
    WrongDerivative(): {"gradient": r"^derivatives, .* are wrong: .* instead of .* where z is .*correct derivative"},
    WrongForLargeScores(): {"gradient": r"where z is -?\d.*correct backward"},
    ElementwiseSoftmax(): {"gradient": "are wrong"},
    UndeclaredKink(): {"gradient": "class variable kinks"},
    LeaksFloat64(): {"dtype": "the result of derivative for float32 is float64 instead of float32"},
    FunctionLeaksFloat64(): {"dtype": "the result of function for float32 is float64"},
    ScalarDerivative(): {"dtype": "the result of derivative for float32 is float, not an array"},
    WritesScores(): {"inputs_untouched": "z before and after forward differ.*do not write to z"},
    FunctionWritesScores(): {"inputs_untouched": "z before and after forward differ"},
    KeepsOutputs(): {
        "buffers": "with and without another forward in between, .* differ.*keep no array",
        "threads": "results of one thread beside another and of one alone",
        "deterministic": "the object has stored _kept; store nothing in an object but its options",
    },
    KeepsByAddress(): {"buffers": "KeyError"},
    KeepsByAddressOfOutputs(): {"buffers": "KeyError|differ|broadcast"},
    SharesScratchSpace(): {"threads": "results of one thread beside another and of one alone are wrong.*keep no array outside of a call"},
    SharesScratchSpaceBackward(): {"threads": "results of one thread beside another and of one alone are wrong"},
    NeedsCleanOutputs(): {"buffers": "scratch space differ"},
    Overflows(): {"large_scores": "overflow encountered in exp.*exp\\(-abs\\(z\\)\\)"},
    WrongShape(): {"gradient": "are wrong", "dtype": r"has the shape \(1, 1\) instead of \(1, 7\)"},
    FailsOnNoRows(): {"shapes": "ValueError: zero-size array.*activations.py, line"},
    GivesNaN(): {"large_scores": r"the output at \[\d+, \d\], where z is 0, is nan in float32", "output": "the output is nan"},
    MixesRows(): {
        "rows": r"outputs of some rows without the others, of z of the shape \(20, 4\) .*are wrong.*let each row depend on itself alone"
    },
    NotBounded(): {"output": "the output is -0.*outside of 0 to 1.*class variable output"},
    UnknownOutput(): {"output": "output is 'positive'; make it one of real, bounded"},
    WithoutTheFirst(): {"gradient": "gradients of unit 0 of 5 are 0 in every row: it has no effect"},
    NoDistribution(): {"output": "sums of rows in float32 are wrong"},
    NumberByNumber(): {
        "speed": r"forward and backward take \d+ or more Python instructions for each pre-activation; compute on whole arrays"
    },
    Undocumented(): {"documented": "Undocumented has no docstring"},
    CopiesDiffer(): {"copies": r"copied, CopiesDiffer\(beta=1.0\) is CopiesDiffer\(beta=2.0\)"},
    PicklesDiffer(beta=3.0): {"pickles": r"unpickled, PicklesDiffer\(beta=3.0\) is PicklesDiffer\(beta=1.0\)"},
}
