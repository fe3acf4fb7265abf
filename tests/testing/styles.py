"""Good plugins in other styles than those of good.py: options of every type, locks, caches, state by options, refusals, jumps."""

import functools
import math
import threading
from typing import Literal

import numpy as np
from pydantic import Field

from mlpkit import Activation, Elementwise, Initializer, Loss, Metric, Minimizer, Optimizer, Schedule
from mlpkit.plugin import LearningRate


class Bend(Elementwise):
    """ELU"""

    alpha: float = Field(1.0, ge=0)
    kinks = (0.0,)

    def function(self, z):
        return np.where(z > 0, z, self.alpha * np.expm1(np.minimum(z, 0))).astype(z.dtype)

    def derivative(self, z, y):
        return np.where(z > 0, 1, self.alpha * np.exp(np.minimum(z, 0))).astype(z.dtype)


class Gelu(Elementwise):
    """GELU"""

    approximate: bool = True

    def _t(self, z):
        return np.tanh(z * (0.7978845608028654 * (1 + 0.044715 * z * z))) if self.approximate else np.tanh(0.8509 * z)

    def function(self, z):
        return 0.5 * z * (1 + self._t(z))

    def derivative(self, z, y):
        t = self._t(z)
        i = 0.7978845608028654 * (1 + 3 * 0.044715 * z * z) if self.approximate else 0.8509
        s = 1 - t * t
        return 0.5 * (1 + t) + 0.5 * z * s * i


class HardShrink(Elementwise):
    """z where |z| > threshold: jumps"""

    threshold: float = Field(0.5, ge=0)

    @property
    def kinks(self):
        return (-self.threshold, self.threshold)

    def function(self, z):
        return z * (np.abs(z) > self.threshold)

    def derivative(self, z, y):
        return (np.abs(z) > self.threshold).astype(z.dtype)


class Siren(Elementwise):
    """sin(omega z)"""

    output = "bounded"
    omega: float = Field(1.0, gt=0)
    form: Literal["sin", "cos"] = "sin"

    def function(self, z):
        return np.sin(self.omega * z) if self.form == "sin" else np.cos(self.omega * z)

    def derivative(self, z, y):
        return self.omega * np.cos(self.omega * z) if self.form == "sin" else -self.omega * np.sin(self.omega * z)


class Sparsemax(Activation):
    """sparsemax rows"""

    output = "distribution"

    def forward(self, z, out):
        if not len(z):
            return
        s = -np.sort(-(z - z.max(1, keepdims=True)), axis=1)
        c = np.cumsum(s, 1)
        k = np.arange(1, z.shape[1] + 1, dtype=z.dtype)
        r = (1 + k * s > c).sum(1)
        tau = (c[np.arange(len(z)), r - 1] - 1) / r.astype(z.dtype)
        np.maximum(z - z.max(1, keepdims=True) - tau[:, None], 0, out=out)

    def backward(self, z, out, grad):
        m = out > 0
        grad *= m
        grad -= m * (grad.sum(1, keepdims=True) / np.maximum(m.sum(1, keepdims=True), 1).astype(z.dtype))


class LayerNorm(Activation):
    """normalises each row"""

    eps: float = Field(1e-5, gt=0)

    def forward(self, z, out):
        np.subtract(z, z.mean(1, keepdims=True), out=out)
        out /= np.sqrt(np.square(out).mean(1, keepdims=True) + z.dtype.type(self.eps))

    def backward(self, z, out, grad):
        c = z - z.mean(1, keepdims=True)
        s = np.sqrt(np.square(c).mean(1, keepdims=True) + z.dtype.type(self.eps))
        grad -= grad.mean(1, keepdims=True) + out * (grad * out).mean(1, keepdims=True)
        grad /= s


class Piece(Elementwise):
    """sum of relus at points with weights, cached"""

    points: tuple[float, ...] = (0.0, 1.0)
    gain: float | None = None
    repeat: int = Field(1, ge=1, le=3)
    without_effect = ()

    @property
    def kinks(self):
        return self.points

    @functools.cached_property
    def _scale(self):
        return (1.0 if self.gain is None else self.gain) * self.repeat / max(1, len(self.points))

    def function(self, z):
        y = np.zeros_like(z)
        for p in self.points:
            y += np.maximum(z - p, 0)
        return y * self._scale

    def derivative(self, z, y):
        d = np.zeros_like(z)
        for p in self.points:
            d += z > p
        return d * self._scale


