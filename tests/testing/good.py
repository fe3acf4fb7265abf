"""Good plugins of every kind, as authors write them: each passes the whole kit."""

from typing import ClassVar

import numpy as np
from pydantic import Field

from mlpkit import Activation, Elementwise, Initializer, Loss, Metric, Minimizer, Optimizer, Schedule


class Swish(Elementwise):
    """z sigmoid(beta z)."""

    beta: float = Field(1.0, gt=0, description="steepness")

    def function(self, z):
        return z * (0.5 + 0.5 * np.tanh(0.5 * self.beta * z))

    def derivative(self, z, y):
        s = 0.5 + 0.5 * np.tanh(0.5 * self.beta * z)
        return s + self.beta * y * (1 - s)


class Smooth(Elementwise):
    """z tanh(softplus(z)), as in a text book but for the clipping of what overflows."""

    def function(self, z):
        return z * np.tanh(np.log1p(np.exp(np.minimum(z, 50))))

    def derivative(self, z, y):
        t = np.tanh(np.log1p(np.exp(np.minimum(z, 50))))
        return t + z * (1 - t * t) / (1 + np.exp(-np.maximum(z, -80)))


class Ramp(Activation):
    """z / 6 + 1 / 2, from 0 to 1."""

    output: ClassVar[str] = "probability"
    kinks: ClassVar[tuple[float, ...]] = (-3.0, 3.0)

    def forward(self, z, out):
        np.clip(z, -3.0, 3.0, out=out)
        out += 3.0
        out /= 6.0

    def backward(self, z, out, grad):
        np.abs(z, out=z)
        np.less(z, 3.0, out=z)
        grad *= z
        grad /= 6.0


class Shrink(Elementwise):
    """0 where |z| is at most the threshold, and nearer to 0 by it elsewhere."""

    threshold: float = Field(0.25, ge=0, description="half of the width of the flat part")

    @property
    def kinks(self):
        return (-self.threshold, self.threshold)

    def function(self, z):
        return z - np.clip(z, -self.threshold, self.threshold)

    def derivative(self, z, y):
        return (y != 0).astype(z.dtype)


class UnitLength(Activation):
    """z / sqrt(1 + |z|^2), |z| the length of a row: a function of whole rows."""

    output: ClassVar[str] = "bounded"

    def forward(self, z, out):
        np.divide(z, np.sqrt(1 + np.einsum("ij,ij->i", z, z))[:, None], out=out)

    def backward(self, z, out, grad):
        length = np.sqrt(1 + np.einsum("ij,ij->i", z, z))[:, None]
        out *= np.einsum("ij,ij->i", out, grad)[:, None]
        grad -= out
        grad /= length


class HuberSum(Loss):
    """Half of the square up to delta, and linear beyond, summed over the outputs."""

    zero_at_target: ClassVar[bool] = True
    delta: float = Field(1.0, gt=0, description="where it becomes linear")

    def value_and_grad(self, outputs, targets, losses, grad):
        np.subtract(outputs, targets, out=grad)
        inside = np.clip(grad, -self.delta, self.delta)
        losses[...] = (inside * (grad - 0.5 * inside)).sum(axis=1)
        grad[...] = inside


class PoissonRate(Loss):
    """outputs - targets log(outputs): of counts."""

    output: ClassVar[str] = "nonnegative"

    def value_and_grad(self, outputs, targets, losses, grad):
        rate = np.maximum(outputs, 1e-6)
        losses[...] = (rate - targets * np.log(rate)).sum(axis=1)
        grad[...] = 1 - targets / rate


class LogPoisson(Loss):
    """exp(output) - target output: of counts, whose logarithm is put out. Beyond 60 it is straight, so that nothing overflows."""

    def value_and_grad(self, outputs, targets, losses, grad):
        rate = np.exp(np.minimum(outputs, 60))
        losses[...] = (rate * (1 + np.maximum(outputs - 60, 0)) - targets * outputs).sum(axis=1)
        grad[...] = rate - targets


class LogCoshMean(Loss):
    """The logarithm of cosh of the error, meaned over the outputs."""

    zero_at_target: ClassVar[bool] = True

    def value_and_grad(self, outputs, targets, losses, grad):
        size = np.abs(outputs - targets)
        losses[...] = (size + np.log1p(np.exp(-2 * size)) - np.log(2)).mean(axis=1)
        grad[...] = np.tanh(outputs - targets) / grad.shape[1]


class LinearHinge(Loss):
    """max(0, 1 - s z)^2 with s = -1 or 1: two classes by the sign of the output."""

    targets: ClassVar[str] = "binary"

    def value_and_grad(self, outputs, targets, losses, grad):
        sign = 2 * targets - 1
        margin = np.maximum(1 - sign * outputs, 0)
        losses[...] = np.square(margin).sum(axis=1)
        grad[...] = -2 * sign * margin


class RMSProp(Optimizer):
    """Steps along the gradient over the root of the mean of its squares."""

    elementwise: ClassVar[bool] = True
    state: ClassVar[tuple[str, ...]] = ("square",)

    def step(self, w, grad, square, *, lr, t):
        square *= 0.9
        square += 0.1 * grad * grad
        w -= lr * grad / (np.sqrt(square) + 1e-8)


