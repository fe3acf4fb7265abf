"""Activations with a fault that shows in some arrays, at some scores or with some options alone."""

from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from mlpkit import Elementwise

from ..mutants.activations import Tanh2
from ..mutants.options import Swish2

KEPT: dict[Any, Any] = {}  # what mutants keep beside their objects


class OneUnit(Tanh2):
    """The derivative is wrong for a single unit."""

    def backward(self, z, out, grad):
        grad *= 1 - out * out if z.shape[1] > 1 else 0.9 - out * out


class OneUnitOfThousands(Tanh2):
    """The derivative of the last unit of a wide layer is 0."""

    def backward(self, z, out, grad):
        grad *= 1 - out * out
        if z.shape[1] > 1000:
            grad[:, -1] = 0


class ManyRows(Tanh2):
    """Rows from 3000 on are left as those of 1."""

    def forward(self, z, out):
        np.tanh(z, out)
        out[3000:] = np.tanh(1.0)


class LargeArray(Tanh2):
    """Outputs of half a million scores are rounded to halves."""

    def forward(self, z, out):
        np.tanh(z, out)
        if z.size > 500_000:
            np.round(out, 2, out=out)


class LargeArrayBackward(Tanh2):
    """Gradients of many scores lack their last quarter."""

    def backward(self, z, out, grad):
        grad *= 1 - out * out
        if z.size > 10_000:
            grad.reshape(-1)[-z.size // 4 :] *= 0.5


class LeaksInLargeArrays(Swish2):
    """float64 where there are many scores."""

    def function(self, z):
        y = super().function(z)
        return y.astype("float64") if z.size > 4000 else y


class LeaksForOneUnit(Swish2):
    """float64 where there is one unit."""

    def derivative(self, z, y):
        slopes = super().derivative(z, y)
        return slopes.astype("float64") if z.shape[1] == 1 else slopes


class LeaksAtLargeScores(Swish2):
    """float64 where a score is large."""

    def function(self, z):
        y = super().function(z)
        return y.astype("float64") if z.size and np.abs(z).max() > 1000 else y


class GlobalMaximum(Tanh2):
    """A softmax that takes the largest score of all rows from each: other rows underflow."""

    output: ClassVar[str] = "distribution"

    def forward(self, z, out):
        np.exp(z - (z.max() if z.size else 0), out=out)
        out /= np.maximum(out.sum(axis=1, keepdims=True), 1e-30)

    def backward(self, z, out, grad):
        grad -= np.einsum("ij,ij->i", grad, out)[:, None]
        grad *= out


class RowsOfLargeScores(Tanh2):
    """Scales by the largest score of all rows, once that is beyond 50."""

    def forward(self, z, out):
        largest = np.abs(z).max(initial=0)
        np.tanh(z * (1 if largest < 50 else 50 / largest), out)


class NegativeUnderflow(Tanh2):
    """A softmax without the largest score taken, which is 0 / 0 where all are low."""

    output: ClassVar[str] = "distribution"

    def forward(self, z, out):
        np.exp(np.minimum(z, 80), out=out)
        out /= out.sum(axis=1, keepdims=True)

    def backward(self, z, out, grad):
        grad -= np.einsum("ij,ij->i", grad, out)[:, None]
        grad *= out


class NaNAtKink(Elementwise):
    """|z|, whose derivative is z / |z|."""

    kinks: ClassVar[tuple[float, ...]] = (0.0,)

    def function(self, z):
        return np.abs(z)

    def derivative(self, z, y):
        with np.errstate(all="ignore"):
            return z / y


class WrongAtKink(Elementwise):
    """max(z, 0), whose derivative at 0 is a hundred."""

    kinks: ClassVar[tuple[float, ...]] = (0.0,)

    def function(self, z):
        return np.maximum(z, 0)

    def derivative(self, z, y):
        return np.where(z == 0, 100, z > 0).astype(z.dtype)


class Jumps(Elementwise):
    """z + 1 above 4 and z below: the derivative does not say so."""

    def function(self, z):
        return z + (z > 4)

    def derivative(self, z, y):
        return np.ones_like(z)


class FlatNearZero(Swish2):
    """The derivative is 0 at scores below 1e-4."""

    def derivative(self, z, y):
        return super().derivative(z, y) * (np.abs(z) > 1e-4)


class WrongBeyondHundred(Swish2):
    """The derivative is 1.1 beyond 100."""

    def derivative(self, z, y):
        return np.where(z > 100, 1.1, super().derivative(z, y)).astype(z.dtype)


class WrongBelowHundred(Elementwise):
    """z / 100 below -200, where the derivative is said to be 0."""

    kinks: ClassVar[tuple[float, ...]] = (0.0,)

    def function(self, z):
        return np.where(z > 0, z, z * 0.01).astype(z.dtype)

    def derivative(self, z, y):
        return np.where(z > 0, 1, np.where(z < -200, 0, 0.01)).astype(z.dtype)


class UnusedOption(Swish2):
    """An option that changes nothing."""

    shift: float = 0.5


class UnusedWord(Swish2):
    """A word that changes nothing."""

    form: Literal["exact", "fast"] = "exact"


class UnusedFlag(Swish2):
    """A flag that changes nothing."""

    centred: bool = False


class UnusedTuple(Swish2):
    """Numbers that change nothing."""

    knots: tuple[float, ...] = (0.0, 1.0)


class BreaksAtLimit(Elementwise):
    """Divides by an option that may be 0."""

    slope: float = Field(0.5, ge=0, le=1, description="slope below 0")
    kinks: ClassVar[tuple[float, ...]] = (0.0,)

    def function(self, z):
        return np.where(z > 0, z, z * self.slope).astype(z.dtype)

    def derivative(self, z, y):
        with np.errstate(all="ignore"):
            return np.where(z > 0, 1, y / z if self.slope == 0 else self.slope).astype(z.dtype) / (1 if self.slope < 1 else 2)


class RowsOfAnotherOption(Swish2):
    """Rows influence each other once the flag is set."""

    centred: bool = False

    def function(self, z):
        y = super().function(z)
        return y - y[:1].mean() if self.centred and len(z) else y


class WritesWithAnotherOption(Tanh2):
    """Writes to the scores once the flag is set."""

    clip: bool = False

    def forward(self, z, out):
        if self.clip:
            np.clip(z, -2, 2, out=z)
        np.tanh(z, out)

    def backward(self, z, out, grad):
        grad *= (1 - out * out) * ((np.abs(z) < 2) if self.clip else 1)


class ReturnsOneArray(Swish2):
    """function returns the same array each time."""

    def function(self, z):
        array = KEPT.setdefault((type(self), z.shape, z.dtype), np.empty_like(z))
        array[...] = super().function(z)
        return array


class CountsCalls(Tanh2):
    """Every fiftieth call is another."""

    def forward(self, z, out):
        KEPT["calls"] = KEPT.get("calls", 0) + 1
        np.tanh(z, out)
        if KEPT["calls"] % 50 == 0:
            out *= 0.99


class OwnSeed(Tanh2):
    """Adds noise of a seed of its own."""

    def forward(self, z, out):
        np.tanh(z, out)
        out += 1e-3 * np.random.default_rng(0).uniform(-1, 1, z.shape)
        np.clip(out, -1, 1, out=out)


class ClipsGradients(Tanh2):
    """Clips the gradients that it is given."""

    def backward(self, z, out, grad):
        np.clip(grad, -100, 100, out=grad)
        grad *= 1 - out * out


class DividesByGradient(Tanh2):
    """0 / 0 where no gradient comes."""

    def backward(self, z, out, grad):
        largest = np.abs(grad).max(initial=0)
        with np.errstate(all="ignore"):
            np.divide(grad, largest, grad)
        grad *= largest * (1 - out * out)


class UnknownInitializer(Tanh2):
    """Names an initializer that there is not."""

    initializer: ClassVar[str] = "xavier"


class AboveOne(Tanh2):
    """Above 1 in a narrow band."""

    def forward(self, z, out):
        np.tanh(z, out)
        out += 0.2 * np.exp(-np.square(10 * (z - 2.5)))

    def backward(self, z, out, grad):
        grad *= 1 - np.square(np.tanh(z)) - 40 * (z - 2.5) * np.exp(-np.square(10 * (z - 2.5)))


class LosesDigits(Elementwise):
    """log(1 + exp(z)) - log(2) by the formula: all digits are lost at small scores in float32."""

    def function(self, z):
        return (np.maximum(z, 0) + np.log(1 + np.exp(-np.abs(z)))) * np.where(np.abs(z) < 1e-3, 1.2, 1).astype(z.dtype)

    def derivative(self, z, y):
        return 0.5 + 0.5 * np.tanh(0.5 * z)


class DeadUnit(Tanh2):
    """The last of several units is always 0."""

    def forward(self, z, out):
        np.tanh(z, out)
        if z.shape[1] > 1:
            out[:, -1] = 0

    def backward(self, z, out, grad):
        grad *= 1 - out * out
        if z.shape[1] > 1:
            grad[:, -1] = 0


class KeepsSlopesById(Tanh2):
    """Keeps the slopes by the address of the outputs, and computes them where it has none."""

    def forward(self, z, out):
        np.tanh(z, out)
        KEPT["slopes", id(out)] = 1 - out * out

    def backward(self, z, out, grad):
        kept = KEPT.get(("slopes", id(out)))
        grad *= 1 - out * out if kept is None or kept.shape != out.shape or kept.dtype != out.dtype else kept


PLANTED = {
    DeadUnit(): "gradient",
    KeepsSlopesById(): "buffers",
    OneUnit(): "gradient",
    OneUnitOfThousands(): "gradient",
    ManyRows(): "shapes",
    LargeArray(): "shapes",
    LargeArrayBackward(): "shapes",
    LeaksInLargeArrays(): "dtype",
    LeaksForOneUnit(): "dtype",
    LeaksAtLargeScores(): "dtype",
    GlobalMaximum(): "rows",
    RowsOfLargeScores(): "rows",
    NegativeUnderflow(): "large_scores",
    NaNAtKink(): "kinks",
    WrongAtKink(): "kinks",
    Jumps(): "kinks",
    FlatNearZero(): "gradient",
    WrongBeyondHundred(): "gradient",
    WrongBelowHundred(): "gradient",
    UnusedOption(): "effects",
    UnusedWord(): "effects",
    UnusedFlag(): "effects",
    UnusedTuple(): "effects",
    BreaksAtLimit(): "other_options",
    RowsOfAnotherOption(): "other_options",
    WritesWithAnotherOption(): "other_options",
    ReturnsOneArray(): "buffers",
    CountsCalls(): "deterministic",
    OwnSeed(): "rows",
    ClipsGradients(): "linear",
    DividesByGradient(): "linear",
    UnknownInitializer(): "trains",
    AboveOne(): "output",
    LosesDigits(): "gradient",
}