class Blocked(Activation):
    """tanh in blocks: option with no effect"""

    output = "bounded"
    block: int = Field(64, ge=1)
    without_effect = ("block",)

    def forward(self, z, out):
        for i in range(0, len(z), self.block):
            np.tanh(z[i : i + self.block], out[i : i + self.block])

    def backward(self, z, out, grad):
        np.multiply(out, out, out=z)
        np.subtract(1, z, out=z)
        grad *= z


class Twice(Activation):
    """applies an inner activation and scales"""

    inner: Activation = Field("tanh", validate_default=True)
    scale: float = 2.0

    @property
    def kinks(self):
        return self.inner.kinks

    def forward(self, z, out):
        self.inner.forward(z, out)
        out *= self.scale

    def backward(self, z, out, grad):
        out /= self.scale
        grad *= self.scale
        self.inner.backward(z, out, grad)


_local = threading.local()


class LocalScratch(Activation):
    """thread-local scratch"""

    output = "bounded"

    def forward(self, z, out):
        np.tanh(z, out)

    def backward(self, z, out, grad):
        d = _local.__dict__.setdefault("s", {})
        k = (z.shape, z.dtype.str)
        s = d.setdefault(k, np.empty_like(z))
        np.multiply(out, out, out=s)
        np.subtract(1, s, out=s)
        grad *= s


_lock = threading.Lock()
_cache = {}


class Locked(Activation):
    """shared scratch behind a lock"""

    output = "bounded"

    def forward(self, z, out):
        with _lock:
            s = _cache.setdefault((z.shape, z.dtype.str), np.empty_like(z))
            np.tanh(z, s)
            out[...] = s

    def backward(self, z, out, grad):
        grad *= 1 - out * out


@functools.lru_cache(maxsize=8)
def _ones(n, dt):
    a = np.ones(n, dt)
    a.flags.writeable = False
    return a


class MeanPool(Activation):
    """subtract the row mean by a cached vector of ones"""

    def forward(self, z, out):
        np.subtract(z, (z @ _ones(z.shape[1], z.dtype.str))[:, None] / z.dtype.type(z.shape[1]), out=out)

    def backward(self, z, out, grad):
        grad -= (grad @ _ones(z.shape[1], z.dtype.str))[:, None] / z.dtype.type(z.shape[1])


# losses
class PinballOfOne(Loss):
    """pinball"""

    zero_at_target = True
    q: float = Field(0.5, gt=0, lt=1)

    def value_and_grad(self, outputs, targets, losses, grad):
        e = targets - outputs
        losses[...] = np.maximum(self.q * e, (self.q - 1) * e).mean(axis=1)
        grad[...] = np.where(e > 0, -self.q, np.where(e < 0, 1 - self.q, 0))
        grad /= grad.shape[1]


class FocalOk(Loss):
    """focal"""

    output = "probability"
    targets = "binary"
    gamma: float = Field(2.0, ge=0)

    def value_and_grad(self, outputs, targets, losses, grad):
        eps = float(np.finfo(outputs.dtype).eps)
        p = np.clip(np.where(targets > 0.5, outputs, 1 - outputs), eps, 1 - eps)
        losses[...] = (-((1 - p) ** self.gamma) * np.log(p)).mean(axis=1)
        g = self.gamma * (1 - p) ** (self.gamma - 1) * np.log(p) - (1 - p) ** self.gamma / p
        grad[...] = np.where(targets > 0.5, g, -g) / grad.shape[1]


class MultiHinge(Loss):
    """multiclass hinge"""

    targets = "classes"
    margin: float = Field(1.0, gt=0)

    def value_and_grad(self, outputs, targets, losses, grad):
        n = np.arange(len(targets))
        right = outputs[n, targets][:, None]
        m = np.maximum(0, self.margin + outputs - right)
        m[n, targets] = 0
        losses[...] = m.sum(1)
        grad[...] = m > 0
        grad[n, targets] = -(m > 0).sum(1)