class ByTensor(Optimizer):
    """Steps of a length that is a share of the tensor's own."""

    scope: ClassVar[str] = "tensor"

    def step(self, w, grad, *, lr, t):
        w -= lr * max(1.0, np.linalg.norm(w)) * grad / (np.linalg.norm(grad) + 1e-8)


class Backtracking(Minimizer):
    """Gradient descent that halves its step until the loss falls, and remembers it."""

    state: ClassVar[tuple[str, ...]] = ("length",)

    def minimize(self, w, problem, length, *, lr, t):
        loss, grad = problem(w)
        grad = grad.copy()
        step = 2 * length[0] if t > 1 else lr
        for _ in range(60):
            trial = w - step * grad
            if problem(trial)[0] < loss:
                w[...], length[0] = trial, step
                return False
            step /= 2
        return True


class RightAngles(Initializer):
    """Columns or rows at right angles; weights alone."""

    def fill(self, array, rng):
        if array.ndim != 2:
            raise ValueError("a bias cannot be orthogonal: use 'zeros'")
        drawn = rng.standard_normal((max(array.shape), min(array.shape)))
        basis = np.linalg.qr(drawn)[0]
        array[...] = basis if array.shape == basis.shape else basis.T


class WarmUp(Schedule):
    """From 0 to the peak in the first tenth, and then to 0 again."""

    peak: float = Field(0.05, gt=0, description="the highest rate")

    def at(self, progress):
        share = min(progress.epoch / progress.epochs, 1.0)
        return self.peak * min(share / 0.1, (1 - share) / 0.9)


class MeanOfClasses(Metric):
    """Mean over the classes of the share of their rows that is right."""

    higher_is_better: ClassVar[bool] = True
    task: ClassVar[str] = "classification"

    def compute(self, outputs, targets, weights):
        right = outputs.argmax(axis=1) == targets
        return float(np.mean([np.average(right[targets == each], weights=weights[targets == each]) for each in np.unique(targets)]))


class TopK(Metric):
    """Share of the rows whose class is among the k most probable."""

    higher_is_better: ClassVar[bool] = True
    task: ClassVar[str] = "classification"
    k: int = Field(2, ge=1)

    def compute(self, outputs, targets, weights):
        best = np.argsort(-outputs, axis=1, kind="stable")[:, : self.k]
        return float(np.average((best == targets[:, None]).any(axis=1), weights=weights))


class RightOfSecond(Metric):
    """Share of the rows said to be of class 1 that are; 0 where none is."""

    higher_is_better: ClassVar[bool] = True
    task: ClassVar[str] = "classification"

    def compute(self, outputs, targets, weights):
        said = weights * (outputs.argmax(axis=1) == 1)
        return float((said * (targets == 1)).sum() / (said.sum() or 1.0))


class FoundOfOne(Metric):
    """Share of the rows of one class that are found."""

    higher_is_better: ClassVar[bool] = True
    task: ClassVar[str] = "classification"
    positive: int = Field(1, ge=0)

    def compute(self, outputs, targets, weights):
        of_it = weights * (targets == self.positive)
        return float((of_it * (outputs.argmax(axis=1) == targets)).sum() / (of_it.sum() or 1.0))


class RankedArea(Metric):
    """Area under the ROC curve, of two classes alone."""

    higher_is_better: ClassVar[bool] = True
    task: ClassVar[str] = "classification"

    def compute(self, outputs, targets, weights):
        if outputs.shape[1] != 2:
            raise ValueError("there is a ROC curve of two classes alone")
        p, right = outputs[:, 1], targets == 1
        pairs = np.outer(weights * right, weights * ~right)
        above = np.sign(p[:, None] - p[None]) / 2 + 0.5
        return float((pairs * above).sum() / pairs.sum()) if pairs.any() else 0.5


class ErrorOfColumn(Metric):
    """Mean of the absolute errors of one target."""

    higher_is_better: ClassVar[bool] = False
    task: ClassVar[str] = "regression"
    column: int = Field(0, ge=0)

    def compute(self, outputs, targets, weights):
        if self.column >= outputs.shape[1]:
            raise ValueError("there are not so many targets")
        return float(np.average(np.abs(outputs - targets)[:, self.column], weights=weights))


class MedianError(Metric):
    """The median of the errors' sizes, each as often as it weighs."""

    higher_is_better: ClassVar[bool] = False
    task: ClassVar[str] = "regression"

    def compute(self, outputs, targets, weights):
        size = np.abs(outputs - targets).mean(axis=1)
        order = np.argsort(size, kind="stable")
        reached = np.cumsum(weights[order]) >= weights.sum() / 2
        return float(size[order][reached.argmax()])


GOOD = (
    *(Swish(), Swish(beta=3.0), Smooth(), Ramp(), Shrink(), UnitLength()),
    *(HuberSum(), HuberSum(delta=0.3), HuberSum(delta=5.0), PoissonRate(), LogPoisson(), LogCoshMean(), LinearHinge()),
    *(RMSProp(), RMSProp(learning_rate=WarmUp()), ByTensor(), Backtracking()),
    *(RightAngles(), WarmUp(), MeanOfClasses(), MedianError()),
    *(TopK(), TopK(k=5), RightOfSecond(), FoundOfOne(), RankedArea(), ErrorOfColumn()),
)