class SmoothCE(Loss):
    """cross-entropy with label smoothing, on scores"""

    targets = "classes"
    smoothing: float = Field(0.0, ge=0, lt=1)

    def value_and_grad(self, outputs, targets, losses, grad):
        z = outputs - outputs.max(1, keepdims=True)
        e = np.exp(z)
        s = e.sum(1, keepdims=True)
        k = outputs.shape[1]
        logp = z - np.log(s)
        n = np.arange(len(targets))
        t = np.full_like(outputs, self.smoothing / k)
        t[n, targets] += 1 - self.smoothing
        losses[...] = -(t * logp).sum(1)
        grad[...] = e / s - t


class CosineOk(Loss):
    """1-cos with epsilon"""

    separable = False
    eps: float = Field(1e-6, gt=0)

    def value_and_grad(self, outputs, targets, losses, grad):
        no = np.sqrt((outputs**2).sum(1, keepdims=True) + self.eps)
        nt = np.sqrt((targets**2).sum(1, keepdims=True) + self.eps)
        c = (outputs * targets).sum(1, keepdims=True) / (no * nt)
        losses[...] = 1 - c[:, 0]
        grad[...] = -(targets / (no * nt) - c * outputs / no**2)


class WeightedBCE(Loss):
    """weights of class 0 and 1"""

    output = "probability"
    targets = "binary"
    weights: tuple[float, float] = (1.0, 2.0)

    def value_and_grad(self, outputs, targets, losses, grad):
        eps = float(np.finfo(outputs.dtype).eps)
        p = np.clip(outputs, eps, 1 - eps)
        a, b = self.weights
        losses[...] = -(b * targets * np.log(p) + a * (1 - targets) * np.log1p(-p)).sum(1)
        grad[...] = -(b * targets / p - a * (1 - targets) / (1 - p))


class KL(Loss):
    """KL to distributions"""

    output = "distribution"

    def value_and_grad(self, outputs, targets, losses, grad):
        eps = float(np.finfo(outputs.dtype).eps)
        p = np.maximum(outputs, eps)
        t = np.maximum(targets, eps)
        losses[...] = (targets * (np.log(t) - np.log(p))).sum(1)
        grad[...] = -targets / p


class Lp(Loss):
    """|e|^p"""

    zero_at_target = True
    p: float = Field(2.0, ge=1, le=4)
    reduction: Literal["mean", "sum"] = "mean"

    def value_and_grad(self, outputs, targets, losses, grad):
        e = outputs - targets
        a = np.abs(e)
        k = 1.0 if self.reduction == "sum" else 1.0 / grad.shape[1]
        losses[...] = (a**self.p).sum(1) * k
        grad[...] = self.p * k * np.sign(e) * a ** (self.p - 1)


# optimizers
class AdamW(Optimizer):
    """AdamW"""

    state = ("m", "v", "vmax")
    elementwise = True
    learning_rate: LearningRate = 0.001
    beta1: float = Field(0.9, ge=0, lt=1)
    beta2: float = Field(0.999, ge=0, lt=1)
    epsilon: float = Field(1e-8, gt=0)
    weight_decay: float = Field(0.01, ge=0)
    amsgrad: bool = False

    def step(self, w, grad, m, v, vmax, *, lr, t):
        w *= 1 - lr * self.weight_decay
        m *= self.beta1
        m += (1 - self.beta1) * grad
        v *= self.beta2
        v += (1 - self.beta2) * grad * grad
        if self.amsgrad:
            np.maximum(vmax, v, out=vmax)
            v = vmax
        w -= lr * (m / (1 - self.beta1**t)) / (np.sqrt(v / (1 - self.beta2**t)) + self.epsilon)


class AdamL2(Optimizer):
    """Adam with L2 in the gradient, state by options"""

    l2: float = Field(0.0, ge=0)
    nesterov: bool = False
    momentum: float = Field(0.9, ge=0, lt=1)

    def step(self, w, grad, *state, lr, t):
        grad += self.l2 * w
        if state:
            (v,) = state
            v *= self.momentum
            v += grad
            grad = grad + self.momentum * v if self.nesterov else v
        w -= lr * grad

    @property
    def state(self):
        return ("v",) if self.momentum else ()


class SquareSums(Optimizer):
    """Adagrad"""

    state = ("s",)
    nu: float = Field(1e-10, gt=0)
    learning_rate: LearningRate = 0.5

    def step(self, w, grad, s, *, lr, t):
        s += grad * grad
        w -= lr * grad / (np.sqrt(s) + self.nu)


class SignSteps(Optimizer):
    """Rprop-"""

    state = ("last", "size")
    elementwise = True
    grow: float = Field(1.2, gt=1)
    shrink: float = Field(0.5, gt=0, lt=1)

    def step(self, w, grad, last, size, *, lr, t):
        if t == 1:
            size[...] = lr
        s = np.sign(grad) * np.sign(last)
        size *= np.where(s > 0, self.grow, np.where(s < 0, self.shrink, 1.0))
        w -= (lr > 0) * np.sign(grad) * size
        last[...] = grad


class NewtonSchulz(Optimizer):
    """Newton-Schulz"""

    scope = "tensor"
    state = ("m",)
    momentum: float = Field(0.95, ge=0, lt=1)
    steps: int = Field(5, ge=1)

    def step(self, w, grad, m, *, lr, t):
        m *= self.momentum
        m += grad
        g = m.copy()
        if g.ndim == 2:
            x = g / (np.linalg.norm(g) + 1e-7)
            turn = x.shape[0] > x.shape[1]
            if turn:
                x = x.T
            for _ in range(self.steps):
                a = x @ x.T
                x = 3.4445 * x + (-4.7750 * a + 2.0315 * (a @ a)) @ x
            g = x.T if turn else x
        w -= lr * g


class Lars(Optimizer):
    """LARS"""

    scope = "tensor"
    state = ("v",)
    trust: float = Field(0.02, gt=0)
    learning_rate: LearningRate = 1.0

    def step(self, w, grad, v, *, lr, t):
        a, b = np.linalg.norm(w), np.linalg.norm(grad)
        r = self.trust * a / b if a > 0 and b > 0 else self.trust
        v *= 0.9
        v += lr * r * grad
        w -= v


class Clipped(Optimizer):
    """SGD with clipping of the norm"""

    clip: float = Field(1.0, gt=0)

    def step(self, w, grad, *, lr, t):
        n = float(np.linalg.norm(grad))
        grad *= 1.0 if n <= self.clip else self.clip / n
        w -= lr * grad


class Lookahead(Optimizer):
    """slow weights"""

    state = ("slow", "begun")
    k: int = Field(5, ge=1)
    alpha: float = Field(0.5, gt=0, le=1)

    def step(self, w, grad, slow, begun, *, lr, t):
        if t == 1:
            slow[...] = w
            begun[...] = 1
        w -= lr * grad
        if t % self.k == 0:
            slow += self.alpha * (w - slow)
            w[...] = slow


class Descent(Minimizer):
    """Armijo"""

    learning_rate: LearningRate = 1.0
    steps: int = Field(20, ge=1)

    def minimize(self, w, problem, *, lr, t):
        for _ in range(self.steps):
            loss, grad = problem(w)
            grad, step = grad.copy(), lr
            while problem(w - step * grad)[0] > loss - 1e-4 * step * float(grad @ grad):
                step /= 2
                if step < 1e-12:
                    return True
            w -= step * grad
        return False


# init
class TruncNormal(Initializer):
    """truncated"""

    mode: Literal["fan_in", "fan_out"] = "fan_in"
    cut: float = Field(2.0, gt=0)
    gain: float = Field(1.0, gt=0)

    def fill(self, array, rng):
        fan = array.shape[0] if self.mode == "fan_in" else array.shape[-1]
        x = rng.standard_normal(array.shape)
        while (b := np.abs(x) > self.cut).any():
            x[b] = rng.uniform(-self.cut, self.cut, b.sum())
        array[...] = self.gain * x / np.sqrt(fan)


class Eye(Initializer):
    """eye"""

    gain: float = 1.0

    def fill(self, array, rng):
        if array.ndim != 2:
            raise ValueError("no identity of a bias: use 'zeros'")
        array[...] = self.gain * np.eye(*array.shape)


class Cosines(Initializer):
    """DCT matrix: deterministic and dense"""

    def fill(self, array, rng):
        n = array.shape[0]
        m = array.shape[-1]
        c = np.cos(np.pi * (np.arange(n)[:, None] + 0.5) * np.arange(m) / max(n, m)) * np.sqrt(2 / max(n, m))
        array[...] = c if array.ndim == 2 else c[:, 0]


class Sparse(Initializer):
    """sparse"""

    density: float = Field(0.3, gt=0, le=1)

    def fill(self, array, rng):
        array[...] = (rng.random(array.shape) < self.density) * rng.normal(0, 1 / np.sqrt(self.density * len(array)), array.shape)


class Single(Initializer):
    """draws in the dtype of the array"""

    def fill(self, array, rng):
        rng.standard_normal(out=array, dtype=array.dtype) if array.flags.c_contiguous else None
        array *= 0.1


# schedules
class WarmCos(Schedule):
    """warm-up share, cosine with restarts"""

    peak: float = Field(0.05, gt=0)
    warm: float = Field(0.1, ge=0, lt=1)
    restarts: int = Field(1, ge=1)
    floor: float = Field(0.0, ge=0)

    def at(self, progress):
        s = min(max(progress.epoch / progress.epochs, 0.0), 1.0)
        if s < self.warm:
            return self.peak * max(s / self.warm, 1e-3)
        s = (s - self.warm) / (1 - self.warm) * self.restarts
        s -= math.floor(s)
        return self.floor + (self.peak) * (1 + math.cos(math.pi * s)) / 2


class Multi(Schedule):
    """milestones in epochs"""

    initial: float = Field(0.05, gt=0)
    milestones: tuple[int, ...] = (30, 60)
    gamma: float = Field(0.1, gt=0, le=1)

    def at(self, progress):
        return self.initial * self.gamma ** sum(progress.epoch >= m for m in self.milestones)


class InvSqrt(Schedule):
    """1/sqrt"""

    scale: float = Field(0.05, gt=0)

    def at(self, progress):
        return float(np.float64(self.scale) / np.sqrt(1.0 + progress.epoch))


class OnOff(Schedule):
    """0 every other epoch"""

    peak: float = Field(0.05, gt=0)

    def at(self, progress):
        return self.peak if int(progress.epoch) % 2 == 0 else 0.0


# metrics
class FBeta(Metric):
    """F beta"""

    higher_is_better = True
    task = "classification"
    beta: float = Field(1.0, gt=0)
    average: Literal["macro", "weighted"] = "macro"
    zero: float = Field(0.0, ge=0, le=1)

    def compute(self, outputs, targets, weights):
        said = outputs.argmax(1)
        n = outputs.shape[1]
        b = self.beta**2
        t = np.bincount(targets, weights, n)
        s = np.bincount(said, weights, n)
        h = np.bincount(targets, weights * (said == targets), n)
        d = b * t + s
        f = np.where(d > 0, (1 + b) * h / np.where(d > 0, d, 1), self.zero)
        return float(f.mean() if self.average == "macro" else np.average(f, weights=t))


class Ece(Metric):
    """expected calibration error"""

    higher_is_better = False
    task = "classification"
    bins: int = Field(10, ge=1)

    def compute(self, outputs, targets, weights):
        c = outputs.max(1)
        r = outputs.argmax(1) == targets
        b = np.minimum((c * self.bins).astype(int), self.bins - 1)
        w = np.bincount(b, weights, self.bins)
        g = np.abs(np.bincount(b, weights * c, self.bins) - np.bincount(b, weights * r, self.bins))
        return float(g.sum() / w.sum())


class SquaredChances(Metric):
    """SquaredChances"""

    higher_is_better = False
    task = "classification"

    def compute(self, outputs, targets, weights):
        return float(np.average(np.square(outputs - np.eye(outputs.shape[1])[targets]).sum(1), weights=weights))


class Spec(Metric):
    """positive class by number; refuses when there is none such"""

    higher_is_better = True
    task = "classification"
    positive: int = Field(1, ge=0)

    def compute(self, outputs, targets, weights):
        if self.positive >= outputs.shape[1]:
            raise ValueError("there is no such class")
        f = weights * (targets != self.positive)
        return float((f * (outputs.argmax(1) != self.positive)).sum() / (f.sum() or 1.0))


class MaxErr(Metric):
    """largest error; weights do not matter but 0"""

    higher_is_better = False
    task = "regression"

    def compute(self, outputs, targets, weights):
        return float((np.abs(outputs - targets).max(1) * (weights > 0)).max())


class RelativeError(Metric):
    """MAPE with eps; multioutput option"""

    higher_is_better = False
    task = "regression"
    multi: Literal["mean", "max"] = "mean"
    floor: float = Field(1e-6, gt=0)

    def compute(self, outputs, targets, weights):
        e = np.average(np.abs(outputs - targets) / np.maximum(np.abs(targets), self.floor), axis=0, weights=weights)
        return float(e.mean() if self.multi == "mean" else e.max())


class LinearAssociation(Metric):
    """correlation, 0 where none"""

    higher_is_better = True
    task = "regression"

    def compute(self, outputs, targets, weights):
        a = outputs - np.average(outputs, 0, weights)
        b = targets - np.average(targets, 0, weights)
        d = np.sqrt(np.average(a * a, 0, weights) * np.average(b * b, 0, weights))
        return float(np.where(d > 0, np.average(a * b, 0, weights) / np.where(d > 0, d, 1), 0).mean())


STYLES = (
    Bend(),
    Bend(alpha=0.0),
    Bend(alpha=2.5),
    Gelu(),
    Gelu(approximate=False),
    Gelu(approximate=True),
    HardShrink(),
    HardShrink(threshold=1.5),
    Siren(),
    Siren(form="cos"),
    Siren(omega=30.0),
    Sparsemax(),
    LayerNorm(),
    LayerNorm(eps=0.001),
    Piece(),
    Piece(points=(0.0, 1.0, 3.0)),
    Piece(points=(-1.0,)),
    Blocked(),
    Blocked(block=7),
    Twice(),
    Twice(inner="relu"),
    LocalScratch(),
    Locked(),
    MeanPool(),
    PinballOfOne(),
    PinballOfOne(q=0.9),
    FocalOk(),
    FocalOk(gamma=0.0),
    FocalOk(gamma=3.0),
    MultiHinge(),
    MultiHinge(margin=2.0),
    SmoothCE(),
    SmoothCE(smoothing=0.1),
    CosineOk(),
    CosineOk(eps=0.0001),
    WeightedBCE(),
    WeightedBCE(weights=(1.0, 3.0)),
    KL(),
    Lp(),
    Lp(p=1.5),
    Lp(p=3.0),
    AdamW(),
    AdamW(beta1=0.0),
    AdamW(weight_decay=0.1),
    AdamW(amsgrad=True),
    AdamL2(),
    AdamL2(l2=0.1),
    SquareSums(),
    SquareSums(nu=0.5),
    SignSteps(),
    NewtonSchulz(),
    NewtonSchulz(steps=3),
    Lars(),
    Clipped(),
    Clipped(clip=0.1),
    Lookahead(),
    Lookahead(k=2),
    Descent(),
    Descent(steps=3),
    TruncNormal(),
    TruncNormal(mode="fan_out"),
    TruncNormal(cut=1.0),
    Eye(),
    Cosines(),
    Sparse(),
    Sparse(density=1.0),
    Single(),
    WarmCos(),
    WarmCos(warm=0.0),
    WarmCos(restarts=3),
    Multi(),
    Multi(milestones=(5, 10)),
    InvSqrt(),
    OnOff(),
    FBeta(),
    FBeta(beta=2.0),
    FBeta(average="weighted"),
    Ece(),
    Ece(bins=5),
    SquaredChances(),
    Spec(),
    Spec(positive=0),
    MaxErr(),
    RelativeError(),
    LinearAssociation(),
)
